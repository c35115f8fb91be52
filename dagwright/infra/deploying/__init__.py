"""Who deploys: a site and the template with all that the others have added come in, the identities of deployment go in.

Nobody of these runs a pipeline. What they may do is told in docs/identities.md, each wildcard with its reason. Every
one of them is an administrator's to change (`administrators.py`): who could change what he may do, could do anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagwright.infra.deploying.boundary_policy import add_boundary
from dagwright.infra.deploying.github import add_provider
from dagwright.infra.deploying.roles import add_deployer, add_planner

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template


def add_deploying(template: Template, site: Site) -> None:
    """Add boundary, provider and roles. The last part of a template: what the deployer may change follows from all that
    is in it. Without `infra.github_repository` there is nobody to deploy but who has the rights already."""
    add_boundary(template, site)
    if site.infra.repository:
        add_provider(template, site)
        add_planner(template, site)
        add_deployer(template, site)
