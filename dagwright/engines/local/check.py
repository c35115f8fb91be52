"""What a local run cannot do, said before anything runs.

What comes in: a graph and the scope of a run that has not begun. What goes out: problems, and notes on what a local run
leaves out without harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dagwright.definition.graph import Graph, Step
from dagwright.engines.local.job import Host, Job
from dagwright.engines.local.lambdas import declared_outputs, lambda_job
from dagwright.engines.local.metrics import metric_expressions
from dagwright.engines.local.processing import processing_job
from dagwright.engines.local.request import needed
from dagwright.engines.local.scope import UNKNOWN, RunScope, evaluate_known
from dagwright.engines.local.steps import RUNNERS, Bench
from dagwright.engines.local.store import split_uri
from dagwright.engines.local.training import training_job
from dagwright.errors import DagwrightError, DefinitionError, Problem

_STEP_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")  # AWS's definition schema
_IGNORED = {
    "CacheConfig": "every step runs: the step cache is the service's",
    "RetryPolicies": "a failed step is not tried again here",
}


def images_of(graph: Graph, scope: RunScope, bench: Bench) -> list[str]:
    """The images of the jobs, as far as they are known.

    Raises DefinitionError with every reason why this definition cannot run here, with these parameters and the data
    that are there.
    """
    scope = scope.for_job("check")
    problems: list[Problem] = []
    jobs: dict[str, Job] = {}
    written: list[str] = []
    for step in graph.steps.values():
        problems.extend(_impossible_name(step))
        problems.extend(_unknown_kinds(step))
        if step.type in ("Processing", "Training", "Lambda"):
            try:
                arguments = evaluate_known(step.arguments, scope)
                jobs[step.name] = _job(step, arguments, scope, bench)
                written += _written(step, arguments, jobs[step.name])
            except DagwrightError as error:
                problems.append(Problem("cannot-run-here", error.message, error.hint, step=step.name))
    problems.extend(_missing_inputs(jobs, written, scope))
    if problems:
        raise DefinitionError(f"Pipeline '{scope.pipeline}' cannot run on this machine; nothing was started", problems)
    return list(dict.fromkeys(job.image for job in jobs.values() if job.image not in ("", UNKNOWN)))


def notes_of(graph: Graph) -> list[str]:
    """What the definition asks for and a local run leaves out."""
    notes = []
    for key, meaning in _IGNORED.items():
        names = [step.name for step in graph.steps.values() if step.envelope.get(key)]
        if names:
            shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
            notes.append(f"{key} of {shown} is left out: {meaning}")
    return notes


def _impossible_name(step: Step) -> Iterator[Problem]:
    if not _STEP_NAME.fullmatch(step.name):
        shown = step.name if len(step.name) <= 80 else f"{step.name[:79]}…"
        yield Problem("bad-name", f"{shown!r} is not a step name", "1 to 64 letters, digits, '-' and '_'", field="Name")


def _unknown_kinds(step: Step) -> Iterator[Problem]:
    if step.type not in RUNNERS:
        what = f"a step of type {step.type} cannot run on this machine"
        hint = f"here run {', '.join(RUNNERS)}; run the pipeline without it, or on AWS"
        yield Problem("cannot-run-here", what, hint, step=step.name, field="Type")
    for entry in step.depends_on:
        if entry.trigger != "Completed":
            what = f"it waits for '{entry.step}' to end as {entry.trigger}; a local run knows Completed only"
            yield Problem("cannot-run-here", what, step=step.name, field="DependsOn")


def _job(step: Step, arguments: Mapping[str, Any], scope: RunScope, bench: Bench) -> Job:
    """The job of a step as far as it is known now. Raises DagwrightError for what it will not be able to do."""
    if step.type == "Lambda":
        function = evaluate_known(step.envelope.get("FunctionArn", ""), scope)
        declared_outputs(step.envelope)
        return lambda_job("check", str(function), {}, bench.lambdas, bench.project)
    job = (processing_job if step.type == "Processing" else training_job)("check", "check", arguments)
    if step.type == "Training":
        metric_expressions(arguments)
    for uri in (*(given.uri for given in job.inputs), *_written(step, arguments, job)):
        if uri != UNKNOWN:
            split_uri(uri)
    anywhere = Host("algo-1", Path("/"), Path("/"))
    paths = [given.target for given in job.inputs] + [output.source for output in job.outputs]
    for path in [*paths, *([job.source_archive] if job.source_archive.startswith("/") else [])]:
        if path != UNKNOWN:
            anywhere.path(path)
    bench.environments.check(job.image)
    return job


def _written(step: Step, arguments: Mapping[str, Any], job: Job) -> list[str]:
    """Where the objects of a job go. Raises ExecutionError."""
    model = [needed(arguments, "OutputDataConfig.S3OutputPath", str)] if step.type == "Training" else []
    return [*model, *(output.uri for output in job.outputs)]


def _missing_inputs(jobs: Mapping[str, Job], written: Iterable[str], scope: RunScope) -> Iterator[Problem]:
    """Inputs from outside the pipeline that are not in the store: those no step of it could write."""
    prefixes = _Prefixes(uri for uri in written if uri.startswith("s3://"))
    for name, job in jobs.items():
        given = [(item.name, item.uri) for item in job.inputs if not item.optional]
        given += [("source code", job.source_archive)] if job.source_archive else []
        for label, uri in given:
            if uri.startswith("s3://") and not prefixes.touch(uri) and not scope.store.objects(uri):
                what = f"its input '{label}' is not there: {uri}"
                yield Problem("missing-input", what, f"put it there: deploy.py upload PATH --to {uri}", step=name)


class _Prefixes:
    """The addresses that steps write to, for the question whether one of them is above or below another address."""

    def __init__(self, uris: Iterator[str]) -> None:
        self._whole: set[str] = set()
        self._above: set[str] = set()
        for uri in uris:
            parts = uri.rstrip("/").split("/")
            self._whole.add("/".join(parts))
            self._above.update("/".join(parts[:count]) for count in range(3, len(parts) + 1))

    def touch(self, uri: str) -> bool:
        parts = uri.rstrip("/").split("/")
        below = any("/".join(parts[:count]) in self._whole for count in range(3, len(parts) + 1))
        return below or "/".join(parts) in self._above
