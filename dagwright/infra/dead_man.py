"""Alarms that something has *not* happened: for each schedule, that its pipeline has not succeeded for too long.

In: a site. Out: resources, and notes on the schedules for which there can be none. Everything else that is watched
needs something to fail; a schedule that was deleted, or a role that may not start it, does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from dagwright.cron_gaps import longest_gap
from dagwright.infra.alarms import add_alarm, added_up, alarm_name
from dagwright.infra.metrics import Metric, executions
from dagwright.infra.notifications import TOPIC
from dagwright.infra.template import logical_id, ref

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template
    from dagwright.infra.workload import Start, Workload

_HOUR = 3600
#: CloudWatch looks back over seven days at most (API reference, PutMetricAlarm, Period), which are so many hours.
MOST_HOURS = 604_800 // _HOUR
#: How much later than the start before it a start may succeed: half the time between them, within these bounds.
_SLACK = (timedelta(hours=1), timedelta(hours=12))
_UNWATCHED = "no alarm tells that it is late"
_WARM_UP_MINUTES = 2880  # the longest there is


class Watch(NamedTuple):
    """What is counted, over how many hours, and what that it happened is called."""

    metric: Metric
    hours: int
    happened: str


def add_dead_man(template: Template, site: Site) -> None:
    for workload, start in _starts(site):
        watch = _watch(site, workload, start)
        if isinstance(watch, Watch):
            _add_alarm(template, workload, start, watch)


def notes_of(site: Site) -> list[str]:
    """Which schedules no alarm can watch, and why."""
    watches = ((_watch(site, workload, start), workload, start) for workload, start in _starts(site))
    return [
        f"schedule {start.name} of {one.name}: {why}" for why, one, start in watches if isinstance(why, str) and why
    ]


def _starts(site: Site) -> Iterator[tuple[Workload, Start]]:
    return ((workload, start) for workload in site.workloads.scheduled for start in workload.starts if start.is_on)


def _watch(site: Site, workload: Workload, start: Start) -> Watch | str:
    """What is watched, else why nothing is; empty for what starts once."""
    expression, zone = start.members["ScheduleExpression"], start.members["ScheduleExpressionTimezone"]
    if expression.startswith("at("):
        return ""
    if "EndDate" in start.members:
        return f"it has an end, after which an alarm would never be over: {_UNWATCHED}"
    gap = _gap(expression, zone)
    if isinstance(gap, str):
        return gap
    counted = executions(site, workload)
    hours = ceil((gap + _slack(gap, start)) / timedelta(hours=1)) + 1  # the hour that has begun counts as one
    if hours <= MOST_HOURS:
        return Watch(counted.succeeded, hours, "succeeded")
    if gap <= timedelta(hours=MOST_HOURS):
        return Watch(counted.started, MOST_HOURS, "started")
    return f"{_told(gap)} can pass from one start to the next, CloudWatch looks back 7 days: {_UNWATCHED}"


def _gap(expression: str, zone: str) -> timedelta | str:
    try:
        return longest_gap(expression, zone) or f"it never starts: {_UNWATCHED}"
    except LookupError:  # zoneinfo's, of a zone without rules
        return f"this machine does not know the rules of {zone} (pip install tzdata): {_UNWATCHED}"


def _slack(gap: timedelta, start: Start) -> timedelta:
    """How late a success may be: attempts of a start and its window, and the time by which a run may take longer."""
    attempts = start.members["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"]
    window = start.members["FlexibleTimeWindow"].get("MaximumWindowInMinutes", 0)
    least, most = _SLACK
    return timedelta(seconds=attempts, minutes=window) + min(max(gap / 2, least), most)


def _add_alarm(template: Template, workload: Workload, start: Start, watch: Watch) -> None:
    add_alarm(
        template,
        logical_id("AlarmLate", workload.name, "at", start.name),
        alarm_name(f"{workload.deployed_name}.{start.name}-late"),
        f"No execution of {workload.deployed_name} has {watch.happened} for {watch.hours} hours: its schedule "
        f"{start.name} is {start.members['ScheduleExpression']} in {start.members['ScheduleExpressionTimezone']}",
        {
            "Metrics": added_up([watch.metric], _HOUR),
            "ComparisonOperator": "LessThanThreshold",
            "Threshold": 1,
            "EvaluationPeriods": watch.hours,
            "DatapointsToAlarm": watch.hours,
            "TreatMissingData": "breaching",
            "OKActions": [ref(TOPIC)],
            "WarmUpConfiguration": {
                "WarmUpPeriodDurationInMinutes": min(watch.hours * 60, _WARM_UP_MINUTES),
                "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True,
            },
        },
    )


def _told(gap: timedelta) -> str:
    hours = gap.seconds // 3600
    return f"{gap.days} days" + (f" and {hours} hour{'s' if hours > 1 else ''}" if hours else "")
