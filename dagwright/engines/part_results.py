"""Whether an execution has what some steps of its pipeline need of the others, whichever engine ran it.

What comes in: a step as it went there. What goes out: a problem for each reason why its result is of no use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from dagwright.definition.graph import Graph
from dagwright.engines.execution import SUCCEEDED, StepRun
from dagwright.errors import Problem

_SHOWN = 5


def result_problems(name: str, run: StepRun | None, graph: Graph, chosen: Collection[str]) -> Iterator[Problem]:
    """Why the `chosen` steps cannot go on from what the step `name` came to; `run` is None if it did not run."""
    if run is None or run.status != SUCCEEDED:
        state = f"it is {run.status} there" if run else "it did not run there"
        waiting = [waiter for waiter in graph.successors[name] if waiter in chosen]
        yield Problem("no-result", f"{state}, and {listed(waiting)} cannot do without", step=name)
        return
    if run.type != "Condition":
        return
    outcome = outcome_of(run)
    if outcome is None:
        yield Problem("no-result", "it is not known what it came to", f"to ask it again: --from {name}", step=name)
        return
    untaken = graph.steps[name].else_steps if outcome else graph.steps[name].if_steps
    kept_out = [step for step in untaken if step in chosen]
    if kept_out:
        what = f"it took the other branch than that of {listed(kept_out)}"
        yield Problem("untaken-branch", what, f"to ask it again: --from {name}", step=name)


def outcome_of(condition: StepRun) -> bool | None:
    """What a condition step has come to; None if that is not known."""
    said = condition.metadata.get("Condition", {}).get("Outcome")
    return None if said is None else said == "True"


def listed(names: Iterable[str]) -> str:
    """The first of the names, and how many more there are."""
    shown = [*names]
    return ", ".join(shown[:_SHOWN]) + (f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else "")
