from __future__ import annotations

from typing import Any

import pytest
from vocabulary_example import bare

from dagwright import (
    DefinitionError,
    ExecutionVariables,
    Join,
    JsonGet,
    ParameterString,
    PipelineExperimentConfigProperties,
    ProcessingOutput,
    PropertyFile,
)

A = ParameterString("A")


def test_join_nests() -> None:
    joined = Join("/", ["s3:/", A, Join("-", [1, 0.5, True])])
    inner = {"Std:Join": {"On": "-", "Values": [1, 0.5, True]}}
    assert joined.expr == {"Std:Join": {"On": "/", "Values": ["s3:/", {"Get": "Parameters.A"}, inner]}}
    assert joined.to_string() is joined


@pytest.mark.parametrize(
    "arguments", [(A, ["x"]), ("/", "text"), ("/", []), ("/", [None]), ("/", [["x"]]), ("/", A), ("/", [float("nan")])]
)
def test_join_refuses_what_it_cannot_join(arguments: Any) -> None:
    with pytest.raises(DefinitionError):
        Join(*arguments)


def test_json_get_from_a_property_file_and_from_s3() -> None:
    report = PropertyFile("Report", "out", "r.json")
    step = bare(
        "Evaluate", outputs=[ProcessingOutput("/opt/ml/processing/o", output_name="out")], property_files=[report]
    )
    expected = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Report"}, "Path": "a.b[0]"}}
    assert JsonGet("Evaluate", "Report", "a.b[0]").expr == expected
    assert JsonGet(step, report, "a.b[0]").expr == expected
    assert JsonGet(step=step, property_file=report, json_path="a.b[0]").expr == expected
    joined = Join("/", [A, "r.json"])
    assert JsonGet(s3_uri=joined, json_path="a").expr == {"Std:JsonGet": {"S3Uri": joined.expr, "Path": "a"}}
    assert JsonGet(s3_uri=A, json_path="a").expr["Std:JsonGet"]["S3Uri"] == Join("", [A]).expr


@pytest.mark.parametrize(
    "arguments",
    [
        {"json_path": "a"},
        {"step_name": "S", "json_path": "a"},
        {"step_name": "S", "property_file": "P", "json_path": A},
        {"step_name": "S", "property_file": "P"},
        {"step_name": "S", "property_file": "P", "s3_uri": A, "json_path": "a"},
    ],
)
def test_json_get_reads_one_thing_at_a_literal_path(arguments: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError):
        JsonGet(**arguments)


def test_every_execution_variable() -> None:
    names = {value.expr["Get"] for key, value in vars(ExecutionVariables).items() if key.isupper()}
    assert names == {
        "Execution.StartDateTime",
        "Execution.CurrentDateTime",
        "Execution.PipelineName",
        "Execution.PipelineArn",
        "Execution.PipelineExecutionId",
        "Execution.PipelineExecutionArn",
        "Execution.TrainingJobName",
        "Execution.ProcessingJobName",
    }
    assert PipelineExperimentConfigProperties.TRIAL_NAME.expr == {"Get": "PipelineExperimentConfig.TrialName"}
    variable = ExecutionVariables.PIPELINE_NAME
    assert variable.to_string() is variable


def test_depth_costs_nothing() -> None:
    deep = Join("", ["x"])
    for _ in range(5000):
        deep = Join("", [deep])
    assert list(deep.expr) == ["Std:Join"]
