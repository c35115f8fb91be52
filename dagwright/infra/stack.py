"""The stack of one environment, whole: a project with its pipelines comes in, the template goes out.

Every subject is a file of its own, called here in the order in which people read: what is encrypted with, what is
stored, what may do what, what runs where, what is watched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dagwright.infra.alarms import add_alarms
from dagwright.infra.bucket import BUCKET, BUCKET_POLICY, add_bucket
from dagwright.infra.dashboard import add_dashboard
from dagwright.infra.dead_man import add_dead_man
from dagwright.infra.deploying import add_deploying
from dagwright.infra.endpoints import add_endpoints
from dagwright.infra.keys import KEY_ALIAS, add_keys
from dagwright.infra.logs import add_logs
from dagwright.infra.network import add_network
from dagwright.infra.notifications import add_notifications
from dagwright.infra.paging import add_paging
from dagwright.infra.queries import add_queries
from dagwright.infra.registry import add_registry
from dagwright.infra.repositories import add_repositories
from dagwright.infra.roles import add_roles
from dagwright.infra.schedules import add_schedules
from dagwright.infra.site import KEY, Site
from dagwright.infra.template import Template
from dagwright.infra.triggers import add_triggers
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
#: What is watched, and what starts.
WATCH_PARTS: tuple[Callable[[Template, Site], None], ...] = (
    add_schedules,
    add_logs,
    add_queries,
    add_triggers,
    add_notifications,
    add_alarms,
    add_dead_man,
    add_paging,
    add_dashboard,
)
#: The identities of deployment come last: they may change what the template holds by then.
PARTS = (*GROUND_PARTS, add_roles, *WATCH_PARTS, add_deploying)
#: What has to be there before a template that goes through the bucket; it refers to nothing outside itself.
GROUND = (KEY, KEY_ALIAS, BUCKET, BUCKET_POLICY)
