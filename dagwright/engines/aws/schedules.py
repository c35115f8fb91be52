"""Schedules of EventBridge Scheduler that start pipelines: their names and members on AWS.

In: a schedule as its pipeline wants it, or as GetSchedule describes it. Out: the members of a request, or those that
the two can be compared by.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

from dagwright.engines.aws.responses import plain
from dagwright.engines.aws.wanted import Destination, Wanted, WantedSchedule, fingerprint
from dagwright.shapes import model

# What GetSchedule adds to the members of CreateSchedule, and what names the schedule.
_NOT_COMPARED = frozenset({"Arn", "Name", "GroupName", "CreationDate", "LastModificationDate"})


def name_prefix(pipeline: str) -> str:
    """What the names of a pipeline's schedules begin with: its own name, in which no dot can stand, and a dot."""
    return f"{pipeline}."


def full_name(pipeline: str, schedule: str) -> str:
    """`rc-churn-training-dev.nightly`: the name on AWS, where a group holds the schedules of many pipelines."""
    return name_prefix(pipeline) + schedule


def declared(wanted: Wanted) -> dict[str, WantedSchedule]:
    """The schedules that a pipeline declares, by their names on AWS."""
    return {full_name(wanted.deployed_name, one.name): one for one in wanted.schedules}


def longest_name() -> int:
    """How many characters the name on AWS may have."""
    return int(model("scheduler")["Name"]["max"])


def request(schedule: WantedSchedule, pipeline_arn: str, destination: Destination) -> dict[str, Any]:
    """The members of CreateSchedule and UpdateSchedule, without name and group."""
    members = dict(schedule.members)
    target = {"Arn": pipeline_arn, "RoleArn": destination.scheduler_role, **members["Target"]}
    if "DeadLetterConfig" not in target and destination.dead_letter_queue:
        target["DeadLetterConfig"] = {"Arn": destination.dead_letter_queue}
    description = destination.owner.signed(str(members.get("Description", "")))
    return _begun({**members, "Description": description, "Target": target})


def comparable(members: Mapping[str, Any]) -> dict[str, Any]:
    """A request's or GetSchedule's members as JSON, without those that say what goes without saying."""
    found = {name: value for name, value in plain(_begun(members)).items() if name not in _NOT_COMPARED}
    if found.get("ActionAfterCompletion") == "NONE":
        del found["ActionAfterCompletion"]
    parameters = found.get("Target", {}).get("SageMakerPipelineParameters")
    if parameters is not None and not parameters.get("PipelineParameterList"):
        del found["Target"]["SageMakerPipelineParameters"]
    return found


def schedule_fingerprint(members: Mapping[str, Any]) -> str:
    """The same as long as a described schedule does not change."""
    return fingerprint(comparable(members))


def switched_off(members: Mapping[str, Any]) -> dict[str, Any]:
    """The request that leaves a described schedule as it is, but for its state."""
    kept = {name: value for name, value in members.items() if name not in _NOT_COMPARED}
    return _begun({**kept, "State": "DISABLED"})


def _begun(members: Mapping[str, Any]) -> dict[str, Any]:
    """Without a StartDate that has passed, which says nothing any more: the service refuses one of more than 5 minutes
    ago, in an update as well, even if the schedule has had it since it was made."""
    now = datetime.now(timezone.utc)
    return {name: value for name, value in members.items() if name != "StartDate" or value > now}


def is_over(members: Mapping[str, Any]) -> bool:
    """Whether a schedule starts nothing any more, because its only time or its end has passed: the service need not
    have it, and does not take one whose only time has."""
    now = datetime.now(timezone.utc)
    kind, _, text = str(members.get("ScheduleExpression", "")).partition("(")
    if kind != "at":
        end = members.get("EndDate")
        return end is not None and bool(end <= now)
    try:
        zone = ZoneInfo(members.get("ScheduleExpressionTimezone") or "UTC")
        return datetime.fromisoformat(text.removesuffix(")")).replace(tzinfo=zone) <= now
    except (LookupError, ValueError, OSError):  # this machine has no rules of that zone
        return False


def when(members: Mapping[str, Any]) -> str:
    """`cron(0 2 * * ? *) Asia/Shanghai`: when a schedule starts its pipeline."""
    text = f"{members.get('ScheduleExpression', '')} {members.get('ScheduleExpressionTimezone', '')}".rstrip()
    return f"{text}, switched off" if members.get("State") == "DISABLED" else text
