"""The requests of a machine's tasks: a step's arguments come in, what the API takes goes out, expressions and all.

Two execution variables in them are written by no definition, and get their values from the compiler:
`Execution.JobName`, the name of the step's own job, and `Execution.TaskToken`, with which a callback is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dagwright.definition.expression import GET, is_expression
from dagwright.definition.graph import Step
from dagwright.engines.stepfunctions.compiler.job_names import NAME_MEMBERS
from dagwright.shapes import Shape

JOB_NAME: Mapping[str, str] = {GET: "Execution.JobName"}
TASK_TOKEN: Mapping[str, str] = {GET: "Execution.TaskToken"}

#: By type of step: the member of its arguments that names the role of its job.
ROLE_MEMBERS: Mapping[str, str] = {
    "Processing": "RoleArn",
    "QualityCheck": "RoleArn",
    "ClarifyCheck": "RoleArn",
    "Training": "RoleArn",
    "Model": "ExecutionRoleArn",
}
_START_JOB_RUN = Shape("emr-serverless", "StartJobRunRequest")


def request_of(step: Step, role: str) -> dict[str, Any]:
    """What a step asks of its service. `role` is for jobs that name none; without one they get none."""
    special = _SPECIAL.get(step.type)
    if special is not None:
        return special(step, role)
    request: dict[str, Any] = without_nulls(step.arguments)
    if role and step.type in ROLE_MEMBERS:
        request.setdefault(ROLE_MEMBERS[step.type], role)
    if step.type in NAME_MEMBERS:
        request = {NAME_MEMBERS[step.type]: dict(JOB_NAME), **_without(request, NAME_MEMBERS[step.type])}
    return request


def training_definitions(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The training job definitions of a tuning request: one, or several that compete."""
    several = request.get("TrainingJobDefinitions")
    found = [request.get("TrainingJobDefinition"), *(several if isinstance(several, list) else [])]
    return [definition for definition in found if isinstance(definition, dict)]


def emr_serverless_role(step: Step) -> Any:
    """The role of an EMR Serverless job, which is named beside the job's configuration or in it."""
    config = step.arguments.get("JobConfig")
    inside = config.get("executionRoleArn") if isinstance(config, dict) else None
    return step.arguments.get("ExecutionRoleArn") or inside


def without_nulls(value: Any) -> Any:
    """A copy without the members that are null, at any depth: an API refuses them, a definition may hold them."""
    root: list[Any] = [None]
    pending: list[tuple[Any, Any, Any]] = [(value, root, 0)]
    while pending:
        here, container, key = pending.pop()
        if isinstance(here, dict):
            kept = {name: member for name, member in here.items() if member is not None}
            container[key] = kept
            pending.extend((member, kept, name) for name, member in kept.items() if isinstance(member, (dict, list)))
        elif isinstance(here, list):
            items = list(here)
            container[key] = items
            pending.extend((item, items, index) for index, item in enumerate(items) if isinstance(item, (dict, list)))
        else:
            container[key] = here
    return root[0]


def _tuning(step: Step, role: str) -> dict[str, Any]:
    request: dict[str, Any] = without_nulls(step.arguments)
    if role:
        for definition in training_definitions(request):
            definition.setdefault("RoleArn", role)
    name = NAME_MEMBERS["Tuning"]
    return {name: dict(JOB_NAME), **_without(request, name)}


def _endpoint(step: Step, role: str) -> dict[str, Any]:
    return dict(without_nulls(step.arguments))


def _lambda(step: Step, role: str) -> dict[str, Any]:
    # Null is data here: the function gets the arguments as they are.
    return {"FunctionName": step.envelope.get("FunctionArn"), "Payload": dict(step.arguments)}


def _callback(step: Step, role: str) -> dict[str, Any]:
    # The members that the pipeline service's own message has (SageMaker developer guide, "Callback step").
    message = {
        "token": dict(TASK_TOKEN),
        "pipelineExecutionArn": {GET: "Execution.PipelineExecutionArn"},
        "arguments": dict(step.arguments),
    }
    return {"QueueUrl": step.envelope.get("SqsQueueUrl"), "MessageBody": message}


def _emr(step: Step, role: str) -> dict[str, Any]:
    arguments = without_nulls(step.arguments)
    # ActionOnFailure: a step that fails leaves a cluster alone that it did not make.
    config = {"Name": step.name, "ActionOnFailure": "CONTINUE", **arguments["StepConfig"]}
    return {**_without(arguments, "StepConfig"), "Step": config}


def _emr_serverless(step: Step, role: str) -> dict[str, Any]:
    arguments = without_nulls(step.arguments)
    config = _capitalised(arguments["JobConfig"], _START_JOB_RUN)
    application = arguments.get("ApplicationId", config.get("ApplicationId"))
    named = emr_serverless_role(step) or role
    return {"Name": step.name, **config, "ApplicationId": application, "ExecutionRoleArn": named}


def _capitalised(config: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """A request with its members' first letters as Step Functions takes them; the keys of maps stay as they are."""
    root: dict[str, Any] = {}
    pending: list[tuple[Any, Shape | None, Any, Any]] = [(dict(config), shape, root, "request")]
    while pending:
        here, kind, container, key = pending.pop()
        container[key] = here
        if (
            isinstance(here, dict)
            and not is_expression(here)
            and kind is not None
            and kind.kind in ("structure", "map")
        ):
            members: dict[str, Any] = {}
            container[key] = members
            for name, member in here.items():
                known = kind.kind == "structure" and name in kind.members
                inner = kind.member(name) if known else kind.element if kind.kind == "map" else None
                spelled = f"{name[:1].upper()}{name[1:]}" if kind.kind == "structure" else name
                members[spelled] = member
                pending.append((member, inner, members, spelled))
        elif isinstance(here, list) and kind is not None and kind.kind == "list":
            items = list(here)
            container[key] = items
            pending.extend((item, kind.element, items, index) for index, item in enumerate(items))
    found: dict[str, Any] = root["request"]
    return found


def _without(request: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: member for name, member in request.items() if name not in names}


_SPECIAL: Mapping[str, Callable[[Step, str], dict[str, Any]]] = {
    "Tuning": _tuning,
    "Endpoint": _endpoint,
    "Lambda": _lambda,
    "Callback": _callback,
    "EMR": _emr,
    "EMRServerless": _emr_serverless,
}
