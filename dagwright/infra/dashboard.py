"""One page to look at: a site and the template with its alarms come in, the environment's dashboard goes out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dagwright.infra.alarms import ALARM
from dagwright.infra.metrics import JOBS, PIPELINES, Executions, executions, of_schedules, waiting
from dagwright.infra.names import OF_PIPELINES
from dagwright.infra.queries import failures
from dagwright.infra.schedules import dead_letter_queue

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

_WIDTH, _HEIGHT = 12, 6  # of a graph; a row is 24 wide
_FIVE_MINUTES, _HOUR = 300, 3600
_CONSOLES = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
# What the machines of jobs tell of themselves; those of transform jobs have no word on their disks.
_OF_MACHINES = {
    "CPUUtilization": (JOBS, "CPU, 100 for each core"),
    "MemoryUtilization": (JOBS, "memory, percent"),
    "DiskUtilization": ({kind: JOBS[kind] for kind in ("processing", "training")}, "disk, percent"),
}


def add_dashboard(template: Template, site: Site) -> None:
    body = {"widgets": _placed([*_widgets(template, site)])}
    name = site.names.stem
    template.add(
        "Dashboard",
        "AWS::CloudWatch::Dashboard",
        {"DashboardName": name, "DashboardBody": json.dumps(body, separators=(",", ":"), ensure_ascii=False)},
    )
    region, console = site.project.region, _CONSOLES.get(site.project.partition, "console.aws.amazon.com")
    url = f"https://{region}.{console}/cloudwatch/home?region={region}#dashboards/dashboard/{name}"
    template.output("DashboardUrl", url, "What runs, what failed, what waits")


def _widgets(template: Template, site: Site) -> Iterator[dict[str, Any]]:
    """In the order in which they are read: is all well, what has run, how long, on what, and what was said."""
    yield from _alarms(template, site)
    if site.workloads.every:
        yield from _of_executions(site)
    yield _graph(site, "Schedules", [*_schedules(site)], _HOUR)
    yield _graph(site, "Queues of what was not delivered", [*_queues(site)], _FIVE_MINUTES)
    for metric, (namespaces, title) in _OF_MACHINES.items():
        rows = [_search(site, namespace, metric) for namespace in namespaces.values()]
        yield _graph(site, f"Machines of jobs: {title}", rows, 60)
    yield _log(site)


def _of_executions(site: Site) -> Iterator[dict[str, Any]]:
    of_each = [(one.deployed_name, executions(site, one)) for one in site.workloads]
    for title, rows in (("succeeded", _succeeded(of_each)), ("failed or stopped", _failed(of_each))):
        yield _graph(site, f"Executions: {title}", rows, _HOUR)
    yield _graph(site, "Executions: longest, ms", [one.duration.row(label=name) for name, one in of_each], _HOUR)
    yield _graph(site, "Steps: failed", [_failed_steps(site)], _HOUR)


def _alarms(template: Template, site: Site) -> Iterator[dict[str, Any]]:
    names = [one["Properties"]["AlarmName"] for one in template.resources.values() if one["Type"] == ALARM]
    arns = [site.names.arn("cloudwatch", f"alarm:{name}") for name in names]
    for number in range(0, len(arns), 100):  # as many as a widget holds
        yield {"type": "alarm", "width": 24, "properties": {"title": "Alarms", "alarms": arns[number:][:100]}}


def _succeeded(of_each: Sequence[tuple[str, Executions]]) -> list[Any]:
    return [one.succeeded.row(label=name) for name, one in of_each]


def _failed(of_each: Sequence[tuple[str, Executions]]) -> list[Any]:
    rows = []
    for name, one in of_each:
        for metric in (*one.failed, *one.stopped):
            rows.append(metric.row(label=f"{name} {metric.name.removeprefix('Execution').lstrip('s').lower()}"))
    return rows


def _failed_steps(site: Site) -> list[Any]:
    """Of all steps, which are not known by name here; state machines have no metric of theirs."""
    found = f'{{{PIPELINES},PipelineName,StepName}} MetricName="StepFailed" {site.project.model_package_group}'
    return _expression(f"SEARCH('{found}', 'Sum', {_HOUR})")


def _schedules(site: Site) -> Iterator[list[Any]]:
    for name, label in (
        ("InvocationAttemptCount", "attempts"),
        ("TargetErrorCount", "attempts that failed"),
        ("InvocationDroppedCount", "starts lost"),
        ("InvocationsSentToDeadLetterCount", "sent to the queue"),
    ):
        yield of_schedules(site, name).row(label=label)


def _queues(site: Site) -> Iterator[list[Any]]:
    triggers = site.names.trigger_queue if site.workloads.triggered else ""
    for name in filter(None, (dead_letter_queue(site), site.names.alert_queue, triggers)):
        yield waiting(name).row(label=name)


def _search(site: Site, namespace: str, metric: str) -> list[Any]:
    """Hosts are named after their job, so that none is known beforehand. Pipelines' jobs are all named alike: those of
    other projects of the account are among them."""
    words = f"{site.project.model_package_group} OR {OF_PIPELINES.rstrip('-')}"
    return _expression(f"SEARCH('{{{namespace},Host}} MetricName=\"{metric}\" ({words})', 'Maximum', 60)")


def _expression(text: str) -> list[Any]:
    return [{"expression": text}]


def _graph(site: Site, title: str, rows: Sequence[Any], period: int) -> dict[str, Any]:
    shown = {"title": title, "region": site.project.region, "view": "timeSeries", "period": period}
    return {"type": "metric", "width": _WIDTH, "properties": {**shown, "metrics": list(rows)}}


def _log(site: Site) -> dict[str, Any]:
    query = failures(site)
    text = "\n| ".join([*(f"SOURCE '{group}'" for group in query.groups), query.text])
    shown = {"title": "Log: errors of jobs", "region": site.project.region, "view": "table", "query": text}
    return {"type": "log", "width": 24, "properties": shown}


def _placed(widgets: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """From left to right and down."""
    placed, x, y = [], 0, 0
    for one in widgets:
        if x + one["width"] > 24:
            x, y = 0, y + _HEIGHT
        placed.append({"type": one["type"], "x": x, "y": y, "width": one["width"], "height": _HEIGHT, **one})
        x += one["width"]
    return placed
