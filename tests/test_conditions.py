from __future__ import annotations

from typing import Any

import pytest

from dagwright import (
    ConditionEquals,
    ConditionGreaterThan,
    ConditionGreaterThanOrEqualTo,
    ConditionIn,
    ConditionLessThan,
    ConditionLessThanOrEqualTo,
    ConditionNot,
    ConditionOr,
    ConditionStep,
    DefinitionError,
    FailStep,
    ParameterInteger,
)

SIX = ParameterInteger("Six", 6)
GET = {"Get": "Parameters.Six"}


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (ConditionEquals, "Equals"),
        (ConditionGreaterThan, "GreaterThan"),
        (ConditionGreaterThanOrEqualTo, "GreaterThanOrEqualTo"),
        (ConditionLessThan, "LessThan"),
        (ConditionLessThanOrEqualTo, "LessThanOrEqualTo"),
    ],
)
def test_comparisons(kind: Any, name: str) -> None:
    assert kind(left=SIX, right=6).expr == {"Type": name, "LeftValue": GET, "RightValue": 6}


def test_in_not_or() -> None:
    equals = {"Type": "Equals", "LeftValue": GET, "RightValue": 1}
    assert ConditionIn(SIX, [3, SIX]).expr == {"Type": "In", "QueryValue": GET, "Values": [3, GET]}
    assert ConditionNot(ConditionEquals(SIX, 1)).expr == {"Type": "Not", "Condition": equals}
    assert ConditionOr([ConditionEquals(SIX, 1)]).expr == {"Type": "Or", "Conditions": [equals]}


@pytest.mark.parametrize(
    "make",
    [
        lambda: ConditionEquals(SIX, [1]),
        lambda: ConditionEquals(None, 1),
        lambda: ConditionEquals(SIX, float("inf")),
        lambda: ConditionIn(SIX, "abc"),
        lambda: ConditionIn(SIX, []),
        lambda: ConditionNot(True),  # type: ignore[arg-type]
        lambda: ConditionOr([]),
        lambda: ConditionOr(SIX),  # type: ignore[arg-type]
        lambda: ConditionStep("Gate", []),
        lambda: ConditionStep("Gate", None),  # type: ignore[arg-type]
        lambda: ConditionStep("Gate", [True]),  # type: ignore[list-item]
    ],
)
def test_what_is_no_condition(make: Any) -> None:
    with pytest.raises(DefinitionError):
        make()


def test_a_step_cannot_be_in_both_branches() -> None:
    stop = FailStep("Stop")
    with pytest.raises(DefinitionError) as caught:
        ConditionStep("Gate", [ConditionEquals(SIX, 1)], [stop], [stop])
    assert (caught.value.problems[0].step, caught.value.problems[0].field) == ("Gate", "ElseSteps")
