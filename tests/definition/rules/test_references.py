"""References to properties, outputs, metrics and variables that no run will ever have."""

from __future__ import annotations

from typing import Any

import pytest
from definition.rules.samples import (
    compare,
    condition,
    found,
    function,
    get,
    given,
    graph_of,
    join,
    output,
    processing,
    step,
    training,
)
from definition.rules.samples import model as create

from dagwright.definition.rules.references import reference_problems
from dagwright.definition.rules.references_properties import StepProperties
from dagwright.shapes import EXTRA_MEMBERS, RESPONSES, Shape

METRICS = [{"Name": "validation:auc", "Regex": "auc=(.*)"}]
REPORT = {"PropertyFileName": "Report", "OutputName": "data", "FilePath": "report.json"}
PREPARE = {
    **processing(ProcessingInputs=given("s3://b/raw"), ProcessingOutputConfig=output("s3://b/data")),
    "PropertyFiles": [REPORT],
}
TRAIN = training(
    AlgorithmSpecification={"MetricDefinitions": METRICS}, HyperParameters={"depth": "3"}, Environment={"LEVEL": "1"}
)
BUILT_IN = training("BuiltIn")
NOTIFY = {**function("Notify"), "OutputParameters": [{"OutputName": "id", "OutputType": "String"}]}
SILENT = function("Silent")
GATE = condition("Gate")
TUNE = step("Tune", "Tuning", {})
AUTO = step("Auto", "AutoML", {})
SPARK = step("Spark", "EMR", {"ClusterId": "j-1"})
SERVERLESS = step("Serverless", "EMRServerless", {})
QUALITY = step("Quality", "QualityCheck", {})
BIAS = step("Bias", "ClarifyCheck", {})
LINEAGE = step("Lineage", "Lineage", {})
CLEANUP = step("Cleanup", "Cleanup", {"Resources": {}})
QUANTUM = step("Quantum", "Quantum", {})
STOP = step("Stop", "Fail", {"ErrorMessage": "x"})
WORLD = [
    *(PREPARE, TRAIN, BUILT_IN, NOTIFY, SILENT, GATE, TUNE, AUTO, SPARK, SERVERLESS, QUALITY, BIAS, LINEAGE),
    *(CLEANUP, QUANTUM, STOP),
]
FIELD = "Arguments.ProcessingInputs[0].S3Input.S3Uri"


def told(value: Any) -> list[tuple[str, str, str]]:
    """The code, the severity and the field of each problem with a value that a processing step reads."""
    reader = processing("Reader", ProcessingInputs=given(value))
    return [(one.code, one.severity, one.field) for one in reference_problems(graph_of(*WORLD, reader))]


@pytest.mark.parametrize(
    "path",
    [
        "Prepare.ProcessingOutputConfig.Outputs['data'].S3Output.S3Uri",
        'Prepare.ProcessingOutputConfig.Outputs["data"].S3Output.S3Uri',
        "Prepare.ProcessingInputs['raw'].S3Input.S3Uri",
        "Prepare.ProcessingJobName",
        "Train.ModelArtifacts.S3ModelArtifacts",
        "Train.FinalMetricDataList['validation:auc'].Value",
        "Train.FinalMetricDataList[0].Value",
        "Train.HyperParameters['depth']",
        "Train.HyperParameters.depth",
        "Train.Environment['LEVEL']",
        "Train.SecondaryStatusTransitions[0].Status",
        "BuiltIn.FinalMetricDataList['validation:rmse'].Value",
        "Notify.OutputParameters['id']",
        "Gate.Outcome",
        "Tune.BestTrainingJob.TrainingJobName",
        "Tune.TrainingJobSummaries[0].TrainingJobName",
        "Auto.BestCandidate.InferenceContainers[0].Environment['MODEL_NAME']",
        "Auto.BestCandidateProperties.ModelInsightsJsonReportPath",
        "Spark.ClusterId",
        "Spark.Config.Args[1]",
        "Serverless.anything.at['all']",
        "Quality.CalculatedBaselineStatistics",
        "Bias.BaselineUsedForDriftCheckConstraints",
        "Lineage.ActionArns['run']",
        "Quantum.anything",
    ],
)
def test_a_property_that_is_there_is_no_problem(path: str) -> None:
    assert told(get(f"Steps.{path}")) == []
    assert told(join("s3://b", get(f"Steps.{path}"))) == []


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("Prepare.ProcessingOutputConfig.Output['data'].S3Output.S3Uri", "unknown-property"),
        ("Prepare.ProcessingOutputConfig.Outputs['date'].S3Output.S3Uri", "unknown-name"),
        ("Prepare.ProcessingOutputConfig.Outputs[0].S3Output.S3Uri", "bad-key"),
        ("Prepare.ProcessingOutputConfig.Outputs['data'].S3Output", "not-a-single-value"),
        ("Prepare.ProcessingOutputConfig.Outputs", "not-a-single-value"),
        ("Prepare.ProcessingInputs['row'].S3Input.S3Uri", "unknown-name"),
        ("Prepare.PropertyFiles.Report", "property-file-as-value"),
        ("Prepare", "not-a-single-value"),
        ("Train.ModelArtifacts", "not-a-single-value"),
        ("Train.ModelArtifact.S3ModelArtifacts", "unknown-property"),
        ("Train.ModelArtifacts.S3ModelArtifacts.Bucket", "unknown-property"),
        ("Train.FinalMetricDataList['validation:acc'].Value", "unknown-name"),
        ("Train.HyperParameters['width']", "unknown-name"),
        ("Train.HyperParameters[0]", "bad-key"),
        ("Train.Environment['HOME']", "unknown-name"),
        ("Train.SecondaryStatusTransitions['x'].Status", "bad-key"),
        ("Train.TrainingJobSummaries[0].TrainingJobName", "unknown-property"),
        ("BuiltIn.HyperParameters['depth']", "unknown-name"),
        ("Notify.OutputParameters['name']", "unknown-name"),
        ("Notify.Outputs['id']", "unknown-property"),
        ("Notify.FunctionArn", "unknown-property"),
        ("Silent.OutputParameters['id']", "unknown-name"),
        ("Gate.Result", "unknown-property"),
        ("Quality.Statistics", "unknown-property"),
        ("Bias.CalculatedBaselineStatistics", "unknown-property"),
        ("Cleanup.Anything", "no-properties"),
    ],
)
def test_a_property_that_is_not_there_is_one_problem(path: str, code: str) -> None:
    assert told(get(f"Steps.{path}")) == [(code, "error", FIELD)]


@pytest.mark.parametrize("path", ["Missing.TrainingJobName", "Stop.Anything"])
def test_what_the_reader_says_is_not_said_again(path: str) -> None:
    assert told(get(f"Steps.{path}")) == []


@pytest.mark.parametrize(
    ("path", "what", "hint"),
    [
        (
            "Train.ModelArtifact",
            "there is no property 'ModelArtifact' of a Training step",
            "did you mean 'ModelArtifacts'?",
        ),
        (
            "Train.ModelArtifacts.S3Model",
            "there is no property 'S3Model' in ModelArtifacts of a Training step",
            "did you mean 'S3ModelArtifacts'?",
        ),
        (
            "Train.TrainingJobName.x",
            "there is no property 'x' in TrainingJobName of a Training step",
            "TrainingJobName is a single value: nothing follows it",
        ),
        (
            "Prepare.ProcessingOutputConfig.Outputs['date'].S3Output.S3Uri",
            "the step 'Prepare' has no 'date' in ProcessingOutputConfig.Outputs",
            "did you mean 'data'?",
        ),
        ("BuiltIn.Environment['A']", "the step 'BuiltIn' has no 'A' in Environment", "the step sets no Environment"),
        ("Notify.OutputParameters['ids']", "the step 'Notify' has no output 'ids'", "did you mean 'id'?"),
        (
            "Train.ModelArtifacts",
            "'Steps.Train.ModelArtifacts' is an object, and a reference gives a single value",
            "known: S3ModelArtifacts",
        ),
    ],
)
def test_a_problem_says_what_could_be_there(path: str, what: str, hint: str) -> None:
    reader = processing("Reader", ProcessingInputs=given(get(f"Steps.{path}")))
    (problem,) = reference_problems(graph_of(*WORLD, reader))
    assert (problem.what, problem.hint) == (what, hint)


def test_names_that_only_a_run_knows_are_not_judged() -> None:
    outputs = output("s3://b/data")
    outputs["Outputs"][0]["OutputName"] = get("Parameters.Name")
    source = processing("Source", ProcessingOutputConfig=outputs)
    reader = processing(
        "Reader", ProcessingInputs=given(get("Steps.Source.ProcessingOutputConfig.Outputs['x'].S3Output.S3Uri"))
    )
    assert [*reference_problems(graph_of(source, reader))] == []


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Execution.PipelineExecutionId", []),
        ("Execution.StartDateTime", []),
        ("Execution.ProcessingJobName", []),
        ("Execution.TrainingJobName", [("job-name-outside-job", "warning", FIELD)]),
        ("Execution.PipelineExecutionID", [("unknown-variable", "error", FIELD)]),
        ("PipelineExperimentConfig.TrialName", []),
        ("PipelineExperimentConfig.Trial", [("unknown-variable", "error", FIELD)]),
        ("ForEach.CurrentItem.path", [("outside-for-each", "error", FIELD)]),
        ("IterationOutput.Body.TrainingJobName", [("outside-for-each", "error", FIELD)]),
        ("Parameters.Undeclared", []),
    ],
)
def test_variables(text: str, codes: list[Any]) -> None:
    assert told(get(text)) == codes
    inside = [(code, severity, f"{field}.Std:Join.Values[1]") for code, severity, field in codes]
    assert told(join("s3://b", get(text))) == inside


def test_inside_a_for_each_its_own_roots_have_values() -> None:
    body = [training("Inner", HyperParameters={"a": get("ForEach.CurrentItem")})]
    loop = step("Loop", "ForEach", {"ForEachBody": body, "IterableItems": get("Steps.Train.InputDataConfig")})
    assert found(reference_problems, TRAIN, loop) == []


def test_what_is_handed_on_as_it_stands_may_be_more_than_one_value() -> None:
    notify = step("Tell", "Lambda", {"model": get("Steps.Train.ModelArtifacts")}, FunctionArn="arn:aws:lambda")
    (problem,) = reference_problems(graph_of(TRAIN, notify))
    assert (problem.code, problem.severity, problem.field) == ("not-a-single-value", "warning", "Arguments.model")


def test_references_outside_the_steps_belong_to_no_step() -> None:
    graph = graph_of(TRAIN, PipelineExperimentConfig={"ExperimentName": get("Execution.Pipeline")})
    (problem,) = reference_problems(graph)
    assert (problem.code, problem.step, problem.field) == (
        "unknown-variable",
        "",
        "PipelineExperimentConfig.ExperimentName",
    )


def json_get(**source: Any) -> dict[str, Any]:
    return {"Std:JsonGet": {**source, "Path": "a.b"}}


def test_a_property_file_is_read_by_json_get_alone() -> None:
    right = condition(
        "Check", conditions=[compare(json_get(PropertyFile=get("Steps.Prepare.PropertyFiles.Report")), 1)]
    )
    assert found(reference_problems, PREPARE, right) == []
    wrong = condition("Check", conditions=[compare(get("Steps.Prepare.PropertyFiles.Report"), 1)])
    assert found(reference_problems, PREPARE, wrong) == [
        ("property-file-as-value", "Arguments.Conditions[0].LeftValue")
    ]


def test_a_file_read_by_its_address_needs_a_step_to_wait_for() -> None:
    left = json_get(S3Uri=join("s3://b", get("Execution.PipelineExecutionId"), "report.json"))
    alone = condition("Check", conditions=[compare(left, 1)])
    (problem,) = reference_problems(graph_of(PREPARE, alone))
    assert (problem.code, problem.severity) == ("json-get-without-order", "warning")
    assert problem.field == "Arguments.Conditions[0].LeftValue"
    assert found(reference_problems, PREPARE, {**alone, "DependsOn": ["Prepare"]}) == []
    linked = json_get(S3Uri=join(get("Steps.Train.OutputDataConfig.S3OutputPath"), "report.json"))
    assert found(reference_problems, TRAIN, condition("Check", conditions=[compare(linked, 1)])) == []


def test_a_condition_does_not_answer_for_the_steps_in_its_branches() -> None:
    inner = processing("Inner", ProcessingInputs=given(get("Steps.Train.Nothing")))
    (problem,) = reference_problems(graph_of(TRAIN, condition("Check", if_steps=[inner])))
    assert (problem.step, problem.field) == ("Inner", FIELD)


def test_malformed_expressions_are_the_readers_affair() -> None:
    assert told({"Get": "Nowhere.At.All"}) == []
    assert told({"Std:Join": {"Values": 5}}) == []


def test_the_response_of_every_type_of_step_is_a_structure_of_the_model() -> None:
    for kind, shape in RESPONSES.items():
        assert shape.kind == "structure", kind
        assert not set(EXTRA_MEMBERS.get(kind, ())) & set(shape.members), kind


def test_a_property_is_followed_once_however_often_it_is_read() -> None:
    artifact = get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    graph = graph_of(TRAIN, create(PrimaryContainer={"ModelDataUrl": artifact}))
    properties = StepProperties(graph)
    (reference,) = graph.steps["Create"].references
    shape = properties.shape(reference)
    assert isinstance(shape, Shape)
    assert shape.kind == "string"
    assert properties.shape(reference) is shape
