"""What a local run will do with each step, and what it cannot do, said before anything runs.

What comes in: a graph and the scope of a run that has not begun. What goes out: how each step runs, the data it needs
and the image of its jobs; problems; and notes on what a local run leaves out without harm.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dagwright.definition.conditions import condition_problems
from dagwright.definition.graph import Graph, Step
from dagwright.engines.addresses import split_uri
from dagwright.engines.local.bench import Bench
from dagwright.engines.local.collisions import collisions
from dagwright.engines.local.data_needed import Coming, Needed, data_needed
from dagwright.engines.local.job import Host, Job
from dagwright.engines.local.processing import is_managed_by_program
from dagwright.engines.local.promises import promises_of
from dagwright.engines.local.registry import model_data
from dagwright.engines.local.request import objects
from dagwright.engines.local.scope import UNKNOWN, RunScope, evaluate_known
from dagwright.engines.local.stand_ins import StandIn, in_place_of
from dagwright.engines.local.steps import KINDS
from dagwright.errors import DagwrightError, DefinitionError, ExecutionError, Problem

_STEP_NAME = re.compile(r"[A-Za-z0-9\-_]{1,64}")  # AWS's definition schema
_NO_MODEL = "no model serves here that a check could ask; what stands in for its container has the answers"
_RUNS_ANYWAY = "the job runs whatever ran before"
RUNS, STANDS_IN, CANNOT = "runs", "stand-in", "cannot run"


@dataclass(frozen=True)
class StepCheck:
    """What will be done with a step: `how` is `runs`, `stand-in` (then `stand_in` is its place) or `cannot run`."""

    step: str
    type: str
    how: str
    stand_in: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """By image, what its jobs run in."""
    needed: tuple[Needed, ...] = ()
    cache: str = ""
    """What the cache is going to say of it, if it asks."""


@dataclass(frozen=True)
class Checked:
    """What was found out about a run that has not begun: its steps in the order they can run, and every reason why it
    cannot."""

    steps: Sequence[StepCheck]
    problems: Sequence[Problem]
    pipeline: str = ""

    def images(self) -> list[str]:
        """The images of the jobs, as far as they are known. Raises DefinitionError with every problem."""
        if self.problems:
            what = f"Pipeline '{self.pipeline}' cannot run on this machine; nothing was started"
            raise DefinitionError(what, list(self.problems))
        return list(dict.fromkeys(image for step in self.steps for image in step.libraries))


@dataclass
class Check:
    """One look at a run before it begins: at its definition, its parameters and the data that are there.

    Of the steps those `to_run` are looked at; all of them if that is None. `arriving` are addresses at and below which
    objects will be there, written by programs that nobody declares; `brought` those of the objects that the run brings.
    """

    graph: Graph
    scope: RunScope
    bench: Bench
    arriving: Sequence[str] = ()
    brought: Sequence[str] = ()
    to_run: Collection[str] | None = None
    _problems: list[Problem] = field(default_factory=list)
    _jobs: dict[str, list[Job]] = field(default_factory=dict)
    _libraries: dict[str, str] = field(default_factory=dict)
    """By image, what its jobs run in: found out once, as a Dockerfile's files are read for it."""

    def checked(self) -> Checked:
        """Everything that can be known now. Starts and makes nothing."""
        promises = promises_of(self.graph, self.bench.stand_ins, self.scope.for_job("check"))
        self.scope = replace(self.scope, outputs={**self.scope.outputs, **promises.results}).for_job("check")
        steps = {name: step for name, step in self.graph.steps.items() if self.to_run is None or name in self.to_run}
        for step in steps.values():
            self._problems += _impossible_name(step)
            self._problems += kind_problems(step, self.bench.stand_ins)
            self._problems += condition_problems(step)
            self._look_at_jobs(step)
        self._problems += promises.problems
        self._problems += self.bench.interruptions.problems(self.graph, self.scope)
        models = {name: [*self._models(step)] for name, step in steps.items()}
        coming = Coming(self.arriving, self.brought, promises.objects)
        needed, missing = data_needed(self.graph, self._jobs, models, self.scope.store, coming)
        self._problems += missing
        failed = {problem.step for problem in self._problems}
        checks = [self._step_check(steps[name], needed, name in failed) for name in self.graph.order() if name in steps]
        return Checked(checks, self._problems, self.scope.pipeline)

    def _look_at_jobs(self, step: Step) -> None:
        kind, stand_in = KINDS.get(step.type), self.bench.stand_ins.get(step.name)
        if kind is None or kind.jobs is None or (stand_in and stand_in.gives_result):
            return
        try:
            arguments = evaluate_known(step.arguments, self.scope)
            jobs = kind.jobs(step, arguments, self.scope, self.bench)
            self._jobs[step.name] = [self._usable(step, job, arguments) for job in jobs]
        except DagwrightError as error:
            self._problems.append(Problem("cannot-run-here", error.message, error.hint, step=step.name))

    def _models(self, step: Step) -> Iterator[str]:
        """The addresses of the data that a model or a package is made of, as far as they are known."""
        if step.type not in ("Model", "RegisterModel") or step.name in self.bench.stand_ins:
            return
        try:
            request = evaluate_known(step.arguments, self.scope)
            yield from (uri for uri in model_data(request) if uri.startswith("s3://"))
        except DagwrightError as error:
            self._problems.append(Problem("cannot-run-here", error.message, error.hint, step=step.name))

    def _usable(self, step: Step, job: Job, arguments: Mapping[str, Any]) -> Job:
        """The job with the program it will have. Raises DagwrightError for what it will not be able to do."""
        job = in_place_of(job, step, arguments, self.bench.stand_ins)
        if job.image != UNKNOWN:
            self._look_at_image(job.image)
            job = self._with_program(step, job)
        addresses = [*(given.uri for given in job.inputs), *(output.uri for output in job.outputs), *job.made_below]
        for uri in addresses:
            if uri != UNKNOWN:
                split_uri(uri)
        _refuse_places(job, self.scope)
        return job

    def _look_at_image(self, image: str) -> None:
        """Raises ConfigurationError if its rule cannot be followed."""
        if image not in self._libraries:
            self._libraries[image] = self.bench.environments.describe(image)

    def _with_program(self, step: Step, job: Job) -> Job:
        try:
            return self.bench.environments.with_program(job)
        except ExecutionError as error:
            from dagwright.engines.local.stand_in_hints import hint_for_image

            hint = "" if job.command else hint_for_image(step, job.image)
            raise ExecutionError(error.message, hint=hint or error.hint) from error

    def _step_check(self, step: Step, needed: Mapping[str, tuple[Needed, ...]], failed: bool) -> StepCheck:
        stand_in = self.bench.stand_ins.get(step.name)
        how = CANNOT if failed else STANDS_IN if stand_in else RUNS
        images = [job.image for job in self._jobs.get(step.name, ()) if job.image not in ("", UNKNOWN)]
        libraries = {image: self._libraries[image] for image in images}
        return StepCheck(step.name, step.type, how, stand_in.place if stand_in else "", libraries, needed[step.name])


def notes_of(graph: Graph, *, has_cache: bool = True) -> list[str]:
    """What the definition asks for and a local run leaves out; without a cache that too."""
    steps = graph.steps.values()
    notes = _grouped("ModelName", {step.name: _NO_MODEL for step in steps if step.envelope.get("ModelName")})
    asking = [step for step in steps if step.envelope.get("CacheConfig")]
    uncached = [step for step in asking if not (has_cache and is_cached(step))]
    why = {step.name: f"no {step.type} step is cached" if has_cache else _RUNS_ANYWAY for step in uncached}
    notes += _grouped("CacheConfig", why)
    groups = [name for step in graph.steps.values() if step.type == "Processing" for name in _feature_groups(step)]
    if groups:
        notes.append(f"feature groups get nothing here but what programs put there: {', '.join(dict.fromkeys(groups))}")
    return notes


def _grouped(key: str, meanings: Mapping[str, str]) -> list[str]:
    """A note for each meaning; `meanings` has it by step."""
    notes = []
    for meaning in dict.fromkeys(meanings.values()):
        names = [name for name, one in meanings.items() if one == meaning]
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        notes.append(f"{key} of {shown} is left out: {meaning}")
    return notes


def asks_for_cache(graph: Graph) -> bool:
    """Whether any of its steps is to be looked for in the cache, or says that it is not."""
    return any("CacheConfig" in step.envelope for step in graph.steps.values())


def is_cached(step: Step) -> bool:
    """Whether a step can be cached that asks for it."""
    from dagwright.definition.caching import is_cached_type

    return is_cached_type(step.type)


def _feature_groups(step: Step) -> Iterator[str]:
    """The feature groups that outputs are taken to by the program itself."""
    for output in objects(step.arguments, "ProcessingOutputConfig.Outputs"):
        if is_managed_by_program(output):
            yield str(output["FeatureStoreOutput"].get("FeatureGroupName"))


def _impossible_name(step: Step) -> Iterator[Problem]:
    if not _STEP_NAME.fullmatch(step.name):
        shown = step.name if len(step.name) <= 80 else f"{step.name[:79]}…"
        yield Problem("bad-name", f"{shown!r} is not a step name", "1 to 64 letters, digits, '-' and '_'", field="Name")


def kind_problems(step: Step, stand_ins: Mapping[str, StandIn]) -> Iterator[Problem]:
    """What no run on this machine can do, whatever it is started with: types of steps, endings to wait for."""
    if step.type not in KINDS and step.name not in stand_ins:
        what = f"a step of type {step.type} does not run on this machine by itself"
        from dagwright.engines.local.stand_in_hints import hint_for

        yield Problem("cannot-run-here", what, hint_for(step), step=step.name, field="Type")
    for entry in step.depends_on:
        if entry.trigger != "Completed":
            what = f"it waits for '{entry.step}' to end as {entry.trigger}; a local run knows Completed only"
            yield Problem("cannot-run-here", what, step=step.name, field="DependsOn")


def _refuse_places(job: Job, scope: RunScope) -> None:
    """Raises DagwrightError for a folder that no job can have, and for two inputs or outputs at one place."""
    anywhere = Host("algo-1", Path("/"), Path("/"))
    paths = [given.target for given in job.inputs] + [output.source for output in job.outputs]
    for path in [*paths, *([job.source_archive] if job.source_archive.startswith("/") else [])]:
        if path != UNKNOWN:
            anywhere.path(path)
    if UNKNOWN not in paths and (colliding := collisions(job, scope.store)):
        raise ExecutionError("; ".join(colliding), hint="Give each a folder of its own.")
