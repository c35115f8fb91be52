"""The most that a role of the project may ever do: the site comes in, a managed policy goes into the template.

A boundary grants nothing. What a role's own policies allow beyond it, it may not do; so who may change those policies,
but only of roles that have the boundary, cannot give himself more than the boundary holds. It is wider than the roles
are: a step more of a known kind changes them and not this, which is an administrator's to change. What lies outside the
project (buckets, functions, queues, clusters, registries, keys, roles) is in it as far as a definition names it.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from dagwright.errors import ConfigurationError, Problem
from dagwright.infra.boundary import BOUNDARY, boundary_arn
from dagwright.infra.deploying.places import Places
from dagwright.infra.policy import Statement, document, pass_role
from dagwright.infra.roles import arns, keys
from dagwright.infra.roles.execution_role import INTERFACES, PULL, repository_arns
from dagwright.infra.roles.role import MOST_MANAGED, merged, size_of
from dagwright.infra.roles.state_machine_role import LOG_DELIVERY, TRACING
from dagwright.infra.roles.trigger_role import measured
from dagwright.infra.template import ref

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

# What pipelines, machines and jobs call of SageMaker, by what it is about. None of it opens a notebook or a terminal,
# and the roles that it takes have to be passed.
_JOBS = ("AutoMLJob", "HyperParameterTuningJob", "ProcessingJob", "TrainingJob", "TransformJob")
_VERBS = ("Create", "Describe", "Stop")
_JOB_THINGS = ("*-job", "model", "action", "artifact", "context")
_LINEAGE = ("AddAssociation", "CreateAction", "CreateArtifact", "CreateContext")
_ENDPOINTS = ("Endpoint", "EndpointConfig", "InferenceComponent")
_SERVED = ("endpoint", "endpoint-config", "inference-component")
_PACKAGES = ("ModelPackage", "ModelPackageGroup")
_TAGS = ("AddTags", "ListTags")
# What takes no resource, or is not bounded by one; each with its reason in docs/identities.md.
_ANYWHERE = (
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    *sorted(LOG_DELIVERY),
    "sagemaker:ListCandidatesForAutoMLJob",
    *sorted(TRACING),
    *INTERFACES,
)
_OBJECTS = ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject")
_LOG_GROUPS = ("logs:CreateLogGroup", "logs:DescribeLogStreams")
_LOG_STREAMS = ("logs:CreateLogStream", "logs:PutLogEvents")
_HEARING = ("StepFunctionsGetEvent*", "SageMakerPipelineExecutionEMR*")


def add_boundary(template: Template, site: Site) -> None:
    """Add the policy, unless the configuration names one. Raises ConfigurationError if it would be too long."""
    if site.infra.permissions_boundary:
        return
    statements = merged([*_statements(site)])
    if size_of(statements) > MOST_MANAGED:
        raise _too_long(site, size_of(statements))
    purpose = f"The most that the roles of {site.names.stem} may ever do"
    properties = {
        "ManagedPolicyName": boundary_arn(site).rpartition("/")[2],
        "Description": purpose,
        "PolicyDocument": document(statements),
    }
    template.add(BOUNDARY, "AWS::IAM::ManagedPolicy", properties)
    template.output("BoundaryArn", ref(BOUNDARY), purpose)


def _too_long(site: Site, size: int) -> ConfigurationError:
    what = (
        f"in {site.project.environment} the permissions boundary would have {size} characters, and a role has one, of "
        f"{MOST_MANAGED} at most: the pipelines name so many buckets, images, functions, queues or roles of others"
    )
    hint = "write one that allows more at once, as a managed policy of the account, and name its ARN here"
    field = f"{site.project.environment}.infra.permissions_boundary"
    problem = Problem("policy-too-long", what, hint, field=field)
    return ConfigurationError("the configuration does not fit", [problem])


def _statements(site: Site) -> Iterator[Statement]:
    yield from _data(site)
    yield from _sagemaker(site)
    yield from _starts(Places(site))
    yield from _outside(site)
    yield pass_role("PassRoles", arns.role_arns(site), "sagemaker")
    yield Statement("Anywhere", _ANYWHERE, ("*",))


def _data(site: Site) -> Iterator[Statement]:
    """The bucket, keys, images and logs."""
    buckets = [site.names.bucket, *_other_buckets(site)]
    yield Statement("Buckets", ("s3:GetBucketLocation", "s3:ListBucket"), buckets)
    yield Statement("Objects", _OBJECTS, [f"{bucket}/*" for bucket in buckets])
    yield from keys.key_statements(site, "Keys", (*keys.DATA, "kms:CreateGrant"))
    own, images = Places(site).repositories, repository_arns(site, site.workloads.all("images"))
    others = [arn for arn in images if not any(fnmatchcase(arn, pattern) for pattern in own)]
    yield Statement("Images", sorted(PULL), [*own, *others])
    groups = [site.names.arn("logs", f"log-group:{group}") for group in ("/aws/sagemaker/*", Places(site).trigger_logs)]
    yield Statement("Logs", (*_LOG_GROUPS, *_LOG_STREAMS), groups)


def _other_buckets(site: Site) -> list[str]:
    """Those that definitions and triggers name; a bucket that only a run can know is nobody's."""
    addresses = [*site.workloads.all("reads"), *site.workloads.all("writes"), *measured(site)]
    names = dict.fromkeys(one.removeprefix("s3://").partition("/")[0] for one in addresses)
    others = [name for name in names if name and "*" not in name and name != site.project.bucket]
    return [f"arn:{site.project.partition}:s3:::{name}" for name in others]


def _sagemaker(site: Site) -> Iterator[Statement]:
    """Jobs, models and lineage of the account, whose names the services make; of all else the project's own."""
    jobs = [f"{verb}{job}" for job in _JOBS for verb in _VERBS]
    more = ("ListTrainingJobsForHyperParameterTuningJob", "CreateModel", "DescribeModel", *_LINEAGE, *_TAGS)
    things = [site.names.arn("sagemaker", f"{thing}/*") for thing in _JOB_THINGS]
    yield Statement("Jobs", _of_sagemaker(*jobs, *more), things)
    if site.workloads.have("Job"):
        tasks = (*(f"{verb}Job" for verb in _VERBS), *_TAGS)
        yield Statement("Tasks", _of_sagemaker(*tasks), (site.names.arn("sagemaker", "job/*"),))
    groups, packages = arns.package_arns(site)
    registry = [f"{verb}{one}" for one in _PACKAGES for verb in ("Create", "Describe")]
    yield Statement("Registry", _of_sagemaker(*registry, "UpdateModelPackage", *_TAGS), [*groups, *packages])
    if site.workloads.have(*_ENDPOINTS):
        served = site.names.jobs(*_SERVED) + [arn for thing in _SERVED for arn in arns.named_endpoints(site, thing)]
        serving = [f"{verb}{one}" for one in _ENDPOINTS for verb in ("Create", "Describe")]
        updating = ("UpdateEndpoint", "UpdateInferenceComponent")
        yield Statement("Endpoints", _of_sagemaker(*serving, *updating, *_TAGS), served)


def _of_sagemaker(*actions: str) -> list[str]:
    return [f"sagemaker:{action}" for action in actions]


def _starts(places: Places) -> Iterator[Statement]:
    """What schedules and triggers do."""
    starting = _of_sagemaker("StartPipelineExecution", "ListPipelineExecutions")
    yield Statement("StartPipelines", starting, arns.any_case(places.pipelines))
    yield Statement("StartMachines", ("states:StartExecution",), places.machines)


def _outside(site: Site) -> Iterator[Statement]:
    """What steps call besides."""
    work = site.workloads
    features = [site.names.arn("sagemaker", f"feature-group/{name}") for name in work.all("feature_groups")]
    yield Statement("Features", _of_sagemaker("DescribeFeatureGroup", "PutRecord"), arns.any_case(features))
    yield Statement("Functions", ("lambda:InvokeFunction",), work.all("functions"))
    queues = [site.names.arn("sqs", f"{site.names.stem}-*"), *arns.queue_arns(site, work.all("queues"))]
    yield Statement("Queues", ("sqs:SendMessage",), [*queues, *arns.start_queue_arns(site)])
    rules = [site.names.arn("events", f"rule/{name}") for name in _HEARING]
    yield Statement("Hear", ("events:DescribeRule", "events:PutRule", "events:PutTargets"), rules)
    if work.have("EMR"):
        yield from _clusters(site)
    if work.have("EMRServerless"):
        applications = arns.application_arns(site)
        actions = [f"emr-serverless:{one}" for one in ("StartJobRun", "GetJobRun", "CancelJobRun")]
        yield Statement("Applications", actions, [*applications, *(f"{arn}/jobruns/*" for arn in applications)])
        yield pass_role("PassJobRunRoles", arns.role_arns(site), "emr-serverless")


def _clusters(site: Site) -> Iterator[Statement]:
    actions = ["AddJobFlowSteps", "CancelSteps", "DescribeStep", "DescribeCluster", "ListSteps"]
    if site.workloads.make_clusters:
        actions += ["TerminateJobFlows", "AddTags"]
        yield Statement("MakeClusters", ("elasticmapreduce:RunJobFlow",), ("*",))
        yield pass_role("PassClusterRoles", arns.cluster_role_arns(site), "elasticmapreduce")
        yield pass_role("PassMachineRoles", arns.cluster_role_arns(site), "ec2")
    yield Statement("Clusters", [f"elasticmapreduce:{one}" for one in actions], arns.cluster_arns(site))
