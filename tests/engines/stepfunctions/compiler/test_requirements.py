"""What steps need to run: branches and other steps, as sets."""

from __future__ import annotations

from typing import Any

from dagwright.definition.graph import read_definition
from dagwright.engines.stepfunctions.compiler.requirements import Requirements


def fail_free(name: str, *after: str) -> dict[str, Any]:
    return {"Name": name, "Type": "Processing", "Arguments": {}, "DependsOn": [*after]}


def condition(name: str, yes: Any = (), no: Any = ()) -> dict[str, Any]:
    return {"Name": name, "Type": "Condition", "Arguments": {"IfSteps": [*yes], "ElseSteps": [*no]}}


def requirements(*steps: dict[str, Any], **more: Any) -> Requirements:
    return Requirements(read_definition({"Version": "2020-12-01", "Steps": [*steps]}), **more)


NESTED = (
    condition("C", [fail_free("Yes"), condition("D", [fail_free("Deep")])], [fail_free("No")]),
    fail_free("AfterYes", "Yes"),
    fail_free("AfterBoth", "Yes", "No"),
    fail_free("Free"),
)


def named(needs: Requirements, step: str) -> list[tuple[str, bool]]:
    return list(needs.in_branches(needs.branches(step)))


def test_a_step_needs_the_branches_of_all_it_waits_for() -> None:
    needs = requirements(*NESTED)
    assert named(needs, "Yes") == named(needs, "AfterYes") == [("C", True)]
    assert named(needs, "Deep") == [("C", True), ("D", True)]
    assert named(needs, "No") == [("C", False)]
    assert named(needs, "Free") == []


def test_a_step_that_waits_for_both_branches_never_runs() -> None:
    assert "AfterBoth" not in requirements(*NESTED).live


def test_what_is_settled_beforehand_is_needed_no_more_and_rules_the_other_branch_out() -> None:
    needs = requirements(*NESTED, settled={"C": True})
    assert named(needs, "Deep") == [("D", True)]
    assert set(needs.live) == {"C", "Yes", "D", "Deep", "AfterYes", "Free"}


def test_what_is_done_runs_no_more_and_nobody_waits_for_it() -> None:
    needs = requirements(fail_free("A"), fail_free("B", "A"), fail_free("C", "B"), done=["A"])
    assert needs.live == ("B", "C")
    assert needs.ancestors("C") == needs.steps(["B"])


def test_of_steps_in_a_row_the_last_stands_for_all() -> None:
    needs = requirements(fail_free("A"), fail_free("B", "A"), fail_free("C", "B"), fail_free("D"))
    assert needs.last_of(needs.steps(["A", "B", "C", "D"])) == ["C", "D"]
    assert needs.with_ancestors(needs.steps(["C"])) == needs.steps(["A", "B", "C"])
