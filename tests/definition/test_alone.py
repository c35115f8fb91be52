"""One step of a definition by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from dagwright.definition.alone import alone, steps_read
from dagwright.definition.graph import Graph, read_definition
from dagwright.errors import EvaluationError, StorageError, UsageError

URI = "Steps.First.ProcessingOutputConfig.Outputs['made'].S3Output.S3Uri"
JSON = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.First.PropertyFiles.Report"}, "Path": "auc"}}
ID = {"Get": "Execution.PipelineExecutionId"}


def get(text: str) -> dict[str, str]:
    return {"Get": text}


def graph(**arguments: Any) -> Graph:
    outputs = {"Outputs": [{"OutputName": "made", "S3Output": {"S3Uri": "s3://bucket/made"}}]}
    report = {"PropertyFileName": "Report", "OutputName": "made", "FilePath": "r.json"}
    first = {
        "Name": "First",
        "Type": "Processing",
        "Arguments": {"ProcessingOutputConfig": outputs},
        "PropertyFiles": [report],
    }
    second = {"Name": "Second", "Type": "Processing", "DependsOn": ["First"], "Arguments": arguments}
    parameters = [{"Name": "A", "Type": "String"}, {"Name": "B", "Type": "String"}]
    return read_definition({"Version": "2020-12-01", "Parameters": parameters, "Steps": [first, second]})


def given(address: Any, name: str = "data") -> list[dict[str, Any]]:
    return [{"InputName": name, "S3Input": {"S3Uri": address, "LocalPath": "/opt/ml/processing/input"}}]


class First:
    """What the first step has given."""

    def step(self, name: str) -> Mapping[str, Any]:
        assert name == "First"
        return {"ProcessingOutputConfig": {"Outputs": [{"OutputName": "made", "S3Output": {"S3Uri": "s3://old/made"}}]}}

    def read_text(self, s3_uri: str) -> str:
        if s3_uri != "s3://old/made/r.json":
            raise EvaluationError("not there")
        return '{"auc": 0.5}'


def second(found: Graph) -> Mapping[str, Any]:
    (step,) = found.steps.values()
    return step.arguments


def test_what_others_gave_is_written_out_and_the_rest_stays() -> None:
    joined = {"Std:Join": {"On": "/", "Values": [get(URI), get("Parameters.A"), ID]}}
    whole = graph(ProcessingInputs=given(joined), Environment={"AUC": JSON})
    found = alone(whole, "Second", {}, First())
    values = ["s3://old/made", get("Parameters.A"), ID]
    assert second(found)["ProcessingInputs"] == given({"Std:Join": {"On": "/", "Values": values}})
    assert second(found)["Environment"] == {"AUC": 0.5}
    assert [*found.parameters] == ["A"], "what the step does not read is not asked for"
    assert found.steps["Second"].depends_on == ()


def test_an_input_that_is_given_needs_nobody_and_the_definition_stays_as_it_is() -> None:
    whole = graph(ProcessingInputs=given(get(URI)))
    assert steps_read(whole, "Second", {}) == ("First",)
    assert steps_read(whole, "Second", {"data": "s3://mine/x"}) == ()
    assert second(alone(whole, "Second", {"data": "s3://mine/x"}, None))["ProcessingInputs"] == given("s3://mine/x")
    assert whole.steps["Second"].arguments["ProcessingInputs"] == given(get(URI))


def test_a_channel_is_given_by_its_name() -> None:
    def channel(uri: Any) -> dict[str, Any]:
        return {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": uri, "S3DataType": "S3Prefix"}}}

    definition = {"Version": "2020-12-01", "Steps": [{"Name": "T", "Type": "Training", "Arguments": {}}]}
    definition["Steps"][0]["Arguments"] = {"InputDataConfig": [channel("s3://b1/x")]}  # type: ignore[index]
    found = alone(read_definition(definition), "T", {"train": "s3://mine/x"}, None)
    assert second(found)["InputDataConfig"] == [channel("s3://mine/x")]


def test_everything_that_is_missing_is_said_at_once_with_the_option_that_gives_it() -> None:
    inputs = [*given(get(URI)), *given({"Std:Join": {"On": "/", "Values": [get(URI), "x"]}}, "more")]
    whole = graph(ProcessingInputs=inputs, Environment={"AUC": JSON})
    with pytest.raises(UsageError) as caught:
        alone(whole, "Second", {"dta": "s3://mine/x"}, None)
    assert [(one.code, one.hint) for one in caught.value.problems] == [
        ("unknown-input", "did you mean 'data'?"),
        ("missing-input", "--input data=PATH_OR_S3"),
        ("missing-input", "--input more=PATH_OR_S3"),
        ("missing-result", "only an execution can give it"),
    ]
    assert caught.value.problems[3].what == "Arguments.Environment.AUC is what 'First' gives"
    assert "--source latest" in caught.value.hint


def test_a_result_that_is_not_there_says_why() -> None:
    whole = graph(Environment={"X": get("Steps.First.ExitMessage")})
    with pytest.raises(UsageError) as caught:
        alone(whole, "Second", {}, First())
    assert "is what 'First' gives, and Steps.First.ExitMessage is undefined" in caught.value.problems[0].what


def test_why_a_result_is_not_there_is_said_with_what_to_do() -> None:
    class Gone(First):
        def read_text(self, s3_uri: str) -> str:
            raise StorageError("it is gone")

    with pytest.raises(UsageError) as caught:
        alone(graph(Environment={"X": JSON}), "Second", {}, Gone())
    why = "cannot be read: it is gone (does the step write this file, under this name?)"
    assert caught.value.problems[0].what.endswith(why)


def test_an_input_without_a_name_cannot_be_given() -> None:
    nameless = {"S3Input": {"S3Uri": "s3://own/x", "LocalPath": "/opt/ml/processing/input"}}
    with pytest.raises(UsageError, match="has no input 'None'"):
        alone(graph(ProcessingInputs=[nameless]), "Second", {"None": "s3://mine/x"}, None)


def test_an_input_that_reads_no_s3_cannot_be_given() -> None:
    whole = graph(
        ProcessingInputs=[{"InputName": "athena", "DatasetDefinition": {"LocalPath": "/opt/ml/processing/a"}}]
    )
    with pytest.raises(UsageError, match="reads no S3 address"):
        alone(whole, "Second", {"athena": "s3://mine/x"}, None)
