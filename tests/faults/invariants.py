"""What has to be true after a fault, and after the run has been resumed: each gives what is not, in sentences.

What comes in: a project, and what an undisturbed run of the same pipeline left (`Reference`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faults import evidence
from faults.commands import Done, Project

_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Reference:
    """What an undisturbed run left. `jobs` are the outputs of each job that appear together."""

    given: dict[str, str]
    objects: dict[str, str]
    others: set[str]
    packages: int
    metrics: list[tuple[object, ...]]
    jobs: dict[str, tuple[str, ...]]


def after_a_command(project: Project, reference: Reference, done: Done) -> list[str]:
    """After whatever happened and one more command, which printed what `done` says."""
    home = project.home
    seen = (_record(home), _objects(home, reference), _folders(home, reference), _left_running(home))
    return [flaw for flaws in (*seen, _way_on(home, done)) for flaw in flaws]


def _record(home: Path) -> Iterator[str]:
    for (answer,) in evidence.rows(home, "PRAGMA integrity_check"):
        if answer != "ok":
            yield f"the record is broken: {answer}"
    for table in ("executions", "steps", "attempts"):
        for (status,) in evidence.rows(home, f"SELECT status FROM {table}"):  # noqa: S608 - names of ours
            if status in ("Executing", "Stopping"):
                yield f"the record says {status} in {table}, and nothing runs"


def _objects(home: Path, reference: Reference) -> Iterator[str]:
    found = evidence.objects(home, execution_of(home))
    for name, content in found.items():
        if name.startswith(".incoming"):
            yield f"a file was left in .incoming: {name}"
        elif reference.objects.get(name) != content:
            yield f"object {name} is {content}, and not {reference.objects.get(name, 'there in an undisturbed run')}"
    for name in reference.given.keys() - found.keys():
        yield f"the input {name} is gone"
    for job, outputs in reference.jobs.items():
        there = [name for name in outputs if name in found]
        if there and len(there) < len(outputs):
            yield f"of the outputs of {job} there are {len(there)} of {len(outputs)}: {', '.join(there)}"


def _folders(home: Path, reference: Reference) -> Iterator[str]:
    for name in sorted(evidence.others(home, execution_of(home)) - reference.others):
        yield f"{name} was left"


def _left_running(home: Path) -> Iterator[str]:
    until = time.monotonic() + _PATIENCE_SECONDS
    found = evidence.processes(home)
    while found and time.monotonic() < until:  # the kernel ends what was killed in its own time
        time.sleep(0.01)
        found = evidence.processes(home)
    yield from (f"{what} still runs" for what in found)
    yield from (f"a mount was left: {line}" for line in evidence.mounts(home))


def _way_on(home: Path, done: Done) -> list[str]:
    unfinished = evidence.rows(home, "SELECT id FROM executions WHERE status != 'Succeeded'")
    ways = [f"deploy.py run --resume {execution}" for (execution,) in unfinished]
    return [f"no word of: {way}" for way in ways if way not in done.text]


def after_the_end(
    project: Project, reference: Reference, done: Done, kept: set[str], before: Counter[str]
) -> list[str]:
    """After it went on and ended. `kept` had succeeded before, when the logs had each step `before` times."""
    home = project.home
    if done.code != 0:
        return [f"it did not succeed: exit code {done.code}: {done.text}"]
    found = [f"step {name} is {status}" for name, status in evidence.steps(home).items() if status != "Succeeded"]
    objects = evidence.objects(home, execution_of(home))
    found += [f"object {name} is not there" for name in sorted(reference.objects.keys() - objects.keys())]
    packages = len(evidence.rows(home, "SELECT arn FROM model_packages"))
    if packages != reference.packages:
        found.append(f"{packages} models are registered instead of {reference.packages}")
    if metrics_of(home) != reference.metrics:
        found.append(f"the metrics are {metrics_of(home)}")
    again = evidence.begun(home) - before
    found += [f"step {name} ran again, and it had succeeded" for name in sorted(again.keys() & kept)]
    return found


def metrics_of(home: Path) -> list[tuple[object, ...]]:
    """The metrics in the record, in order."""
    return evidence.rows(home, "SELECT step, name, value FROM metrics ORDER BY step, name")


def execution_of(home: Path) -> str:
    """The newest execution's id; empty if there is none."""
    found = evidence.rows(home, "SELECT id FROM executions ORDER BY started DESC, rowid DESC LIMIT 1")
    return str(found[0][0]) if found else ""
