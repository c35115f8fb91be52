"""The roles of who deploys: a site comes in, roles go into the template.

DeployerRole is for workflows that deploy to the environment, PlanRole for those of pull requests. CloudFormation
changes the stack with the rights of whoever deploys: a service role would stay with the stack, and then nobody could
change what that role may not. Neither has the boundary of the workload roles, unless the configuration names one, which
an account may demand of every role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagwright.infra.deploying.github import trusted_for
from dagwright.infra.deploying.reading import planning
from dagwright.infra.deploying.stack_rights import stack_rights
from dagwright.infra.deploying.writing import deploying
from dagwright.infra.names import DEPLOYER_ROLE, PLAN_ROLE, PLANNED, TEMPLATES
from dagwright.infra.roles.role import add_role

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template


def add_deployer(template: Template, site: Site) -> None:
    """Add the role of workflows that run in the environment of this name on GitHub, which decides who approves them."""
    environment = site.project.environment
    purpose = f"Deploys {site.names.stem}: workflows of {site.infra.repository} in the environment {environment}"
    statements = [*planning(site, TEMPLATES, PLANNED), *deploying(site), *stack_rights(template, site)]
    trusted = trusted_for(site, f"environment:{environment}")
    add_role(template, site, DEPLOYER_ROLE, site.names.deployer_role, trusted, statements, purpose, bounded=False)


def add_planner(template: Template, site: Site) -> None:
    """Add the role of pull requests, which look and change nothing: whoever opens one writes what they run."""
    purpose = f"Plans {site.names.stem}: pull requests of {site.infra.repository}"
    trusted = trusted_for(site, "pull_request")
    add_role(template, site, PLAN_ROLE, site.names.plan_role, trusted, [*planning(site)], purpose, bounded=False)
