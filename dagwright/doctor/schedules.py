"""What starts pipelines by itself: whether it is there, switched on, and gets through."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from dagwright.doctor.findings import Sayings, ok, problem, warning
from dagwright.doctor.ward import Ward, count_of, said_by_all
from dagwright.engines.aws.schedules import is_over, when

_DAYS = 14


def group(ward: Ward) -> Sayings:
    """The schedule group."""
    name = ward.project.schedule_group
    if not ward.schedules:
        return
    if ward.find("scheduler", "get_schedule_group", Name=name) is None:
        yield warning(f"there is no schedule group {name} yet", f"`{ward.command('upsert')}` makes it.")
    else:
        yield ok(f"the schedule group {name} is there")


def each(ward: Ward) -> Sayings:
    """Each schedule that a pipeline declares."""
    due = [name for name, members in ward.schedules.items() if not is_over(members)]
    yield from said_by_all({name: _deployed(ward, name) for name in due})


def _deployed(ward: Ward, name: str) -> Sayings:
    wanted = ward.schedules[name]
    found = ward.find("scheduler", "get_schedule", GroupName=ward.project.schedule_group, Name=name)
    if found is None:
        yield warning(f"{name} is not deployed", ward.command("upsert"))
    elif (found["State"], wanted.get("State")) == ("DISABLED", "ENABLED"):
        yield warning(f"{name} is switched off on AWS, and on here", ward.command("upsert"))
    else:
        yield ok(f"{name}: {when(found)}")


def queue(ward: Ward) -> Sayings:
    """The queue that is told of starts that failed."""
    arn = ward.project.dead_letter_queue
    if not ward.schedules:
        return
    if arn is None:
        yield warning("nobody is told of starts that fail", "Name a queue: scheduler.dead_letter_queue.")
        return
    *_, account, name = arn.split(":")
    found = ward.find("sqs", "get_queue_url", QueueName=name, QueueOwnerAWSAccountId=account)
    if found is None:
        yield problem(f"there is no queue {name}", "Make it, or correct scheduler.dead_letter_queue.")
        return
    attribute = "ApproximateNumberOfMessages"
    attributes = ward.read("sqs", "get_queue_attributes", QueueUrl=found["QueueUrl"], AttributeNames=[attribute])
    waiting = int(attributes["Attributes"][attribute])
    if waiting:
        what = f"{name} has {count_of(waiting, 'message')}: starts that failed"
        yield warning(what, "Read them: aws sqs receive-message; each says which schedule and why.")
    else:
        yield ok(f"{name} is there, and empty")


def drops(ward: Ward) -> Sayings:
    """Starts that the Scheduler gave up."""
    if not ward.schedules:
        return
    now = datetime.now(timezone.utc).replace(microsecond=0, second=0)
    found = ward.read(
        "cloudwatch",
        "get_metric_statistics",
        Namespace="AWS/Scheduler",
        MetricName="InvocationDroppedCount",
        Dimensions=[{"Name": "ScheduleGroup", "Value": ward.project.schedule_group}],
        StartTime=now - timedelta(days=_DAYS),
        EndTime=now,
        Period=86400,
        Statistics=["Sum"],
    )
    days = sorted((one["Timestamp"], one["Sum"]) for one in found["Datapoints"] if one["Sum"])
    if days:
        what = f"{sum(count for _, count in days):g} starts were given up, the last on {days[-1][0]:%Y-%m-%d}"
        yield warning(what, "Was the pipeline there, and may the Scheduler's role start it?")
    else:
        yield ok(f"no start was given up in {_DAYS} days")
