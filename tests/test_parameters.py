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
        (lambda: ParameterString("A", enum_values=["x", 1]), "1 cannot be chosen"),
    ],
)
def test_bad_defaults_are_refused_where_they_are_written(make: Any, what: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        make()
    problem = caught.value.problems[0]
    assert what in str(problem)
    assert problem.field == "Parameters.A"
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


def test_only_what_is_no_text_is_turned_into_text() -> None:
    text, number = ParameterString("A"), ParameterInteger("B")
    assert text.to_string() is text
    assert number.to_string().expr == {"Std:Join": {"On": "", "Values": [{"Get": "Parameters.B"}]}}
