"""Which call does a step's work, with which request, and where its values are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path as FilePath
from typing import Any

import pytest

from dagwright.definition.graph import Graph, examine_definition, read_definition
from dagwright.definition.path import Path
from dagwright.engines.stepfunctions.compiler.job_names import job_names
from dagwright.engines.stepfunctions.compiler.refusals import refusal_of
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.compiler.task_losses import losses_of
from dagwright.engines.stepfunctions.compiler.task_values import InResult, Value, Written
from dagwright.engines.stepfunctions.compiler.tasks import RESOURCES, Task, task_of
from dagwright.errors import Problem

ROLE = "arn:aws:iam::123456789012:role/Machine"
SETTINGS = MachineSettings("acme-churn-training", job_prefix="acme-churn", role=ROLE)
JOB_NAME = {"Get": "Execution.JobName"}
ROOT = FilePath(__file__).parents[4]
CORPUS = sorted((ROOT / ".." / "shared" / "corpus" / "definitions").glob("*.json"))
# Those that AWS would refuse as well: they are there for what is odd in them.
ODD = frozenset({"expected"})
FOREIGN = [path for path in sorted((ROOT / "tests" / "foreign").glob("*.json")) if path.stem not in ODD]
STOPPING = {"StoppingCondition": {"MaxRuntimeInSeconds": 600}}


def graph_of(*steps: dict[str, Any], **outer: Any) -> Graph:
    parameters = [{"Name": name, "Type": "String"} for name in ("App", "C", "Function", "Group", "Rate", "X")]
    return read_definition({"Version": "2020-12-01", "Parameters": parameters, "Steps": list(steps), **outer})


def step_of(kind: str, arguments: dict[str, Any] | None = None, **envelope: Any) -> dict[str, Any]:
    return {"Name": "S", "Type": kind, "Arguments": arguments or {}, **envelope}


def task(kind: str, arguments: dict[str, Any] | None = None, *needed: Path, **envelope: Any) -> Task:
    graph = graph_of(step_of(kind, arguments, **envelope))
    assert refusal_of(graph.steps["S"], SETTINGS) is None
    return task_of(graph.steps["S"], SETTINGS, needed)


def value(kind: str, path: Path, arguments: dict[str, Any] | None = None, **envelope: Any) -> Value:
    return task(kind, arguments, path, **envelope).values[path]


def base(kind: str, arguments: dict[str, Any] | None = None) -> str:
    """What the names of a step's jobs begin with; nothing if it has none to name."""
    names = job_names(graph_of(step_of(kind, arguments)), SETTINGS)
    return names["S"].base if names else ""


def refusal(
    kind: str, arguments: dict[str, Any] | None = None, settings: MachineSettings = SETTINGS, **envelope: Any
) -> Problem:
    found = refusal_of(graph_of(step_of(kind, arguments, **envelope)).steps["S"], settings)
    assert found is not None
    assert found.step == "S"
    assert found.hint
    return found


# --- requests -----------------------------------------------------------------------------------------------------


def test_a_job_is_its_arguments_and_a_name() -> None:
    made = task("Training", {"RoleArn": "r", "HyperParameters": {"rate": {"Get": "Parameters.Rate"}}})
    assert made.resource == "arn:aws:states:::sagemaker:createTrainingJob.sync"
    assert made.request == {
        "TrainingJobName": JOB_NAME,
        "RoleArn": "r",
        "HyperParameters": {"rate": {"Get": "Parameters.Rate"}},
    }
    assert base("Training") == "acme-churn-s"


def test_the_partition_is_the_settings() -> None:
    graph = graph_of(step_of("Model"))
    settings = MachineSettings("m", partition="aws-cn")
    made = task_of(graph.steps["S"], settings, ())
    assert made.resource == "arn:aws-cn:states:::sagemaker:createModel"


def test_members_that_are_null_are_left_out_of_a_request() -> None:
    made = task(
        "Processing", {"RoleArn": "r", "NetworkConfig": None, "ProcessingInputs": [{"InputName": "a", "X": None}]}
    )
    assert made.request == {"ProcessingJobName": JOB_NAME, "RoleArn": "r", "ProcessingInputs": [{"InputName": "a"}]}


def test_a_job_that_names_no_role_gets_the_project_s() -> None:
    assert task("Processing", {"RoleArn": None}).request["RoleArn"] == ROLE
    assert task("Model").request["ExecutionRoleArn"] == ROLE
    several = task("Tuning", {"TrainingJobDefinitions": [{"RoleArn": "own"}, {}]}).request["TrainingJobDefinitions"]
    assert [definition["RoleArn"] for definition in several] == ["own", ROLE]


def test_the_arguments_of_a_step_stay_as_they_were() -> None:
    graph = graph_of(step_of("Tuning", {"TrainingJobDefinition": {"Environment": None}}))
    task_of(graph.steps["S"], SETTINGS, ())
    assert graph.steps["S"].arguments == {"TrainingJobDefinition": {"Environment": None}}


def test_a_name_in_the_arguments_is_only_a_beginning() -> None:
    made = task("Training", {"TrainingJobName": "Nightly_Churn"})
    assert made.request["TrainingJobName"] == JOB_NAME
    assert base("Training", {"TrainingJobName": "Nightly_Churn"}) == "nightly-churn"


def test_a_function_gets_its_arguments_as_they_are() -> None:
    arguments = {"a": None, "b": {"Get": "Parameters.X", "beside": 1}}
    made = task("Lambda", arguments, FunctionArn={"Get": "Parameters.Function"})
    assert made.resource.endswith(":lambda:invoke")
    assert made.request == {"FunctionName": {"Get": "Parameters.Function"}, "Payload": arguments}
    assert base("Lambda") == ""


def test_a_callback_puts_the_service_s_message_into_the_queue() -> None:
    made = task("Callback", {"input": "s3://b/raw"}, SqsQueueUrl="https://sqs/q")
    assert made.resource.endswith(":sqs:sendMessage.waitForTaskToken")
    assert made.request["QueueUrl"] == "https://sqs/q"
    assert made.request["MessageBody"] == {
        "token": {"Get": "Execution.TaskToken"},
        "pipelineExecutionArn": {"Get": "Execution.PipelineExecutionArn"},
        "arguments": {"input": "s3://b/raw"},
    }
    assert made.timeout_seconds is None


def test_an_emr_step_runs_on_the_cluster_that_is_named() -> None:
    jar = {"Jar": "command-runner.jar", "Args": ["spark-submit", {"Get": "Parameters.App"}], "Properties": None}
    made = task("EMR", {"ClusterId": "j-1", "StepConfig": {"HadoopJarStep": jar}, "ExecutionRoleArn": "r"})
    assert made.resource.endswith(":elasticmapreduce:addStep.sync")
    assert made.request == {
        "ClusterId": "j-1",
        "ExecutionRoleArn": "r",
        "Step": {
            "Name": "S",
            "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["spark-submit", {"Get": "Parameters.App"}]},
        },
    }


def test_an_emr_serverless_job_is_spelled_as_step_functions_spells_it() -> None:
    config = {
        "jobDriver": {"sparkSubmit": {"entryPoint": {"Get": "Parameters.App"}, "entryPointArguments": ["--a", "b"]}},
        "configurationOverrides": {"applicationConfiguration": [{"classification": "x", "properties": {"a.b": "c"}}]},
        "tags": {"team": "acme"},
    }
    made = task("EMRServerless", {"ExecutionRoleArn": "r", "ApplicationId": "app", "JobConfig": config})
    assert made.request == {
        "Name": "S",
        "JobDriver": {"SparkSubmit": {"EntryPoint": {"Get": "Parameters.App"}, "EntryPointArguments": ["--a", "b"]}},
        "ConfigurationOverrides": {"ApplicationConfiguration": [{"Classification": "x", "Properties": {"a.b": "c"}}]},
        "Tags": {"team": "acme"},
        "ApplicationId": "app",
        "ExecutionRoleArn": "r",
    }


# --- timeouts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "arguments", "seconds"),
    [
        ("Processing", STOPPING, 600 + 7200),
        ("Processing", {}, 86_400 + 7200),
        ("Training", {"StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 900}}, 900 + 7200),
        ("Training", {"StoppingCondition": {"MaxPendingTimeInSeconds": 3600}}, 86_400 + 3600 + 7200),
        ("Training", {"StoppingCondition": {"MaxRuntimeInSeconds": {"Get": "Execution.X"}}}, None),
        ("Transform", {}, None),
        ("Tuning", {"HyperParameterTuningJobConfig": {"ResourceLimits": {"MaxRuntimeInSeconds": 600}}}, 600 + 7200),
        (
            "Tuning",
            {
                "HyperParameterTuningJobConfig": {
                    "ResourceLimits": {"MaxNumberOfTrainingJobs": 5, "MaxParallelTrainingJobs": 2}
                },
                "TrainingJobDefinitions": [STOPPING, {"StoppingCondition": {"MaxRuntimeInSeconds": 60}}],
            },
            3 * (600 + 7200),
        ),
        ("Tuning", {"HyperParameterTuningJobConfig": {"ResourceLimits": {"MaxParallelTrainingJobs": 2}}}, None),
        ("Model", {}, None),
    ],
)
def test_a_task_outlives_its_job(kind: str, arguments: dict[str, Any], seconds: int | None) -> None:
    assert task(kind, arguments).timeout_seconds == seconds


# --- values -------------------------------------------------------------------------------------------------------

PROCESSING = {
    "ProcessingInputs": [{"InputName": "raw"}, {"InputName": "code"}],
    "ProcessingOutputConfig": {"Outputs": [{"OutputName": "train"}, {"OutputName": "it's"}]},
}


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [
        ("Training", ("ModelArtifacts", "S3ModelArtifacts"), "$.ModelArtifacts.S3ModelArtifacts"),
        ("Training", ("HyperParameters", "a.b"), "$.HyperParameters['a.b']"),
        ("Training", ("InputDataConfig", 1, "ChannelName"), "$.InputDataConfig[1].ChannelName"),
        ("Tuning", ("BestTrainingJob", "TrainingJobName"), "$.BestTrainingJob.TrainingJobName"),
        (
            "Processing",
            ("ProcessingOutputConfig", "Outputs", "it's", "S3Output", "S3Uri"),
            "$.ProcessingOutputConfig.Outputs[1].S3Output.S3Uri",
        ),
        ("Processing", ("ProcessingInputs", "code", "S3Input", "S3Uri"), "$.ProcessingInputs[1].S3Input.S3Uri"),
    ],
)
def test_what_a_job_has_done_is_in_its_describe_response(kind: str, path: Path, expected: str) -> None:
    assert value(kind, path, PROCESSING) == InResult(expected)


def test_a_metric_that_no_job_has_reported_is_an_empty_list() -> None:
    named, counted = (("FinalMetricDataList", key, "Value") for key in ("val:auc", 2))
    assert value("Training", named) == InResult("$..FinalMetricDataList[?(@.MetricName=='val:auc')].Value", item=0)
    assert value("Training", counted) == InResult("$..FinalMetricDataList[*].Value", item=2)


@pytest.mark.parametrize(
    ("kind", "member"),
    [
        ("Training", "JobName"),
        ("Model", "ModelName"),
        ("EndpointConfig", "EndpointConfigName"),
    ],
)
def test_the_name_of_a_job_needs_no_asking(kind: str, member: str) -> None:
    made = task(kind, {}, (member,))
    assert made.values[(member,)] == Written(JOB_NAME)
    assert made.after == ()


def test_what_a_create_call_does_not_tell_is_in_the_request() -> None:
    arguments = {"ModelPackageGroupName": {"Get": "Parameters.Group"}, "ModelApprovalStatus": "Approved"}
    made = task("RegisterModel", arguments, ("ModelPackageArn",), ("ModelPackageGroupName",), ("ModelApprovalStatus",))
    assert made.values == {
        ("ModelPackageArn",): InResult("$.ModelPackageArn"),
        ("ModelPackageGroupName",): Written({"Get": "Parameters.Group"}),
        ("ModelApprovalStatus",): Written("Approved"),
    }
    assert made.after == ()


def test_what_the_request_does_not_tell_either_is_asked_for() -> None:
    made = task("RegisterModel", {"ModelPackageGroupName": "g"}, ("ModelPackageVersion",), ("CreationTime",))
    assert made.values == {
        ("ModelPackageVersion",): InResult("$.ModelPackageVersion", 1),
        ("CreationTime",): InResult("$.CreationTime", 1),
        ("ModelPackageArn",): InResult("$.ModelPackageArn"),
    }
    (describe,) = made.after
    assert describe.resource.endswith(":aws-sdk:sagemaker:describeModelPackage")
    assert describe.request == {"ModelPackageName": {"Get": "Steps.S.ModelPackageArn"}}
    (describe,) = task("Model", {}, ("CreationTime",)).after
    assert describe.request == {"ModelName": JOB_NAME}


def test_a_clock_in_a_request_is_not_read_twice() -> None:
    arguments = {"PrimaryContainer": {"ModelDataUrl": {"Get": "Execution.CurrentDateTime"}}}
    path = ("PrimaryContainer", "ModelDataUrl")
    assert value("Model", path, arguments) == InResult("$.PrimaryContainer.ModelDataUrl", 1)


@pytest.mark.parametrize(("kind", "order"), [("Maximize", "Descending"), ("Minimize", "Ascending")])
def test_the_best_training_jobs_of_a_tuning_job_are_listed(kind: str, order: str) -> None:
    arguments = {"HyperParameterTuningJobConfig": {"HyperParameterTuningJobObjective": {"Type": kind}}}
    paths: list[Path] = [("TrainingJobSummaries", rank, "TrainingJobName") for rank in (0, 4)]
    made = task("Tuning", arguments, *paths)
    assert [made.values[path] for path in paths] == [
        InResult("$..TrainingJobSummaries[*].TrainingJobName", 1, item=0),
        InResult("$..TrainingJobSummaries[*].TrainingJobName", 1, item=4),
    ]
    (ask,) = made.after
    assert ask.resource.endswith(":listTrainingJobsForHyperParameterTuningJob")
    assert ask.request == {
        "HyperParameterTuningJobName": JOB_NAME,
        "SortBy": "FinalObjectiveMetricValue",
        "SortOrder": order,
        "StatusEquals": "Completed",
        "MaxResults": 5,
    }


SINGLE = ("IsString", "IsNumeric", "IsBoolean")


def test_output_parameters_are_typed_as_declared() -> None:
    outputs = [
        {"OutputName": "uri", "OutputType": "String"},
        {"OutputName": "a b", "OutputType": "Integer"},
    ]
    uri: Path = ("OutputParameters", "uri")
    count: Path = ("OutputParameters", "a b")
    made = task("Lambda", {}, uri, count, FunctionArn="f", OutputParameters=outputs)
    assert made.values[uri] == InResult("States.Format('{}', $.Payload.uri)", needs="$.Payload.uri", tests=SINGLE)
    assert made.values[count] == InResult("$.Payload['a b']", needs="$.Payload['a b']", tests=("IsNumeric",))
    answered = value("Callback", uri, SqsQueueUrl="q", OutputParameters=outputs)
    assert answered == InResult("States.Format('{}', $.uri)", needs="$.uri", tests=SINGLE)


def test_what_an_emr_step_was_asked_to_do_is_known() -> None:
    arguments = {
        "ClusterId": {"Get": "Parameters.C"},
        "StepConfig": {"HadoopJarStep": {"Jar": "j", "Args": ["a", "b"]}},
    }
    assert value("EMR", ("ClusterId",), arguments) == Written({"Get": "Parameters.C"})
    assert value("EMR", ("Name",), arguments) == Written("S")
    assert value("EMR", ("Config", "Args", 1), arguments) == Written("b")


CHECK = {
    "ProcessingOutputConfig": {"Outputs": [{"OutputName": "r", "S3Output": {"S3Uri": "s3://b/out/"}}]},
}


@pytest.mark.parametrize(
    ("kind", "path", "envelope", "expected"),
    [
        ("QualityCheck", "CalculatedBaselineConstraints", {}, "constraints.json"),
        ("QualityCheck", "CalculatedBaselineStatistics", {}, "statistics.json"),
        ("ClarifyCheck", "CalculatedBaselineConstraints", {}, "analysis.json"),
        ("QualityCheck", "BaselineUsedForDriftCheckStatistics", {"RegisterNewBaseline": True}, "statistics.json"),
        (
            "QualityCheck",
            "BaselineUsedForDriftCheckConstraints",
            {"SuppliedBaselineConstraints": "s3://b/old.json"},
            "s3://b/old.json",
        ),
    ],
)
def test_a_check_s_baselines_are_files(kind: str, path: str, envelope: dict[str, Any], expected: str) -> None:
    found = value(kind, (path,), CHECK, SkipCheck=True, **envelope)
    file = {"Std:Join": {"On": "/", "Values": ["s3://b/out", expected]}}
    assert found == Written(expected if expected.startswith("s3:") else file)


@pytest.mark.parametrize(
    ("kind", "path", "arguments", "envelope", "why"),
    [
        ("Lambda", ("OutputParameters", "x"), {}, {"FunctionArn": "f"}, "declares no output 'x'"),
        ("Lambda", ("Payload",), {}, {"FunctionArn": "f"}, "only output parameters"),
        ("EMR", ("Status", "State"), {"ClusterId": "j", "StepConfig": {}}, {}, "not documented"),
        ("Tuning", ("TrainingJobSummaries", 0, "TrainingJobName"), {}, {}, "objective that is not written out"),
        ("QualityCheck", ("BaselineUsedForDriftCheckConstraints",), CHECK, {"SkipCheck": True}, "model registry"),
        ("Training", ("HyperParameters", "it's"), {}, {}, "quotation mark"),
    ],
)
def test_what_a_machine_cannot_know_is_a_problem(
    kind: str, path: Path, arguments: dict[str, Any], envelope: dict[str, Any], why: str
) -> None:
    found = value(kind, path, arguments, **envelope)
    assert isinstance(found, Problem)
    assert why in found.what
    assert found.step == "S"


# --- names of jobs ------------------------------------------------------------------------------------------------


def test_bases_are_short_plain_and_distinct() -> None:
    steps = ["Train", "train", "Tr_ain", "tr-ain", "x" * 60, "x" * 61, "Ünïcode"]
    tuned = ["Tune-one-and-two", "Tune-one-and-three", "Tune"]
    graph = graph_of(
        *[{"Name": name, "Type": "Training", "Arguments": {}} for name in steps],
        *[{"Name": name, "Type": "Tuning", "Arguments": {}} for name in tuned],
        {"Name": "Function", "Type": "Lambda", "Arguments": {}},
    )
    names = job_names(graph, SETTINGS)
    assert list(names) == [*steps, *tuned]
    assert len({name.base for name in names.values()}) == len(names)
    assert names["Train"].base == "acme-churn-train"
    assert names["Tr_ain"].base == "acme-churn-tr-ain"
    for name in names.values():
        whole = f"{name.base}{'' if name.short else '-20261121170959'}-{'0' * 8}"
        assert len(whole) <= name.longest
        assert all(part.isalnum() and part.isascii() and part == part.lower() for part in name.base.split("-"))
    assert names["Tune"].longest == 32
    assert job_names(graph, SETTINGS) == names


def test_a_machine_without_a_project_lends_its_jobs_its_own_name() -> None:
    assert job_names(graph_of(step_of("Training")), MachineSettings("Their.Machine"))["S"].base == "their-machine-s"


# --- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["AutoML", "Lineage", "InferenceComponent", "Job", "Cleanup", "ForEach", "Teleport"])
def test_a_type_without_an_integration_is_refused(kind: str) -> None:
    assert refusal(kind).code == "not-carried-over"


@pytest.mark.parametrize(
    ("kind", "arguments", "envelope", "field"),
    [
        ("EMR", {"ClusterConfig": {}, "StepConfig": {}}, {}, "Arguments.ClusterConfig"),
        ("EMR", {"ClusterId": "j"}, {}, "Arguments.StepConfig"),
        ("EMRServerless", {"ApplicationConfig": {}, "JobConfig": {}}, {}, "Arguments.ApplicationConfig"),
        ("QualityCheck", {}, {"SkipCheck": False, "FailOnViolation": True}, "SkipCheck"),
        ("QualityCheck", {}, {"SkipCheck": {"Get": "Execution.X"}}, "SkipCheck"),
        ("ClarifyCheck", {}, {"SkipCheck": True, "ModelName": "m"}, "ModelName"),
        ("Lambda", {"x.$": 1}, {"FunctionArn": "f"}, "Arguments"),
        ("Lambda", {}, {}, "FunctionArn"),
        ("Callback", {}, {}, "SqsQueueUrl"),
        ("Training", {}, {"RetryPolicies": [{"ExceptionType": ["Bad.LUCK"], "MaxAttempts": 1}]}, "RetryPolicies[0]"),
    ],
)
def test_a_form_that_cannot_be_carried_over_is_refused(
    kind: str, arguments: dict[str, Any], envelope: dict[str, Any], field: str
) -> None:
    assert refusal(kind, arguments, **envelope).field == field


@pytest.mark.parametrize("kind", ["Processing", "Training", "Tuning", "EMRServerless"])
def test_a_job_without_a_role_is_refused_when_there_is_none_to_give(kind: str) -> None:
    arguments = {"TrainingJobDefinition": {}, "ApplicationId": "a", "JobConfig": {}}
    assert "role" in refusal(kind, arguments, MachineSettings("m")).what


def test_a_step_that_waits_for_a_failure_is_refused() -> None:
    waits = {"Name": "W", "Type": "Lambda", "FunctionArn": "f", "DependsOn": [{"Step": "S", "Trigger": "Failed"}]}
    graph = graph_of(step_of("Training"), waits)
    found = refusal_of(graph.steps["W"], SETTINGS)
    assert found is not None
    assert found.field == "DependsOn[0]"


def test_a_check_that_cannot_fail_is_carried_over() -> None:
    assert task("QualityCheck", {}, SkipCheck=True).resource.endswith(":createProcessingJob.sync")
    assert task("ClarifyCheck", {}, SkipCheck=False, FailOnViolation=False).resource.endswith(".sync")


# --- losses -------------------------------------------------------------------------------------------------------


def test_losses_name_the_steps_that_they_concern() -> None:
    cached = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
    steps = [{"Name": f"T{index}", "Type": "Training", "Arguments": {}, **cached} for index in range(7)]
    register = {"Name": "R", "Type": "RegisterModel", "Arguments": {"ModelPackageGroupName": "g"}}
    graph = graph_of(*steps, register, PipelineExperimentConfig={"ExperimentName": "e"})
    losses = losses_of(graph)
    assert [loss.code for loss in losses] == [
        "lineage",
        "selective-execution",
        "parallelism-limit",
        "experiments",
        "step-cache",
        "package-group",
    ]
    assert losses[-2].what.endswith(": T0, T1, T2, T3, T4 and 2 more")
    assert losses[-1].step == "R"
    assert losses[-1].hint.endswith(": aws sagemaker create-model-package-group --model-package-group-name g")


def test_a_group_that_is_not_written_out_is_not_named() -> None:
    arguments = {"ModelPackageGroupName": {"Get": "Parameters.Group"}}
    graph = graph_of({"Name": "R", "Type": "RegisterModel", "Arguments": arguments})
    assert losses_of(graph)[-1].hint == "make the group beforehand"


@pytest.mark.parametrize(
    ("kind", "envelope", "codes"),
    [
        ("Endpoint", {}, ["endpoint-update", "endpoint-wait"]),
        ("Callback", {"SqsQueueUrl": "q"}, ["callback-answer"]),
        ("Lambda", {"OutputParameters": [{"OutputName": "o", "OutputType": "String"}]}, ["nested-output"]),
        ("QualityCheck", {"SkipCheck": False}, ["baseline-check"]),
        ("Training", {"CacheConfig": {"Enabled": False}}, []),
        (
            "Training",
            {"RetryPolicies": [{"ExceptionType": ["Step.THROTTLING"], "ExpireAfterMin": 5}]},
            ["retry-expiry", "retry-errors"],
        ),
    ],
)
def test_each_kind_of_step_has_its_losses(kind: str, envelope: dict[str, Any], codes: list[str]) -> None:
    losses = losses_of(graph_of(step_of(kind, {}, **envelope)))
    assert [loss.code for loss in losses[3:]] == codes
    assert all(loss.step == "S" for loss in losses[3:])


def test_an_empty_pipeline_loses_nothing() -> None:
    assert losses_of(graph_of()) == []


# --- against AWS's own model --------------------------------------------------------------------------------------


@cache
def service_model(service: str) -> Mapping[str, Any]:
    from botocore.loaders import Loader

    found: Mapping[str, Any] = Loader().load_service_model(service, "service-2")
    return found


SERVICES = {"elasticmapreduce": "emr"}
# Made by the integration itself.
NOT_ASKED = {"clientToken"}


def input_of(resource: str) -> Mapping[str, Any]:
    """The input shape of the API action behind an integration; KeyError if there is no such action."""
    service, _, action = resource.partition(":states:::")[2].removeprefix("aws-sdk:").partition(":")
    model = service_model(SERVICES.get(service, service))
    name = action.partition(".")[0]
    operation = model["operations"][name[:1].upper() + name[1:]]
    shape: Mapping[str, Any] = model["shapes"][operation["input"]["shape"]]
    return shape


def all_tasks(path: FilePath) -> Iterator[Task]:
    graph, _ = examine_definition(path.read_text(encoding="utf-8"))
    needed: dict[str, list[Path]] = defaultdict(list)
    for step in graph.steps.values():
        for reference in step.references:
            if reference.root == "Steps" and reference.property_file is None:
                needed[reference.name].append(reference.path)
    for step in graph.steps.values():
        if step.type in RESOURCES and refusal_of(step, SETTINGS) is None:
            yield from with_those_after(task_of(step, SETTINGS, needed[step.name]))


def with_those_after(made: Task) -> Sequence[Task]:
    return [made, *made.after]


def check_request(made: Task) -> None:
    if "addStep" in made.resource:  # the integration has a request of its own
        assert made.request.keys() <= {"ClusterId", "ExecutionRoleArn", "Step"}
        step = service_model("emr")["shapes"]["StepConfig"]
        assert made.request["Step"].keys() <= step["members"].keys()
        return
    shape = input_of(made.resource)
    spelled = {name[:1].upper() + name[1:]: name for name in shape["members"]}
    assert made.request.keys() <= spelled.keys()
    asked = {spelled[name] for name in made.request}
    assert set(shape.get("required", ())) - NOT_ASKED <= asked


@pytest.mark.parametrize("path", FOREIGN, ids=lambda path: path.stem)
def test_others_requests_are_what_the_api_takes(path: FilePath) -> None:
    for made in all_tasks(path):
        check_request(made)


@pytest.mark.skipif(not CORPUS, reason="the corpus is not here")
def test_requests_of_the_corpus_are_what_the_api_takes() -> None:
    made = [made for path in CORPUS for made in all_tasks(path)]
    for one in made:
        check_request(one)
    assert len(made) > 200


@pytest.mark.parametrize("resource", sorted({*RESOURCES.values()}))
def test_every_integration_has_an_action_behind_it(resource: str) -> None:
    if "addStep" not in resource:
        assert input_of(f"arn:aws:states:::{resource}")["type"] == "structure"
