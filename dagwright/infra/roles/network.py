"""The VPC that jobs run in, as policies see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagwright.infra.template import get_att
from dagwright.project_forms import PURPOSES

if TYPE_CHECKING:
    from dagwright.infra.site import Site


def runs_in_vpc(site: Site) -> bool:
    """Whether jobs run in a VPC, or will once the stack has told of it."""
    return bool(site.project.subnets) or any(key.startswith("network.") for key in site.project.unmade)


def only_in_vpc(site: Site) -> Mapping[str, Mapping[str, Any]]:
    """The condition that what is created is in the project's subnets, with its security groups; none outside a VPC.

    `ForAllValues` holds for a request that names none, so `Null` has to ask for some (SageMaker developer guide,
    "Identity-based policy examples").
    """
    if not runs_in_vpc(site):
        return {}
    known = {"sagemaker:VpcSubnets": [*site.infra.subnets], "sagemaker:VpcSecurityGroupIds": _groups(site)}
    return {
        "ForAllValues:StringEquals": {key: values for key, values in known.items() if values},
        "Null": dict.fromkeys(known, "false"),
    }


def _groups(site: Site) -> list[Any]:
    """The security groups of all purposes; nothing as long as one of them is not known."""
    found: list[Any] = []
    for purpose in PURPOSES:
        if site.infra.makes(f"network.security_groups.{purpose}"):
            found.append(get_att(f"SecurityGroup{purpose.title()}", "GroupId"))
        elif site.infra.groups.get(purpose):
            found += site.infra.groups[purpose]
        else:
            return []
    return [*{str(one): one for one in found}.values()]
