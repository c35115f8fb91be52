"""In what two machines differ: states of steps, states beside them, and the rest; never a value."""

from __future__ import annotations

from typing import Any

from dagwright.engines.stepfunctions.state_changes import state_changes

TYPES = {"A": "Processing", "B": "Training"}


def machine(**states: Any) -> dict[str, Any]:
    return {"Comment": "made", "StartAt": "A", "States": states}


A: dict[str, Any] = {"Type": "Task", "Parameters": {"x": 1}, "Next": "B"}
B: dict[str, Any] = {"Type": "Task", "End": True}


def said(old: dict[str, Any], new: dict[str, Any], *, work_only: bool = False) -> dict[str, list[str]]:
    found = state_changes(old, new, TYPES, work_only=work_only)
    steps = {step.name: [f"{one.kind} {one.path}" for one in step.fields] for step in found.steps}
    return {**steps, **({"": [f"{one.kind} {one.path}" for one in found.fields]} if found.fields else {})}


def test_the_same_machine_is_no_difference() -> None:
    assert said(machine(A=A, B=B), {**machine(B=B, A=A), "Comment": "another"}) == {}


def test_changes_are_told_by_step_in_the_order_of_the_pipeline() -> None:
    beside = {"B: wait": {"Type": "Wait"}}
    new = machine(**beside, B={**B, "TimeoutSeconds": 3}, A={**A, "Parameters": {"x": 2}})
    assert said(machine(A=A, B=B), new) == {
        "A": ["changed States[A].Parameters.x"],
        "B": ["added States[B: wait]", "added States[B].TimeoutSeconds"],
    }


def test_where_control_goes_may_be_left_out() -> None:
    new = machine(A={**A, "Next": "C"}, B=B, C={"Type": "Pass"})
    assert said(machine(A=A, B=B), new) == {"A": ["changed States[A].Next"], "": ["added States[C]"]}
    assert said(machine(A=A, B=B), new, work_only=True) == {}


def test_states_inside_branches_count() -> None:
    def fork(**states: Any) -> dict[str, Any]:
        return machine(Fork={"Type": "Parallel", "Branches": [{"StartAt": "A", "States": states}]})

    assert said(fork(A=A), fork(A={**A, "Parameters": {"x": 2}})) == {"A": ["changed States[A].Parameters.x"]}
    assert said(fork(A=A), machine(Fork={"Type": "Parallel", "Branches": []})) == {
        "A": ["removed States[A]"], "": ["removed States[Fork].StartAt"],
    }  # fmt: skip


def test_values_are_not_kept() -> None:
    found = state_changes(machine(A=A), machine(A={**A, "Parameters": {"x": "secret"}}), TYPES, work_only=False)
    assert "secret" not in str(found)


def test_what_is_no_machine_has_no_states() -> None:
    assert said({"States": 3}, {"States": {"A": None, "B": {"Branches": 3}}}) == {
        "A": ["added States[A]"], "B": ["added States[B]"],
    }  # fmt: skip
