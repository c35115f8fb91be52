"""What runs in the containers of jobs and models: their data, images, logs, metrics and keys, and no right to create
anything. A job with more rights would hand them to any code in its image."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from dagwright.infra.names import JOB_LOG_GROUPS
from dagwright.infra.policy import Statement, trust
from dagwright.infra.roles import arns, keys, storage
from dagwright.infra.roles.network import runs_in_vpc
from dagwright.infra.roles.role import add_role

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

EXECUTION_ROLE = "ExecutionRole"
# By kind of log group, the types of steps whose jobs write there.
_LOGGING = {
    "processing": ("Processing", "QualityCheck", "ClarifyCheck", "AutoML"),
    "training": ("Training", "Tuning", "AutoML", "Job"),
    "transform": ("Transform", "AutoML"),
}
_REGISTRY = re.compile(r"([0-9*]+)\.dkr\.ecr(?:-fips)?\.([a-z0-9*-]+)\.[^/]+/([^:@]+)")
#: What pulling an image calls of its repository.
PULL = ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage")
#: What a job in a VPC does with its network interfaces.
INTERFACES = (
    "ec2:CreateNetworkInterface",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeVpcs",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeSubnets",
    "ec2:DescribeSecurityGroups",
)


def add_execution_role(template: Template, site: Site) -> None:
    """Add the role of the jobs, unless the configuration names one."""
    if site.infra.makes("role"):
        purpose = f"What the jobs of {site.names.stem} may do: read and write their data"
        arn = site.project.role
        add_role(template, site, EXECUTION_ROLE, arn, sagemaker_trust(site), [*_statements(site)], purpose)


def sagemaker_trust(site: Site) -> dict[str, object]:
    """SageMaker, for jobs, models and pipelines of this account and Region."""
    sources = [site.names.arn("sagemaker", "*")]
    return trust("sagemaker", site.project.account_id, sources=sources)


def _statements(site: Site) -> Iterator[Statement]:
    yield from _data(site)
    yield from _images(site)
    yield from _logs(site)
    groups = [site.names.arn("sagemaker", f"feature-group/{name}") for name in site.workloads.all("feature_groups")]
    yield Statement("Features", ("sagemaker:PutRecord", "sagemaker:DescribeFeatureGroup"), arns.any_case(groups))
    namespaces = ["/aws/sagemaker/*", f"{site.project.company}/ml/{site.project.model_package_group}"]
    bound = {"StringLike": {"cloudwatch:namespace": namespaces}}
    yield Statement("Metrics", ("cloudwatch:PutMetricData",), ("*",), bound)
    if runs_in_vpc(site) or site.workloads.all("subnets"):
        yield Statement("VpcInterfaces", INTERFACES, ("*",))
    yield from keys.key_statements(site, "UseKeys", keys.DATA)
    for_services = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    yield from keys.key_statements(site, "EncryptVolumes", ("kms:CreateGrant",), for_services)


def _data(site: Site) -> Iterator[Statement]:
    """Reading and writing apart. What is written is read again by what follows."""
    read, written = site.workloads.all("reads"), site.workloads.all("writes")
    yield from storage.listing(site, "ListData", storage.READ, [*read, *written])
    yield Statement("ReadData", ("s3:GetObject",), storage.objects(site, storage.READ, [*read, *written]))
    actions = ("s3:PutObject", "s3:AbortMultipartUpload")
    yield Statement("WriteResults", actions, storage.objects(site, storage.WRITTEN, written, below=True))


def _images(site: Site) -> Iterator[Statement]:
    repositories = repository_arns(site, site.workloads.all("images"))
    if repositories:
        yield Statement("RegistryLogin", ("ecr:GetAuthorizationToken",), ("*",))
    yield Statement("PullImages", PULL, repositories)


def repository_arns(site: Site, images: Sequence[str]) -> list[str]:
    """The repositories of those images that are in an ECR, of whichever account and Region."""
    found = (_REGISTRY.match(image) for image in images)
    start = f"arn:{site.project.partition}:ecr"
    return [*dict.fromkeys(f"{start}:{one[2]}:{one[1]}:repository/{one[3]}" for one in found if one is not None)]


def _logs(site: Site) -> Iterator[Statement]:
    groups = [JOB_LOG_GROUPS[kind] for kind, types in _LOGGING.items() if site.workloads.have(*types)]
    if site.workloads.have("Endpoint", "InferenceComponent"):
        groups.append("/aws/sagemaker/Endpoints/*")
    found = [site.names.arn("logs", f"log-group:{group}") for group in groups]
    yield Statement("LogGroups", ("logs:CreateLogGroup", "logs:DescribeLogStreams"), found)
    streams = [f"{arn}:log-stream:*" for arn in found]
    yield Statement("LogStreams", ("logs:CreateLogStream", "logs:PutLogEvents"), streams)
