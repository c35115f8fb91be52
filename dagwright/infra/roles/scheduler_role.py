"""What EventBridge Scheduler does for the schedules of the project: start the pipelines that have one, no others, and
tell the queue of starts that failed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagwright.infra.policy import Statement, trust
from dagwright.infra.roles import keys
from dagwright.infra.roles.arns import start_queue_arns
from dagwright.infra.roles.role import add_role

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

SCHEDULER_ROLE = "SchedulerRole"


def add_scheduler_role(template: Template, site: Site) -> None:
    """Add the role of the schedules, unless the configuration names one."""
    if not site.infra.makes("scheduler.role"):
        return
    # The group, never a schedule of it, is what Scheduler says it acts for (its user guide, "Confused deputy").
    trusted = trust("scheduler", site.project.account_id, sources=[site.names.schedule_group])
    purpose = f"What the schedules of {site.names.stem} may do: start its scheduled pipelines"
    arn = site.project.scheduler_role
    add_role(template, site, SCHEDULER_ROLE, arn, trusted, [*_statements(site)], purpose)


def _statements(site: Site) -> Iterator[Statement]:
    scheduled = site.workloads.scheduled
    pipelines = [arn for one in scheduled for arn in site.names.pipeline(one.deployed_name)]
    yield Statement("StartPipelines", ("sagemaker:StartPipelineExecution",), pipelines)
    machines = [site.names.machine(one.deployed_name) for one in scheduled if one.machine]
    yield Statement("StartMachines", ("states:StartExecution",), machines)
    queues = start_queue_arns(site)
    yield Statement("TellOfFailures", ("sqs:SendMessage",), queues)
    if queues:
        yield from keys.message_statements(site)
