"""The stacks that the words name: an environment's own, and the one of the Region that it is copied to.

In: the words of the command line. Out: what `stacks/` deploys. Nothing here asks AWS.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dagwright.cli.sources import project_of
from dagwright.engines.aws.ownership import Owner
from dagwright.errors import ConfigurationError, Problem
from dagwright.infra.deploying.administrators import ADMINISTRATORS
from dagwright.infra.names import PLANNED, TEMPLATES
from dagwright.stacks.wanted import Asset, Find, InfraStack

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template
    from dagwright.project import Project


def wanted_stack(arguments: Namespace) -> InfraStack:
    """The stack of the environment. What no stack can hold is said on standard error.

    Raises ConfigurationError, DefinitionError for a pipeline that cannot be built.
    """
    from dagwright.infra.notes import notes_of
    from dagwright.infra.stack import GROUND, template_of
    from dagwright.infra.triggers import assets_of

    site = site_of(arguments)
    template = template_of(site.project, site.workloads, site.neighbours)
    for note in notes_of(site):
        print(f"note: {note}", file=sys.stderr)
    return replace(
        _stack(site.project, template),
        ground=template.only(GROUND).as_json() if "Bucket" in template.resources else None,
        assets=tuple(Asset(key, content) for key, content in assets_of(site)),
    )


def replica_stack(arguments: Namespace) -> InfraStack | None:
    """The stack of the Region that the environment is copied to, which is made first; None if there is none.

    What is copied does not depend on the pipelines, so none is built. Raises ConfigurationError.
    """
    from dagwright.cli.workloads import neighbours_of
    from dagwright.infra.replica import replica_of
    from dagwright.infra.site import Site
    from dagwright.infra.workload import Workloads

    project = project_of(arguments)
    _require_section(project)
    template = replica_of(Site(project, Workloads(), neighbours_of(arguments, project)))
    if template is None:
        return None
    return replace(_stack(project, template), region=project.infra.replica_region, find=Find())


def known_stack(arguments: Namespace) -> InfraStack:
    """The environment's stack as far as it can be asked about: its template is not made."""
    project = project_of(arguments)
    _require_section(project)
    return _stack(project, None)


def site_of(arguments: Namespace) -> Site:
    """What the template is built on. Raises ConfigurationError, DefinitionError."""
    from dagwright.cli.workloads import neighbours_of, workloads_of
    from dagwright.infra.site import Site

    project = project_of(arguments)
    _require_section(project)
    return Site(project, workloads_of(arguments, project), neighbours_of(arguments, project))


def _require_section(project: Project) -> None:
    if project.infra.is_used:
        return
    hint = "for example infra: {vpc: vpc-…, alert_emails: [oncall@example.com]}; docs/infrastructure.md"
    problem = Problem("missing-key", "without it the project has no stack", hint, field="infra")
    raise ConfigurationError(f"config/project.yaml does not say what to make in {project.environment}", [problem])


def _stack(project: Project, template: Template | None) -> InfraStack:
    find = dict(project.infra.find)
    return InfraStack(
        name=project.infra.stack,
        owner=Owner(project.model_package_group, project.environment),
        account_id=project.account_id,
        region=project.region,
        template=template.as_json() if template else {},
        bucket=project.bucket,
        key_prefix=f"{project.layout.code}/{TEMPLATES}",
        plan_prefix=f"{project.layout.code}/{PLANNED}",
        tags=project.tags,
        protected=template.kept if template else frozenset(),
        reserved=ADMINISTRATORS,
        upload_key=project.output_key,
        find=_find(find, project.infra.vpc),
    )


def _find(tags: dict[str, Mapping[str, str]], vpc: str) -> Find:
    nothing: dict[str, Any] = {}
    subnets, network = tags.pop("subnets", nothing), tags.pop("vpc", nothing)
    return Find(subnets, tags, network, "" if network else vpc)
