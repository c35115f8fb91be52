"""What cannot be carried over to a state machine: a step comes in, the reason and the way out go out, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dagwright.definition.graph import Step
from dagwright.definition.retries import unclear_policies
from dagwright.definition.rules.policies import MOST_ATTEMPTS, MOST_MINUTES
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.compiler.task_requests import (
    ROLE_MEMBERS,
    emr_serverless_role,
    training_definitions,
)
from dagwright.errors import Problem

_CODE = "not-carried-over"
_AS_A_JOB = "do its work in a Lambda or Processing step, or run the pipeline on SageMaker"
_ONLY_THERE = "leave it out of this pipeline, or run the pipeline on SageMaker"

# Types that no integration of Step Functions does the work of: the reason, the way out.
_TYPES: Mapping[str, tuple[str, str]] = {
    "AutoML": ("Step Functions has no integration that waits for an AutoML job", _AS_A_JOB),
    "Lineage": ("lineage entities are kept by SageMaker's own pipelines", _ONLY_THERE),
    "InferenceComponent": ("Step Functions has no integration that waits for an inference component", _AS_A_JOB),
    "Job": ("Step Functions has no integration that waits for a job of this kind", _AS_A_JOB),
    "Cleanup": ("deleting a whole prefix of a bucket takes a program", _AS_A_JOB),
    "ForEach": (
        "a loop over items that are known only at run time is not compiled",
        "write the iterations out as steps of their own, or run the pipeline on SageMaker",
    ),
}
_SUPPORTED = frozenset(
    (
        *ROLE_MEMBERS, "Transform", "Tuning", "RegisterModel", "EndpointConfig", "Endpoint", "Lambda", "Callback",
        "EMR", "EMRServerless", "Condition", "Fail",
    )
)  # fmt: skip


def refusal_of(step: Step, settings: MachineSettings) -> Problem | None:
    """Why a step cannot be carried over, and what to do about it; None if it can."""
    if step.type in _TYPES:
        return _refused(step, *_TYPES[step.type], field="Type")
    if step.type not in _SUPPORTED:
        return _refused(step, f"the step type '{step.type}' is not known", _ONLY_THERE, field="Type")
    found = _trigger(step) or _policy(step) or _path_member(step)
    check = _BY_TYPE.get(step.type)
    return found or (check(step, settings) if check is not None else None)


def _refused(step: Step, what: str, hint: str, field: str = "") -> Problem:
    return Problem(_CODE, what, hint, step=step.name, field=field)


def _trigger(step: Step) -> Problem | None:
    for index, entry in enumerate(step.depends_on):
        if entry.trigger != "Completed":
            what = f"a step that starts when '{entry.step}' has ended as {entry.trigger} is not compiled"
            hint = "let it wait for the step's success, or run the pipeline on SageMaker"
            return _refused(step, what, hint, f"DependsOn[{index}]")
    return None


def _policy(step: Step) -> Problem | None:
    unclear = unclear_policies(step)
    if not unclear:
        return None
    hint = (
        "write ExceptionType as a list of known failures, and no more than one of "
        f"MaxAttempts (1 to {MOST_ATTEMPTS}) and ExpireAfterMin (1 to {MOST_MINUTES})"
    )
    return _refused(step, "the retry policy cannot be understood", hint, f"RetryPolicies[{unclear[0]}]")


def _path_member(step: Step) -> Problem | None:
    """Step Functions takes every member whose name ends in `.$` for one whose value it has to look up."""
    pending: list[Any] = [step.arguments] if step.type not in ("Condition", "Fail") else []
    while pending:
        here = pending.pop()
        if isinstance(here, dict):
            name = next((name for name in here if name.endswith(".$")), None)
            if name is not None:
                what = f"the name '{name}' ends in '.$', which has a meaning of its own in a state machine"
                return _refused(step, what, "rename it", "Arguments")
        pending.extend(here.values() if isinstance(here, dict) else here if isinstance(here, list) else ())
    return None


def _no_role(step: Step, field: str) -> Problem:
    what = "the job names no role, and a state machine has none to lend it"
    return _refused(step, what, "name one in the definition, or set the project's role", field)


def _role(step: Step, settings: MachineSettings) -> Problem | None:
    member = ROLE_MEMBERS[step.type]
    return None if step.arguments.get(member) or settings.role else _no_role(step, f"Arguments.{member}")


def _tuning(step: Step, settings: MachineSettings) -> Problem | None:
    definitions = training_definitions(step.arguments)
    if settings.role or all(definition.get("RoleArn") for definition in definitions):
        return None
    return _no_role(step, "Arguments.TrainingJobDefinition.RoleArn")


def _lambda(step: Step, settings: MachineSettings) -> Problem | None:
    if step.envelope.get("FunctionArn"):
        return None
    return _refused(step, "the step names no function", "give its FunctionArn", "FunctionArn")


def _callback(step: Step, settings: MachineSettings) -> Problem | None:
    if step.envelope.get("SqsQueueUrl"):
        return None
    return _refused(step, "the step names no queue", "give its SqsQueueUrl", "SqsQueueUrl")


def _check(step: Step, settings: MachineSettings) -> Problem | None:
    """A check's job is an ordinary one; comparing what it finds with a baseline is the pipeline service's own."""
    if step.envelope.get("ModelName") is not None:
        what = "the model's name is put into the analysis configuration by SageMaker's own pipelines only"
        hint = "run the analysis in a Processing step, with a configuration that names the model"
        return _refused(step, what, hint, "ModelName")
    skip, fails = step.envelope.get("SkipCheck"), step.envelope.get("FailOnViolation")
    if skip is True or fails is False:
        return _role(step, settings)
    what = "the comparison with the baseline, which may fail this step, is made by SageMaker's own pipelines"
    hint = (
        "write SkipCheck: true (the baseline is calculated all the same) and compare in a Processing step, or "
        "FailOnViolation: false, or run the pipeline on SageMaker"
    )
    return _refused(step, what, hint, "SkipCheck")


def _emr(step: Step, settings: MachineSettings) -> Problem | None:
    config = step.arguments.get("StepConfig")
    if not isinstance(config, dict) or not isinstance(config.get("HadoopJarStep", {}), dict):
        what = "the step has no StepConfig, or one whose HadoopJarStep is no object"
        return _refused(step, what, "say what is to run", "Arguments.StepConfig")
    if step.arguments.get("ClusterId"):
        return None
    what = "a cluster of the step's own has to be taken down again when the step fails, which is not compiled"
    hint = "run the step on a cluster that is there, by its ClusterId"
    return _refused(step, what, hint, "Arguments.ClusterConfig")


def _emr_serverless(step: Step, settings: MachineSettings) -> Problem | None:
    config = step.arguments.get("JobConfig")
    if not isinstance(config, dict):
        return _refused(step, "the step has no JobConfig", "say what is to run", "Arguments.JobConfig")
    if not (step.arguments.get("ApplicationId") or config.get("applicationId")):
        what = "an application of the step's own has to be deleted again when the job fails, which is not compiled"
        hint = "run the job in an application that is there, by its ApplicationId"
        return _refused(step, what, hint, "Arguments.ApplicationConfig")
    if emr_serverless_role(step) or settings.role:
        return None
    return _no_role(step, "Arguments.ExecutionRoleArn")


_BY_TYPE: Mapping[str, Callable[[Step, MachineSettings], Problem | None]] = {
    "Processing": _role,
    "Training": _role,
    "Tuning": _tuning,
    "Lambda": _lambda,
    "Callback": _callback,
    "QualityCheck": _check,
    "ClarifyCheck": _check,
    "EMR": _emr,
    "EMRServerless": _emr_serverless,
}
