"""In what two state machines differ, said by step: what changed on AWS by hand, or because it was compiled otherwise.

In: two machines as JSON. Out: changes of steps and of the rest. They name places, not values: a machine that others
have changed may hold secrets that nobody can tell from other texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagwright.definition.diff import Change, Difference, StepChange, field_changes
from dagwright.engines.stepfunctions.compiler.readback import branches_of, mapping, states_of, step_of

# What says where control goes; it changes with every neighbour.
_FLOW = frozenset({"Next", "End", "Default", "Choices", "Catch", "Assign"})


def state_changes(
    old: Mapping[str, Any], new: Mapping[str, Any], types: Mapping[str, str], *, work_only: bool
) -> Difference:
    """What has changed; `types` are those of the steps by name. `work_only`: where control goes is left out."""
    before, after = _states(old), _states(new)
    fields = [Change(one.kind, one.path) for one in field_changes(_outside(old), _outside(new))]
    by_step: dict[str, list[Change]] = {}
    for name in [*after, *(name for name in before if name not in after)]:
        step = step_of(name)
        changes = [*_changes(name, before.get(name), after.get(name), _FLOW if work_only else frozenset())]
        if not changes:
            continue
        if step in types:
            by_step.setdefault(step, []).extend(changes)
        elif not work_only:
            fields.extend(changes)
    steps = (StepChange("changed", step, types[step], fields=tuple(by_step[step])) for step in types if step in by_step)
    return Difference(tuple(fields), tuple(steps))


def _changes(name: str, old: Any, new: Any, left_out: frozenset[str]) -> Iterator[Change]:
    path = f"States[{name}]"
    if old is None or new is None:
        yield Change("added" if old is None else "removed", path)
        return
    pair = ({key: value for key, value in state.items() if key not in left_out} for state in (old, new))
    for change in field_changes(*pair, own_data=True):
        yield Change("changed" if change.kind == "code" else change.kind, f"{path}.{change.path}")


def _states(machine: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Every state by its name, without those that it holds; names are unique in a machine."""
    found: dict[str, Mapping[str, Any]] = {}
    for name, state in states_of(machine).items():
        starts = [mapping(branch).get("StartAt") for branch in branches_of(state)]
        plain = {key: value for key, value in state.items() if key != "Branches"}
        found[name] = {**plain, "StartAt": starts} if starts else plain
    return found


def _outside(machine: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in machine.items() if key not in ("States", "Comment")}
