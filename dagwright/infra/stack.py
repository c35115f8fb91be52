"""The stack of one environment, whole: a project with its pipelines comes in, the template goes out.

Every subject is a file of its own, called here in the order in which people read: what is encrypted with, what is
stored, what may do what, what runs where, what is watched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dagwright.infra.bucket import BUCKET, BUCKET_POLICY, add_bucket
from dagwright.infra.endpoints import add_endpoints
from dagwright.infra.keys import KEY_ALIAS, add_keys
from dagwright.infra.network import add_network
from dagwright.infra.registry import add_registry
from dagwright.infra.repositories import add_repositories
from dagwright.infra.roles import add_roles
from dagwright.infra.site import KEY, Site
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


#: What is encrypted with, stored and connected.
GROUND_PARTS: tuple[Callable[[Template, Site], None], ...] = (
    add_keys,
    add_bucket,
    add_repositories,
    add_registry,
    add_network,
    add_endpoints,
)
PARTS: tuple[Callable[[Template, Site], None], ...] = (*GROUND_PARTS, add_roles)
#: What has to be there before a template that goes through the bucket; it refers to nothing outside itself.
GROUND = (KEY, KEY_ALIAS, BUCKET, BUCKET_POLICY)
