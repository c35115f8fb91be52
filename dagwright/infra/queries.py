"""Saved queries of CloudWatch Logs Insights, in a folder of the project: a site comes in, resources go out.

The logs of all jobs of an account are in three groups. A stream is called after its job: `<job>/<machine>`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from dagwright.infra.names import JOB_LOG_GROUPS, OF_PIPELINES
from dagwright.infra.template import logical_id

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

_ERRORS = "(?i)(error|exception|traceback|killed)"
# Python's and its libraries' words, those of YARN, the JVM and Linux, and the exit code of what Linux ended.
_MEMORY = "(OutOfMemory|MemoryError|Cannot allocate memory|out of memory|Container killed by YARN|exit code:? 137)"


class Query(NamedTuple):
    """A query by the name that people look for, and the groups that it reads."""

    name: str
    text: str
    groups: tuple[str, ...]


def add_queries(template: Template, site: Site) -> None:
    for query in queries(site):
        template.add(
            logical_id("Query", query.name),
            "AWS::Logs::QueryDefinition",
            {
                "Name": f"{site.names.stem}/{query.name}",
                "QueryString": query.text,
                "LogGroupNames": list(query.groups),
            },
        )


def queries(site: Site) -> Iterator[Query]:
    """All that are saved."""
    yield failures(site)
    groups = tuple(JOB_LOG_GROUPS.values())
    yield Query(
        "longest jobs",
        _lines(
            _of_ours(site),
            'parse @logStream "*/*" as job, machine',
            "stats min(@timestamp) as first, max(@timestamp) as last, "
            "(max(@timestamp) - min(@timestamp)) / 60000 as minutes, count(*) as lines by job",
            "sort minutes desc",
            "limit 50",
        ),
        groups,
    )
    yield Query(
        "last line of each machine",
        _lines(
            _of_ours(site),
            "stats max(@timestamp) as at, latest(@message) as line by @logStream",
            "sort at desc",
            "limit 100",
        ),
        groups,
    )
    yield Query(
        "out of memory",
        _lines(
            "fields @timestamp, @logStream, @message",
            f"{_of_ours(site)} and @message like /(?i){_MEMORY}/",
            "sort @timestamp desc",
            "limit 100",
        ),
        groups,
    )
    yield _failed_machines(site)
    if site.workloads.triggered:
        yield _starts(site)


def failures(site: Site) -> Query:
    """Lines of jobs that tell of errors, the newest first."""
    text = _lines(
        "fields @timestamp, @logStream, @message",
        f"{_of_ours(site)} and @message like /{_ERRORS}/",
        "sort @timestamp desc",
        "limit 100",
    )
    return Query("errors of jobs", text, tuple(JOB_LOG_GROUPS.values()))


def _failed_machines(site: Site) -> Query:
    text = _lines(
        "fields @timestamp, execution_arn, type, details.name, details.error, details.cause",
        "filter type like /(Failed|TimedOut|Aborted)$/",
        "sort @timestamp desc",
        "limit 100",
    )
    return Query("failures of state machines", text, (site.project.state_machine_log_group,))


def _starts(site: Site) -> Query:
    """What the triggers say: one line of JSON for each start."""
    text = _lines(
        "fields @timestamp, @log, execution, repeated, seconds, @message",
        "filter ispresent(execution) or @message like /(?i)(error|Task timed out)/",
        "sort @timestamp desc",
        "limit 100",
    )
    groups = tuple(site.names.trigger_logs(one.deployed_name) for one in site.workloads.triggered)
    return Query("starts by triggers", text, groups)


def _of_ours(site: Site) -> str:
    """That a job is one that a pipeline has started, or is named as the project names its jobs."""
    return f"filter @logStream like /^({OF_PIPELINES}|{site.project.model_package_group}-)/"


def _lines(*commands: str) -> str:
    return "\n| ".join(commands)
