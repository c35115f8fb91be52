"""Reads a machine again that the compiler has written: states go in, what they mean for the steps goes out. Pure.

What is written, and what whoever follows an execution reads from it:

    the state that does a step's work has its name, others of it are `<step>: <what>` (names.py)      step_of
    an assignment that notes a failure sets `Failures` or `Failures__<depth>` to a list of
    `{"Step", "Error", "Cause"}` (step_states.py), in a Catch, a Choice or a Pass                     failures_in
    a Catch that notes none leads on within the step: a condition does without its file, or a
    loop looks whether a job that failed is started again (loops.py)                                  is_failure
    a condition's Choice has a rule that notes a failure for what cannot be decided, one that
    notes none for what holds, and its Default for what does not                                      outcome_of
    a condition that was settled beforehand is a Pass that keeps what it has come to, and perhaps
    that it has succeeded; the branch not taken is in no state                                        settled_outcome

Members that people have written into a machine by hand may be anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dagwright.engines.stepfunctions.compiler.variables import is_failures


def step_of(state: str) -> str:
    """The step that a state's name tells of: `Train` of `Train: read evaluation.json`; that of a state which tells of
    none is no name of a step."""
    return state.partition(": ")[0]


def states_of(definition: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Every state of a machine by its name, those inside branches too, which follow all of the scope around them."""
    found: dict[str, Mapping[str, Any]] = {}
    pending: list[Any] = [definition]
    while pending:
        inside: list[Any] = []
        for name, state in mapping(mapping(pending.pop()).get("States")).items():
            found[name] = mapping(state)
            inside.extend(branches_of(found[name]))
        pending.extend(reversed(inside))
    return found


def branches_of(state: Mapping[str, Any]) -> list[Any]:
    """The branches of a state, if it has any."""
    branches = state.get("Branches")
    return branches if isinstance(branches, list) else []


def mapping(value: Any) -> Mapping[str, Any]:
    """What should be an object; empty if it is none."""
    return value if isinstance(value, Mapping) else {}


def outcome_of(state: Mapping[str, Any], rule: int | None) -> bool | None:
    """What a condition has come to whose Choice follows its rule of that index, or its Default if it is None; None if
    it cannot be decided."""
    if rule is None:
        return False
    return None if failures_in(state["Choices"][rule].get("Assign", {})) else True


def settled_outcome(state: Mapping[str, Any]) -> bool | None:
    """What a condition has come to that was settled when the machine was made; None if its state does not say."""
    kept = list(mapping(state.get("Assign")).values())
    return all(kept) if kept and all(isinstance(value, bool) for value in kept) else None


def is_failure(catch: Mapping[str, Any]) -> bool:
    """Whether a step has failed if this entry of a Catch is followed."""
    return bool(failures_in(catch.get("Assign", {})))


def may_start_again(state: Mapping[str, Any]) -> bool:
    """Whether a job that fails in this state may be started again: a loop stands around it."""
    return not all(is_failure(catch) for catch in state.get("Catch", ()))


def failures_in(assigned: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The failures that an assignment notes: one of a machine, or of its history, where values are texts of JSON.

    >>> failures_in({"Failures__1": '[{"Step": "Train", "Error": "States.Timeout", "Cause": ""}]', "Rows": "3"})
    [{'Step': 'Train', 'Error': 'States.Timeout', 'Cause': ''}]
    """
    found: list[Mapping[str, Any]] = []
    for name, value in assigned.items():
        noted = json_value(value) if is_failures(name) else None
        if isinstance(noted, list):
            found.extend(one for one in noted if isinstance(one, Mapping))
    return found


def json_value(value: Any) -> Any:
    """A value as it is in a machine, or as the text of JSON for it in a history; None for a text that is none."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
