"""The most that a role of the project may ever do: the site comes in, a managed policy goes into the template.

A boundary grants nothing. What a role's own policies allow beyond it, it may not do; so who may change those policies,
but only of roles that have the boundary, cannot give himself more than the boundary holds.
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
