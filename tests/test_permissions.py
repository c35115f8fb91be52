"""Which permissions a call needs, who makes it, and what services do for us; what nobody has told of is an error."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import identities
import pytest
from aws import AWS, Call
from botocore.exceptions import ClientError
from iam_samples import JOB_ROLE, KEY, SAGEMAKER, allow, policy
from identities import Identity
from permissions import Account, Need, needs_of
from services import needs_of_machine, needs_of_pipeline, needs_of_schedule, needs_of_step, needs_of_task

from dagwright.definition.rules.names import SIBLINGS
from dagwright.engines.stepfunctions.compiler.tasks import RESOURCES

ACCOUNT = Account(key=KEY, tags={"Project": "churn"})
BUCKET = "arn:aws:s3:::acme"
STATES = "arn:aws:states:us-east-1:123456789012"
EXECUTION = f"{SAGEMAKER}:pipeline/rc-churn-training/execution/a1b2c3d4e5f6"


def needed(service: str, operation: str, account: Account = ACCOUNT, **parameters: Any) -> list[str]:
    return [str(need) for need in needs_of(Call(service, operation, parameters), account)]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        ("sagemaker", "DescribePipeline", {"PipelineName": "p"}, f"DescribePipeline on {SAGEMAKER}:pipeline/p"),
        (
            "sagemaker",
            "DescribePipelineExecution",
            {"PipelineExecutionArn": EXECUTION},
            f"DescribePipelineExecution on {EXECUTION}",
        ),
        ("sagemaker", "ListTrainingJobs", {"NameContains": "a"}, "ListTrainingJobs on *"),
        (
            "sagemaker",
            "ListModelPackages",
            {"ModelPackageGroupName": "rc-churn"},
            f"ListModelPackages on {SAGEMAKER}:model-package/rc-churn/1",
        ),
        (
            "states",
            "StartExecution",
            {"stateMachineArn": f"{STATES}:stateMachine:m:3", "name": "n"},
            f"StartExecution on {STATES}:stateMachine:m",
        ),
        (
            "sagemaker",
            "DescribeModelPackage",
            {"ModelPackageName": f"{SAGEMAKER}:model-package/rc-churn/7"},
            f"DescribeModelPackage on {SAGEMAKER}:model-package/rc-churn/7",
        ),
        (
            "states",
            "StartExecution",
            {"stateMachineArn": f"{STATES}:stateMachine:m", "name": "n"},
            f"StartExecution on {STATES}:stateMachine:m",
        ),
        (
            "scheduler",
            "GetSchedule",
            {"GroupName": "g", "Name": "n"},
            "GetSchedule on arn:aws:scheduler:us-east-1:123456789012:schedule/g/n",
        ),
        (
            "scheduler",
            "GetScheduleGroup",
            {"Name": "g"},
            "GetScheduleGroup on arn:aws:scheduler:us-east-1:123456789012:schedule-group/g",
        ),
        (
            "logs",
            "GetLogEvents",
            {"logGroupName": "/aws/g", "logStreamName": "s/1"},
            "GetLogEvents on arn:aws:logs:us-east-1:123456789012:log-group:/aws/g:log-stream:s/1",
        ),
    ],
)
def test_what_follows_from_the_call(service: str, operation: str, parameters: Any, expected: str) -> None:
    assert needed(service, operation, **parameters) == [f"{service}:{expected}"]


def test_nobody_is_denied_who_they_are() -> None:
    assert needed("sts", "GetCallerIdentity") == []


def test_a_role_handed_on_and_tags_are_permissions_of_their_own() -> None:
    tags = [{"Key": "Team", "Value": "rc"}]
    request = {"PipelineName": "p", "RoleArn": JOB_ROLE, "Tags": tags, "PipelineDefinition": "{}"}
    own, tagging, passing = needs_of(Call("sagemaker", "CreatePipeline", request), ACCOUNT)
    pipeline = f"{SAGEMAKER}:pipeline/p"
    assert (str(own), own.context["aws:RequestTag/Team"]) == (f"sagemaker:CreatePipeline on {pipeline}", "rc")
    assert (str(tagging), tagging.context["sagemaker:TaggingAction"]) == (
        f"sagemaker:AddTags on {pipeline}", "CreatePipeline"
    )  # fmt: skip
    assert passing == Need("iam:PassRole", JOB_ROLE, {"iam:PassedToService": "sagemaker.amazonaws.com"})
    target = {"Arn": EXECUTION, "RoleArn": JOB_ROLE}
    *_, passing = needs_of(
        Call("scheduler", "CreateSchedule", {"GroupName": "g", "Name": "n", "Target": target}), ACCOUNT
    )
    assert passing == Need("iam:PassRole", JOB_ROLE, {"iam:PassedToService": "scheduler.amazonaws.com"})
    assert needed("scheduler", "CreateScheduleGroup", Name="g", Tags=tags)[1].startswith("scheduler:TagResource on")


def test_conditions_see_what_a_job_asks_for() -> None:
    request = {
        "ProcessingJobName": "rc-churn-a",
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "VolumeKmsKeyId": "1234"}},
        "NetworkConfig": {
            "VpcConfig": {"Subnets": ["a", "b"], "SecurityGroupIds": ["s"]},
            "EnableNetworkIsolation": True,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    (own,) = needs_of(Call("sagemaker", "CreateProcessingJob", request), ACCOUNT)
    assert {key: value for key, value in own.context.items() if key.startswith("sagemaker:")} == {
        "sagemaker:InstanceTypes": ["ml.m5.large"],
        "sagemaker:VpcSubnets": ["a", "b"],
        "sagemaker:VpcSecurityGroupIds": ["s"],
        "sagemaker:MaxRuntimeInSeconds": "60",
        "sagemaker:NetworkIsolation": "true",
        "sagemaker:VolumeKmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1234",
    }


def test_s3_calls_things_otherwise() -> None:
    at = {"Bucket": "acme", "Key": "a/b"}
    key = f"on {KEY}"
    assert needed("s3", "HeadObject", **at) == [f"s3:GetObject on {BUCKET}/a/b", f"s3:ListBucket on {BUCKET}"]
    assert needed("s3", "GetObject", **at) == [f"s3:GetObject on {BUCKET}/a/b", f"kms:Decrypt {key}"]
    assert needed("s3", "PutObject", **at) == [f"s3:PutObject on {BUCKET}/a/b", f"kms:GenerateDataKey {key}"]
    assert needed("s3", "GetObject", Account(), **at) == [f"s3:GetObject on {BUCKET}/a/b"]
    (listing,) = needs_of(Call("s3", "ListBucket", {"Bucket": "acme", "Prefix": "raw/"}), ACCOUNT)
    assert listing == Need("s3:ListBucket", BUCKET, {"s3:prefix": "raw/"})
    *_, encrypting = needs_of(Call("s3", "PutObject", {**at, "SSEKMSKeyId": "alias/k"}), ACCOUNT)
    via = {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
    assert encrypting.context == {**via, "kms:ResourceAliases": ["alias/k"]}


@pytest.mark.parametrize(("service", "operation"), [("s3", "PostBucket"), ("sagemaker", "MakeJob"), ("nothing", "Get")])
def test_what_nobody_has_told_of_is_an_error(service: str, operation: str) -> None:
    with pytest.raises(LookupError, match="say which permission"):
        needed(service, operation, Bucket="b")


def test_what_a_call_is_about_has_to_be_told_as_well() -> None:
    with pytest.raises(LookupError, match="say what sagemaker:DescribePipeline is about"):
        needed("sagemaker", "DescribePipeline", Name="p")


# ---- who calls ----


def test_the_command_decides_who_calls(tmp_path: Path) -> None:
    assert identities.of_command(["plan"], tmp_path) is None
    (tmp_path / "config").mkdir()
    (tmp_path / "config/project.yaml").write_text("company: acme", encoding="utf-8")
    for words, role, environment in [
        (["upsert", "training", "--env", "dev"], "deployer", "dev"),
        (["run", "training"], "submitter", "local"),
        (["approve", "1", "--env", "production"], "approver", "production"),
    ]:
        found = identities.of_command(words, tmp_path)
        assert found == Identity(role, "company: acme", environment)


def test_a_call_without_permission_is_told_with_role_action_and_resource(
    aws: AWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    somebody = Identity("submitter", identities.CONFIGURATION.read_text(encoding="utf-8"), "staging")
    pipelines = allow("sagemaker:ListPipelineExecutions", f"{SAGEMAKER}:pipeline/rc-churn-*")
    monkeypatch.setattr(identities, "policies", lambda _: [policy(pipelines)])
    with identities.calling(somebody):
        client = boto3.client("sagemaker", region_name="us-east-1")
        for name in ("rc-churn-a", "other"):
            with suppress(ClientError):  # there is no such pipeline: asking is what counts
                client.list_pipeline_executions(PipelineName=name)
    assert identities.refusals(aws.heard) == [
        f"the submitter may not call sagemaker:ListPipelineExecutions on {SAGEMAKER}:pipeline/other"
    ]
    assert identities.refusals(aws.heard, ["pipeline/other"]) == []
    aws.heard.clear()


# ---- what services do ----


def test_every_integration_of_the_compiler_is_told() -> None:
    known = {"Queue": "q", "QueueUrl": "https://sqs/1/q", "FunctionName": "arn:aws:lambda:us-east-1:1:function:f"}
    for kind, resource in RESOURCES.items():
        name = resource.partition(":")[2].partition(".")[0].removeprefix("sagemaker:")
        noun = name[0].upper() + name[1:].removeprefix("reate") if name.startswith("create") else name
        parameters = {**known, f"{noun.removeprefix('C')}Name": "rc-churn-a", "ModelPackageGroupName": "rc-churn"}
        assert needs_of_task(f"arn:aws:states:::{resource}", parameters, ACCOUNT), kind


def test_a_synchronous_job_is_made_watched_stopped_tagged_and_heard_of() -> None:
    resource = "arn:aws:states:::sagemaker:createProcessingJob.sync"
    found = needs_of_task(resource, {"ProcessingJobName.$": "States.Format('rc-churn-a-{}', $Started)"}, ACCOUNT)
    job = f"{SAGEMAKER}:processing-job/rc-churn-a-x"
    rule = "arn:aws:events:us-east-1:123456789012:rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule"
    assert {str(need) for need in found} == {
        *(f"sagemaker:{word}ProcessingJob on {job}" for word in ("Create", "Describe", "Stop")),
        f"sagemaker:AddTags on {job}",
        *(f"events:{word} on {rule}" for word in ("PutRule", "PutTargets", "DescribeRule")),
    }


def test_what_no_integration_is_told_of_is_an_error() -> None:
    for resource in ("sagemaker:createEndpoint.sync", "aws-sdk:sagemaker:makeJob", "lambda:invoke.sync"):
        with pytest.raises(LookupError, match="tests/"):
            needs_of_task(f"arn:aws:states:::{resource}", {"EndpointName": "e", "FunctionName": "f"}, ACCOUNT)


GOLDEN = sorted(identities.GOLDEN.glob("*.asl.json"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_every_state_machine_of_the_example_is_told(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = needs_of_machine(text, ACCOUNT, logged=True)
    assert text.count('"Resource": "arn:aws:states:::') <= len(found)
    assert "logs:CreateLogDelivery on *" in {str(need) for need in found}


def test_every_step_type_is_told() -> None:
    everything = json.loads((identities.TESTS / "golden/vocabulary/everything.json").read_text(encoding="utf-8"))
    found = {str(need).partition(" ")[0] for need in needs_of_pipeline(everything, ACCOUNT)}
    assert {"sagemaker:CreateTransformJob", "sagemaker:StopHyperParameterTuningJob", "lambda:InvokeFunction"} <= found
    # the last five are in Amazon's enumeration and in no documentation: no definition of ours has them
    unknown = {"InferenceComponent", "Lineage", "Job", "Cleanup", "ForEach"}
    for kind in SIBLINGS.keys() - unknown:
        step = {"Name": "A", "Type": kind, "Arguments": {"ModelPackageGroupName": "g"}, "FunctionArn": "f"}
        needs_of_step({**step, "SqsQueueUrl": "https://sqs/1/q"}, ACCOUNT)
    with pytest.raises(LookupError, match="step of type Quantum"):
        needs_of_step({"Name": "A", "Type": "Quantum"}, ACCOUNT)


def test_a_schedule_starts_its_target_and_leaves_what_it_could_not() -> None:
    queue = "arn:aws:sqs:us-east-1:123456789012:q"
    target = {"Arn": f"{SAGEMAKER}:pipeline/p", "DeadLetterConfig": {"Arn": queue}}
    assert [str(need) for need in needs_of_schedule(target)] == [
        f"sagemaker:StartPipelineExecution on {SAGEMAKER}:pipeline/p",
        f"sqs:SendMessage on {queue}",
    ]
    with pytest.raises(LookupError, match="say what a schedule needs"):
        needs_of_schedule({"Arn": "arn:aws:lambda:us-east-1:123456789012:function:f"})
