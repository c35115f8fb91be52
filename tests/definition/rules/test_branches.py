"""Which steps can never run, and which only sometimes."""

from __future__ import annotations

from typing import Any

from definition.rules.samples import condition, found, function, get, graph_of

from dagwright.definition.rules.branches import (
    depends_on_condition_problems,
    needed_branches,
    nesting_problems,
    reach_problems,
)


def reach(*steps: Any) -> list[tuple[str, str]]:
    return [(problem.code, problem.step) for problem in reach_problems(graph_of(*steps))]


def test_steps_of_one_branch_may_wait_for_each_other_and_for_what_is_outside() -> None:
    inside = [function("A", ["Outside"]), function("B", ["A"])]
    assert reach(function("Outside"), condition("Gate", inside, [function("C")])) == []


def test_a_step_inside_a_nested_condition_may_wait_for_the_branch_around_it() -> None:
    inner = condition("Inner", [function("B", ["A"])])
    assert reach(condition("Outer", [function("A"), inner])) == []


def test_a_step_outside_runs_only_with_the_branch() -> None:
    after = function("After", rate=get("Steps.A.OutputParameters['rate']"))
    assert reach(condition("Gate", [function("A")]), after) == [("waits-for-branch", "After")]
    assert reach(condition("Gate", (), [function("A")]), after) == [("waits-for-branch", "After")]


def test_only_the_first_step_of_a_chain_is_told() -> None:
    chain = [function("B", ["A"]), function("C", ["B"]), function("D", ["C"])]
    assert reach(condition("Gate", [function("A")]), *chain) == [("waits-for-branch", "B")]


def test_the_outer_branch_may_not_wait_for_the_inner_one() -> None:
    inner = condition("Inner", [function("A")])
    (problem,) = reach_problems(graph_of(condition("Outer", [inner, function("B", ["A"])])))
    assert (problem.code, problem.step) == ("waits-for-branch", "B")
    assert "'Inner' is true" in problem.what


def test_a_step_that_waits_for_both_branches_never_runs() -> None:
    gate = condition("Gate", [function("A")], [function("B")])
    assert reach(gate, function("C", ["A", "B"])) == [("never-runs", "C")]


def test_a_step_of_one_branch_cannot_wait_for_the_other() -> None:
    assert reach(condition("Gate", [function("A")], [function("B", ["A"])])) == [("never-runs", "B")]


def test_both_branches_are_found_far_up_and_told_once() -> None:
    gate = condition("Gate", [function("A")], [function("B")])
    steps = [function("A2", ["A"]), function("B2", ["B"]), function("C", ["A2", "B2"]), function("D", ["C"])]
    assert [name for code, name in reach(gate, *steps) if code == "never-runs"] == ["C"]


def test_a_condition_that_waits_for_a_branch_needs_it_for_its_own() -> None:
    second = condition("Second", [function("B")], DependsOn=["A"])
    steps = [condition("First", [function("A")], [function("C")]), second, function("D", ["B", "C"])]
    assert ("never-runs", "D") in reach(*steps)


def test_the_two_reasons_are_named() -> None:
    gate = condition("Gate", [function("A")], [function("B", ["A"])])
    (problem,) = reach_problems(graph_of(gate))
    assert problem.what == (
        "the step can never run: it waits for what 'A' needs in IfSteps of 'Gate' and it stands in ElseSteps"
    )


def test_cycles_and_unknown_names_are_left_to_the_reader() -> None:
    circle = [function("A", ["B"]), function("B", ["A"]), function("C", ["A", "Nobody"])]
    assert reach(condition("Gate", circle)) == []


def test_nested_conditions_are_found_at_any_depth() -> None:
    deepest = condition("C", [function("A")])
    nested = condition("Outer", [condition("B", (), [deepest])])
    assert found(nesting_problems, nested) == [("nested-condition", "Type"), ("nested-condition", "Type")]
    assert found(nesting_problems, condition("Outer", [function("A")]), condition("Other")) == []


def test_reading_an_outcome_is_not_depending_on_the_condition() -> None:
    reading = function("Report", outcome=get("Steps.Gate.Outcome"))
    assert found(depends_on_condition_problems, condition("Gate"), reading) == []
    by_name = function("Report", [{"Step": "Gate", "Trigger": "Any"}])
    assert found(depends_on_condition_problems, condition("Gate"), by_name) == [
        ("depends-on-condition", "DependsOn[0]")
    ]


def test_thousands_of_conditions_are_quick() -> None:
    steps: list[Any] = [condition("G0", [function("A0")])]
    for index in range(1, 2000):
        gate = condition(f"G{index}", [function(f"A{index}")], DependsOn=[f"A{index - 1}"])
        steps.append(gate)
    needed = needed_branches(graph_of(*steps))
    assert needed["A1999"].if_steps.bit_count() == 2000
    assert len(reach(*steps)) == 1999
