"""What people may do, by policies for roles that are there: those who run pipelines, and those who approve models.

What they submit has the machines and time limits that the project has anyway, its VPC, its tags and its role. What is
made of the configuration, pipelines, schedules and the stack, is the deployer's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dagwright.infra.names import JOB_LOG_GROUPS, OF_PIPELINES, PLANNED, TEMPLATES, TRIGGERS
from dagwright.infra.policy import Statement, pass_role
from dagwright.infra.roles import keys, storage
from dagwright.infra.roles.arns import job_arns, machine_arns, named_endpoints, package_arns, pipeline_arns, role_arns
from dagwright.infra.roles.network import only_in_vpc
from dagwright.infra.roles.others import not_others
from dagwright.infra.roles.role import add_policies
from dagwright.infra.roles.trigger_role import measured
from dagwright.marks import ENVIRONMENT, PROJECT

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

SUBMIT_POLICY = "SubmitPolicy"
APPROVER_POLICY = "ApproverPolicy"
_JOBS = {"processing": "ProcessingJob", "training": "TrainingJob", "transform": "TransformJob"}
_DAY = 86_400  # what SageMaker gives a job that says nothing
_SUBMITTED = ("processing", "training")
# Data and code of one's own, and the definitions of machines that go on after a failure.
_UPLOADED = ("raw", "code", "pipelines")
# What steps make besides jobs, as `status --json` shows it: the word of its Describe call, and of its ARN.
_MADE = {
    "Tuning": ("HyperParameterTuningJob", "hyper-parameter-tuning-job"),
    "AutoML": ("AutoMLJob", "automl-job"),
    "Model": ("Model", "model"),
    "EndpointConfig": ("EndpointConfig", "endpoint-config"),
    "Endpoint": ("Endpoint", "endpoint"),
    "InferenceComponent": ("InferenceComponent", "inference-component"),
}


def add_people(template: Template, site: Site) -> None:
    """Add the policies, attached to the roles that the configuration names; none without such a role."""
    who = f"the pipelines and jobs of {site.names.stem}"
    kinds = (
        (SUBMIT_POLICY, site.infra.studio_roles, [*_submitting(site)], f"Run and watch {who}"),
        (APPROVER_POLICY, site.infra.approver_roles, [*_approving(site)], f"Decide on models of {who}"),
    )
    for logical_id, roles, statements, purpose in kinds:
        if roles:
            name = f"{site.project.role_stem}-{logical_id}"
            add_policies(template, logical_id, name, statements, purpose, roles)


def _submitting(site: Site) -> Iterator[Statement]:
    yield from _jobs(site)
    yield from _pipelines(site)
    if any(one.machine for one in site.workloads):
        yield from _machines(site)
    yield from _lists(site)
    yield from _logs(site)
    yield from _data(site)
    yield from _reading_models(site)


# ---- jobs ----


def _jobs(site: Site) -> Iterator[Statement]:
    for kind in _SUBMITTED:
        yield Statement(
            f"Submit{kind.title()}", (f"sagemaker:Create{_JOBS[kind]}",), _own(site, kind), _limits(site, kind)
        )
    submitted = [arn for kind in _SUBMITTED for arn in _own(site, kind)]
    creating = {"StringEquals": {"sagemaker:TaggingAction": [f"Create{_JOBS[kind]}" for kind in _SUBMITTED]}}
    yield Statement("TagSubmitted", ("sagemaker:AddTags",), submitted, creating)
    yield pass_role("PassRoles", role_arns(site), "sagemaker")
    actions = [f"sagemaker:{verb}{job}" for job in _JOBS.values() for verb in ("Describe", "Stop")]
    actions.append("sagemaker:ListTags")
    yield Statement("OwnJobs", actions, [arn for kind in _JOBS for arn in _own(site, kind)])
    of_pipelines = [site.names.arn("sagemaker", f"{kind}-job/{OF_PIPELINES}*") for kind in _JOBS]
    tagged = {f"aws:ResourceTag/{key}": site.project.tags[key] for key in ("Team", "Project")}
    yield Statement("JobsOfPipelines", actions, of_pipelines, {"StringEquals": tagged})


def _own(site: Site, kind: str) -> list[str]:
    return [site.names.arn("sagemaker", f"{kind}-job/{site.project.model_package_group}-*")]


def _limits(site: Site, kind: str) -> Mapping[str, Mapping[str, Any]]:
    """What a job must be like: the machines and the time that sizes, rules and definitions have, tags, the VPC."""
    one = site.project
    types = [size.instance_type for size in one.sizes.values()]
    types += [row.instance_type for rule in one.sizing.values() for row in rule.rows]
    types += site.workloads.all("instance_types")
    longest = max([work.uses.longest_in_seconds for work in site.workloads], default=0)
    seconds = max(longest, one.sizes[kind].max_runtime_in_seconds if kind in one.sizes else 0) or _DAY
    vpc = only_in_vpc(site)
    known = {"sagemaker:InstanceTypes": sorted({*types} - {""})}
    return {
        "ForAllValues:StringEquals": {**vpc.get("ForAllValues:StringEquals", {}), **known},
        "Null": {**vpc.get("Null", {}), "sagemaker:InstanceTypes": "false"},
        "NumericLessThanEquals": {"sagemaker:MaxRuntimeInSeconds": str(seconds)},
        "StringEquals": {
            f"aws:RequestTag/{PROJECT}": one.model_package_group,
            f"aws:RequestTag/{ENVIRONMENT}": one.environment,
        },
    }


# ---- pipelines and machines ----


_OF_PIPELINES = ("DescribePipeline", "StartPipelineExecution", "ListPipelineExecutions", "ListTags")
_OF_EXECUTIONS = (
    "DescribePipelineExecution",
    "DescribePipelineDefinitionForExecution",
    "ListPipelineExecutionSteps",
    "ListPipelineParametersForExecution",
    "StopPipelineExecution",
    "RetryPipelineExecution",
)
_OF_MACHINES = ("DescribeStateMachine", "StartExecution", "ListExecutions", "ListTagsForResource")
_OF_MACHINE_EXECUTIONS = (
    "DescribeExecution",
    "GetExecutionHistory",
    "DescribeStateMachineForExecution",
    "StopExecution",
    "RedriveExecution",
)
_MAKING_MACHINES = ("CreateStateMachine", "UpdateStateMachine", "PublishStateMachineVersion", "TagResource")
# What starts or changes something that is there.
_NOT_OF_OTHERS = (
    "sagemaker:StartPipelineExecution",
    "states:StartExecution",
    "states:UpdateStateMachine",
    "states:TagResource",
)


def _pipelines(site: Site) -> Iterator[Statement]:
    arns = pipeline_arns(site)
    yield Statement("RunPipelines", [f"sagemaker:{verb}" for verb in _OF_PIPELINES], arns)
    executions = [f"{arn}/execution/*" for arn in arns]
    yield Statement("WatchPipelines", [f"sagemaker:{verb}" for verb in _OF_EXECUTIONS], executions)


def _machines(site: Site) -> Iterator[Statement]:
    """Also the machines of their own that go on after a failed step, under the role of the others."""
    arns = machine_arns(site)
    yield Statement("RunMachines", [f"states:{verb}" for verb in _OF_MACHINES], arns)
    executions = [f"{arn.replace(':stateMachine:', ':execution:', 1)}:*" for arn in arns]
    yield Statement("WatchMachines", [f"states:{verb}" for verb in _OF_MACHINE_EXECUTIONS], executions)
    yield Statement("GoOnAfterFailures", [f"states:{verb}" for verb in _MAKING_MACHINES], (site.names.rest_machines,))
    yield pass_role("PassMachineRole", (site.project.state_machine_role,), "states")
    yield from not_others(site, _NOT_OF_OTHERS, [*pipeline_arns(site), *arns])


# ---- what is looked at ----


def _lists(site: Site) -> Iterator[Statement]:
    things = ("Pipelines", *(f"{job}s" for job in _JOBS.values()), "ModelPackageGroups")
    actions = [f"sagemaker:List{thing}" for thing in things]
    yield Statement("Lists", [*actions, "states:ListStateMachines", "scheduler:ListSchedules"], ("*",))
    schedules = (site.names.schedule_group, site.names.schedules)
    yield Statement("ReadSchedules", ("scheduler:GetSchedule", "scheduler:GetScheduleGroup"), schedules)
    for step_type, (word, thing) in _MADE.items():
        if site.workloads.have(step_type):
            arns = [*job_arns(site, thing), *named_endpoints(site, thing)]
            yield Statement(f"Read{word}s", (f"sagemaker:Describe{word}",), arns)


def _logs(site: Site) -> Iterator[Statement]:
    triggers = (site.names.trigger_logs(one.deployed_name) for one in site.workloads.triggered)
    groups = (*JOB_LOG_GROUPS.values(), site.project.state_machine_log_group, *triggers)
    arns = [site.names.arn("logs", f"log-group:{group}") for group in groups]
    yield Statement("FindLogs", ("logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:StartQuery"), arns)
    yield Statement("ReadLogs", ("logs:GetLogEvents",), [f"{arn}:log-stream:*" for arn in arns])
    yield Statement("QueryLogs", ("logs:GetQueryResults", "logs:StopQuery"), ("*",))


def _data(site: Site) -> Iterator[Statement]:
    yield Statement("ListData", ("s3:ListBucket",), (site.names.bucket,))
    addresses = [one for one in measured(site) if not one.startswith(f"s3://{site.project.bucket}/")]
    yield from storage.listing(site, "Measure", (), addresses)
    yield Statement("ReadData", ("s3:GetObject",), storage.objects(site, storage.READ, ()))
    uploading = ("s3:PutObject", "s3:AbortMultipartUpload")
    inputs = [site.project.processed("inputs")]  # where `job run --input` puts files
    yield Statement("UploadData", uploading, storage.objects(site, _UPLOADED, inputs, below=True))
    # a deployment takes what it finds there, with rights that nobody has who uploads
    deployed = site.names.objects(*(f"{site.project.layout.code}/{one}" for one in (TEMPLATES, PLANNED, TRIGGERS)))
    yield Statement("NotWhatIsDeployed", ("s3:PutObject",), deployed, effect="Deny")
    yield from keys.storage_statements(site)


def _reading_models(site: Site) -> Iterator[Statement]:
    groups, packages = package_arns(site)
    actions = ("sagemaker:ListModelPackages", "sagemaker:DescribeModelPackage", "sagemaker:DescribeModelPackageGroup")
    yield Statement("ReadModelPackages", actions, [*groups, *packages])


def _approving(site: Site) -> Iterator[Statement]:
    """To decide, and to see what on: the packages, and the files with their metrics."""
    yield from _reading_models(site)
    yield Statement("ListGroups", ("sagemaker:ListModelPackageGroups",), ("*",))
    decided = {"StringEquals": {"sagemaker:ModelApprovalStatus": ["Approved", "Rejected"]}}
    yield Statement("Decide", ("sagemaker:UpdateModelPackage",), package_arns(site)[1], decided)
    yield from storage.reading(site, ("metrics",), ())
