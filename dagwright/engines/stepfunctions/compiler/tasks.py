"""Which call does a step's work: a step comes in, a `Task` goes out: integration, request, retries, timeout, and where
the values are that later steps read.

What cannot be carried over is `refusals.refusal_of`, what is lost on the way is `task_losses.losses_of`. Condition and
Fail steps call nothing; they are the compiler's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dagwright.definition.expression import GET, JOIN, is_expression
from dagwright.definition.graph import Step
from dagwright.definition.path import Path
from dagwright.definition.retries import Again, loops_of
from dagwright.engines.stepfunctions.compiler.job_names import NAME_MEMBERS
from dagwright.engines.stepfunctions.compiler.retries import Retry, retries_of
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.compiler.task_requests import JOB_NAME, request_of, training_definitions
from dagwright.engines.stepfunctions.compiler.task_values import (
    InResult,
    Value,
    Written,
    in_result,
    item_of,
    output_parameter,
    path_text,
    spellable,
    unknowable,
    written,
)
from dagwright.engines.stepfunctions.compiler.timeouts import timeout_of

#: By type of step: the integration that does its work.
RESOURCES: Mapping[str, str] = {
    "Processing": "sagemaker:createProcessingJob.sync",
    "QualityCheck": "sagemaker:createProcessingJob.sync",
    "ClarifyCheck": "sagemaker:createProcessingJob.sync",
    "Training": "sagemaker:createTrainingJob.sync",
    "Transform": "sagemaker:createTransformJob.sync",
    "Tuning": "sagemaker:createHyperParameterTuningJob.sync",
    "Model": "sagemaker:createModel",
    "RegisterModel": "aws-sdk:sagemaker:createModelPackage",
    "EndpointConfig": "sagemaker:createEndpointConfig",
    "Endpoint": "sagemaker:createEndpoint",
    "Lambda": "lambda:invoke",
    "Callback": "sqs:sendMessage.waitForTaskToken",
    "EMR": "elasticmapreduce:addStep.sync",
    "EMRServerless": "emr-serverless:startJobRun.sync",
}

# Steps whose call answers with the ARN of what it made and nothing else: the call that describes it, the member that
# names it there, and the member of the answer.
_DESCRIBED: Mapping[str, tuple[str, str, str]] = {
    "Model": ("describeModel", "ModelName", "ModelArn"),
    "RegisterModel": ("describeModelPackage", "ModelPackageName", "ModelPackageArn"),
    "EndpointConfig": ("describeEndpointConfig", "EndpointConfigName", "EndpointConfigArn"),
    "Endpoint": ("describeEndpoint", "EndpointName", "EndpointArn"),
}
_SUMMARIES = "TrainingJobSummaries"


@dataclass(frozen=True)
class Task:
    """One call, as a state of a machine makes it.

    `request` is in the definition's language, the name of its job the variable `Execution.JobName`. `values` says where
    everything is that others read of the step, and what the calls in `after` need: reads that follow at once, because
    the first call does not tell.
    """

    resource: str
    request: Mapping[str, Any]
    timeout_seconds: int | None = None
    retries: tuple[Retry, ...] = ()
    again: tuple[Again, ...] = ()
    values: Mapping[Path, Value] = field(default_factory=dict)
    after: tuple[Task, ...] = ()


def task_of(step: Step, settings: MachineSettings, needed: Sequence[Path]) -> Task:
    """The task of a step that `refusal_of` has nothing against. `needed` are the paths that other steps read of this
    one. A Problem among the values is a path that no machine can know."""
    request = request_of(step, settings.role)
    values, follow_up = _values(step, request, needed)
    after: tuple[Task, ...] = ()
    if follow_up is not None:
        resource, ask = follow_up
        after = (Task(_arn(settings, resource), ask, retries=retries_of(step)),)
    return Task(
        _arn(settings, RESOURCES[step.type]),
        request,
        timeout_of(step),
        retries_of(step),
        loops_of(step),
        values,
        after,
    )


def _arn(settings: MachineSettings, resource: str) -> str:
    return f"arn:{settings.partition}:states:::{resource}"


def _values(
    step: Step, request: Mapping[str, Any], needed: Sequence[Path]
) -> tuple[dict[Path, Value], tuple[str, dict[str, Any]] | None]:
    """Where each value is, and the call that has to follow for some of them: its resource and its request."""
    found: dict[Path, Value] = {}
    follow_up: tuple[str, dict[str, Any]] | None = None
    for path in dict.fromkeys(needed):
        if path in (("JobName",), _own_name(step)):
            found[path] = Written(dict(JOB_NAME))
        elif step.type in _DESCRIBED:
            found[path] = made = _made(step, request, path)
            if isinstance(made, InResult) and made.call:
                follow_up = _describe(step, request)
        elif step.type == "Tuning" and path and path[0] == _SUMMARIES:
            found[path] = _summary(step, request, path)
            if isinstance(found[path], InResult):
                follow_up = _list_training_jobs(request, _deepest(found))
        else:
            found[path] = _plain_value(step, request, path)
    if follow_up is not None and step.type == "RegisterModel":
        found.setdefault(("ModelPackageArn",), InResult("$.ModelPackageArn"))
    return {path: spellable(step, path, value) for path, value in found.items()}, follow_up


def _own_name(step: Step) -> Path:
    """The property that a call which answers with an ARN alone leaves to whoever made the name."""
    return (NAME_MEMBERS[step.type],) if step.type in _DESCRIBED and step.type in NAME_MEMBERS else ()


def _plain_value(step: Step, request: Mapping[str, Any], path: Path) -> Value:
    if step.type == "Lambda":
        return output_parameter(step, path, ("Payload",))
    if step.type == "Callback":
        return output_parameter(step, path, ())
    if step.type in ("QualityCheck", "ClarifyCheck"):
        return _baseline(step, request, path)
    if step.type in ("EMR", "EMRServerless"):
        return _of_emr(step, request, path)
    return in_result(path, request)


def _made(step: Step, request: Mapping[str, Any], path: Path) -> Value:
    """A value of what a create call made: its ARN, what the request says, or what describing it tells."""
    if path == (_DESCRIBED[step.type][2],):
        return InResult(path_text(path))
    return written(path, request) or in_result(path, request, 1)


def _describe(step: Step, request: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    action, name, answer = _DESCRIBED[step.type]
    own = {GET: f"Steps.{step.name}.{answer}"} if step.type == "RegisterModel" else request.get(name)
    return f"aws-sdk:sagemaker:{action}", {name: own}


def _summary(step: Step, request: Mapping[str, Any], path: Path) -> Value:
    """A member of the summary of the k-th best training job of a tuning job."""
    if len(path) < 2 or not isinstance(path[1], int):
        return unknowable(step, path, "the best training jobs are counted from 0", f"read {_SUMMARIES}[0]")
    if _order(request) is None:
        why = "which training job is best depends on an objective that is not written out"
        return unknowable(step, path, why, "write Maximize or Minimize as the objective's Type, the same for all")
    return item_of(_SUMMARIES, path[1], path[2:], 1)


def _list_training_jobs(request: Mapping[str, Any], last: int) -> tuple[str, dict[str, Any]]:
    ask = {
        NAME_MEMBERS["Tuning"]: dict(JOB_NAME),
        "SortBy": "FinalObjectiveMetricValue",
        "SortOrder": _order(request),
        "StatusEquals": "Completed",
        "MaxResults": last + 1,
    }
    return "aws-sdk:sagemaker:listTrainingJobsForHyperParameterTuningJob", ask


def _order(request: Mapping[str, Any]) -> str | None:
    """In which order the best training job comes first; None if that is not written out."""
    config = request.get("HyperParameterTuningJobConfig")
    objectives = [config.get("HyperParameterTuningJobObjective") if isinstance(config, dict) else None]
    objectives.extend(definition.get("TuningObjective") for definition in training_definitions(request))
    kinds = [objective.get("Type") for objective in objectives if isinstance(objective, dict)]
    if not kinds or any(kind != kinds[0] for kind in kinds):
        return None
    return {"Maximize": "Descending", "Minimize": "Ascending"}.get(str(kinds[0]))


def _deepest(found: Mapping[Path, Value]) -> int:
    """The last of the training jobs that are asked for."""
    return max(path[1] for path in found if path[0] == _SUMMARIES and len(path) > 1 and isinstance(path[1], int))


def _baseline(step: Step, request: Mapping[str, Any], path: Path) -> Value:
    """A baseline of a check: the files of its job, or those it was given."""
    # Model Monitor writes constraints.json and statistics.json, Clarify analysis.json (Amazon's SDK, model_monitor).
    files = {"Constraints": "constraints.json", "Statistics": "statistics.json"}
    if step.type == "ClarifyCheck":
        files = {"Constraints": "analysis.json"}
    kind = str(path[0]).removeprefix("CalculatedBaseline").removeprefix("BaselineUsedForDriftCheck") if path else ""
    if len(path) != 1 or kind not in files:
        return unknowable(step, path, "a check gives the addresses of its baselines only", "read CalculatedBaseline…")
    calculated = str(path[0]).startswith("Calculated")
    register, supplied = step.envelope.get("RegisterNewBaseline"), step.envelope.get(f"SuppliedBaseline{kind}")
    if not calculated and register is not True:
        if is_expression(register):
            why = "which baseline it is depends on RegisterNewBaseline, which is not written out"
            return unknowable(step, path, why, "write true or false")
        if supplied is None:
            why = "it would be looked up in the model registry"
            return unknowable(step, path, why, f"give the step SuppliedBaseline{kind}, or set RegisterNewBaseline")
        return Written(supplied)
    output = written(("ProcessingOutputConfig", "Outputs", 0, "S3Output", "S3Uri"), request)
    if output is None:
        return unknowable(step, path, "the step has no output in S3", "give it one under ProcessingOutputConfig")
    folder = output.value.rstrip("/") if isinstance(output.value, str) else output.value
    return Written({JOIN: {"On": "/", "Values": [folder, files[kind]]}})


def _of_emr(step: Step, request: Mapping[str, Any], path: Path) -> Value:
    """What was asked of a cluster; what it answered is documented for none of these integrations."""
    inside: Path = ("Step", *path[1:]) if path[:1] == ("Config",) else path
    config = {"Step": {**request["Step"], **request["Step"].get("HadoopJarStep", {})}} if "Step" in request else {}
    known = written(inside, {**request, **config, "Name": (config.get("Step") or request).get("Name")})
    if known is not None:
        return known
    return unknowable(step, path, "the integration's answer is not documented", "read what the step was asked to do")
