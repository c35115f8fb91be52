"""What SageMaker Pipelines does for a pipeline: one or several calls for each type of step that occurs.

The role creates the jobs, and hands them the roles that definitions name, no others. What it may not do, even if a
definition says so: create a job outside of the project's VPC, or approve a model, unless a pipeline of the project is
made to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dagwright.infra.policy import Statement, pass_role
from dagwright.infra.roles import keys, storage
from dagwright.infra.roles.arns import (
    application_arns,
    cluster_arns,
    cluster_role_arns,
    job_arns,
    named_endpoints,
    package_arns,
    queue_arns,
    role_arns,
)
from dagwright.infra.roles.execution_role import sagemaker_trust
from dagwright.infra.roles.network import only_in_vpc
from dagwright.infra.roles.role import add_role

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

PIPELINE_ROLE = "PipelineRole"
#: The parts of the layout in which code and property files lie, which conditions and arguments read.
FILES = ("processed", "features", "metrics", "code", "pipelines")


@dataclass(frozen=True)
class _Job:
    """What steps of these types create: the word of its calls, and of its ARN."""

    steps: tuple[str, ...]
    word: str
    thing: str
    in_vpc: bool = True
    """Whether its request says in which VPC it runs; a transform job's model does."""

    def actions(self, *verbs: str) -> list[str]:
        return [f"sagemaker:{verb}{self.word}" for verb in verbs]


_JOBS = (
    _Job(("Processing", "QualityCheck", "ClarifyCheck"), "ProcessingJob", "processing-job"),
    _Job(("Training",), "TrainingJob", "training-job"),
    _Job(("Tuning",), "HyperParameterTuningJob", "hyper-parameter-tuning-job"),
    _Job(("AutoML",), "AutoMLJob", "automl-job"),
    _Job(("Job",), "Job", "job"),
    _Job(("Transform",), "TransformJob", "transform-job", in_vpc=False),
)
_STEP_RULE = "rule/SageMakerPipelineExecutionEMRStepStatusUpdateRule"
_CLUSTER_RULE = "rule/SageMakerPipelineExecutionEMRClusterStatusUpdateRule"


def add_pipeline_role(template: Template, site: Site) -> None:
    """Add the role of the pipelines, unless the configuration names one."""
    if site.infra.makes("pipeline_role"):
        purpose = f"What the pipelines of {site.names.stem} may do: create the jobs of their steps"
        arn = site.project.pipeline_role
        add_role(template, site, PIPELINE_ROLE, arn, sagemaker_trust(site), [*_statements(site)], purpose)


def _statements(site: Site) -> Iterator[Statement]:
    yield from _jobs(site)
    for step_type, statements in _STEPS.items():
        if site.workloads.have(step_type):
            yield from statements(site)
    yield pass_role("PassRoles", role_arns(site), "sagemaker")
    yield from storage.reading(site, FILES, site.workloads.all("writes"))


def _jobs(site: Site) -> Iterator[Statement]:
    created = [job for job in _JOBS if site.workloads.have(*job.steps)]
    arns = {job: job_arns(site, job.thing) for job in created}
    inside, guard = [job for job in created if job.in_vpc], only_in_vpc(site)
    outside = [job for job in created if not job.in_vpc]
    for sid, jobs, condition in (("CreateJobs", inside, guard), ("CreateTransformJobs", outside, {})):
        actions = [action for job in jobs for action in job.actions("Create")]
        yield Statement(sid, actions, [arn for job in jobs for arn in arns[job]], condition)
    all_arns = [arn for job in created for arn in arns[job]]
    yield Statement("WatchJobs", [one for job in created for one in job.actions("Describe", "Stop")], all_arns)
    yield Statement("TagJobs", ("sagemaker:AddTags", "sagemaker:ListTags"), all_arns)


def _tuning(site: Site) -> Iterator[Statement]:
    arns = job_arns(site, "hyper-parameter-tuning-job")
    yield Statement("ReadTuning", ("sagemaker:ListTrainingJobsForHyperParameterTuningJob",), arns)


def _auto_ml(site: Site) -> Iterator[Statement]:
    yield Statement("ReadCandidates", ("sagemaker:ListCandidatesForAutoMLJob",), ("*",))


def _models(site: Site) -> Iterator[Statement]:
    arns = site.names.jobs("model")
    yield Statement("CreateModels", ("sagemaker:CreateModel",), arns, only_in_vpc(site))
    yield Statement("ReadModels", ("sagemaker:DescribeModel", "sagemaker:AddTags", "sagemaker:ListTags"), arns)


def _registry(site: Site) -> Iterator[Statement]:
    groups, packages = package_arns(site)
    reading = ("sagemaker:AddTags", "sagemaker:ListTags")
    group = ("sagemaker:CreateModelPackageGroup", "sagemaker:DescribeModelPackageGroup", *reading)
    yield Statement("ModelPackageGroups", group, groups)
    package = ("sagemaker:CreateModelPackage", "sagemaker:DescribeModelPackage", *reading)
    yield Statement("RegisterModels", package, packages)
    yield from no_self_approval(site)


def no_self_approval(site: Site) -> Iterator[Statement]:
    """That what registers a model does not approve it, unless a pipeline of the project is made to."""
    if not site.workloads.approve:
        approved = {"StringEquals": {"sagemaker:ModelApprovalStatus": "Approved"}}
        writing = ("sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage")
        yield Statement("NoSelfApproval", writing, package_arns(site)[1], approved, effect="Deny")


def _functions(site: Site) -> Iterator[Statement]:
    yield Statement("CallFunctions", ("lambda:InvokeFunction",), site.workloads.all("functions"))


def _queues(site: Site) -> Iterator[Statement]:
    yield Statement("AskByQueue", ("sqs:SendMessage",), queue_arns(site, site.workloads.all("queues")))
    yield from keys.message_statements(site)


def _emr(site: Site) -> Iterator[Statement]:
    """Steps on a cluster that is there, and on one that is made for them."""
    actions = ["AddJobFlowSteps", "CancelSteps", "DescribeStep", "DescribeCluster", "ListSteps"]
    if site.workloads.make_clusters:
        actions += ["TerminateJobFlows", "AddTags"]
        yield Statement("MakeClusters", ("elasticmapreduce:RunJobFlow",), ("*",))
        yield pass_role("PassClusterRoles", cluster_role_arns(site), "elasticmapreduce")
        yield pass_role("PassMachineRoles", cluster_role_arns(site), "ec2")
    yield Statement("RunOnClusters", [f"elasticmapreduce:{one}" for one in actions], cluster_arns(site))
    rules = [site.names.arn("events", rule) for rule in (_STEP_RULE, _CLUSTER_RULE)]
    yield Statement("HearOfClusters", ("events:PutRule", "events:PutTargets", "events:DescribeRule"), rules)


def _emr_serverless(site: Site) -> Iterator[Statement]:
    applications = application_arns(site)
    yield Statement("RunOnApplications", ("emr-serverless:StartJobRun",), applications)
    runs = [f"{arn}/jobruns/*" for arn in applications]
    yield Statement("WatchJobRuns", ("emr-serverless:GetJobRun", "emr-serverless:CancelJobRun"), runs)
    yield pass_role("PassJobRunRoles", role_arns(site), "emr-serverless")


def _endpoint_configs(site: Site) -> Iterator[Statement]:
    actions = ("sagemaker:CreateEndpointConfig", "sagemaker:DescribeEndpointConfig", "sagemaker:AddTags")
    yield Statement("EndpointConfigs", actions, _endpoint_arns(site, "endpoint-config"))


def _endpoints(site: Site) -> Iterator[Statement]:
    actions = ("sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint")
    endpoints, configs = _endpoint_arns(site, "endpoint"), _endpoint_arns(site, "endpoint-config")
    yield Statement("Endpoints", actions, [*endpoints, *configs])
    yield Statement("WatchEndpoints", ("sagemaker:DescribeEndpoint", "sagemaker:AddTags"), endpoints)


def _endpoint_arns(site: Site, thing: str) -> list[str]:
    return [*site.names.jobs(thing), *named_endpoints(site, thing)]


def _inference_components(site: Site) -> Iterator[Statement]:
    components = _endpoint_arns(site, "inference-component")
    verbs = ("Create", "Update", "Describe")
    actions = [f"sagemaker:{verb}InferenceComponent" for verb in verbs]
    yield Statement("InferenceComponents", actions, [*components, *_endpoint_arns(site, "endpoint")])


def _lineage(site: Site) -> Iterator[Statement]:
    words = {"action": "CreateAction", "artifact": "CreateArtifact", "context": "CreateContext"}
    arns = [site.names.arn("sagemaker", f"{thing}/*") for thing in words]
    actions = [f"sagemaker:{one}" for one in (*words.values(), "AddAssociation", "AddTags")]
    yield Statement("Lineage", actions, arns)


def _cleanup(site: Site) -> Iterator[Statement]:
    written = storage.objects(site, storage.WRITTEN, site.workloads.all("writes"), below=True)
    yield Statement("Cleanup", ("s3:DeleteObject",), written)


_STEPS: dict[str, Callable[[Site], Iterator[Statement]]] = {
    "Tuning": _tuning,
    "AutoML": _auto_ml,
    "Model": _models,
    "RegisterModel": _registry,
    "Lambda": _functions,
    "Callback": _queues,
    "EMR": _emr,
    "EMRServerless": _emr_serverless,
    "EndpointConfig": _endpoint_configs,
    "Endpoint": _endpoints,
    "InferenceComponent": _inference_components,
    "Lineage": _lineage,
    "Cleanup": _cleanup,
}
