"""Who is told of which event, and in which words: the rules against events as AWS sends them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from infra.watching import NIGHTLY, of_type, site_of, watched

from dagwright.infra.notices import notices
from dagwright.infra.workload import Workloads

PIPELINE = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/rc-nightly-count-rows-dev"
ROLE = "arn:aws:iam::123456789012:role/SageMaker-Rc-Nightly-Dev-ExecutionRole"
EXECUTION = f"{PIPELINE}/execution/a1b2c3d4e5f6"


def event(kind: str, source: str = "aws.sagemaker", **detail: Any) -> dict[str, Any]:
    return {
        "version": "0",
        "id": "844e2571-85d4-695f-b930-0153b71dcb42",
        "detail-type": kind,
        "source": source,
        "account": "123456789012",
        "time": "2026-11-21T12:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
    }


def execution(status: str = "Failed", arn: str = PIPELINE) -> dict[str, Any]:
    return event(
        "SageMaker Model Building Pipeline Execution Status Change",
        pipelineArn=arn,
        pipelineExecutionArn=f"{arn}/execution/a1b2c3d4e5f6",
        currentPipelineExecutionStatus=status,
        previousPipelineExecutionStatus="Executing",
        executionStartTime="2026-11-21T11:40:00Z",
        executionEndTime="2026-11-21T12:00:00Z",
    )


def step(status: str = "Failed", arn: str = PIPELINE) -> dict[str, Any]:
    return event(
        "SageMaker Model Building Pipeline Execution Step Status Change",
        pipelineArn=arn,
        pipelineExecutionArn=f"{arn}/execution/a1b2c3d4e5f6",
        stepName="Count",
        stepType="Processing",
        currentStepStatus=status,
        previousStepStatus="Executing",
        failureReason="ClientError: no rows",
        metadata={"processingJob": {"arn": "arn:aws:sagemaker:us-east-1:123456789012:processing-job/pipelines-a1b2"}},
    )


def machine(status: str = "FAILED", name: str = "rc-nightly-count-rows-dev") -> dict[str, Any]:
    place = "arn:aws:states:us-east-1:123456789012"
    return event(
        "Step Functions Execution Status Change",
        "aws.states",
        executionArn=f"{place}:execution:{name}:20261121T120000",
        stateMachineArn=f"{place}:stateMachine:{name}",
        name="20261121T120000",
        status=status,
        error="States.TaskFailed",
        cause="Count: ClientError",
    )


def job(kind: str = "Processing", status: str = "Failed", name: str = "pipelines-a1b2c3-Count-x", **more: Any) -> Any:
    members = {f"{kind}JobName": name, f"{kind}JobStatus": status, "RoleArn": ROLE, "FailureReason": "out of disk"}
    return event(f"SageMaker {kind} Job State Change", **{**members, **more})


def tuning(name: str = "rc-nightly-tune", role: str | None = ROLE, status: str = "Failed") -> dict[str, Any]:
    members: dict[str, Any] = {"HyperParameterTuningJobName": name, "HyperParameterTuningJobStatus": status}
    if role:
        members["TrainingJobDefinition"] = {"RoleArn": role}
    counts = {"Completed": 7, "NonRetryableError": 3}
    kind = "SageMaker HyperParameter Tuning Job State Change"
    return event(kind, **members, FailureReason="too many failed", TrainingJobStatusCounters=counts)


def transform(name: str, status: str = "Failed") -> dict[str, Any]:
    members = {"TransformJobName": name, "TransformJobStatus": status, "FailureReason": "AlgorithmError"}
    return event("SageMaker Transform Job State Change", **members)


def package(status: str, group: str = "rc-nightly", state: str = "Completed") -> dict[str, Any]:
    return event(
        "SageMaker Model Package State Change",
        ModelPackageGroupName=group,
        ModelPackageVersion=3,
        ModelPackageArn=f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{group}/3",
        ModelPackageStatus=state,
        ModelApprovalStatus=status,
        MetadataProperties={"GeneratedBy": EXECUTION},
    )


OTHER = PIPELINE.replace("rc-nightly", "rc-fraud")
OTHERS_ROLE = ROLE.replace("Nightly", "Fraud")
OTHER_ENVIRONMENT = PIPELINE.replace("-dev", "-staging")

TOLD = {
    "failed-executions": [execution(), execution("Stopped"), execution("CompletedWithFailures")],
    "failed-steps": [step()],
    "failed-machines": [machine(), machine("TIMED_OUT"), machine("ABORTED")],
    "failed-processing": [
        job(),
        job(status="Stopped"),
        job(name="rc-nightly-count-20261121-120000"),
        {**job(name="rc-nightly-count-20261121-120000"), "without": "RoleArn"},
    ],
    "failed-training": [job("Training"), job("Training", "Stopped", "rc-nightly-train-20261121-120000")],
    "failed-transform": [transform("rc-nightly-predict-20261121-120000"), transform("rc-nightly-predict", "Stopped")],
    "failed-tuning": [tuning(), tuning("a1b2c3-Tune-xyz"), tuning(role=None), tuning(status="Stopped")],
    "model-approvals": [package("PendingManualApproval"), package("Approved"), package("Rejected")],
}
NOT_TOLD = [
    execution("Succeeded"),
    execution("Executing"),
    execution(arn=OTHER),
    execution(arn=OTHER_ENVIRONMENT),
    step("Succeeded"),
    step("Stopped"),
    step(arn=OTHER),
    machine("SUCCEEDED"),
    machine(name="rc-fraud-score-dev"),
    machine(name="rc-nightly-count-rows-staging"),
    job(status="Completed"),
    job(RoleArn=OTHERS_ROLE),
    job(name="rc-nightly-count-1", RoleArn=ROLE.replace("-Dev-", "-Staging-")),
    job("Training", RoleArn=OTHERS_ROLE),
    job("Training", name="rc-nightly-tune-001-abc", TuningJobArn="arn:aws:sagemaker:…:hyper-parameter-tuning-job/t"),
    transform("rc-nightly-predict", "Completed"),
    transform("rc-fraud-predict"),
    transform("pipelines-a1b2c3-Predict-x"),
    tuning(status="Completed"),
    tuning(role=OTHERS_ROLE),
    package("Approved", "rc-fraud"),
    package("PendingManualApproval", state="InProgress"),
]


def rules(environment: str = "dev") -> dict[str, dict[str, Any]]:
    """The rules of an environment by what they tell of."""
    site = site_of(NIGHTLY, environment)
    found = of_type(watched(site), "AWS::Events::Rule")
    return {one["Name"].removeprefix(f"{site.names.stem}-"): one for one in found.values()}


DEV = rules()


def told(happened: Mapping[str, Any], among: Mapping[str, Any] = DEV) -> list[str]:
    """The rules that an event meets."""
    from moto.events.models import EventPattern

    if happened.get("without"):
        detail = {name: value for name, value in happened["detail"].items() if name != happened["without"]}
        happened = {**happened, "detail": detail}
    return [
        name
        for name, rule in among.items()
        if EventPattern.load(json.dumps(rule["EventPattern"])).matches_event(happened)  # type: ignore[arg-type]
    ]


def text_of(rule: Mapping[str, Any], happened: Mapping[str, Any]) -> list[str]:
    """What somebody reads: the template's lines with what EventBridge puts into them."""
    transformer = rule["Targets"][0]["InputTransformer"]

    def value(match: re.Match[str]) -> str:
        found: Any = happened
        for member in transformer["InputPathsMap"][match[1]].removeprefix("$.").split("."):
            found = found.get(member, "") if isinstance(found, Mapping) else ""
        return str(found)

    lines = [json.loads(line) for line in transformer["InputTemplate"].split("\n")]
    return [re.sub(r"<(\w+)>", value, line) for line in lines]


@pytest.mark.parametrize("name", TOLD)
def test_what_fails_is_told_by_one_rule(name: str) -> None:
    assert {*TOLD} == {*DEV}
    for happened in TOLD[name]:
        assert told(happened) == [name], happened


@pytest.mark.parametrize("happened", NOT_TOLD, ids=lambda one: f"{one['detail-type'].split('Change')[0]}")
def test_what_is_well_or_somebody_else_s_is_told_by_none(happened: dict[str, Any]) -> None:
    assert told(happened) == []


def test_a_role_that_others_may_share_tells_nothing() -> None:
    """Then jobs are known by their names; the failed step tells of those that pipelines start."""
    shared = "arn:aws:iam::444455556666:role/SharedByAll"
    among = rules("production")
    assert told(job(RoleArn=shared), among) == []
    assert told(job(name="rc-nightly-count-1", RoleArn=shared), among) == ["failed-processing"]


def test_a_pipeline_with_a_name_of_its_own_is_told_of_as_well() -> None:
    site = site_of(NIGHTLY, "dev")
    (one,) = site.workloads
    site = replace(site, workloads=Workloads((replace(one, deployed_name="ChurnNightly"),)))
    found = {notice.name: {"EventPattern": notice.pattern} for notice in notices(site)}
    for name in ("ChurnNightly", "churnnightly"):
        arn = f"arn:aws:sagemaker:us-east-1:123456789012:pipeline/{name}"
        assert told(execution(arn=arn), found) == ["failed-executions"]
    assert told(machine(name="ChurnNightly"), found) == ["failed-machines"]
    assert told(execution(), found) == ["failed-executions"]


def test_one_environment_of_an_account_tells_of_the_models_that_they_share() -> None:
    assert "model-approvals" in DEV
    assert "model-approvals" not in rules("staging")
    assert "model-approvals" in rules("production")


def test_the_words() -> None:
    assert text_of(DEV["failed-executions"], execution()) == [
        "rc-nightly in dev (123456789012, us-east-1): pipeline execution: Failed",
        f"Pipeline: {PIPELINE}",
        "Ended: 2026-11-21T12:00:00Z",
        f"Look: python deploy.py status {EXECUTION} --env dev",
        f"Log:  python deploy.py logs {EXECUTION} --env dev",
    ]
    assert text_of(DEV["failed-steps"], step())[:2] == [
        "rc-nightly in dev (123456789012, us-east-1): step Count (Processing): Failed",
        "Reason: ClientError: no rows",
    ]
    assert text_of(DEV["failed-machines"], machine("TIMED_OUT"))[:2] == [
        "rc-nightly in dev (123456789012, us-east-1): state machine execution: TIMED_OUT",
        "Reason: States.TaskFailed Count: ClientError",
    ]
    assert text_of(DEV["failed-training"], job("Training", SecondaryStatus="MaxRuntimeExceeded")) == [
        "rc-nightly in dev (123456789012, us-east-1): training job pipelines-a1b2c3-Count-x: Failed",
        "Reason: out of disk MaxRuntimeExceeded",
        "A job that has reached its time limit is Stopped, without a reason.",
        "Log: group /aws/sagemaker/TrainingJobs, streams that begin with pipelines-a1b2c3-Count-x/",
    ]
    assert text_of(DEV["failed-tuning"], tuning())[2] == "Trials that were completed: 7; that have failed: 3"
    assert text_of(DEV["failed-transform"], transform("rc-nightly-p"))[1] == "Reason: AlgorithmError"
    assert text_of(DEV["model-approvals"], package("Approved")) == [
        "rc-nightly in dev (123456789012, us-east-1): model rc-nightly version 3: Approved",
        "Why: ",
        "Model: arn:aws:sagemaker:us-east-1:123456789012:model-package/rc-nightly/3",
        f"Made by: {EXECUTION}",
        "Look: python deploy.py models rc-nightly/3 --env dev",
    ]


@pytest.mark.parametrize("name", DEV)
def test_a_rule_is_within_what_eventbridge_takes(name: str) -> None:
    rule = DEV[name]
    (target,) = rule["Targets"]
    transformer = target["InputTransformer"]
    assert len(rule["Name"]) <= 64
    assert len(json.dumps(rule["EventPattern"])) <= 4096
    assert 1 <= len(transformer["InputTemplate"]) <= 8192
    assert all(re.fullmatch("[A-Za-z0-9]+", key) for key in transformer["InputPathsMap"])
    assert {*re.findall("<([^>]+)>", transformer["InputTemplate"])} == {*transformer["InputPathsMap"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["AlertQueue", "Arn"]}}


def test_the_topic_takes_what_eventbridge_sends_without_a_condition() -> None:
    template = watched(site_of(NIGHTLY, "dev"))
    policy = of_type(template, "AWS::SNS::TopicPolicy")["AlertTopicPolicy"]["PolicyDocument"]
    by_sid = {one["Sid"]: one for one in policy["Statement"]}
    assert "Condition" not in by_sid["Events"]
    assert by_sid["Alarms"]["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}
    assert by_sid["TlsOnly"]["Effect"] == "Deny"
    subscribed = of_type(template, "AWS::SNS::Subscription").values()
    assert [one["Endpoint"] for one in subscribed] == ["ml-oncall@example.com", "rc-team@example.com"]


def test_only_the_project_s_rules_may_write_to_the_queue_of_what_the_topic_did_not_take() -> None:
    template = watched(site_of(NIGHTLY, "dev"))
    policy = of_type(template, "AWS::SQS::QueuePolicy")["AlertQueuePolicy"]["PolicyDocument"]
    rules_of = {one["Sid"]: one for one in policy["Statement"]}["Rules"]
    arns = [f"arn:aws:events:us-east-1:123456789012:rule/rc-nightly-dev-{name}" for name in DEV]
    assert rules_of["Condition"] == {"ArnEquals": {"aws:SourceArn": arns}}
