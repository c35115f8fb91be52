"""Events that somebody has to hear of: a site comes in, patterns and the words for each go out.

Fields and their case are those of the events as AWS documents them (EventBridge reference, "Amazon SageMaker events";
Step Functions, "EventBridge"). What the text names and the event lacks stays empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagwright.infra.names import JOB_LOG_GROUPS

if TYPE_CHECKING:
    from dagwright.infra.site import Site

_ENDED_BADLY = ("Failed", "Stopped")
_MISSING = [{"exists": False}]


@dataclass(frozen=True)
class Notice:
    """A kind of event. `paths` are the event's members by the names that `lines` have for them: `<status>`."""

    name: str
    what: str
    pattern: Mapping[str, Any]
    paths: Mapping[str, str]
    lines: Sequence[str]


def notices(site: Site) -> list[Notice]:
    """All kinds for one environment."""
    return [
        _executions(site),
        _steps(site),
        _machines(site),
        _jobs(site, "Processing", "ExitMessage"),
        _jobs(site, "Training", "SecondaryStatus"),
        _transform_jobs(site),
        _tuning_jobs(site),
        # environments of one account share the group: the first of them tells
        *([] if site.made_before("model_package_group") else [_models(site)]),
    ]


def _executions(site: Site) -> Notice:
    return Notice(
        "failed-executions",
        "Executions of the project's pipelines that have failed or were stopped",
        _of_sagemaker(
            "SageMaker Model Building Pipeline Execution Status Change",
            currentPipelineExecutionStatus=["Failed", "Stopped", "CompletedWithFailures"],
            pipelineArn=_pipelines(site),
        ),
        {
            "status": "$.detail.currentPipelineExecutionStatus",
            "pipeline": "$.detail.pipelineArn",
            "execution": "$.detail.pipelineExecutionArn",
            "ended": "$.detail.executionEndTime",
        },
        [
            _title(site, "pipeline execution: <status>"),
            "Pipeline: <pipeline>",
            "Ended: <ended>",
            *_look(site, "<execution>"),
        ],
    )


def _steps(site: Site) -> Notice:
    return Notice(
        "failed-steps",
        "Steps of the project's pipelines that have failed, with the reason",
        _of_sagemaker(
            "SageMaker Model Building Pipeline Execution Step Status Change",
            currentStepStatus=["Failed"],
            pipelineArn=_pipelines(site),
        ),
        {
            "step": "$.detail.stepName",
            "type": "$.detail.stepType",
            "reason": "$.detail.failureReason",
            "pipeline": "$.detail.pipelineArn",
            "execution": "$.detail.pipelineExecutionArn",
        },
        [
            _title(site, "step <step> (<type>): Failed"),
            "Reason: <reason>",
            "Pipeline: <pipeline>",
            *_look(site, "<execution>"),
        ],
    )


def _machines(site: Site) -> Notice:
    return Notice(
        "failed-machines",
        "Executions of the project's state machines that have failed, timed out or were aborted",
        {
            "source": ["aws.states"],
            "detail-type": ["Step Functions Execution Status Change"],
            "detail": {
                "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                "stateMachineArn": _deployed(site, site.names.machines, "states", "stateMachine:"),
            },
        },
        {
            "status": "$.detail.status",
            "machine": "$.detail.stateMachineArn",
            "execution": "$.detail.executionArn",
            "error": "$.detail.error",
            "cause": "$.detail.cause",
        },
        [
            _title(site, "state machine execution: <status>"),
            "Reason: <error> <cause>",
            "State machine: <machine>",
            *_look(site, "<execution>"),
        ],
    )


def _jobs(site: Site, kind: str, also: str) -> Notice:
    """Processing and training jobs. Those of a tuning job, which may well fail, are told with it."""
    detail = {f"{kind}JobStatus": list(_ENDED_BADLY), "$or": _ours(site, f"{kind}JobName", "RoleArn")}
    if kind == "Training":
        detail["TuningJobArn"] = _MISSING
    group = JOB_LOG_GROUPS[kind.lower()]
    return Notice(
        f"failed-{kind.lower()}",
        f"{kind} jobs of the project, pipelines' among them, that have failed or were stopped",
        _of_sagemaker(f"SageMaker {kind} Job State Change", **detail),
        {
            "name": f"$.detail.{kind}JobName",
            "status": f"$.detail.{kind}JobStatus",
            "reason": "$.detail.FailureReason",
            "also": f"$.detail.{also}",
        },
        [
            _title(site, f"{kind.lower()} job <name>: <status>"),
            "Reason: <reason> <also>",
            "A job that has reached its time limit is Stopped, without a reason.",
            f"Log: group {group}, streams that begin with <name>/",
        ],
    )


def _transform_jobs(site: Site) -> Notice:
    """Those that the project has named: the event of a transform job has no role by which to know it. The failed step
    tells of those that a pipeline has started."""
    return Notice(
        "failed-transform",
        "Transform jobs that the project has named and that have failed or were stopped",
        _of_sagemaker(
            "SageMaker Transform Job State Change",
            TransformJobStatus=list(_ENDED_BADLY),
            TransformJobName=[{"prefix": _own(site)}],
        ),
        {
            "name": "$.detail.TransformJobName",
            "status": "$.detail.TransformJobStatus",
            "reason": "$.detail.FailureReason",
        },
        [
            _title(site, "transform job <name>: <status>"),
            "Reason: <reason>",
            f"Log: group {JOB_LOG_GROUPS['transform']}, streams that begin with <name>/",
        ],
    )


def _tuning_jobs(site: Site) -> Notice:
    counts = "$.detail.TrainingJobStatusCounters"
    detail = {
        "HyperParameterTuningJobStatus": list(_ENDED_BADLY),
        "$or": _ours(site, "HyperParameterTuningJobName", "TrainingJobDefinition", "RoleArn"),
    }
    return Notice(
        "failed-tuning",
        "Tuning jobs of the project, pipelines' among them, that have failed or were stopped",
        _of_sagemaker("SageMaker HyperParameter Tuning Job State Change", **detail),
        {
            "name": "$.detail.HyperParameterTuningJobName",
            "status": "$.detail.HyperParameterTuningJobStatus",
            "reason": "$.detail.FailureReason",
            "completed": f"{counts}.Completed",
            "failed": f"{counts}.NonRetryableError",
        },
        [
            _title(site, "tuning job <name>: <status>"),
            "Reason: <reason>",
            "Trials that were completed: <completed>; that have failed: <failed>",
            f"Log: group {JOB_LOG_GROUPS['training']}, streams that begin with <name>-",
        ],
    )


def _models(site: Site) -> Notice:
    known = [group for group in site.workloads.all("groups") if "*" not in group]
    return Notice(
        "model-approvals",
        "Versions of the project's models that wait for approval, and what became of them",
        _of_sagemaker(
            "SageMaker Model Package State Change",
            ModelPackageGroupName=[*dict.fromkeys((site.project.model_package_group, *known))],
            ModelPackageStatus=["Completed"],
            ModelApprovalStatus=["PendingManualApproval", "Approved", "Rejected"],
        ),
        {
            "group": "$.detail.ModelPackageGroupName",
            "version": "$.detail.ModelPackageVersion",
            "status": "$.detail.ModelApprovalStatus",
            "why": "$.detail.ApprovalDescription",
            "model": "$.detail.ModelPackageArn",
            "execution": "$.detail.MetadataProperties.GeneratedBy",
        },
        [
            _title(site, "model <group> version <version>: <status>"),
            "Why: <why>",
            "Model: <model>",
            "Made by: <execution>",
            f"Look: python deploy.py models <group>/<version> --env {site.project.environment}",
        ],
    )


def _of_sagemaker(kind: str, **detail: Any) -> dict[str, Any]:
    return {"source": ["aws.sagemaker"], "detail-type": [kind], "detail": detail}


def _pipelines(site: Site) -> list[Any]:
    return _deployed(site, site.names.pipelines, "sagemaker", "pipeline/")


def _deployed(site: Site, ours: str, service: str, kind: str) -> list[Any]:
    """By the form of the project's names, so that what is deployed later is told of too; and what has another name,
    which SageMaker may write in lower case."""
    begin, end = ours.split("*")
    spelt = [name for one in site.workloads for name in (one.deployed_name, one.deployed_name.lower())]
    named = [site.names.arn(service, f"{kind}{name}") for name in dict.fromkeys(spelt)]
    return [{"wildcard": ours}, *(arn for arn in named if not (arn.startswith(begin) and arn.endswith(end)))]


def _ours(site: Site, name: str, *role: str) -> list[dict[str, Any]]:
    """By which the project's jobs are known: the role that is the project's own, which those that pipelines start have
    as well; else, and where the event does not say the role, their names."""
    named = {name: [{"prefix": _own(site)}]}
    if not site.infra.makes("role"):  # the role may be other projects' too
        return [named]
    return [_inside(role, [site.project.role]), {**named, **_inside(role, _MISSING)}]


def _inside(path: Sequence[str], value: Any) -> dict[str, Any]:
    for member in reversed(path):
        value = {member: value}
    return dict(value)


def _own(site: Site) -> str:
    return f"{site.project.model_package_group}-"


def _title(site: Site, what: str) -> str:
    one = site.project
    return f"{one.model_package_group} in {one.environment} ({one.account_id}, {one.region}): {what}"


def _look(site: Site, execution: str) -> list[str]:
    environment = site.project.environment
    return [
        f"Look: python deploy.py status {execution} --env {environment}",
        f"Log:  python deploy.py logs {execution} --env {environment}",
    ]
