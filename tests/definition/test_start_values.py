"""The values a run is started with."""

from __future__ import annotations

from typing import Any

import pytest

from dagwright.definition.graph import Graph, read_definition
from dagwright.definition.parameters import read_assignments, start_values
from dagwright.errors import ParameterError


def declared(*parameters: dict[str, Any]) -> Graph:
    return read_definition({"Parameters": list(parameters), "Steps": []})


def parameter(kind: str, **more: Any) -> dict[str, Any]:
    return {"Name": "P", "Type": kind, **more}


def problems_of(graph: Graph, given: dict[str, Any]) -> list[str]:
    with pytest.raises(ParameterError) as caught:
        start_values(graph, given)
    return [f"{problem.code}: {problem}" for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("Integer", "5", 5),
        ("Integer", "-007", -7),
        ("Integer", 5, 5),
        ("Float", "0.5", 0.5),
        ("Float", "6", 6.0),
        ("Float", "1e-5", 1e-5),
        ("Float", 6, 6.0),
        ("Boolean", "true", True),
        ("Boolean", "False", False),
        ("Boolean", True, True),
        ("String", "a=b c", "a=b c"),
        ("String", "0.70", "0.70"),
        ("String", 5, "5"),
        ("String", True, "true"),
    ],
)
def test_a_text_becomes_a_value_of_the_declared_type(kind: str, given: Any, value: Any) -> None:
    found = start_values(declared(parameter(kind)), {"P": given})["P"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "default", "value"),
    [("Integer", 0, 0), ("Float", 6, 6.0), ("Boolean", False, False), ("Boolean", "True", True), ("String", "", "")],
)
def test_a_default_stands_in(kind: str, default: Any, value: Any) -> None:
    found = start_values(declared(parameter(kind, DefaultValue=default)), {})["P"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("kind", "given", "says"),
    [
        ("Integer", "5.0", "Integer: such as 5"),
        ("Integer", "1_000", "not a value of 'P'"),
        ("Integer", True, "'true' is not a value"),
        ("Float", "nan", "not a value"),
        ("Float", "1e999", "not a value"),
        ("Float", float("inf"), "not a value"),
        ("Boolean", "yes", "Boolean: true or false"),
        ("Boolean", 1, "'1' is not a value"),
        ("String", ["a"], "bad-value"),
        ("String", None, "bad-value"),
        ("String", "", "empty-value"),
        ("Integer", "", "empty-value"),
        ("String", "x" * 1025, "value-too-long"),
    ],
)
def test_a_bad_value_is_refused(kind: str, given: Any, says: str) -> None:
    (problem,) = problems_of(declared(parameter(kind)), {"P": given})
    assert says in problem


def test_a_value_may_be_exactly_as_long_as_the_service_allows() -> None:
    assert start_values(declared(parameter("String")), {"P": "x" * 1024})["P"] == "x" * 1024


def test_enum_values_are_kept_to() -> None:
    graph = declared(parameter("String", EnumValues=["small", "large"]))
    assert start_values(graph, {"P": "small"}) == {"P": "small"}
    (problem,) = problems_of(graph, {"P": "smal"})
    assert "not-in-enum" in problem
    assert "did you mean 'small'?" in problem


def test_a_bad_default_matters_only_when_it_is_used() -> None:
    graph = declared(parameter("Integer", DefaultValue=""))
    assert start_values(graph, {"P": "1"}) == {"P": 1}
    (problem,) = problems_of(graph, {})
    assert "bad-value" in problem


def test_every_problem_is_told_at_once() -> None:
    graph = declared({"Name": "Rate", "Type": "Float"}, {"Name": "Rounds", "Type": "Integer"})
    unknown, missing, bad = problems_of(graph, {"Ratte": "1", "Rounds": "many"})
    assert "did you mean 'Rate'?" in unknown
    assert missing.startswith("missing-parameter")
    assert "Rate=<Float>" in missing
    assert bad.startswith("bad-value")


def test_no_more_parameters_than_the_service_takes() -> None:
    graph = declared(*({"Name": f"P{number}", "Type": "Integer"} for number in range(201)))
    given = {f"P{number}": "1" for number in range(201)}
    (problem,) = problems_of(graph, given)
    assert "201 parameters are given" in problem
    del given["P0"]
    assert problems_of(graph, given)[0].startswith("missing-parameter")


def test_values_come_in_declared_order() -> None:
    graph = declared({"Name": "B", "Type": "String"}, {"Name": "A", "DefaultValue": 1})
    assert list(start_values(graph, {"B": "b"}).items()) == [("B", "b"), ("A", 1)]


def test_assignments_are_split_at_the_first_equals_sign() -> None:
    assert read_assignments(["A=1", "B=s3://b/x=y", "C="]) == {"A": "1", "B": "s3://b/x=y", "C": ""}
    with pytest.raises(ParameterError) as caught:
        read_assignments(["A", "=1", "B=1", "B=2"])
    assert [problem.code for problem in caught.value.problems] == [
        "bad-assignment",
        "bad-assignment",
        "repeated-parameter",
    ]
