"""What is lost by the form of a machine rather than by one of its steps: what its tree and its states tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dagwright.engines.losses import Loss
from dagwright.engines.stepfunctions.compiler.readback import states_of
from dagwright.engines.stepfunctions.compiler.structure import (
    Series,
    Tree,
    critical_path,
    tree_critical_path,
)

# Standard workflows end at this many events (developer guide, "Service quotas").
_MOST_EVENTS = 25_000
# A Task of a job is entered, scheduled, started, submitted, succeeds and is left; other states are entered and left.
_EVENTS = {"Task": 6, "Parallel": 4}
_OTHER_EVENTS = 2


def added_waiting(
    tree: Tree, predecessors: Mapping[str, Sequence[str]], durations: Mapping[str, float]
) -> Iterator[Loss]:
    """That steps wait for others which they do not depend on, because their order does not nest."""
    if not _has_barrier(tree):
        return
    shortest = critical_path(predecessors, durations)
    ratio = tree_critical_path(tree, durations) / shortest if shortest else 1.0
    what = (
        "Step Functions nests what runs side by side, and the order of these steps does not nest: some wait for others "
        f"that they do not depend on, and the longest way is {ratio:.2f} times as long as it has to be"
    )
    yield Loss("added-waiting", what, hint="a dependency more or less may make it nest")


def late_ends(steps: Sequence[str]) -> Iterator[Loss]:
    """That a Fail step does not end at once what runs beside it."""
    for step in steps:
        what = "it ends the execution at once on SageMaker; here what runs beside it goes on to its own end first"
        yield Loss("fail-step", what, step)


def long_history(definition: Mapping[str, Any]) -> Iterator[Loss]:
    """That an execution may come to the end of its history."""
    count = sum(_EVENTS.get(state["Type"], _OTHER_EVENTS) for state in states_of(definition).values())
    if count > _MOST_EVENTS:
        what = f"an execution may write {count} events, and Step Functions ends it at {_MOST_EVENTS}"
        yield Loss("long-history", what, hint="divide the pipeline into several")


def _has_barrier(tree: Tree) -> bool:
    pending = [tree]
    while pending:
        here = pending.pop()
        if isinstance(here, Series) and not here.exact:
            return True
        pending.extend(getattr(here, "children", ()))
    return False
