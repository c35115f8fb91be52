"""What the project's schedules need: their group, and the queue of starts that failed for good.

In: a site. Out: resources. The schedules themselves are made by `upsert`, which knows them with their pipelines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagwright.infra.queues import add_queue
from dagwright.marks import PROJECT

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

GROUP, QUEUE = "ScheduleGroup", "DeadLetterQueue"
_EVERYBODYS = "default"  # every account has this group


def add_schedules(template: Template, site: Site) -> None:
    group = site.project.schedule_group
    if group != _EVERYBODYS and not site.made_before("schedule_group"):
        mark = {"Key": PROJECT, "Value": site.project.model_package_group}  # by which `upsert` knows it as ours
        template.add(GROUP, "AWS::Scheduler::ScheduleGroup", {"Name": group, "Tags": [*site.tags, mark]}, kept=True)
    if site.infra.makes("scheduler.dead_letter_queue"):
        arn = add_queue(template, site, QUEUE, site.names.dead_letter_queue)
        template.output(f"{QUEUE}Arn", arn, "Where schedules leave the starts that failed for good")


def dead_letter_queue(site: Site) -> str:
    """The name of the queue that the schedules use; empty if it is another account's or Region's."""
    if site.infra.makes("scheduler.dead_letter_queue"):
        return site.names.dead_letter_queue
    given = site.project.dead_letter_queue or ""
    name = given.rpartition(":")[2]
    return name if given == site.names.arn("sqs", name) else ""
