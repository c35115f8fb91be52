"""What a condition may compare."""

from __future__ import annotations

from typing import Any

import pytest
from definition.rules.samples import compare, condition, found, function, get, join, parameter, step

from dagwright.definition.rules.comparisons import comparison_problems

PARAMETERS = [
    parameter("Text"),
    parameter("Whole", "Integer"),
    parameter("Rate", "Float"),
    parameter("Switch", "Boolean"),
]
OUTPUTS = [
    {"OutputName": "text", "OutputType": "String"},
    {"OutputName": "rate", "OutputType": "Float"},
    {"OutputName": "odd", "OutputType": "Number"},
]
SCORE = {**function("Score"), "OutputParameters": OUTPUTS}
OTHER = condition("Other")
AUC = {"Std:JsonGet": {"S3Uri": "s3://acme-data/report.json", "Path": "auc"}}


def told(left: Any, right: Any, kind: str = "GreaterThan") -> str:
    """The code of the one problem, or nothing."""
    gate = condition("Gate", conditions=[compare(left, right, kind)])
    codes = [code for code, _ in found(comparison_problems, SCORE, OTHER, gate, parameters=PARAMETERS)]
    assert len(codes) <= 1
    return "".join(codes)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 2),
        (1, 2.5),
        ("a", "b"),
        (True, False),
        (True, 1),
        (get("Parameters.Whole"), 0.5),
        (get("Parameters.Rate"), get("Parameters.Whole")),
        (get("Parameters.Text"), "a"),
        (get("Parameters.Switch"), True),
        (get("Parameters.Switch"), 1),
        (get("Execution.StartDateTime"), "2020-12-01"),
        (join("a", get("Parameters.Whole")), get("Parameters.Text")),
        (get("Steps.Score.OutputParameters['rate']"), 0.5),
        (get("Steps.Score.OutputParameters['odd']"), 0.5),
        (get("Steps.Score.OutputParameters['none']"), 0.5),
        (get("Steps.Other.Outcome"), True),
        (AUC, 0.5),
        (AUC, "high"),
        (AUC, get("Parameters.Text")),
        (get("Steps.Nobody.Outcome"), 1),
        (get("Parameters.Nothing"), 1),
        (get("nonsense"), 1),
    ],
)
def test_what_can_be_compared_is_no_problem(left: Any, right: Any) -> None:
    assert told(left, right) == told(right, left) == ""


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("6", 6),
        ("true", True),
        (get("Parameters.Text"), 0.5),
        (get("Parameters.Text"), get("Parameters.Rate")),
        (get("Parameters.Text"), True),
        (get("Parameters.Whole"), "6"),
        (get("Execution.StartDateTime"), 2020),
        (join("", get("Parameters.Whole")), 6),
        (get("Steps.Score.OutputParameters['text']"), 0.5),
        (get("Steps.Other.Outcome"), "true"),
    ],
)
def test_a_text_with_a_number_or_a_boolean_is_a_warning(left: Any, right: Any) -> None:
    assert told(left, right) == told(right, left) == "mixed-comparison"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("six", 6),
        ("yes", True),
        (get("Parameters.Whole"), "six"),
        (get("Parameters.Switch"), "yes"),
        (get("Steps.Other.Outcome"), "yes"),
        ([1], 1),
        ({"a": 1}, AUC),
    ],
)
def test_what_can_never_be_compared_is_an_error(left: Any, right: Any) -> None:
    assert told(left, right) == told(right, left) == "incomparable"


def test_conditions_inside_others_are_looked_at() -> None:
    inner = {"Type": "Or", "Conditions": [compare(1, 1), {"Type": "Not", "Condition": compare("six", 6)}]}
    place = "Arguments.Conditions[0].Conditions[1].Condition"
    assert found(comparison_problems, condition("Gate", conditions=[inner])) == [("incomparable", place)]


def test_members_of_in_are_not_compared_by_type() -> None:
    within = {"Type": "In", "QueryValue": get("Parameters.Whole"), "Values": ["a", 1]}
    assert found(comparison_problems, condition("Gate", conditions=[within]), parameters=PARAMETERS) == []


def test_a_malformed_condition_is_told_once() -> None:
    wrong = {"Type": "Equals", "LeftValue": 1, "Values": [1]}
    gate = condition("Gate", conditions=[wrong])
    assert found(comparison_problems, gate) == [("malformed-condition", "Arguments.Conditions[0]")]


def test_conditions_that_are_no_list_are_left_to_the_reader() -> None:
    gate = step("Gate", "Condition", {"Conditions": 1})
    assert found(comparison_problems, gate) == []
