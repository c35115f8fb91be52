"""The stack of one environment, whole: a project with its pipelines comes in, the template goes out.

Every subject is a file of its own, called here in the order in which people read: what is encrypted with, what is
stored, what may do what, what runs where, what is watched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dagwright.infra.roles import add_roles
from dagwright.infra.site import Site
from dagwright.infra.template import Template
from dagwright.infra.workload import Workloads

if TYPE_CHECKING:
    from dagwright.project import Project


def template_of(project: Project, workloads: Workloads, neighbours: Sequence[Project] = ()) -> Template:
    """The template of an environment; see `Site` for its neighbours."""
    site = Site(project, workloads, neighbours)
    template = Template(
        f"What stands around the pipelines of {project.model_package_group} in {project.environment}: made of "
        "config/project.yaml, changed by `infra upsert` only"
    )
    for add in PARTS:
        add(template, site)
    return template


PARTS: tuple[Callable[[Template, Site], None], ...] = (add_roles,)
