"""What a local run cannot do, said before anything runs.

What comes in: a graph and the scope of a run that has not begun. What goes out: problems, and notes on what a local run
leaves out without harm.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dagwright.definition.conditions import condition_problems
from dagwright.definition.graph import Graph, Step
from dagwright.engines.addresses import split_uri
from dagwright.engines.local.collisions import collisions
from dagwright.engines.local.job import AUGMENTED, PREFIX, Host, Input, Job
from dagwright.engines.local.lambdas import declared_outputs, lambda_job
from dagwright.engines.local.metrics import metric_expressions
from dagwright.engines.local.processing import processing_job
from dagwright.engines.local.request import needed
from dagwright.engines.local.scope import UNKNOWN, RunScope, evaluate_known
from dagwright.engines.local.sources import augmented_manifest, listed, missing_objects
from dagwright.engines.local.steps import RUNNERS, Bench
from dagwright.engines.local.training import training_job
from dagwright.errors import DagwrightError, DefinitionError, ExecutionError, Problem

_STEP_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")  # AWS's definition schema
_IGNORED = {"CacheConfig": "every step runs: the step cache is the service's"}


def images_of(graph: Graph, scope: RunScope, bench: Bench) -> list[str]:
    """The images of the jobs, as far as they are known.

    Raises DefinitionError with every reason why this definition cannot run here, with these parameters and the data
    that are there.
    """
    scope = scope.for_job("check")
    problems: list[Problem] = []
    jobs: dict[str, Job] = {}
    models: dict[str, str] = {}
    for step in graph.steps.values():
        problems.extend(_impossible_name(step))
        problems.extend(kind_problems(step))
        problems.extend(condition_problems(step))
        if step.type in ("Processing", "Training", "Lambda"):
            try:
                arguments = evaluate_known(step.arguments, scope)
                jobs[step.name] = _job(step, arguments, scope, bench)
                if step.type == "Training":
                    models[step.name] = needed(arguments, "OutputDataConfig.S3OutputPath", str)
            except DagwrightError as error:
                problems.append(Problem("cannot-run-here", error.message, error.hint, step=step.name))
    problems.extend(bench.interruptions.problems(graph, scope))
    problems.extend(_missing_inputs(graph, jobs, models, scope))
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


def kind_problems(step: Step) -> Iterator[Problem]:
    """What no run on this machine can do, whatever it is started with: types of steps, endings to wait for."""
    if step.type not in RUNNERS:
        what = f"a step of type {step.type} cannot run on this machine"
        hint = f"here run {', '.join(RUNNERS)}; the whole pipeline runs on AWS"
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
    if job.image != UNKNOWN:
        bench.environments.check(job.image)
        job = bench.environments.with_program(job)
    if step.type == "Training":
        metric_expressions(arguments)
    addresses = [given.uri for given in job.inputs] + [output.uri for output in job.outputs]
    if step.type == "Training":
        addresses.append(needed(arguments, "OutputDataConfig.S3OutputPath", str))
    for uri in addresses:
        if uri != UNKNOWN:
            split_uri(uri)
    _refuse_places(job, scope)
    return job


def _refuse_places(job: Job, scope: RunScope) -> None:
    """Raises DagwrightError for a folder that no job can have, and for two inputs or outputs at one place."""
    anywhere = Host("algo-1", Path("/"), Path("/"))
    paths = [given.target for given in job.inputs] + [output.source for output in job.outputs]
    for path in [*paths, *([job.source_archive] if job.source_archive.startswith("/") else [])]:
        if path != UNKNOWN:
            anywhere.path(path)
    if UNKNOWN not in paths and (colliding := collisions(job, scope.store)):
        raise ExecutionError("; ".join(colliding), hint="Give each a folder of its own.")


def _missing_inputs(
    graph: Graph, jobs: Mapping[str, Job], models: Mapping[str, str], scope: RunScope
) -> Iterator[Problem]:
    """Inputs that are not in the store and that no step before the reader could write."""
    written = _Written()
    for name in graph.order():
        if name not in jobs:
            continue
        job = jobs[name]
        given = [(item.name, item.uri) for item in job.inputs if not item.optional]
        given += [("source code", job.source_archive)] if job.source_archive else []
        given += [("function", uri) for uri in job.fetches]
        for label, uri in given:
            if uri.startswith("s3://") and not written.may_hold(uri) and not scope.store.holds(uri):
                what = f"its input '{label}' is not there: {uri}"
                yield Problem("missing-input", what, _way_there(uri), step=name)
        for item in job.inputs:
            if item.kind != PREFIX and item.uri != UNKNOWN and not written.may_hold(item.uri):
                yield from _unusable_manifest(item, name, written, scope)
        for output in job.outputs:
            written.folder(output.uri)
        if name in models:
            written.somewhere_below(models[name])


def _way_there(uri: str) -> str:
    """How to bring what an input reads. The SDKs pack a folder of programs under one name, which `definition()` uploads
    to AWS; whoever has the definition alone packs the folder."""
    if not uri.endswith("/sourcedir.tar.gz"):
        return f"put it there: deploy.py upload PATH --to {uri}"
    return f"pack its programs: tar -czf sourcedir.tar.gz -C FOLDER . ; deploy.py upload sourcedir.tar.gz --to {uri}"


def _unusable_manifest(given: Input, step: str, written: _Written, scope: RunScope) -> Iterator[Problem]:
    """What is wrong with a manifest that is in the store and that no step writes."""
    if not given.uri.startswith("s3://") or not os.path.exists(scope.store.path(given.uri)):
        return  # said by who looks for the inputs
    try:
        if given.pipe and given.kind == AUGMENTED:
            manifest = augmented_manifest(given, scope.store, given.pipe.attributes)
            addresses = list(manifest.references())
        else:
            addresses = [uri for uri, _ in listed(given, scope.store)]
        missing = [uri for uri in addresses if not written.may_hold(uri) and not os.path.isfile(scope.store.path(uri))]
        if missing:
            raise missing_objects(given, missing)
    except DagwrightError as error:
        yield Problem("missing-input", error.message, error.hint, step=step)


class _Written:
    """Where steps write to, for the question whether objects may be found at an address."""

    def __init__(self) -> None:
        self._folders: set[str] = set()
        self._above: set[str] = set()

    def folder(self, uri: str) -> None:
        """Anything below `uri` may come to be."""
        self._folders.add(uri.rstrip("/"))
        self.somewhere_below(uri)

    def somewhere_below(self, uri: str) -> None:
        """Something below `uri` comes to be, under a name that nobody can know beforehand."""
        self._above.update(_prefixes(uri))

    def may_hold(self, uri: str) -> bool:
        return uri.rstrip("/") in self._above or not self._folders.isdisjoint(_prefixes(uri))


def _prefixes(uri: str) -> list[str]:
    """`s3://b/a` -> `s3://b`, `s3://b/a`."""
    parts = uri.rstrip("/").split("/")
    return ["/".join(parts[:count]) for count in range(3, len(parts) + 1)]
