"""Which branch a condition takes."""

from __future__ import annotations

from typing import Any

import pytest

from dagwright.definition.conditions import condition_problems, evaluate_conditions
from dagwright.definition.graph import read_definition
from dagwright.errors import EvaluationError

P = {"Get": "Parameters.P"}


def compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


def equals(left: Any, right: Any) -> dict[str, Any]:
    return compare("Equals", left, right)


def within(query: Any, *values: Any) -> dict[str, Any]:
    return {"Type": "In", "QueryValue": query, "Values": list(values)}


def negated(condition: Any) -> dict[str, Any]:
    return {"Type": "Not", "Condition": condition}


def either(*conditions: Any) -> dict[str, Any]:
    return {"Type": "Or", "Conditions": list(conditions)}


@pytest.mark.parametrize(
    ("condition", "outcome"),
    [
        (equals(P, 1), False),
        (compare("GreaterThan", P, 1), True),
        (compare("GreaterThanOrEqualTo", P, 6), True),
        (compare("LessThan", P, 1), False),
        (compare("LessThanOrEqualTo", P, 6), True),
        (within(P, 3, 6, 9), True),
        (within(P, 3, P), True),
        (within(P, 3, 9), False),
        (negated(equals(P, 1)), True),
        (negated(within(P, 3, 6, 9)), False),
        (either(equals(P, 3), equals(P, 6), equals(P, 9)), True),
        (either(equals(P, 3), equals(P, 7), equals(P, 9)), False),
        (either(), False),
    ],
)
def test_the_table_of_conditions_with_a_parameter_of_six(world: Any, condition: Any, outcome: bool) -> None:
    assert evaluate_conditions([condition], world(parameters={"P": 6})) is outcome


@pytest.mark.parametrize(
    ("kind", "left", "right", "outcome"),
    [
        ("Equals", 1, 1.0, True),
        ("LessThan", 1, 1.5, True),
        ("Equals", True, 1, True),
        ("Equals", True, False, False),
        ("Equals", 2**53, float(2**53), True),
        ("Equals", 2**53 + 1, float(2**53), False),
        ("Equals", "a", "a", True),
        ("LessThan", "10", "9", True),
        ("GreaterThan", "1", "3", False),
        ("GreaterThan", "1", "0", True),
        ("GreaterThan", "2026-11-21T10:00:00Z", "2020-12-01", True),
        ("GreaterThanOrEqualTo", "0.9", 0.85, True),
        ("GreaterThanOrEqualTo", "10", 9, True),
        ("LessThan", 9, "1e1", True),
        ("Equals", "-6", -6.0, True),
        ("Equals", "True", True, True),
        ("Equals", False, "false", True),
        ("Equals", "TRUE", False, False),
        ("LessThanOrEqualTo", "9" * 5000, 1, False),
    ],
)
def test_what_is_compared_with_what(world: Any, kind: str, left: Any, right: Any, outcome: bool) -> None:
    assert evaluate_conditions([compare(kind, left, right)], world()) is outcome


@pytest.mark.parametrize(
    ("left", "right", "says"),
    [
        (6, "six", "Equals cannot compare the number 6 with the text 'six'"),
        ("", 0, "the text '' with the number 0"),
        (" 6", 6, "the text ' 6' with the number 6"),
        ("nan", 6, "the text 'nan'"),
        ("yes", True, "the text 'yes' with the boolean True"),
        (True, "1", "the boolean True with the text '1'"),
        ({"Get": "Steps.S.List"}, 1, "the list [1] with the number 1"),
        ({"Get": "Steps.S.Object"}, "x", "the object {'a': 1} with the text 'x'"),
    ],
)
def test_what_cannot_be_compared_is_named_with_its_type(world: Any, left: Any, right: Any, says: str) -> None:
    scope = world(steps={"S": {"List": [1], "Object": {"a": 1}}})
    with pytest.raises(EvaluationError) as caught:
        evaluate_conditions([equals(left, right)], scope)
    assert says in str(caught.value)


def test_in_takes_what_cannot_be_compared_as_unequal(world: Any) -> None:
    assert evaluate_conditions([within("six", 6, True, "six")], world())
    assert evaluate_conditions([within("6", 6)], world())
    assert not evaluate_conditions([within("six", 6, True)], world())


def test_all_conditions_must_hold_and_the_first_that_does_not_ends_it(world: Any) -> None:
    unknown = equals({"Get": "Steps.Later.X"}, 1)
    scope = world()
    assert evaluate_conditions([], scope)
    assert evaluate_conditions([equals(1, 1), equals(2, 2)], scope)
    assert not evaluate_conditions([equals(1, 1), equals(1, 2), unknown], scope)
    assert evaluate_conditions([either(equals(1, 1), unknown)], scope)
    assert scope.asked == []
    with pytest.raises(EvaluationError, match="'Later' has not ended"):
        evaluate_conditions([unknown], scope)


def test_operands_may_be_any_expression(evaluated: Any) -> None:
    rmse = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Report"}, "Path": "metrics.rmse"}}
    evaluated.parameters = {"Threshold": 0.7}
    assert evaluate_conditions([compare("LessThanOrEqualTo", rmse, {"Get": "Parameters.Threshold"})], evaluated)
    assert not evaluate_conditions([compare("LessThan", rmse, 0.7)], evaluated)
    assert evaluate_conditions([equals({"Std:Join": {"On": "", "Values": ["a", 1]}}, "a1")], evaluated)


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("yes", "a condition is an object"),
        ({}, "None is not known"),
        ({"Type": "NotEquals", "LeftValue": 1, "RightValue": 1}, "did you mean 'Equals'?"),
        ({"Type": "Equals", "LeftValue": 1}, "Equals needs RightValue"),
        ({"Type": "Equals", "LeftValue": None, "RightValue": None}, "needs LeftValue and RightValue"),
        ({"Type": "Not", "Expression": {}}, "Not needs Condition"),
        ({"Type": "Or", "Conditions": {}}, "Or needs a list of Conditions"),
        ({"Type": "In", "Value": 1, "In": [1]}, "In needs QueryValue and Values"),
        ({"Type": "In", "QueryValue": 1, "Values": 1}, "In needs a list of Values"),
    ],
)
def test_a_malformed_condition_is_found_reading_and_running(world: Any, condition: Any, says: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        evaluate_conditions([condition], world())
    assert says in str(caught.value)
    arguments = {"Conditions": [equals(1, 1), either(negated(condition))]}
    graph = read_definition({"Steps": [{"Name": "C", "Type": "Condition", "Arguments": arguments}]})
    (problem,) = condition_problems(graph.steps["C"])
    assert (problem.step, problem.field) == ("C", "Arguments.Conditions[1].Conditions[0].Condition")
    assert says in str(problem)


def test_nesting_costs_no_stack(world: Any) -> None:
    condition = equals(1, 1)
    for _ in range(10_000):
        condition = negated(either(condition))
    assert evaluate_conditions([condition], world())
