"""Where jobs and state machines log, for how long, and under which key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagwright.doctor.findings import Sayings, ok, problem, warning
from dagwright.doctor.ward import Ward, said_by_all


def job_logs(ward: Ward) -> Sayings:
    """The groups of the kinds of jobs that there are; the account shares them."""
    yield from said_by_all({name: _of_jobs(ward, name) for name in ward.workload.log_groups})


def _of_jobs(ward: Ward, name: str) -> Sayings:
    group = _group(ward, name)
    if group is None:
        what = f"{name} is not there yet: the first job makes it, and its logs stay for ever"
        yield warning(what, "Let one environment of the account make it: infra.platform: true.")
    else:
        yield from _kept(group)


def machine_logs(ward: Ward) -> Sayings:
    """The group that state machines log to."""
    if ward.project.engine != "stepfunctions":
        return
    name = ward.project.state_machine_log_group
    group = _group(ward, name)
    if group is None:
        hint = f"`{ward.command('infra upsert')}` makes it, or name another: state_machines.log_group."
        yield problem(f"there is no {name}: Step Functions makes no state machine that logs there", hint)
    else:
        yield from _kept(group)


def _kept(group: Mapping[str, Any]) -> Sayings:
    name, days = group["logGroupName"], group.get("retentionInDays")
    key = "a key of its own" if group.get("kmsKeyId") else "CloudWatch's own key"
    if days is None:
        yield warning(f"{name} keeps its logs for ever", "Set a retention: aws logs put-retention-policy.")
    else:
        yield ok(f"{name} keeps its logs for {days} days, under {key}")


def _group(ward: Ward, name: str) -> Mapping[str, Any] | None:
    found = ward.read("logs", "describe_log_groups", logGroupNamePrefix=name)["logGroups"]
    return next((one for one in found if one["logGroupName"] == name), None)
