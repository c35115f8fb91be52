"""One alarm for all: the template with its alarms comes in, the alarm that wakes somebody goes out.

It tells the topic once when trouble begins, whatever it is. A pager subscribes to the topic with a filter on its name;
docs/alerts.md has the command.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagwright.infra.alarms import ALARM
from dagwright.infra.names import shortened
from dagwright.infra.notifications import TOPIC
from dagwright.infra.template import ref

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

#: A start that is repeated is nobody's trouble yet.
_NOT_URGENT = ("AlarmStartsRefused",)
# CloudWatch takes 100, in an expression of 10,240 characters (API reference, PutCompositeAlarm).
_MOST, _LONGEST = 100, 10_240


def add_paging(template: Template, site: Site) -> None:
    """The composite alarm; another for what one cannot hold."""
    for number, alarms in enumerate(_parts(urgent(template)), 1):
        end = f"-{number}" if number > 1 else ""
        template.add(
            f"Page{number if number > 1 else ''}",
            "AWS::CloudWatch::CompositeAlarm",
            {
                "AlarmName": shortened(f"{site.names.stem}-page{end}", 255),
                "AlarmDescription": f"Something of {site.project.model_package_group} in {site.project.environment} "
                "needs somebody: one of the alarms that this one watches tells what",
                "AlarmRule": _rule(alarms),
                "AlarmActions": [ref(TOPIC)],
            },
            after=list(alarms),
        )


def urgent(template: Template) -> dict[str, str]:
    """The names of the alarms that count, by their ids in the template."""
    return {
        alarm_id: resource["Properties"]["AlarmName"]
        for alarm_id, resource in template.resources.items()
        if resource["Type"] == ALARM and alarm_id not in _NOT_URGENT
    }


def _rule(alarms: dict[str, str]) -> str:
    return " OR ".join(f'ALARM("{name}")' for name in alarms.values())


def _parts(alarms: dict[str, str]) -> list[dict[str, str]]:
    parts: list[dict[str, str]] = [{}]
    for alarm_id, name in alarms.items():
        longer = parts[-1] | {alarm_id: name}
        if len(longer) > _MOST or len(_rule(longer)) > _LONGEST:
            parts.append({alarm_id: name})
        else:
            parts[-1] = longer
    return [one for one in parts if one]
