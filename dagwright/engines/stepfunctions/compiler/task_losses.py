"""What the steps of a pipeline, and the pipeline itself, lose or do otherwise in a state machine.

A graph comes in, one record for each kind of loss goes out, with the steps that it concerns: first those of the whole
pipeline, then by the first step concerned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from dagwright.definition.graph import Graph, Step
from dagwright.definition.retries import INTERNAL, SERVICE_FAULT, THROTTLING, policies_of
from dagwright.engines.losses import Loss
from dagwright.engines.stepfunctions.compiler.job_names import NAME_MEMBERS
from dagwright.shapes import model

_SHOWN = 5
_GROUP = "package-group"


def losses_of(graph: Graph) -> list[Loss]:
    """What is lost; empty only for a pipeline without steps."""
    return [*_of_the_pipeline(graph), *_of_the_steps(graph)]


def _of_the_pipeline(graph: Graph) -> list[Loss]:
    if not graph.steps:
        return []
    found = [
        Loss(
            "lineage",
            "SageMaker records no lineage between the jobs, and Studio shows no executions of the pipeline",
            hint="the state machine's own executions are in the Step Functions console",
        ),
        Loss(
            "selective-execution",
            "single steps cannot be selected where somebody starts the machine without this program",
            hint="run --from, --to and --only make a machine of the steps that are chosen",
        ),
        Loss(
            "parallelism-limit",
            "MaxParallelExecutionSteps has no effect: all steps that can run start at once",
            hint="the account's quotas for jobs are the limit",
        ),
    ]
    if any(parameter.type == "Integer" for parameter in graph.parameters.values()):
        what = "an Integer parameter takes 1.5 as well, where somebody starts the machine without this program"
        found.append(Loss("start-values", what, hint="run and schedules check start values before they are sent"))
    if graph.definition.get("PipelineExperimentConfig") is not None:
        what = "no experiment and no trial are made for an execution, and its jobs join none"
        found.append(Loss("experiments", what, hint="set PipelineExperimentConfig to null if nobody looks at them"))
    if graph.definition.get("MlflowConfig") is not None:
        what = "jobs are not connected to the MLflow server of the pipeline"
        found.append(Loss("mlflow", what, hint="give the jobs its address in their environment"))
    return found


def _of_the_steps(graph: Graph) -> list[Loss]:
    position = {name: index for index, name in enumerate(graph.steps)}
    concerned: dict[str, list[str]] = {}
    for step in graph.steps.values():
        for code, applies, _, _ in _LOSSES:
            if applies(step):
                concerned.setdefault(code, []).append(step.name)
    told = {code: (what, hint) for code, _, what, hint in _LOSSES}
    told[_GROUP] = (told[_GROUP][0], f"{told[_GROUP][1]}{_ways_to_make_groups(graph, concerned.get(_GROUP, ()))}")
    ordered = sorted(concerned, key=lambda code: position[concerned[code][0]])
    return [merged(code, *told[code], concerned[code]) for code in ordered]


def _ways_to_make_groups(graph: Graph, steps: Iterable[str]) -> str:
    """The commands for the groups that are written out: what it takes is in an ARN the end of it."""
    groups = (graph.steps[step].arguments.get("ModelPackageGroupName") for step in steps)
    names = dict.fromkeys(group.rpartition("/")[2] for group in groups if isinstance(group, str))
    commands = [f"aws sagemaker create-model-package-group --model-package-group-name {name}" for name in names]
    return f": {'; '.join(commands)}" if commands else ""


def merged(code: str, what: str, hint: str, steps: Sequence[str]) -> Loss:
    """One record for all steps that lose the same."""
    if len(steps) == 1:
        return Loss(code, what, steps[0], hint)
    shown = ", ".join(steps[:_SHOWN]) + (f" and {len(steps) - _SHOWN} more" if len(steps) > _SHOWN else "")
    return Loss(code, f"{what}: {shown}", hint=hint)


def _is_cached(step: Step) -> bool:
    config = step.envelope.get("CacheConfig")
    return isinstance(config, dict) and bool(config.get("Enabled"))


def _has_all_tags(step: Step) -> bool:
    tags = step.arguments.get("Tags")
    return step.type in NAME_MEMBERS and isinstance(tags, list) and len(tags) >= model("sagemaker")["TagList"]["max"]


def _expires(step: Step) -> bool:
    return any(policy.minutes for policy in policies_of(step))


def _tells_errors_apart(step: Step) -> bool:
    """Whether throttling and faults of the service are tried again in different ways, one of them perhaps without a
    policy: Step Functions has one name for both."""
    kinds = [
        [kind for kind in policy.exceptions if kind in (THROTTLING, SERVICE_FAULT)] for policy in policies_of(step)
    ]
    named = [kind for kind in kinds if kind]
    return len(named) > 1 or any(len({*kind}) == 1 for kind in named)


def _retries_a_tuning_job(step: Step) -> bool:
    return step.type == "Tuning" and any(INTERNAL in policy.exceptions for policy in policies_of(step))


def _registers(step: Step) -> bool:
    return step.type == "RegisterModel" and step.arguments.get("ModelPackageGroupName") is not None


def _names_its_jobs(step: Step) -> bool:
    """Whether the definition gives its jobs' names a beginning that is found only at run time."""
    member = NAME_MEMBERS.get(step.type, "")
    return step.arguments.get(member) is not None and not isinstance(step.arguments.get(member), str)


def _gives_text(step: Step) -> bool:
    outputs = step.envelope.get("OutputParameters")
    entries = outputs if step.type == "Lambda" and isinstance(outputs, list) else []
    return any(isinstance(entry, dict) and entry.get("OutputType", "String") == "String" for entry in entries)


def _gives_more_than_text(step: Step) -> bool:
    outputs = step.envelope.get("OutputParameters")
    entries = outputs if step.type in ("Lambda", "Callback") and isinstance(outputs, list) else []
    return any(isinstance(entry, dict) and entry.get("OutputType", "String") != "String" for entry in entries)


def _checks(step: Step) -> bool:
    return step.type in ("QualityCheck", "ClarifyCheck") and step.envelope.get("SkipCheck") is not True


def _is_of(kind: str) -> Callable[[Step], bool]:
    def applies(step: Step) -> bool:
        return step.type == kind

    return applies


# The code, whom it concerns, what is lost, and what to do about it.
_LOSSES: tuple[tuple[str, Callable[[Step], bool], str, str], ...] = (
    (
        "step-cache",
        _is_cached,
        "results of earlier executions are not used again: the step runs every time",
        "",
    ),
    (
        "many-tags",
        _has_all_tags,
        "Step Functions gives its jobs a tag of its own, and with 50 there may be no room for it",
        "remove a tag",
    ),
    (
        "retry-expiry",
        _expires,
        "ExpireAfterMin is counted in attempts, as if each failed at once: the time that attempts take comes on top",
        "give MaxAttempts",
    ),
    (
        "retry-errors",
        _tells_errors_apart,
        "throttling and faults of the service have one error name: the first retry policy holds for both",
        "give one policy for both",
    ),
    (
        "retry-tuning",
        _retries_a_tuning_job,
        "a tuning job is not started again after an internal error, as on SageMaker: it tries its own jobs again",
        "remove SageMaker.JOB_INTERNAL_ERROR",
    ),
    (
        _GROUP,
        _registers,
        "a model package group that does not exist is not made: registering fails",
        "make the group beforehand",
    ),
    (
        "job-name",
        _names_its_jobs,
        "jobs do not take the beginning of their names from a parameter or another step",
        "write the name out",
    ),
    (
        "endpoint-update",
        _is_of("Endpoint"),
        "an endpoint that exists is not updated: creating it again fails",
        "delete it beforehand, or update it in a Lambda step",
    ),
    (
        "endpoint-wait",
        _is_of("Endpoint"),
        "the machine goes on as soon as the endpoint is being made, before it is in service",
        "wait in a Lambda step where it matters",
    ),
    (
        "baseline-check",
        _checks,
        "what the job finds is not compared with the baseline, and there is no report of violations",
        "compare in a Processing step",
    ),
    (
        "nested-output",
        _gives_text,
        "an output of the function that is an object or a list fails the step instead of being handed on as JSON text",
        "return text from the function",
    ),
    (
        "typed-output",
        _gives_more_than_text,
        "an Integer, Float or Boolean output that is returned as text fails the step instead of being read as its type",
        "return it as a JSON number, true or false",
    ),
    (
        "callback-answer",
        _is_of("Callback"),
        "whoever reads the queue answers with SendTaskSuccess or SendTaskFailure instead of "
        "SendPipelineExecutionStepSuccess or …Failure; the output is an object of the output parameters by name",
        "change the consumer, which finds the task token under 'token'",
    ),
)
