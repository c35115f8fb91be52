"""Which permissions boundary the roles of a project have: a site comes in, the policy goes out by which IAM knows it.

The policy itself is made in `deploying/boundary_policy.py`, unless the configuration names one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagwright.infra.template import ref

if TYPE_CHECKING:
    from dagwright.infra.site import Site

BOUNDARY = "Boundary"


def boundary_of(site: Site) -> Any:
    """What `PermissionsBoundary` of every role is: the ARN that the file gives, else the policy of the stack."""
    return site.infra.permissions_boundary or ref(BOUNDARY)


def boundary_arn(site: Site) -> str:
    """The same as the text of an ARN, for conditions."""
    return site.infra.permissions_boundary or site.names.policy(BOUNDARY)
