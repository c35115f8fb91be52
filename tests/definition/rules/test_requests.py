"""Arguments against AWS's own model: what is refused, where, and what is left alone."""

from __future__ import annotations

import json
import time
from copy import deepcopy
from typing import Any

import pytest
from definition.rules.samples import (
    GONE,
    IMAGE,
    KEY,
    ROLE,
    found,
    get,
    given,
    graph_of,
    join,
    output,
    parameter,
    processing,
    step,
    training,
)
from definition.rules.samples import model as create
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from dagwright.definition.rules.references import reference_problems
from dagwright.definition.rules.requests import request_problems
from dagwright.definition.rules.requests_details import DETAILS
from dagwright.definition.rules.requests_tables import (
    EXACTLY_ONE,
    LEFT_OUT,
    NEEDED_BESIDE,
    NOT_BESIDE,
    REFUSED,
    REQUESTS,
    SAID_ELSEWHERE,
)
from dagwright.shapes import PIPELINES, RESPONSES, Shape, model, model_version

CLUSTER = "Arguments.ProcessingResources.ClusterConfig"
S3_INPUT = {"S3Uri": "s3://b/raw", "LocalPath": "/opt/ml/processing/input/raw", "S3DataType": "S3Prefix"}
STOP = {"MaxRuntimeInSeconds": 60}
QUERY = {
    "ClusterId": "c",
    "Database": "d",
    "DbUser": "u",
    "QueryString": "select 1",
    "ClusterRoleArn": ROLE,
    "OutputS3Uri": "s3://b/o",
    "OutputFormat": "CSV",
}
REDSHIFT = {"LocalPath": "/opt/ml/processing/input/sales", "RedshiftDatasetDefinition": QUERY}


def cluster(**members: Any) -> dict[str, Any]:
    return {"ProcessingResources": {"ClusterConfig": members}}


def channel(name: str = "train", **members: Any) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/train"}}
    return {"ChannelName": name, "DataSource": source, **members}


def an_input(name: str = "raw", path: str = "", **members: Any) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {**S3_INPUT, "LocalPath": path or f"/opt/ml/processing/input/{name}"},
        **members,
    }


def tuning(**members: Any) -> dict[str, Any]:
    job = {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "OutputDataConfig": {"S3OutputPath": "s3://b/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": STOP,
        **members,
    }
    config = {"Strategy": "Bayesian", "ResourceLimits": {"MaxParallelTrainingJobs": 1}}
    return step("Tune", "Tuning", {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": job})


SPARK = {"HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["spark-submit"]}}
GROUPS = {"InstanceGroups": [{"InstanceRole": "MASTER", "InstanceCount": 1, "InstanceType": "m5.xlarge"}]}
TRANSFORM = {
    "ModelName": "churn",
    "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/x"}}},
    "TransformOutput": {"S3OutputPath": "s3://b/y"},
    "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
}
CONTAINER = {"Image": IMAGE, "ModelDataUrl": get("Steps.Train.ModelArtifacts.S3ModelArtifacts")}
REGISTER = {
    "ModelPackageGroupName": "churn",
    "InferenceSpecification": {"Containers": [CONTAINER], "SupportedContentTypes": ["text/csv"]},
    "ModelApprovalStatus": "PendingManualApproval",
}
AUTO_ML = {
    "InputDataConfig": [
        {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/x"}}, "TargetAttributeName": "y"}
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://b/y"},
    "AutoMLJobConfig": {"Mode": "ENSEMBLING"},
}
VARIANT = {"VariantName": "all", "ModelName": "churn", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
ACTION = {"ActionName": "run", "ActionType": "Training", "Source": {"SourceUri": "s3://b/run"}}
ENTITY = {"Name": "run", "Type": "Action"}
SERVERLESS = {"executionRoleArn": ROLE, "jobDriver": {"sparkSubmit": {"entryPoint": "s3://b/job.py"}}}

#: One step of every type that is checked, with nothing wrong; Train is there for those that read it.
CLEAN: dict[str, Any] = {
    "Processing": processing(ProcessingInputs=[an_input()], ProcessingOutputConfig=output("s3://b/out")),
    "Training": training(InputDataConfig=[channel()], HyperParameters={"depth": "3"}),
    "Tuning": tuning(),
    "Transform": step("Score", "Transform", TRANSFORM),
    "Model": create(),
    "RegisterModel": step("Register", "RegisterModel", REGISTER),
    "AutoML": step("Auto", "AutoML", AUTO_ML),
    "QualityCheck": {**processing("Quality"), "Type": "QualityCheck", "CheckType": "DATA_QUALITY"},
    "ClarifyCheck": {**processing("Bias"), "Type": "ClarifyCheck", "CheckType": "DATA_BIAS"},
    "EndpointConfig": step("Config", "EndpointConfig", {"ProductionVariants": [VARIANT]}),
    "Endpoint": step("Deploy", "Endpoint", {"EndpointName": "churn", "EndpointConfigName": "churn-1"}),
    "InferenceComponent": step(
        "Component",
        "InferenceComponent",
        {"InferenceComponentName": "c", "EndpointName": "churn", "Specification": {"ModelName": "churn"}},
    ),
    "Job": step(
        "Custom",
        "Job",
        {"JobCategory": "AgentRFT", "JobConfigSchemaVersion": "1.0.0", "JobConfigDocument": "{}", "RoleArn": ROLE},
    ),
    "Lineage": step(
        "Lineage",
        "Lineage",
        {
            "Actions": [ACTION],
            "Associations": [{"Source": ENTITY, "Destination": {"Arn": get("Execution.PipelineArn")}}],
        },
    ),
    "EMR": step("Spark", "EMR", {"StepConfig": SPARK, "ClusterConfig": {"Instances": GROUPS}}),
    "EMRServerless": step("Small", "EMRServerless", {"ApplicationId": "00abcdef", "JobConfig": SERVERLESS}),
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_right_request_has_no_problem(kind: str) -> None:
    assert [*request_problems(graph_of(CLEAN[kind], *([CLEAN["Training"]] if kind != "Training" else [])))] == []


@pytest.mark.parametrize("kind", REQUESTS)
def test_each_type_of_step_is_compared_with_its_own_request(kind: str) -> None:
    broken = deepcopy(CLEAN[kind])
    broken["Arguments"]["Nonsense"] = 1
    assert found(request_problems, broken) == [("unknown-member", "Arguments.Nonsense")]


BROKEN: dict[str, tuple[Any, str, str]] = {
    # members
    "a misspelled member": (processing(RoleArm=ROLE), "unknown-member", "Arguments.RoleArm"),
    "a misspelled member far inside": (
        processing(ProcessingInputs=[{**an_input(), "S3Input": {**S3_INPUT, "S3DataTypo": "S3Prefix"}}]),
        "unknown-member",
        "Arguments.ProcessingInputs[0].S3Input.S3DataTypo",
    ),
    "a member left out": (processing(**cluster(VolumeSizeInGB=GONE)), "missing-member", f"{CLUSTER}.VolumeSizeInGB"),
    "a member left out of a list's element": (
        processing(ProcessingInputs=[{"S3Input": S3_INPUT}]),
        "missing-member",
        "Arguments.ProcessingInputs[0].InputName",
    ),
    "no resources": (training(ResourceConfig=GONE), "missing-member", "Arguments.ResourceConfig"),
    "no algorithm at all": (
        training(AlgorithmSpecification=GONE),
        "missing-member",
        "Arguments.AlgorithmSpecification",
    ),
    "neither image nor algorithm": (
        training(AlgorithmSpecification={"TrainingImage": GONE}),
        "missing-member",
        "Arguments.AlgorithmSpecification.TrainingImage",
    ),
    "a job driver of no kind": (
        step("S", "EMRServerless", {"ApplicationId": "00abcdef", "JobConfig": {**SERVERLESS, "jobDriver": {}}}),
        "missing-member",
        "Arguments.JobConfig.jobDriver.sparkSubmit",
    ),
    "a job driver of two kinds": (
        step(
            "S",
            "EMRServerless",
            {
                "ApplicationId": "00abcdef",
                "JobConfig": {
                    **SERVERLESS,
                    "jobDriver": {"sparkSubmit": {"entryPoint": "s3://b/j.py"}, "hive": {"query": "s3://b/q"}},
                },
            },
        ),
        "exclusive-members",
        "Arguments.JobConfig.jobDriver.hive",
    ),
    "two ways to say the container": (
        create(Containers=[{"Image": IMAGE}]),
        "exclusive-members",
        "Arguments.Containers",
    ),
    "an input that is two": (
        processing(ProcessingInputs=[{**an_input(), "DatasetDefinition": REDSHIFT}]),
        "exclusive-members",
        "Arguments.ProcessingInputs[0].DatasetDefinition",
    ),
    "preferences beside a type": (
        processing(**cluster(InstancePreferences=[{"InstanceType": "ml.m5.large"}])),
        "exclusive-members",
        f"{CLUSTER}.InstancePreferences",
    ),
    "tags beside a group": (
        step("R", "RegisterModel", {"ModelPackageGroupName": "g", "Tags": [{"Key": "a", "Value": "b"}]}),
        "exclusive-members",
        "Arguments.Tags",
    ),
    "a null": (training(HyperParameters=None), "null-member", "Arguments.HyperParameters"),
    "a null in a map": (training(HyperParameters={"a": None}), "null-member", "Arguments.HyperParameters.a"),
    "a null in a list": (
        processing(AppSpecification={"ContainerArguments": [None]}),
        "wrong-type",
        "Arguments.AppSpecification.ContainerArguments[0]",
    ),
    # members the pipeline service does not take
    "a name for the package": (
        step("R", "RegisterModel", {**REGISTER, "ModelPackageName": "churn"}),
        "refused-member",
        "Arguments.ModelPackageName",
    ),
    "the marketplace": (
        step("R", "RegisterModel", {**REGISTER, "CertifyForMarketplace": True}),
        "refused-member",
        "Arguments.CertifyForMarketplace",
    ),
    "a description of another API": (
        step("R", "RegisterModel", {**REGISTER, "Description": "x"}),
        "unknown-member",
        "Arguments.Description",
    ),
    "an experiment of its own": (
        processing(ExperimentConfig={"ExperimentName": "e", "TrialComponentDisplayName": "t"}),
        "refused-member",
        "Arguments.ExperimentConfig.ExperimentName",
    ),
    "a name for a cluster's step": (
        step("S", "EMR", {"ClusterId": "j-1", "StepConfig": {**SPARK, "Name": "n"}}),
        "refused-member",
        "Arguments.StepConfig.Name",
    ),
    "data capture": (
        step("E", "EndpointConfig", {"ProductionVariants": [VARIANT], "DataCaptureConfig": {}}),
        "refused-member",
        "Arguments.DataCaptureConfig",
    ),
    # types
    "a number as text": (processing(**cluster(InstanceCount="1")), "wrong-type", f"{CLUSTER}.InstanceCount"),
    "a fraction as count": (processing(**cluster(InstanceCount=1.5)), "wrong-type", f"{CLUSTER}.InstanceCount"),
    "a boolean as count": (processing(**cluster(InstanceCount=True)), "wrong-type", f"{CLUSTER}.InstanceCount"),
    "a number as hyperparameter": (training(HyperParameters={"a": 3}), "wrong-type", "Arguments.HyperParameters.a"),
    "a list as hyperparameter": (training(HyperParameters={"a": [3]}), "wrong-type", "Arguments.HyperParameters.a"),
    "an object as hyperparameter": (training(HyperParameters={"a": {}}), "wrong-type", "Arguments.HyperParameters.a"),
    "a text as switch": (
        training(EnableNetworkIsolation="true"),
        "wrong-type",
        "Arguments.EnableNetworkIsolation",
    ),
    "a text as list": (
        processing(AppSpecification={"ContainerArguments": "--x"}),
        "wrong-type",
        "Arguments.AppSpecification.ContainerArguments",
    ),
    "a list as object": (processing(AppSpecification=["x"]), "wrong-type", "Arguments.AppSpecification"),
    "a text as map": (processing(Environment="A=1"), "wrong-type", "Arguments.Environment"),
    # values
    "an instance type that is not": (
        processing(**cluster(InstanceType="ml.t3.small")),
        "not-in-enum",
        f"{CLUSTER}.InstanceType",
    ),
    "FastFile for processing": (
        processing(ProcessingInputs=[{**an_input(), "S3Input": {**S3_INPUT, "S3InputMode": "FastFile"}}]),
        "not-in-enum",
        "Arguments.ProcessingInputs[0].S3Input.S3InputMode",
    ),
    "a role that is a name": (
        processing(RoleArn="SageMakerExecutionRoleName"),
        "pattern-mismatch",
        "Arguments.RoleArn",
    ),
    "a path instead of an address": (
        processing(ProcessingInputs=given("/data/raw")),
        "pattern-mismatch",
        "Arguments.ProcessingInputs[0].S3Input.S3Uri",
    ),
    "no instances": (processing(**cluster(InstanceCount=0)), "out-of-range", f"{CLUSTER}.InstanceCount"),
    "too many instances": (processing(**cluster(InstanceCount=101)), "out-of-range", f"{CLUSTER}.InstanceCount"),
    "a disk too large": (processing(**cluster(VolumeSizeInGB=99999)), "out-of-range", f"{CLUSTER}.VolumeSizeInGB"),
    "ten days": (
        processing(StoppingCondition={"MaxRuntimeInSeconds": 864000}),
        "out-of-range",
        "Arguments.StoppingCondition.MaxRuntimeInSeconds",
    ),
    "eleven inputs": (
        processing(ProcessingInputs=[an_input(f"i{n}") for n in range(11)]),
        "wrong-size",
        "Arguments.ProcessingInputs",
    ),
    "no entry point": (
        processing(AppSpecification={"ContainerEntrypoint": []}),
        "wrong-size",
        "Arguments.AppSpecification.ContainerEntrypoint",
    ),
    "a hundred and one hyperparameters": (
        training(HyperParameters={f"h{n}": "1" for n in range(101)}),
        "wrong-size",
        "Arguments.HyperParameters",
    ),
    "a long value": (processing(Environment={"A": "x" * 257}), "wrong-size", "Arguments.Environment.A"),
    "a name that is none": (
        processing(Environment={"NOT A NAME": "x"}),
        "pattern-mismatch",
        "Arguments.Environment['NOT A NAME']",
    ),
    "a role that is too short": (processing(RoleArn="arn:x"), "wrong-size", "Arguments.RoleArn"),
    "a tag of a letter that is none": (
        training(Tags=[{"Key": "a\u200bb", "Value": "x"}]),
        "pattern-mismatch",
        "Arguments.Tags[0].Key",
    ),
    # what AWS demands beyond its model
    "a path outside": (
        processing(ProcessingInputs=[an_input(path="/data")]),
        "bad-local-path",
        "Arguments.ProcessingInputs[0].S3Input.LocalPath",
    ),
    "an output outside": (
        processing(
            ProcessingOutputConfig={
                "Outputs": [
                    {
                        "OutputName": "o",
                        "S3Output": {"S3Uri": "s3://b/o", "LocalPath": "/out", "S3UploadMode": "EndOfJob"},
                    }
                ]
            }
        ),
        "bad-local-path",
        "Arguments.ProcessingOutputConfig.Outputs[0].S3Output.LocalPath",
    ),
    "no path": (
        processing(ProcessingInputs=[{"InputName": "i", "S3Input": {"S3Uri": "s3://b/i", "S3DataType": "S3Prefix"}}]),
        "missing-member",
        "Arguments.ProcessingInputs[0].S3Input.LocalPath",
    ),
    "Gzip into files": (
        processing(ProcessingInputs=[{**an_input(), "S3Input": {**S3_INPUT, "S3CompressionType": "Gzip"}}]),
        "gzip-without-pipe",
        "Arguments.ProcessingInputs[0].S3Input.S3CompressionType",
    ),
    "Gzip into a channel of files": (
        training(InputDataConfig=[channel(CompressionType="Gzip")]),
        "gzip-without-pipe",
        "Arguments.InputDataConfig[0].CompressionType",
    ),
    "an input twice": (
        processing(ProcessingInputs=[an_input(), an_input(path="/opt/ml/processing/input/other")]),
        "duplicate-input",
        "Arguments.ProcessingInputs[1].InputName",
    ),
    "an output twice": (
        processing(
            ProcessingOutputConfig={
                "Outputs": [
                    *output("s3://b/1")["Outputs"],
                    {**output("s3://b/2", "other")["Outputs"][0], "OutputName": "data"},
                ]
            }
        ),
        "duplicate-output",
        "Arguments.ProcessingOutputConfig.Outputs[1].OutputName",
    ),
    "a channel twice": (
        training(InputDataConfig=[channel(), channel()]),
        "duplicate-channel",
        "Arguments.InputDataConfig[1].ChannelName",
    ),
    "a folder twice": (
        processing(ProcessingInputs=[an_input(), an_input("other", "/opt/ml/processing/input/raw/")]),
        "same-local-path",
        "Arguments.ProcessingInputs[1].S3Input.LocalPath",
    ),
    "waiting without Spot": (
        training(StoppingCondition={"MaxWaitTimeInSeconds": 7200}),
        "wait-without-spot",
        "Arguments.StoppingCondition.MaxWaitTimeInSeconds",
    ),
    "waiting without Spot in a tuning": (
        tuning(StoppingCondition={**STOP, "MaxWaitTimeInSeconds": 7200}),
        "wait-without-spot",
        "Arguments.TrainingJobDefinition.StoppingCondition.MaxWaitTimeInSeconds",
    ),
    "preferences on Spot": (
        training(
            EnableManagedSpotTraining=True,
            StoppingCondition={"MaxWaitTimeInSeconds": 7200},
            ResourceConfig={"InstanceType": GONE, "InstancePreferences": [{"InstanceType": "ml.m5.large"}]},
        ),
        "exclusive-members",
        "Arguments.ResourceConfig.InstancePreferences",
    ),
    "another mode of AutoML": (
        step("A", "AutoML", {**AUTO_ML, "AutoMLJobConfig": {"Mode": "AUTO"}}),
        "auto-ml-mode",
        "Arguments.AutoMLJobConfig.Mode",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_one_thing_wrong_is_one_problem_at_its_place(name: str) -> None:
    broken, code, field = BROKEN[name]
    assert found(request_problems, broken) == [(code, field)]


FINE: dict[str, Any] = {
    "names of jobs, kept by a custom prefix": processing(ProcessingJobName="churn-prepare"),
    "no role: the pipeline's is taken": processing(RoleArn=GONE),
    "the one experiment member that is taken": processing(ExperimentConfig={"TrialComponentDisplayName": "t"}),
    "the description of a package": step("R", "RegisterModel", {**REGISTER, "ModelPackageDescription": "x"}),
    "a whole number where any is wanted": step(
        "E", "EndpointConfig", {"ProductionVariants": [{**VARIANT, "InitialVariantWeight": 1}]}
    ),
    "what the application itself fetches": processing(
        ProcessingInputs=[
            {"InputName": "i", "AppManaged": True, "S3Input": {"S3Uri": "s3://b/i", "S3DataType": "S3Prefix"}}
        ]
    ),
    "Gzip through a pipe": processing(
        ProcessingInputs=[{**an_input(), "S3Input": {**S3_INPUT, "S3InputMode": "Pipe", "S3CompressionType": "Gzip"}}]
    ),
    "a serverless training": step(
        "T",
        "Training",
        {
            "ServerlessJobConfig": {
                "BaseModelArn": "arn:aws:sagemaker:us-east-1:aws:hub-content/SageMakerPublicHub/Model/m/1.0.0",
                "JobType": "FineTuning",
            },
            "OutputDataConfig": {"S3OutputPath": "s3://b/o"},
        },
    ),
    "letters of any language in a tag": training(Tags=[{"Key": "Büro 東京", "Value": "été_1+1=2"}]),
    "an unknown type of step": step("X", "Quantum", {"Anything": [1, {}]}),
    "free-form arguments": step("L", "Lambda", {"Anything": [1, {}]}),
}


@pytest.mark.parametrize("name", FINE)
def test_what_is_right_is_left_alone(name: str) -> None:
    assert found(request_problems, FINE[name], training()) == []


def test_an_integral_fraction_is_only_a_warning() -> None:
    (problem,) = request_problems(graph_of(processing(**cluster(InstanceCount=1.0))))
    assert (problem.code, problem.severity, problem.hint) == ("wrong-type", "warning", "write 1")


PARAMETERS = [
    parameter("Text", DefaultValue="x"),
    parameter("Count", "Integer", DefaultValue=1),
    parameter("Rate", "Float", DefaultValue=0.5),
    parameter("Switch", "Boolean", DefaultValue=True),
    parameter("Machine", DefaultValue="ml.m5.large", EnumValues=["ml.m5.large", "ml.m5.huge"]),
    parameter("Small", DefaultValue="ml.t3.small"),
    parameter("Open"),
    parameter("Blank", DefaultValue=""),
    parameter("Many", "Integer", DefaultValue=500),
    parameter("Wrong", "Integer", DefaultValue="three"),
]
TRAINED = training("Train", HyperParameters={"depth": "3"})
NOTIFY = step("Notify", "Lambda", {}, OutputParameters=[{"OutputName": "n", "OutputType": "Integer"}])
COUNT, TYPE, ISOLATED = f"{CLUSTER}.InstanceCount", f"{CLUSTER}.InstanceType", "Arguments.EnableNetworkIsolation"


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        (get("Parameters.Count"), []),
        (get("Parameters.Text"), ["expression-type"]),
        (get("Parameters.Rate"), ["expression-type"]),
        (get("Parameters.Switch"), ["expression-type"]),
        (get("Parameters.Many"), ["out-of-range"]),
        (get("Parameters.Wrong"), []),
        (get("Parameters.Undeclared"), []),
        (join("1", on=""), ["expression-type"]),
        (get("Execution.PipelineName"), ["expression-type"]),
        (get("Steps.Train.TrainingJobName"), ["expression-type"]),
        (get("Steps.Train.TrainingTimeInSeconds"), []),
        (get("Steps.Train.Misspelled"), []),
        (get("Steps.Notify.OutputParameters['n']"), []),
        ({"Std:JsonGet": {"S3Uri": "s3://b/x.json", "Path": "n"}}, []),
        ({"Get": 5}, []),
        ({"Std:Unknown": {}}, []),
    ],
)
def test_what_may_stand_where_a_whole_number_is_wanted(value: Any, codes: list[str]) -> None:
    step_ = processing(**cluster(InstanceCount=value))
    problems = [*request_problems(graph_of(TRAINED, NOTIFY, step_, parameters=PARAMETERS))]
    assert [(problem.code, problem.field) for problem in problems] == [(code, COUNT) for code in codes]


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        (get("Parameters.Text"), []),
        (get("Parameters.Count"), ["expression-type"]),
        (get("Parameters.Rate"), ["expression-type"]),
        (get("Parameters.Switch"), ["expression-type"]),
        (join(get("Parameters.Count"), on=""), []),
        (get("Execution.StartDateTime"), []),
        (get("Steps.Train.ModelArtifacts.S3ModelArtifacts"), []),
        (get("Steps.Train.TrainingTimeInSeconds"), ["expression-type"]),
        (get("Steps.Notify.OutputParameters['n']"), ["expression-type"]),
    ],
)
def test_what_may_stand_where_a_text_is_wanted(value: Any, codes: list[str]) -> None:
    step_ = training("Next", HyperParameters={"a": value})
    problems = [*request_problems(graph_of(TRAINED, NOTIFY, step_, parameters=PARAMETERS))]
    assert [(problem.code, problem.field) for problem in problems] == [
        (c, "Arguments.HyperParameters.a") for c in codes
    ]
    assert all(".to_string()" in problem.hint for problem in problems)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (get("Parameters.Open"), []),
        (get("Parameters.Machine"), [("not-in-enum", "error", "the parameter 'Machine' allows 'ml.m5.huge'")]),
        (get("Parameters.Small"), [("not-in-enum", "error", "the default of the parameter 'Small': 'ml.t3.small'")]),
        (get("Parameters.Blank"), [("not-in-enum", "warning", "the default of the parameter 'Blank': ''")]),
        (join("ml", "m5", "large", on="."), []),
        (join("ml", "m5", "huge", on="."), [("not-in-enum", "error", "'ml.m5.huge' is not")]),
        (join("ml.m5", join("la", "rge", on=""), on="."), []),
        (join("ml.m5.", get("Parameters.Text"), on=""), [("not-in-enum", "error", "with the defaults of its")]),
        (join("ml.m5.", get("Parameters.Open"), on=""), []),
        (join("ml.m5.", get("Execution.PipelineName"), on=""), []),
    ],
)
def test_values_of_parameters_are_compared_with_the_fields_they_fill(value: Any, told: list[Any]) -> None:
    step_ = processing(**cluster(InstanceType=value))
    problems = [*request_problems(graph_of(step_, parameters=PARAMETERS))]
    assert [(problem.code, problem.severity, problem.field) for problem in problems] == [
        (c, s, TYPE) for c, s, _ in told
    ]
    assert all(problem.what.startswith(start) for problem, (_, _, start) in zip(problems, told, strict=True))


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (get("Parameters.Text"), "Arguments"),
        ({"AppSpecification": get("Parameters.Text")}, "Arguments.AppSpecification"),
        ({"ProcessingInputs": join("a")}, "Arguments.ProcessingInputs"),
        ({"Environment": {"Std:JsonGet": {"S3Uri": "s3://b/x", "Path": "a"}}}, "Arguments.Environment"),
    ],
)
def test_an_expression_is_no_list_and_no_object(request_: Any, field: str) -> None:
    whole = request_ if field == "Arguments" else {**processing()["Arguments"], **request_}
    assert found(request_problems, step("P", "Processing", whole), parameters=PARAMETERS) == [
        ("expression-for-structure", field)
    ]


def test_messages_say_what_is_allowed_and_what_may_have_been_meant() -> None:
    def only(step_: Any) -> tuple[str, str]:
        (problem,) = request_problems(graph_of(step_, parameters=PARAMETERS))
        return problem.what, problem.hint

    what, hint = only(processing(**cluster(InstanceType="ml.t3.small")))
    assert what == "'ml.t3.small' is not a processing instance type"
    family = "ml.t3.medium, ml.t3.large, ml.t3.xlarge, ml.t3.2xlarge"
    assert hint == f"the smallest is ml.t3.medium; of this family: {family}"
    what, hint = only(processing(RoleArm=ROLE))
    assert what == "'RoleArm' is not a member of CreateProcessingJobRequest"
    assert hint == f"did you mean 'RoleArn'?; the installed botocore ({model_version()}) does not know it"
    what, hint = only(processing(**cluster(InstanceCount="1")))
    assert (what, hint) == ("a text stands where a whole number is wanted", "write it without quotes")
    what, hint = only(processing(**cluster(InstanceCount=get("Parameters.Text"))))
    assert (what, hint) == (
        "the parameter 'Text' is a text, and a whole number is wanted",
        "declare the parameter as Integer",
    )
    what, _ = only(processing(**cluster(InstanceCount=101)))
    assert what == "101 is out of range: 1 to 100 is allowed"


@pytest.mark.parametrize("secret", ["s3cret " * 1000, " "])
def test_a_sensitive_value_is_not_repeated(secret: str) -> None:
    job = {**SERVERLESS, "jobDriver": {"sparkSubmit": {"entryPoint": secret}}}
    (problem,) = request_problems(graph_of(step("S", "EMRServerless", {"ApplicationId": "00a", "JobConfig": job})))
    assert problem.field == "Arguments.JobConfig.jobDriver.sparkSubmit.entryPoint"
    assert repr(secret)[1:7] not in str(problem)


def test_the_tables_name_shapes_and_members_that_exist() -> None:
    services = ("sagemaker", "emr", "emr-serverless", PIPELINES)

    def shape(name: str) -> Shape:
        return next(Shape(service, name) for service in services if name in model(service))

    for table in (LEFT_OUT, REFUSED, EXACTLY_ONE):
        for name, members in table.items():
            assert set(members) <= set(shape(name).members), name
    for pairs in (NOT_BESIDE, NEEDED_BESIDE):
        for name, rows in pairs.items():
            assert {member for row in rows for member in row} <= set(shape(name).members), name
    assert all(name in model("sagemaker") for name in (*SAID_ELSEWHERE, *DETAILS))
    for request in REQUESTS.values():
        assert request.kind == "structure"


def test_what_the_format_leaves_out_the_api_requires() -> None:
    for name, members in LEFT_OUT.items():
        service = next(one for one in ("sagemaker", "emr", "emr-serverless") if name in model(one))
        assert members <= set(model(service)[name]["required"]), name


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
#: Objects whose members are spelled right, so that the walk gets far inside.
NEAR = st.recursive(
    JSON
    | st.sampled_from([get("Parameters.Text"), get("Steps.Train.ModelArtifacts"), join("a", get("Parameters.Count"))]),
    lambda inner: (
        st.dictionaries(
            st.sampled_from(sorted({m for s in model("sagemaker").values() for m in s.get("members", ())})),
            inner,
            max_size=6,
        )
        | st.lists(inner, max_size=3)
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@drawn(st.sampled_from(sorted(REQUESTS)), st.dictionaries(st.text(max_size=8), JSON, max_size=4) | NEAR)
def test_no_json_whatever_makes_it_raise(kind: str, arguments: Any) -> None:
    whole = deepcopy(CLEAN[kind])
    if isinstance(arguments, dict):
        whole["Arguments"].update(arguments)
    for broken in (whole, {**whole, "Arguments": arguments}):
        graph = graph_of(broken, TRAINED, parameters=PARAMETERS)
        for problem in (*request_problems(graph), *reference_problems(graph)):
            assert problem.step in ("", broken["Name"], "Train")
            assert problem.what
            json.dumps(problem.as_json())


def test_deep_nesting_and_millions_of_values_are_no_trouble() -> None:
    deep: Any = "x"
    for _ in range(390):
        deep = [deep]
    wide: list[Any] = [1] * 1_000_000
    unknown = {f"member{n}": n for n in range(100_000)}
    steps = [
        processing("Deep", AppSpecification={"ContainerArguments": deep}),
        processing("Wide", AppSpecification={"ContainerArguments": wide}),
        processing("Unknown", **unknown),
        training("Text", HyperParameters={"a": "a-" * 1_000_000}),
    ]
    start = time.process_time()
    problems = [*request_problems(graph_of(*steps))]
    assert time.process_time() - start < 5
    assert len(problems) == 1 + 100 + 100 + 1


def test_two_thousand_steps_take_ten_times_as_long_as_two_hundred() -> None:
    def seconds(count: int) -> float:
        source = processing("First", ProcessingOutputConfig=output("s3://b/o"))
        uri = get("Steps.First.ProcessingOutputConfig.Outputs['data'].S3Output.S3Uri")
        steps = [processing(f"S{n}", ProcessingInputs=given(uri)) for n in range(count)]
        graph = graph_of(source, *steps)
        start = time.process_time()
        assert [*request_problems(graph), *reference_problems(graph)] == []
        return time.process_time() - start

    seconds(10)
    assert seconds(2000) < 30 * max(seconds(200), 0.01)


def test_arguments_that_are_missing_are_looked_at_and_other_shapes_are_the_readers_affair() -> None:
    missing = {"Name": "P", "Type": "Processing"}
    assert ("missing-member", "Arguments.AppSpecification") in found(request_problems, missing)
    assert found(request_problems, {"Name": "P", "Type": "Processing", "Arguments": [1]}) == []


def test_volume_keys_and_keys_of_outputs_are_checked_too() -> None:
    assert found(request_problems, processing(**cluster(VolumeKmsKeyId="no key!"))) == [
        ("pattern-mismatch", f"{CLUSTER}.VolumeKmsKeyId")
    ]
    assert found(request_problems, processing(**cluster(VolumeKmsKeyId=KEY))) == []


def test_a_request_that_an_older_botocore_lacks_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = Shape("sagemaker", "CreateWhatComesNextRequest")
    assert not unknown.exists
    monkeypatch.setitem(REQUESTS, "Job", unknown)  # type: ignore[arg-type]
    monkeypatch.setitem(RESPONSES, "Job", unknown)  # type: ignore[arg-type]
    reader = training("Reader", HyperParameters={"a": get("Steps.Custom.Anything")})
    graph = graph_of(step("Custom", "Job", {"Nonsense": 1}), reader)
    assert [*request_problems(graph), *reference_problems(graph)] == []


def test_the_last_of_too_many_problems_says_that_there_are_more() -> None:
    many = processing(**{f"Odd{index}": 1 for index in range(150)})
    problems = [*request_problems(graph_of(many))]
    assert len(problems) == 100
    assert "more than the 100 problems" in problems[-1].hint
    assert "more than" not in "".join(problem.hint for problem in problems[:-1])
    steps = [processing(f"S{index}", **{f"Odd{odd}": 1 for odd in range(90)}) for index in range(12)]
    problems = [*request_problems(graph_of(*steps))]
    assert (len(problems), "more than the 1000 problems" in problems[-1].hint) == (1000, True)
    exactly = processing(**{f"Odd{index}": 1 for index in range(100)})
    assert "more than" not in [*request_problems(graph_of(exactly))][-1].hint
