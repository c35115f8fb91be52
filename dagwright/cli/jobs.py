"""`job list`, `job describe` and `job stop`: the jobs of this project, whatever started them."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from dagwright.cli import DONE
from dagwright.cli.engines import jobs_of
from dagwright.cli.text import as_json, columns, day_and_clock, duration, seconds_between, shown
from dagwright.engines.jobs import KINDS, Jobs, JobSummary
from dagwright.errors import UsageError, did_you_mean
from dagwright.shapes import model


def run(arguments: Namespace) -> int:
    """Do what the word after `job` says."""
    with closing(jobs_of(arguments)) as jobs:
        {"list": _list, "describe": _describe, "stop": _stop}[arguments.command](jobs, arguments)
    return DONE


def _list(jobs: Jobs, arguments: Namespace) -> None:
    states = model("sagemaker")["ProcessingJobStatus"]["enum"] if arguments.status else ()
    if arguments.status and arguments.status not in states:
        raise UsageError(f"No job is ever '{arguments.status}'", hint=did_you_mean(arguments.status, states))
    kinds = [arguments.type] if arguments.type else [*KINDS]
    found = jobs.newest(kinds, arguments.status, arguments.limit)
    if arguments.json:
        listed = {f"{KINDS[kind]}Summaries": [job.as_json() for job in found if job.kind == kind] for kind in kinds}
        print(as_json(listed))
    elif found:
        print(columns([["job", "type", "state", "started", "time", "execution", ""], *map(_row, found)]))
    else:
        print("There are no such jobs" if arguments.type or arguments.status else "No job has run yet.")


def _row(job: JobSummary) -> list[str]:
    taken = duration(seconds_between(job.created, job.ended))
    return [job.name, job.kind, job.status, day_and_clock(job.created), taken, job.execution, job.reason[:100]]


def _describe(jobs: Jobs, arguments: Namespace) -> None:
    job = jobs.find(arguments.job)
    described = jobs.describe(job)
    logs = jobs.logs(job)
    if arguments.json:
        printed = {log.host: [*log.lines(arguments.tail)] for log in logs} if arguments.tail else {}
        print(as_json({**described, **({"Logs": printed} if printed else {})}))
        return
    taken = duration(seconds_between(job.created, job.ended))
    print(f"{job.name}  {job.kind} job  {job.status}\nstarted {day_and_clock(job.created)}  {taken}".rstrip())
    if job.reason:
        print(f"reason: {shown(job.reason)}")
    rows = [*_rows(described)]
    if job.used:
        seconds = duration(job.used["ProcessorSeconds"])
        rows.append(["used", f"{job.used['MemoryMiB']:,} MiB of memory at most", f"{seconds} of processor time"])
    if job.execution:
        rows.append(["execution", job.execution, job.step])
    rows += [["log", log.host, _near(log.address)] for log in logs]
    if not logs and arguments.env != "local":
        from dagwright.engines.aws.made import DESCRIPTIONS

        rows.append(["log", "none yet", f"in {DESCRIPTIONS[f'{job.kind}-job'].log_group}"])
    print(columns(rows, indent="  "))
    for log in logs if arguments.tail else ():
        print(f"==> {log.host} <==")
        for line in log.lines(arguments.tail):
            print(shown(line))


def _near(address: str) -> str:
    """A file as seen from here if it is below, a log group and stream as they are."""
    relative = os.path.relpath(address)
    return address if relative.startswith("..") else relative


def _rows(described: Mapping[str, Any]) -> Iterator[list[str]]:
    """Where it ran, what it read, what it wrote."""
    resources = described.get("ProcessingResources", {}).get("ClusterConfig") or described.get("ResourceConfig")
    resources = resources or described.get("TransformResources") or {}
    if resources.get("InstanceType"):
        size = f"{resources['VolumeSizeInGB']} GB" if "VolumeSizeInGB" in resources else ""
        yield ["instances", f"{resources.get('InstanceCount', 1)} x {resources['InstanceType']}", size]
    for given in described.get("ProcessingInputs") or []:
        yield ["input", given["InputName"], given.get("S3Input", {}).get("S3Uri", "")]
    for channel in described.get("InputDataConfig") or []:
        yield ["input", channel["ChannelName"], channel["DataSource"].get("S3DataSource", {}).get("S3Uri", "")]
    source = described.get("TransformInput", {}).get("DataSource", {}).get("S3DataSource", {})
    if source:
        yield ["input", "", source["S3Uri"]]
    for made in described.get("ProcessingOutputConfig", {}).get("Outputs") or []:
        yield ["output", made["OutputName"], made.get("S3Output", {}).get("S3Uri", "")]
    if described.get("ModelArtifacts"):
        yield ["output", "model", described["ModelArtifacts"]["S3ModelArtifacts"]]
    if described.get("TransformOutput"):
        yield ["output", "", described["TransformOutput"]["S3OutputPath"]]
    for metric in described.get("FinalMetricDataList") or []:
        yield ["metric", metric["MetricName"], f"{metric['Value']:g}"]


def _stop(jobs: Jobs, arguments: Namespace) -> None:
    job = jobs.stop(jobs.find(arguments.job))
    print(as_json(jobs.describe(job)) if arguments.json else f"Job {job.name}: {job.status}")
