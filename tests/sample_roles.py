"""Roles that suffice, until the template has them."""

# ruff: noqa: E501

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from iam_samples import allow, policy

from dagwright.infra.names import Names

if TYPE_CHECKING:
    from dagwright.project import Project


def sample_role(project: Project, role: str) -> list[dict[str, Any]]:
    n = Names(project)
    stem = project.model_package_group
    job = [
        n.arn("sagemaker", f"{k}-job/{p}-*")
        for k in ("processing", "training", "transform", "hyper-parameter-tuning")
        for p in ("pipelines", stem)
    ]
    pipes = n.arn("sagemaker", f"pipeline/{stem}-*")
    runs = n.arn("sagemaker", f"pipeline/{stem}-*/execution/*")
    machines = n.arn("states", f"stateMachine:{stem}-*")
    executions = n.arn("states", f"execution:{stem}-*")
    objects = f"{n.bucket}/*"
    key = allow(["kms:Decrypt", "kms:GenerateDataKey"], n.arn("kms", "key/*"))
    packages = n.arn("sagemaker", f"model-package/{stem}/*")

    def passing(role: str, service: str) -> Any:
        return allow("iam:PassRole", role, {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}})

    reading = [
        allow(["sagemaker:DescribePipeline", "sagemaker:ListPipelineExecutions", "sagemaker:ListTags"], pipes),
        allow(
            [
                "sagemaker:" + x
                for x in (
                    "DescribePipelineExecution",
                    "DescribePipelineDefinitionForExecution",
                    "ListPipelineExecutionSteps",
                    "ListPipelineParametersForExecution",
                )
            ],
            runs,
        ),
        allow(
            [
                "sagemaker:" + x
                for x in (
                    "ListPipelines",
                    "ListModelPackages",
                    "ListModelPackageGroups",
                    "ListProcessingJobs",
                    "ListTrainingJobs",
                    "ListTransformJobs",
                )
            ]
        ),
        allow(
            [
                "sagemaker:" + x
                for x in (
                    "DescribeProcessingJob",
                    "DescribeTrainingJob",
                    "DescribeTransformJob",
                    "DescribeHyperParameterTuningJob",
                    "ListTags",
                )
            ],
            job,
        ),
        allow("sagemaker:DescribeModelPackage", packages),
        allow(["states:DescribeStateMachine", "states:ListExecutions", "states:ListTagsForResource"], machines),
        allow(
            ["states:DescribeExecution", "states:DescribeStateMachineForExecution", "states:GetExecutionHistory"],
            executions,
        ),
        allow("states:ListStateMachines"),
        allow("logs:DescribeLogStreams", n.arn("logs", "log-group:/aws/sagemaker/*")),
        allow("logs:GetLogEvents", n.arn("logs", "log-group:/aws/sagemaker/*:log-stream:*")),
        allow("s3:GetObject", objects),
        allow("s3:ListBucket", n.bucket),
        key,
    ]
    roles = {
        "deployer": [
            *reading,
            allow(["sagemaker:CreatePipeline", "sagemaker:UpdatePipeline", "sagemaker:DeletePipeline", "sagemaker:AddTags"], pipes),
            allow(["states:" + x for x in ("CreateStateMachine", "UpdateStateMachine", "DeleteStateMachine", "TagResource")], machines),
            allow(["scheduler:" + x for x in ("CreateSchedule", "GetSchedule", "UpdateSchedule", "DeleteSchedule")], n.arn("scheduler", f"schedule/{project.schedule_group}/*")),
            allow(["scheduler:CreateScheduleGroup", "scheduler:GetScheduleGroup", "scheduler:TagResource"], n.arn("scheduler", f"schedule-group/{project.schedule_group}")),
            allow("scheduler:ListSchedules"),
            allow("s3:PutObject", objects),
            passing(project.pipeline_role, "sagemaker"), passing(project.state_machine_role, "states"), passing(project.scheduler_role, "scheduler"),
        ],
        "submitter": [
            *reading,
            allow(["sagemaker:StartPipelineExecution"], pipes),
            allow(["sagemaker:StopPipelineExecution", "sagemaker:RetryPipelineExecution"], runs),
            allow(["sagemaker:CreateProcessingJob", "sagemaker:CreateTrainingJob", "sagemaker:CreateTransformJob", "sagemaker:StopProcessingJob", "sagemaker:StopTrainingJob", "sagemaker:StopTransformJob", "sagemaker:AddTags"], job),
            allow(["states:StartExecution", "states:CreateStateMachine", "states:UpdateStateMachine", "states:TagResource"], machines),
            passing(project.state_machine_role, "states"),
            allow(["states:StopExecution", "states:RedriveExecution"], executions),
            allow("s3:PutObject", objects),
            passing(project.role, "sagemaker"),
        ],
        "approver": [*reading, allow("sagemaker:UpdateModelPackage", packages)],
        "trigger": [
            allow(["sagemaker:StartPipelineExecution", "sagemaker:ListPipelineExecutions"], pipes),
            allow("states:StartExecution", machines),
            allow("s3:ListBucket", n.bucket),
        ],
    }  # fmt: skip
    return [policy(*roles[role])]
