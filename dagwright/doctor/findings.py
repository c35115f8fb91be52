"""What a check says, and what goes out of it: how one thing is, and what to do about it now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

Status: TypeAlias = Literal["ok", "warning", "problem", "not seen"]


class Said(NamedTuple):
    """One sentence of a check."""

    status: Status
    what: str
    hint: str = ""


Sayings: TypeAlias = Iterator[Said]


@dataclass(frozen=True)
class Finding:
    """The same with the check that said it and the group it stands in.

    `problem` keeps a pipeline from running, `warning` is worth a look, `not seen` could not be looked at.
    """

    code: str
    group: str
    status: Status
    what: str
    hint: str = ""

    def as_json(self) -> dict[str, str]:
        """An element of `checks` of `doctor --json`."""
        return dict(vars(self))


def ok(what: str) -> Said:
    """It is as it should be."""
    return Said("ok", what)


def warning(what: str, hint: str) -> Said:
    """It works, and is not as it should be."""
    return Said("warning", what, hint)


def problem(what: str, hint: str) -> Said:
    """Something will fail."""
    return Said("problem", what, hint)


def not_seen(what: str, hint: str) -> Said:
    """Nobody knows."""
    return Said("not seen", what, hint)
