"""What services of AWS do on our behalf: definitions and state machines come in, what their roles need goes out.

A pipeline's role makes the jobs of its steps, a state machine's role those of its states, a schedule's role starts what
the schedule is of. Nobody records these calls: they are told here, by step type and by integration, and one that is not
told is an error (AWS: "Define a pipeline", "Call other AWS services", "Cross-service policies of Step Functions").
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from aws import Call
from permissions import Account, Need, needs_of

#: Step types -> the call that the service makes. Condition and Fail make none.
_STEP_CALLS = {
    "Processing": "CreateProcessingJob",
    "QualityCheck": "CreateProcessingJob",
    "ClarifyCheck": "CreateProcessingJob",
    "Training": "CreateTrainingJob",
    "Transform": "CreateTransformJob",
    "Tuning": "CreateHyperParameterTuningJob",
    "AutoML": "CreateAutoMLJobV2",
    "Model": "CreateModel",
    "RegisterModel": "CreateModelPackage",
    "EndpointConfig": "CreateEndpointConfig",
    "Endpoint": "CreateEndpoint",
}
_WITHOUT_CALLS = ("Condition", "Fail")
#: What the service looks at again after it has made it.
_WATCHED = ("Job", "Endpoint", "ModelPackage", "Model")
_EMR_RULES = (
    "SageMakerPipelineExecutionEMRStepStatusUpdateRule",
    "SageMakerPipelineExecutionEMRClusterStatusUpdateRule",
)
_RULE_ACTIONS = ("events:PutRule", "events:PutTargets", "events:DescribeRule")
_JOB = re.compile(r"Create(\w+?)Job(V2)?")
#: Job kinds -> the rule with which Step Functions hears of them.
_RULES = {
    "Processing": "StepFunctionsGetEventsForSageMakerProcessingJobsRule",
    "Training": "StepFunctionsGetEventsForSageMakerTrainingJobsRule",
    "Transform": "StepFunctionsGetEventsForSageMakerTransformJobsRule",
    "HyperParameterTuning": "StepFunctionsGetEventsForSageMakerTuningJobsRule",
}
_EXECUTION = "pipelines-a1b2c3d4e5f6"


# ---- pipelines ----


def needs_of_step(step: Mapping[str, Any], account: Account) -> list[Need]:
    """What the pipeline's role needs for a step of a definition. Raises LookupError for a type that is not told."""
    kind, arguments = step["Type"], step.get("Arguments", {})
    if kind in _WITHOUT_CALLS:
        return []
    if kind in _STEP_CALLS:
        operation = _STEP_CALLS[kind]
        name = f"{_EXECUTION}-{step['Name'][:20]}-Xy12345678"
        made = Call("sagemaker", operation, _named(operation, name, arguments))
        return [*needs_of(made, account), *_watching(operation, made.parameters, account)]
    if kind == "Lambda":
        return [Need("lambda:InvokeFunction", step["FunctionArn"])]
    if kind == "Callback":
        return [Need("sqs:SendMessage", _queue(step["SqsQueueUrl"], account))]
    if kind == "EMR":
        cluster = account.arn("elasticmapreduce", f"cluster/{step.get('ClusterId', 'j-1')}")
        actions = ("AddJobFlowSteps", "DescribeStep", "CancelSteps", "DescribeCluster")
        rules = [Need(one, account.arn("events", f"rule/{_EMR_RULES[0]}")) for one in _RULE_ACTIONS]
        return [*(Need(f"elasticmapreduce:{one}", cluster) for one in actions), *rules]
    if kind == "EMRServerless":
        return [Need("emr-serverless:StartJobRun", _application(step, account)), *_runs(step, account)]
    raise LookupError(f"tests/services.py: say what the pipeline's role needs for a step of type {kind}")


def needs_of_pipeline(definition: Mapping[str, Any], account: Account) -> list[Need]:
    """What the pipeline's role needs for all steps, those in branches as well, and for the property files it reads."""
    found = []
    for step in steps_of(definition["Steps"]):
        found += needs_of_step(step, account)
    return found


def steps_of(steps: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for step in steps:
        yield step
        if step["Type"] == "Condition":
            for branch in ("IfSteps", "ElseSteps"):
                yield from steps_of(step.get("Arguments", {}).get(branch, []))


def _named(operation: str, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with the name that the service gives, and without expressions where a name is wanted."""
    member = operation.removeprefix("Create").removesuffix("V2") + "Name"
    literal = {key: value for key, value in arguments.items() if not isinstance(value, Mapping) or len(value) != 1}
    return {member: name, **literal, **{key: value for key, value in arguments.items() if key not in literal}}


def _watching(operation: str, parameters: Mapping[str, Any], account: Account) -> Iterator[Need]:
    """Describe and Stop of a job, Describe of anything else; and tags, which the service puts on its jobs."""
    made = operation.removeprefix("Create")
    job = _JOB.fullmatch(operation) is not None
    words = ("Describe", "Stop") if job else ("Describe",)
    for word in words:
        name = f"{word}{made}" if word == "Describe" else f"{word}{made.removesuffix('V2')}"
        watched = needs_of(Call("sagemaker", name, _plain(parameters)), account)
        yield watched[0]
        if job and word == "Describe":
            yield Need("sagemaker:AddTags", watched[0].resource, {"sagemaker:TaggingAction": operation})


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The names alone: what is asked of something that is there."""
    found = {key: value for key, value in parameters.items() if isinstance(value, str)}
    if "ModelPackageGroupName" in found:
        found["ModelPackageName"] = f"{found['ModelPackageGroupName'].rpartition('/')[2]}/1"
    return found


def _queue(url: str, account: Account) -> str:
    return account.arn("sqs", url.rpartition("/")[2])


# ---- state machines ----


def needs_of_machine(text: str, account: Account, *, logged: bool = False) -> list[Need]:
    """What a state machine's role needs for its states. Raises LookupError for an integration that is not told."""
    found: list[Need] = []
    for state in _tasks(json.loads(text)):
        found += needs_of_task(state["Resource"], state.get("Parameters", state.get("Arguments", {})), account)
    if logged:
        actions = ("CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery")
        actions += ("ListLogDeliveries", "PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups")
        found += [Need(f"logs:{one}", "*") for one in actions]
    return found


def needs_of_task(resource: str, parameters: Mapping[str, Any], account: Account) -> list[Need]:
    """What one integration, `arn:aws:states:::…`, needs with these parameters."""
    integration, _, pattern = resource.partition(":::")[2].removeprefix("aws-sdk:").partition(".")
    service, _, word = integration.partition(":")
    operation, given = word[0].upper() + word[1:], _literals(parameters)
    if service == "sqs":
        return [Need("sqs:SendMessage", _queue(str(given.get("QueueUrl", "x")), account))]
    if service == "elasticmapreduce" and pattern == "sync":
        return [*_emr_step(given, account)]
    if service == "emr-serverless" and pattern == "sync":
        rule = account.arn("events", "rule/StepFunctionsGetEventsForEMRServerlessJobRule")
        start = Need("emr-serverless:StartJobRun", _application(given, account))
        return [start, *_runs(given, account), *(Need(one, rule) for one in _RULE_ACTIONS)]
    own = needs_of(Call(service, operation, given), account)
    if not pattern:
        return own
    if service == "sagemaker" and pattern == "sync":
        rule = account.arn("events", f"rule/{_rule_of(operation)}")
        return [*own, *_watching(operation, given, account), *(Need(one, rule) for one in _RULE_ACTIONS)]
    raise LookupError(f"tests/services.py: say what the state machine's role needs for {resource}")


def _rule_of(operation: str) -> str:
    job = _JOB.fullmatch(operation)
    if job is None or job[1] not in _RULES:
        raise LookupError(f"tests/services.py: say by which rule Step Functions hears of {operation}")
    return _RULES[job[1]]


def _tasks(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        if value.get("Type") == "Task":
            yield value
        for member in value.values():
            yield from _tasks(member)
    elif isinstance(value, list):
        for member in value:
            yield from _tasks(member)


def _literals(value: Any) -> Any:
    """The parameters as they may be when the machine runs: of what it puts together, the parts that are written."""
    if isinstance(value, Mapping):
        return {
            key.removesuffix(".$"): _literal(one) if key.endswith(".$") else _literals(one)
            for key, one in value.items()
        }
    return [_literals(one) for one in value] if isinstance(value, list) else value


def _literal(expression: str) -> str:
    formatted = re.match(r"States\.Format\('((?:[^'\\]|\\.)*)'", expression)
    return formatted[1].replace("{}", "x") if formatted else "x"


def _emr_step(given: Mapping[str, Any], account: Account) -> Iterator[Need]:
    cluster = account.arn("elasticmapreduce", f"cluster/{given.get('ClusterId', 'j-1')}")
    yield from (Need(f"elasticmapreduce:{one}", cluster) for one in ("AddJobFlowSteps", "DescribeStep", "CancelSteps"))
    rule = account.arn("events", "rule/StepFunctionsGetEventForEMRAddJobFlowStepsRule")
    yield from (Need(one, rule) for one in _RULE_ACTIONS)


def _application(given: Mapping[str, Any], account: Account) -> str:
    return account.arn("emr-serverless", f"/applications/{given.get('ApplicationId', '00f1')}")


def _runs(given: Mapping[str, Any], account: Account) -> Iterator[Need]:
    run = f"{_application(given, account)}/jobruns/00f1"
    yield from (Need(f"emr-serverless:{one}", run) for one in ("GetJobRun", "CancelJobRun"))


# ---- schedules ----


def needs_of_schedule(target: Mapping[str, Any]) -> list[Need]:
    """What a schedule's role needs: to start the target, and to leave in the queue what could not be started."""
    arn = target["Arn"]
    actions = {":pipeline/": "sagemaker:StartPipelineExecution", ":stateMachine:": "states:StartExecution"}
    action = next((name for part, name in actions.items() if part in arn), None)
    if action is None:
        raise LookupError(f"tests/services.py: say what a schedule needs to start {arn}")
    queue = target.get("DeadLetterConfig", {}).get("Arn")
    return [Need(action, arn), *([Need("sqs:SendMessage", queue)] if queue else [])]
