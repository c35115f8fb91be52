"""Which names and keys are taken."""

from __future__ import annotations

from typing import Any

import pytest
from definition.rules.samples import condition, found, function, graph_of, parameter, processing, step

from dagwright.definition.rules.names import (
    SIBLINGS,
    parameter_name_problems,
    step_key_problems,
    step_name_problems,
    top_level_problems,
    version_problems,
)


@pytest.mark.parametrize("name", ["a", "A-b_3", "-", "_", "9" * 64])
def test_names_of_64_plain_characters_are_taken(name: str) -> None:
    assert found(step_name_problems, function(name)) == []
    assert found(parameter_name_problems, parameters=[parameter(name)]) == []


@pytest.mark.parametrize("name", ["a b", "a.b", "é", "a\n", "9" * 65, "a/b", "'"])
def test_other_names_are_not(name: str) -> None:
    assert found(step_name_problems, function(name)) == [("bad-name", "Name")]
    assert found(parameter_name_problems, parameters=[parameter(name)]) == [("bad-name", "Parameters[0].Name")]


def test_a_long_name_is_cut_in_the_message() -> None:
    (problem,) = step_name_problems(graph_of(function("n" * 5000)))
    assert len(problem.what) < 200


def test_both_forms_of_the_top_level_are_taken() -> None:
    top = {"Metadata": {}, "PipelineExperimentConfig": None, "MlflowConfig": None}
    assert [*top_level_problems(graph_of(**top))] == []
    (problem,) = top_level_problems(graph_of(PipelineExperimentconfig={}))
    assert problem.hint == "did you mean 'PipelineExperimentConfig'?"


def test_the_version_is_a_text() -> None:
    assert [*version_problems(graph_of())] == []
    for version in (20201201, None, ["2020-12-01"], "2020-12-01 "):
        assert [problem.code for problem in version_problems(graph_of(Version=version))] == ["bad-version"]


@pytest.mark.parametrize("kind", SIBLINGS)
def test_every_type_takes_its_own_keys(kind: str) -> None:
    keys: dict[str, Any] = {key: {} for key in SIBLINGS[kind]}
    common = {"DisplayName": "d", "Description": "d", "DependsOn": []}
    assert found(step_key_problems, step("S", kind, {}, **keys, **common)) == []


def test_a_null_is_as_good_as_nothing() -> None:
    assert found(step_key_problems, step("S", "Model", {}, CacheConfig=None)) == []


def test_keys_inside_branches_are_looked_at() -> None:
    assert found(step_key_problems, condition("Gate", [{**function("A"), "DependOn": []}])) == [
        ("unknown-step-key", "DependOn")
    ]


def test_odd_keys_are_spelled_so_that_they_can_be_found() -> None:
    assert found(step_key_problems, {**function("A"), "a.b": 1}) == [("unknown-step-key", "['a.b']")]


def test_a_member_of_arguments_beside_them_is_recognised() -> None:
    wrong = {**processing("P"), "RoleArn": "arn:aws:iam::123456789012:role/a"}
    (problem,) = step_key_problems(graph_of(wrong))
    assert problem.hint == "it is a member of Arguments: RoleArn"


def test_an_unknown_type_is_not_looked_into() -> None:
    unknown = step("S", "Sorting", {}, Whatever=1)
    assert found(step_key_problems, unknown) == [("unknown-step-type", "Type")]


def test_the_types_that_take_a_key_are_named() -> None:
    (problem,) = step_key_problems(graph_of({**function("A"), "SqsQueueUrl": "q"}))
    assert problem.hint == "only Callback does"
    (problem,) = step_key_problems(graph_of({**step("F", "Fail", {}), "OutputParameters": []}))
    assert problem.hint == "only Lambda and Callback do"
