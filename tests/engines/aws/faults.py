"""One call of an upsert fails, or its answer is lost: which, how, and what has to hold afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import pytest

from dagwright.errors import AWSError

_KINDS = ("throttled", "broken", "reset", "denied")  # by turns: whichever it is, nothing was done
_READS = ("Describe", "List", "Get", "Head")


class Account(Protocol):
    """An account to deploy to, with the recording of its calls."""

    aws: Any

    def upsert(self, *wanted: Any, **options: Any) -> Sequence[str]: ...


def faults(operations: Sequence[str], *, after: bool) -> Iterator[tuple[str, int]]:
    """What happens, and to which call; `after` it was carried out only to those that write."""
    for number, name in enumerate(operations):
        if not after:
            yield _KINDS[number % len(_KINDS)], number
        elif not name.startswith(_READS):
            yield "reset", number


def fails_once_then_completes(
    account: Account, new: Any, fault: tuple[str, int], stands: Callable[[], bool], *, after: bool
) -> None:
    """An upsert of `new` with this fault, and then without: what `stands` between them, and that nothing is left."""
    kind, skipped = fault
    account.aws.fail(kind, skipped=skipped, after=after)
    with pytest.raises(AWSError):
        account.upsert(new, prune=True)
    assert not account.aws.faults, "it has happened"
    assert stands()
    account.upsert(new, prune=True)
    account.aws.calls.clear()
    assert account.upsert(new, prune=True) == []
    assert account.aws.writes == []
