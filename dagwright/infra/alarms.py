"""Alarms on what AWS counts: a site comes in, resources go out.

Every one tells the topic. One on a count tells of the alarm alone: that it is over says no more than that five minutes
have passed without another. One on a state, such as a queue that is not empty, tells of its end, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dagwright.infra.metrics import Metric, executions, of_function, of_schedules, undelivered, unsent, waiting
from dagwright.infra.names import shortened
from dagwright.infra.notices import notices
from dagwright.infra.notifications import TOPIC, rule_name
from dagwright.infra.schedules import dead_letter_queue
from dagwright.infra.template import logical_id, ref

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

ALARM = "AWS::CloudWatch::Alarm"
_NAME = 255
_FIVE_MINUTES = 300


def add_alarms(template: Template, site: Site) -> None:
    _add_executions(template, site)
    _add_schedules(template, site)
    _add_queues(template, site)
    _add_triggers(template, site)
    _add_messages(template, site)


def _add_executions(template: Template, site: Site) -> None:
    for one in site.workloads:
        name = alarm_name(f"{one.deployed_name}-failed")
        what = f"An execution of {one.deployed_name} has failed"
        add_count(template, logical_id("AlarmFailed", one.name), name, what, executions(site, one).failed)


def _add_schedules(template: Template, site: Site) -> None:
    lost = [
        of_schedules(site, f"Invocation{what}")
        for what in ("DroppedCount", "sSentToDeadLetterCount", "sFailedToBeSentToDeadLetterCount")
    ]
    what = f"A schedule of the group {site.project.schedule_group} has not started what it should: all attempts failed"
    add_count(template, "AlarmStartsLost", alarm_name(f"{site.names.stem}-starts-lost"), what, lost)
    what = f"An attempt of a schedule of the group {site.project.schedule_group} has failed; it is repeated"
    refused = [of_schedules(site, "TargetErrorCount")]
    add_count(template, "AlarmStartsRefused", alarm_name(f"{site.names.stem}-starts-refused"), what, refused)


def _add_queues(template: Template, site: Site) -> None:
    held = {
        "Starts": (dead_letter_queue(site), "starts of schedules that failed for good"),
        "Alerts": (site.names.alert_queue, "messages about failures that did not reach the topic"),
        "Triggers": (site.names.trigger_queue if site.workloads.triggered else "", "events that triggers failed on"),
    }
    for word, (queue, what) in held.items():
        if queue:
            name = alarm_name(f"{site.names.stem}-{word.lower()}-waiting")
            add_state(template, f"AlarmQueue{word}", name, f"The queue {queue} holds {what}", waiting(queue))


def _add_triggers(template: Template, site: Site) -> None:
    for one in site.workloads.triggered:
        function = site.names.trigger(one.deployed_name)
        metrics = [of_function(function, name) for name in ("Errors", "Throttles")]
        what = f"The function {function} has failed, or had no room to run"
        add_count(template, logical_id("AlarmTrigger", one.name), alarm_name(f"{function}-failed"), what, metrics)


def _add_messages(template: Template, site: Site) -> None:
    """That somebody is told at all. The alarm reaches the topic by another way than the rules do."""
    stem = site.names.stem
    rules = [undelivered(rule_name(site, one)) for one in notices(site)]
    what = "A rule has not brought its message to the topic"
    add_count(template, "AlarmRules", alarm_name(f"{stem}-alerts-undelivered"), what, rules)
    what = f"A message of {site.names.topic} has not reached a subscriber"
    add_count(template, "AlarmTopic", alarm_name(f"{stem}-alerts-unsent"), what, [unsent(site.names.topic)])


def alarm_name(name: str) -> str:
    return shortened(name, _NAME)


def add_count(template: Template, alarm_id: str, name: str, what: str, metrics: Sequence[Metric]) -> None:
    """An alarm on failures: whether any of these was counted in five minutes. AWS counts what happens; where nothing
    does there is no data, and that is well."""
    members: dict[str, Any] = {"TreatMissingData": "notBreaching"}
    if len(metrics) == 1:
        members |= {**metrics[0].as_json(), "Statistic": metrics[0].statistic, "Period": _FIVE_MINUTES}
    else:
        members["Metrics"] = added_up(metrics, _FIVE_MINUTES)
    add_alarm(template, alarm_id, name, what, members | {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 0})


def add_state(template: Template, alarm_id: str, name: str, what: str, metric: Metric) -> None:
    """An alarm on something that lasts until somebody has seen to it."""
    members = {**metric.as_json(), "Statistic": metric.statistic, "Period": _FIVE_MINUTES}
    members |= {"TreatMissingData": "notBreaching", "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0}
    add_alarm(template, alarm_id, name, what, {**members, "OKActions": [ref(TOPIC)]})


def add_alarm(template: Template, alarm_id: str, name: str, what: str, members: dict[str, Any]) -> None:
    """An alarm that tells the topic, after one period unless `members` say another number."""
    told = {"AlarmName": name, "AlarmDescription": what, "AlarmActions": [ref(TOPIC)], "EvaluationPeriods": 1}
    template.add(alarm_id, ALARM, told | members, after=(f"{TOPIC}Policy",))


def added_up(metrics: Sequence[Metric], period: int) -> list[dict[str, Any]]:
    """The sum of at most nine metrics as an alarm takes it; nothing counted is 0, also in one of them alone."""
    terms = " + ".join(f"FILL(m{number}, 0)" for number in range(1, len(metrics) + 1))
    return [
        {"Id": "total", "Expression": terms, "Label": "total", "ReturnData": True},
        *(
            {
                "Id": f"m{number}",
                "MetricStat": {"Metric": one.as_json(), "Period": period, "Stat": one.statistic},
                "ReturnData": False,
            }
            for number, one in enumerate(metrics, 1)
        ),
    ]
