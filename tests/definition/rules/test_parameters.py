"""Defaults, allowed values, and parameters nobody reads."""

from __future__ import annotations

from typing import Any

import pytest
from definition.rules.samples import found, function, get, graph_of, join, parameter

from dagwright.definition.rules.parameters import (
    parameter_count_problems,
    parameter_problems,
    untyped_parameter_problems,
    unused_parameter_problems,
)


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        ("String", "a"),
        ("String", ""),
        ("String", "5"),
        ("Integer", 0),
        ("Integer", -5),
        ("Float", 0.5),
        ("Float", 6),
        ("Boolean", False),
        ("String", None),
        ("String", "a" * 1024),
    ],
)
def test_defaults_of_the_right_type_are_taken(kind: str, default: Any) -> None:
    assert found(parameter_problems, parameters=[parameter("P", kind, DefaultValue=default)]) == []


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        *(("String", 5), ("String", True), ("String", get("Execution.PipelineName")), ("String", ["a"])),
        *(("Integer", "5"), ("Integer", 5.0), ("Integer", True), ("Integer", "")),
        *(("Float", "0.5"), ("Float", True), ("Boolean", "true"), ("Boolean", 1), ("Boolean", 0)),
    ],
)
def test_others_are_not(kind: str, default: Any) -> None:
    assert found(parameter_problems, parameters=[parameter("P", kind, DefaultValue=default)]) == [
        ("default-not-of-type", "Parameters[0].DefaultValue")
    ]


def test_a_default_among_the_allowed_values_is_taken() -> None:
    allowed = parameter("P", DefaultValue="a", EnumValues=["a", "b"])
    assert found(parameter_problems, parameters=[allowed, parameter("Q", EnumValues=["a"])]) == []


def test_a_default_is_told_once_for_its_type_and_its_values() -> None:
    wrong = parameter("P", DefaultValue=1, EnumValues=["a"])
    assert found(parameter_problems, parameters=[wrong]) == [("default-not-of-type", "Parameters[0].DefaultValue")]


def test_200_parameters_are_taken() -> None:
    assert found(parameter_count_problems, parameters=[parameter(f"P{index}") for index in range(200)]) == []


def test_a_parameter_is_read_wherever_its_name_stands() -> None:
    parameters = [parameter(name) for name in ("Inside", "Outside", "Deep", "Nobody")]
    step = function("A", rate=join("a", get("Parameters.Inside")), more={"list": [get("Parameters.Deep")]})
    graph = graph_of(
        step, parameters=parameters, PipelineExperimentConfig={"ExperimentName": get("Parameters.Outside")}
    )
    (problem,) = unused_parameter_problems(graph)
    assert problem.what == "nothing reads the parameter 'Nobody'"


def test_a_parameter_without_a_type_is_told_what_it_is_read_as() -> None:
    (problem,) = untyped_parameter_problems(graph_of(parameters=[{"Name": "P", "DefaultValue": 5}]))
    assert problem.hint.endswith("here it is read as Integer")


def test_what_is_no_parameter_is_left_to_the_reader() -> None:
    odd: list[Any] = [1, None, {}, {"Name": 1}, {"Name": "P", "Type": "Strin"}, {"Type": "String", "EnumValues": 1}]
    for rule in (parameter_problems, untyped_parameter_problems, unused_parameter_problems, parameter_count_problems):
        assert [code for code, _ in found(rule, parameters=odd)] in ([], ["bad-enum-values"])
