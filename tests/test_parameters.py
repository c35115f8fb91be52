from __future__ import annotations

from typing import Any

import pytest

from dagwright import DefinitionError, ParameterBoolean, ParameterFloat, ParameterInteger, ParameterString


@pytest.mark.parametrize(
    ("parameter", "declaration"),
    [
        (ParameterString("A"), {"Name": "A", "Type": "String"}),
        (
            ParameterString("A", "x", ["x", "y"]),
            {"Name": "A", "Type": "String", "DefaultValue": "x", "EnumValues": ["x", "y"]},
        ),
        (ParameterInteger("A", 0), {"Name": "A", "Type": "Integer", "DefaultValue": 0}),
        (ParameterFloat("A", 0.5), {"Name": "A", "Type": "Float", "DefaultValue": 0.5}),
        (ParameterBoolean("A", False), {"Name": "A", "Type": "Boolean", "DefaultValue": False}),
    ],
)
def test_declarations_keep_falsy_defaults(parameter: Any, declaration: dict[str, Any]) -> None:
    assert parameter.declaration() == declaration
    assert parameter.expr == {"Get": "Parameters.A"}


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: ParameterInteger("A", ""), "the default '' is str, the parameter is Integer"),
        (lambda: ParameterInteger("A", True), "the default True is bool"),
        (lambda: ParameterFloat("A", "1"), "the default '1' is str"),
        (lambda: ParameterBoolean("A", 1), "the default 1 is int"),
        (lambda: ParameterString("A", ""), "empty text"),
        (lambda: ParameterString("A", "Aproved", ["Approved"]), "did you mean 'Approved'?"),
        (lambda: ParameterString("A", enum_values=["x", 1]), "1 is not a text"),
        (lambda: ParameterString("A", enum_values="x"), "put it in [ ]"),
        (lambda: ParameterString("A", enum_values=[""]), "an empty text cannot be chosen"),
        (lambda: ParameterFloat("A", float("nan")), "no number that JSON has"),
        (lambda: ParameterFloat("A", float("inf")), "no number that JSON has"),
    ],
)
def test_bad_defaults_are_refused_where_they_are_written(make: Any, what: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        make()
    problem = caught.value.problems[0]
    assert what in str(problem)
    assert problem.field.startswith("Parameters.A")
    assert "test_parameters.py:" in problem.where


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65, 3])
def test_bad_names_are_refused(name: Any) -> None:
    with pytest.raises(DefinitionError, match="is not a parameter name"):
        ParameterString(name)


@pytest.mark.parametrize(
    "compute",
    [str, int, float, lambda v: f"{v}", lambda v: v + "x", lambda v: "x" + v, list, lambda v: "x" in v],
)
def test_variables_cannot_be_computed_with(compute: Any) -> None:
    with pytest.raises(TypeError, match="Join"):
        compute(ParameterString("A", "x"))


@pytest.mark.parametrize(
    "decide",
    [
        bool,
        lambda v: v == 1,
        lambda v: v != 1,
        lambda v: v == ParameterInteger("A"),
        lambda v: 1 in [v],
        lambda v: not v,
        lambda v: v > 1,
        lambda v: v <= 1,
    ],
)
def test_python_cannot_decide_by_a_variable(decide: Any) -> None:
    with pytest.raises(TypeError, match="ConditionEquals"):
        decide(ParameterInteger("A", 1))


@pytest.mark.parametrize("compute", [lambda v: v * 2, lambda v: 2 - v, lambda v: v % 2, lambda v: v**2])
def test_arithmetic_is_a_steps_work(compute: Any) -> None:
    with pytest.raises(TypeError, match="a step can"):
        compute(ParameterInteger("A", 1))


def test_a_variable_is_itself_in_sets_and_dicts() -> None:
    one, other = ParameterInteger("A"), ParameterInteger("A")
    assert one == one  # noqa: PLR0124 - that it does not raise is the point
    assert len({one, other, one}) == 2
    assert {one: 1, other: 2}[other] == 2
    assert one in [one]


def test_problems_of_one_parameter_come_together() -> None:
    with pytest.raises(DefinitionError) as caught:
        ParameterString("a b", 3, enum_values="x")  # type: ignore[arg-type]
    assert [one.code for one in caught.value.problems] == ["bad-name", "not-a-list", "bad-default"]


def test_only_what_is_no_text_is_turned_into_text() -> None:
    text, number = ParameterString("A"), ParameterInteger("B")
    assert text.to_string() is text
    assert number.to_string().expr == {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.B"}]}}
