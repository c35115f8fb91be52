"""What a deployment needs besides a plan: a site comes in, statements go out.

What `upsert`, with `--prune`, `infra upsert`, `images push` and the run after a deployment call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagwright.infra.deploying.places import Places
from dagwright.infra.names import JOB_LOG_GROUPS
from dagwright.infra.policy import Statement, pass_role
from dagwright.infra.roles.execution_role import PULL, repository_arns
from dagwright.infra.roles.others import not_others

if TYPE_CHECKING:
    from dagwright.infra.site import Site

_PUSH = ("ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage")
# What changes or starts something that is there.
_CHANGES_PIPELINES = (
    "sagemaker:AddTags",
    "sagemaker:DeletePipeline",
    "sagemaker:StartPipelineExecution",
    "sagemaker:UpdatePipeline",
)
_CHANGES_MACHINES = (
    "states:DeleteStateMachine",
    "states:StartExecution",
    "states:TagResource",
    "states:UpdateStateMachine",
)
_FOLLOWS_PIPELINES = (
    "sagemaker:DescribePipelineDefinitionForExecution",
    "sagemaker:DescribePipelineExecution",
    "sagemaker:ListPipelineExecutionSteps",
    "sagemaker:ListPipelineParametersForExecution",
    "sagemaker:StopPipelineExecution",
)
_FOLLOWS_MACHINES = (
    "states:DescribeExecution",
    "states:DescribeStateMachineForExecution",
    "states:GetExecutionHistory",
    "states:StopExecution",
)
# By kind of resource, what of a run is described: what came out of it.
_MADE = {
    "processing-job": "sagemaker:DescribeProcessingJob",
    "training-job": "sagemaker:DescribeTrainingJob",
    "transform-job": "sagemaker:DescribeTransformJob",
    "model": "sagemaker:DescribeModel",
}


def deploying(site: Site) -> Iterator[Statement]:
    """The statements; those of `planning` have to be there too."""
    places = Places(site)
    changes = ("cloudformation:ExecuteChangeSet", "cloudformation:UpdateTerminationProtection")
    yield Statement("ChangeStack", changes, (places.stack,))
    yield from _pipelines(places)
    yield from _schedules(places)
    prefixes = (site.project.layout.code, site.project.layout.pipelines)
    yield Statement("WriteCode", ("s3:PutObject", "s3:AbortMultipartUpload"), site.names.objects(*prefixes))
    yield from _images(places)
    yield from _runs(places)


def _pipelines(places: Places) -> Iterator[Statement]:
    site = places.site
    yield Statement("ChangePipelines", ("sagemaker:CreatePipeline", *_CHANGES_PIPELINES), places.pipelines)
    creating = ("states:CreateStateMachine", "states:PublishStateMachineVersion")
    yield Statement("ChangeMachines", (*creating, *_CHANGES_MACHINES), places.machines)
    changes = (*_CHANGES_PIPELINES, *_CHANGES_MACHINES)
    yield from not_others(site, changes, [*places.pipelines, *places.machines])
    yield pass_role("PassPipelineRole", (site.project.pipeline_role,), "sagemaker")
    yield pass_role("PassMachineRole", (site.project.state_machine_role,), "states")
    yield pass_role("PassSchedulerRole", (site.project.scheduler_role,), "scheduler")


def _schedules(places: Places) -> Iterator[Statement]:
    actions = ("scheduler:CreateSchedule", "scheduler:UpdateSchedule", "scheduler:DeleteSchedule")
    yield Statement("ChangeSchedules", actions, (places.names.schedules,))
    making = ("scheduler:CreateScheduleGroup", "scheduler:TagResource")
    yield Statement("MakeScheduleGroup", making, (places.names.schedule_group,))


def _images(places: Places) -> Iterator[Statement]:
    own = places.repositories
    bases = [arn for arn in repository_arns(places.site, places.site.workloads.all("images")) if arn not in own]
    yield Statement("PushImages", _PUSH, own[:1] if not places.site.infra.platform else own)
    yield Statement("PullImages", PULL, [*own, *bases])


def _runs(places: Places) -> Iterator[Statement]:
    """Starting a run, following it, and what it left."""
    names, project = places.names, places.site.project
    yield Statement("FindRuns", ("sagemaker:ListPipelineExecutions",), places.pipelines)
    yield Statement("FollowRuns", _FOLLOWS_PIPELINES, places.pipeline_runs)
    yield Statement("FindMachineRuns", ("states:ListExecutions",), places.machines)
    yield Statement("FollowMachineRuns", _FOLLOWS_MACHINES, places.machine_runs)
    yield Statement("LookAtJobs", [*_MADE.values()], names.jobs(*_MADE))
    yield Statement("ReadMetrics", ("s3:GetObject",), names.objects(project.layout.metrics, project.layout.processed))
    yield Statement("FindLogs", ("logs:DescribeLogStreams",), places.job_logs)
    streams = [names.arn("logs", f"log-group:{group}:log-stream:*") for group in JOB_LOG_GROUPS.values()]
    yield Statement("ReadLogs", ("logs:GetLogEvents",), streams)
