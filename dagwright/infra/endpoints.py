"""VPC endpoints: a site comes in; what its jobs reach AWS through, without the internet, is added."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dagwright.infra.network import ENDPOINT_GROUP, add_entrances, add_group, vpc_of
from dagwright.infra.policy import Statement, document
from dagwright.infra.template import get_att, logical_id
from dagwright.infra_settings import GATEWAYS

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

# Services whose endpoints in China begin with the partition's own words, as DescribeVpcEndpointServices lists them
# there; of those that jobs call. Of any other service the whole name may be given.
_CHINAS_OWN = (
    *("athena", "ec2", "ecr.api", "ecr.dkr", "lambda", "monitoring", "redshift", "redshift-data", "sqs", "xray"),
    *("sagemaker.api", "sagemaker.featurestore-runtime", "sagemaker.runtime", "states", "sts", "sync-states"),
)


def add_endpoints(template: Template, site: Site) -> None:
    """The endpoints that the configuration lists, but those that an environment before this one makes in the VPC."""
    for service in gateways_of(site):
        properties: dict[str, Any] = {
            "VpcEndpointType": "Gateway",
            "RouteTableIds": list(site.infra.route_tables),
            "PolicyDocument": document([*_only_what_is_needed(site)]) if service == "s3" else None,
        }
        _add(template, site, service, properties)
    interfaces = interfaces_of(site)
    if interfaces:
        add_group(template, site, ENDPOINT_GROUP, "endpoints", "Endpoints of AWS services")
        add_entrances(template, site, get_att(ENDPOINT_GROUP, "GroupId"), ENDPOINT_GROUP)
    elif site.infra.endpoint_group and _neighbours_services(site):
        add_entrances(template, site, site.infra.endpoint_group, ENDPOINT_GROUP)
    for service in interfaces:
        properties = {
            "VpcEndpointType": "Interface",
            "SubnetIds": list(site.infra.subnets),
            "SecurityGroupIds": [get_att(ENDPOINT_GROUP, "GroupId")],
            "PrivateDnsEnabled": True,
        }
        _add(template, site, service, properties)


def gateways_of(site: Site) -> list[str]:
    """The services to be made whose endpoints are entries of route tables."""
    return [service for service in _own(site) if service in GATEWAYS]


def interfaces_of(site: Site) -> list[str]:
    """The services to be made whose endpoints have addresses in subnets."""
    return [service for service in _own(site) if service not in GATEWAYS]


def _own(site: Site) -> list[str]:
    """Two endpoints of one service in a VPC would claim the same names, or the same routes."""
    before = _neighbours_services(site)
    return [service for service in dict.fromkeys(site.infra.endpoints) if service not in before]


def _neighbours_services(site: Site) -> set[str]:
    return {
        service
        for other in site.neighbours
        if site.infra.vpc and other.infra.vpc == site.infra.vpc and other.region == site.project.region
        for service in other.infra.endpoints
    }


def _add(template: Template, site: Site, service: str, properties: dict[str, Any]) -> None:
    common = {"VpcId": vpc_of(site), "ServiceName": service_name(site, service)}
    tags = {"Tags": [*site.tags, {"Key": "Name", "Value": f"{site.infra.group_prefix}-{service}"}]}
    template.add(logical_id("endpoint", service), "AWS::EC2::VPCEndpoint", common | properties | tags)


def service_name(site: Site, service: str) -> str:
    """The name of a service's endpoint: `sagemaker.api` -> `com.amazonaws.us-east-1.sagemaker.api`. A name that has the
    Region in it is whole."""
    region = site.project.region
    if f".{region}." in service:
        return service
    china = site.project.partition == "aws-cn" and service in _CHINAS_OWN
    return f"{'cn.' if china else ''}com.amazonaws.{region}.{service}"


def _only_what_is_needed(site: Site) -> Iterator[Statement]:
    """What may be read and written through the endpoint for S3. It is everybody's in the VPC: environments of the
    project that share it are allowed by how their buckets are called."""
    project = site.project
    stem = f"arn:{project.partition}:s3:::{project.company}-sm-{project.team}-{project.project}"
    buckets = [f"{stem}*"] if project.bucket.startswith(stem.rpartition(":")[2]) else [f"{stem}*", site.names.bucket]
    yield _allowed(
        "ProjectBuckets",
        ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:ListBucketVersions"),
        buckets,
    )
    yield _allowed("ProjectObjects", _READ + _WRITE, [f"{bucket}/*" for bucket in buckets])
    read, written = (_outside(site, kind) for kind in ("reads", "writes"))
    yield _allowed("OutsideBuckets", ("s3:GetBucketLocation", "s3:ListBucket"), [*dict.fromkeys((*read, *written))])
    yield _allowed("OutsideObjects", _READ, [f"{bucket}/*" for bucket in read])
    yield _allowed("OutsideOutputs", _WRITE, [f"{bucket}/*" for bucket in written])
    # Where ECR keeps the layers of images (ECR user guide, "Minimum Amazon S3 bucket permissions for Amazon ECR").
    layers = f"arn:{project.partition}:s3:::prod-{project.region}-starport-layer-bucket/*"
    yield _allowed("ImageLayers", ("s3:GetObject",), [layers])


_READ = ("s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion", "s3:ListMultipartUploadParts")
_WRITE = ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject", "s3:PutObjectTagging")


def _allowed(sid: str, actions: tuple[str, ...], resources: list[str]) -> Statement:
    return Statement(sid, actions, resources, principal="*" if resources else "")


def _outside(site: Site, kind: str) -> list[str]:
    """The buckets of others that the pipelines name; one that only a run can know is none."""
    names = dict.fromkeys(address.removeprefix("s3://").partition("/")[0] for address in site.workloads.all(kind))
    return [
        f"arn:{site.project.partition}:s3:::{name}" for name in names if name != site.project.bucket and "*" not in name
    ]
