"""A deployer's policy that suffices, until the template has one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iam_samples import allow, pass_role, policy

from dagwright.infra.names import Names

if TYPE_CHECKING:
    from dagwright.project import Project

_PIPELINES = ("Create", "Update", "Delete", "Describe")
_TAGS = ("sagemaker:AddTags", "sagemaker:ListTags")
_MACHINES = ("CreateStateMachine", "UpdateStateMachine", "DeleteStateMachine", "DescribeStateMachine")
_MACHINE_TAGS = ("states:TagResource", "states:ListTagsForResource")


def deployer(project: Project) -> list[dict[str, Any]]:
    names, stem, group = Names(project), project.model_package_group, project.schedule_group
    keys = allow(["kms:Decrypt", "kms:GenerateDataKey"], names.arn("kms", "key/*"))
    schedules = [f"scheduler:{word}Schedule" for word in ("Create", "Update", "Delete", "Get")]
    groups = ["scheduler:CreateScheduleGroup", "scheduler:GetScheduleGroup", "scheduler:TagResource"]
    statements = [
        allow(
            [*(f"sagemaker:{word}Pipeline" for word in _PIPELINES), *_TAGS],
            names.arn("sagemaker", f"pipeline/{stem}-*"),
        ),
        allow(
            [*(f"states:{word}" for word in _MACHINES), *_MACHINE_TAGS], names.arn("states", f"stateMachine:{stem}-*")
        ),
        allow(schedules, names.arn("scheduler", f"schedule/{group}/*")),
        allow(groups, names.arn("scheduler", f"schedule-group/{group}")),
        allow(["sagemaker:ListPipelines", "states:ListStateMachines", "scheduler:ListSchedules"]),
        allow(["s3:GetObject", "s3:PutObject"], f"{names.bucket}/*"),
        allow("s3:ListBucket", names.bucket),
        keys,
        pass_role(project.pipeline_role),
        pass_role(project.state_machine_role, "states.amazonaws.com"),
        pass_role(project.scheduler_role, "scheduler.amazonaws.com"),
    ]
    return [policy(*statements)]
