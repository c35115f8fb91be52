"""Security groups by what their members do: a site comes in, groups and their rules are added.

Nobody calls a job, so nothing comes in but from its own kind. Out goes HTTPS, to what the configuration says is there.
Rules are resources of their own: a group that names itself would be a circle to CloudFormation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dagwright.errors import ConfigurationError, Problem
from dagwright.infra.template import get_att, logical_id
from dagwright.project_forms import PURPOSES

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

ENDPOINT_GROUP = "EndpointSecurityGroup"
# Jobs on several hosts talk among themselves, at ports of their frameworks' choice.
_AMONG_THEMSELVES = ("processing", "training")
_ALL = "-1"
# A group without a rule for what goes out gets one from EC2 that lets everything out.
_NOTHING_OUT = {"IpProtocol": _ALL, "CidrIp": "127.0.0.1/32", "Description": "Nothing but what other rules allow"}


def add_network(template: Template, site: Site) -> None:
    """The groups for processing, training and inference that the configuration does not name."""
    for purpose in made_purposes(site):
        group = group_id(purpose)
        add_group(template, site, group, purpose, f"Jobs and models of SageMaker: {purpose}")
        for name, kind, rule in _rules(site, purpose):
            template.add(f"{group}{name}", f"AWS::EC2::SecurityGroup{kind}", rule)
        template.output(group, get_att(group, "GroupId"), f"The security group for {purpose}")


def add_group(template: Template, site: Site, group: str, name: str, description: str) -> None:
    """A group without rules. Its name and its description never change: another would be another group.

    Raises ConfigurationError as long as the VPC, which is found by its tags, is not known.
    """
    template.add(
        group,
        "AWS::EC2::SecurityGroup",
        {
            "GroupName": f"{site.infra.group_prefix}-{name}",
            "GroupDescription": description,
            "VpcId": vpc_of(site),
            "SecurityGroupEgress": [_NOTHING_OUT],
            "Tags": [*site.tags, {"Key": "Name", "Value": f"{site.infra.group_prefix}-{name}"}],
        },
    )


def vpc_of(site: Site) -> str:
    """The VPC's id. Raises ConfigurationError as long as it is not known."""
    if site.infra.vpc:
        return site.infra.vpc
    environment = site.project.environment
    what, hint = "the VPC is found by its tags, and was not yet", f"run `infra outputs --env {environment}`"
    problem = Problem("not-found-yet", what, hint, field="infra.find.vpc")
    raise ConfigurationError(f"the stack of {environment} cannot be written", [problem])


def made_purposes(site: Site) -> list[str]:
    """The purposes whose groups the stack makes."""
    return [purpose for purpose in PURPOSES if site.infra.makes(f"network.security_groups.{purpose}")]


def group_id(purpose: str) -> str:
    """The logical id of the group for a purpose."""
    return logical_id("security", "group", purpose)


def add_entrances(template: Template, site: Site, endpoint_group: Any, name: str) -> None:
    """Let the jobs' groups, made or there already, reach the endpoints of a group."""
    sources = [(logical_id(purpose), get_att(group_id(purpose), "GroupId")) for purpose in made_purposes(site)]
    there = {
        group: None for purpose in PURPOSES if purpose not in made_purposes(site) for group in _known(site, purpose)
    }
    for words, source in (*sources, *((logical_id(group), group) for group in there)):
        description = "HTTPS from the jobs and models of the project"
        rule = _https(description) | {"GroupId": endpoint_group, "SourceSecurityGroupId": source}
        template.add(f"{name}From{words}", "AWS::EC2::SecurityGroupIngress", rule)


def _known(site: Site, purpose: str) -> tuple[str, ...]:
    return site.infra.groups.get(purpose, ())


def _rules(site: Site, purpose: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The rules of a group: the end of their logical id, Ingress or Egress, the properties."""
    own = get_att(group_id(purpose), "GroupId")
    if purpose in _AMONG_THEMSELVES:
        among = {"GroupId": own, "IpProtocol": _ALL, "Description": "Hosts of a job among themselves"}
        yield "FromItself", "Ingress", among | {"SourceSecurityGroupId": own}
        yield "ToItself", "Egress", among | {"DestinationSecurityGroupId": own}
    for name, description, destination in _destinations(site):
        yield name, "Egress", _https(description) | {"GroupId": own} | destination


def _destinations(site: Site) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Where jobs may go by HTTPS. All of them read and write S3: as long as its prefix list is not known, anywhere."""
    infra = site.infra
    if makes_interfaces(site):
        to_made = {"DestinationSecurityGroupId": get_att(ENDPOINT_GROUP, "GroupId")}
        yield "ToEndpoints", "HTTPS to the endpoints of AWS services", to_made
    elif infra.endpoint_group:
        there = {"DestinationSecurityGroupId": infra.endpoint_group}
        yield "ToEndpoints", "HTTPS to the endpoints of AWS services", there
    if infra.s3_prefix_list:
        yield "ToS3", "HTTPS to S3 through its gateway endpoint", {"DestinationPrefixListId": infra.s3_prefix_list}
    else:
        description = "HTTPS anywhere, until infra.endpoints.s3_prefix_list says where S3 is"
        yield "ToAnywhere", description, {"CidrIp": "0.0.0.0/0"}


def _https(description: str) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "Description": description}


def makes_interfaces(site: Site) -> bool:
    """Whether the stack makes endpoints that have addresses in subnets."""
    from dagwright.infra.endpoints import interfaces_of

    return bool(interfaces_of(site))
