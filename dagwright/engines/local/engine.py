"""The local engine: what the command line asks of it, for one project's `.dagwright/` folder."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from dagwright.definition.graph import Graph, Step
from dagwright.definition.parameters import start_values
from dagwright.engines.engine import Start
from dagwright.engines.execution import SUCCEEDED, Execution, Observer, StepRun
from dagwright.engines.local.begun import PIPELINES, Begun
from dagwright.engines.local.bench import Bench
from dagwright.engines.local.check import Check, Checked, asks_for_cache
from dagwright.engines.local.endpoint.door import Endpoint
from dagwright.engines.local.environments import Environments, Images
from dagwright.engines.local.executions import Executions
from dagwright.engines.local.failures import Failures
from dagwright.engines.local.home import Home, new_execution_id, new_job_name, new_tuning_job_name, private_folders
from dagwright.engines.local.interruption import Interruptions
from dagwright.engines.local.job_run import Workshop
from dagwright.engines.local.launcher import Launcher
from dagwright.engines.local.launching import CONTAINED, PROCESS, Launching
from dagwright.engines.local.limits import Limits
from dagwright.engines.local.log_file import LogFile, log_files
from dagwright.engines.local.neighbours import same_outputs
from dagwright.engines.local.recording import Recording
from dagwright.engines.local.registry import Registry
from dagwright.engines.local.removal import Removal
from dagwright.engines.local.reuse import Reuse, results_for_part, results_of_resumed
from dagwright.engines.local.run import Run, stopping_signals
from dagwright.engines.local.scope import Account, RunScope
from dagwright.engines.local.settings import Settings
from dagwright.engines.local.stand_ins import read_stand_ins
from dagwright.engines.times import now
from dagwright.engines.uploads import mapped
from dagwright.errors import ExecutionError, UsageError

if TYPE_CHECKING:
    from dagwright.engines.local.cache import Cache
    from dagwright.engines.local.confinement import Confinement
    from dagwright.engines.local.containers import Containers

cache_clock = now  # by which results grow old
_LOOK_AGAIN_SECONDS = 0.2


class Way(Protocol):
    """A way to run a graph to its end."""

    @property
    def notes(self) -> Sequence[str]:
        """What it leaves out of what the definition asks for."""

    def run(self, images: Iterable[str]) -> Execution:
        """Run it, after the environments of `images` have been made."""


class LocalEngine:
    """Runs definitions in `project/.dagwright`; `account` gives the names that ARNs and variables carry.

    `runtime` is `process`, or `docker` for jobs in containers of their images.
    """

    kind = PIPELINES
    has_cache: ClassVar[bool] = True

    def __init__(self, project: Path, account: Account, settings: Settings, runtime: str = PROCESS) -> None:
        self._project = project.absolute()  # a job has another working folder
        self.home = Home(self._project / ".dagwright")
        self._account = account
        self._settings = settings
        self._runtime = runtime

    # ---- running ----

    def run(self, start: Start, observer: Observer) -> Execution:
        """Run it to its end. Ctrl-C stops it.

        Raises ParameterError and DefinitionError, each with every problem, before anything runs; UsageError for a part
        whose results from elsewhere are not to be had; StorageError if the machine gives out.
        """
        parameters = start_values(start.graph, start.values(start.graph))
        execution = Execution(new_execution_id(), start.pipeline, parameters, started=now())
        with self.home.at_work(execution.id) as recorded:
            reuse = Reuse()
            if start.part:
                self.home.settle()
                reuse = results_for_part(start.part, start.graph, start.pipeline, start.source, self.home)
                start = replace(start, source=reuse.source)
            return self._carry_out(start, execution, reuse, observer, recorded)

    def resume(self, execution: str, observer: Observer, current: Start | None = None) -> Execution:
        """Let an execution that failed, was stopped or was killed go on: under its id, with its parameters and the code
        it was begun with, or as the pipeline is now, `current`. What has succeeded does not run again.

        Raises UsageError for any other execution, and what `run` raises.
        """
        found = self.describe(execution)
        with self.home.at_work(found.id) as recorded:
            found = self.describe(found.id)  # another may have gone on with it meanwhile
            if not found.ended or found.status == SUCCEEDED:
                what = f"Execution {found.id} is {found.status}"
                raise UsageError(what, hint="Only one that has failed, was stopped or was killed can go on.")
            begun, before = self.executions.begun(found), self.graph(found)
            if begun.engine != self.kind:
                raise UsageError(f"Execution {found.id} is of another engine here: {begun.engine}")
            start = _going_on(found, before, begun, current)
            reuse = results_of_resumed(found, before, start.graph, begun.slice, self.home)
            found.parameters = start_values(start.graph, start.given)
            return self._carry_out(start, found, reuse, observer, recorded)

    def _carry_out(
        self, start: Start, execution: Execution, reuse: Reuse, observer: Observer, recorded: Callable[[], None]
    ) -> Execution:
        """Run an execution, a new one or one that goes on, to its end; `recorded` is called as soon as it is."""
        graph = start.graph
        brought = mapped(start.maps)
        self._provide(start)
        with ExitStack() as tools:
            events = tools.enter_context(stopping_signals())
            launching = Launching(self.home, self._settings, self._runtime, tools)
            containers = launching.containers(execution.id)
            launcher, notes = launching.launcher(graph, execution.id)
            recording = Recording(execution, graph, self.home, observer)
            recording.adopt(reuse)
            scope = self._scope(recording)
            endpoint = tools.enter_context(Endpoint(self.home, execution.id, self._account, observer.noted))
            confinement = None if containers else launching.confinement(start, execution.id)
            removal = tools.enter_context(Removal())
            bench = self._bench(start, recording, launcher, containers, endpoint, removal, confinement)
            run = self._way(start, recording, scope, bench, events)
            arriving = [*start.expected]
            checked = Check(graph, scope, bench, arriving, [uri for _, uri in brought], recording.to_run)
            images = checked.checked().images()
            self.home.store.require_room(path for path, _ in brought)
            with self.home.store.group() as group:
                for path, uri in brought:
                    group.put(path, uri)
            observer.started(execution, graph.predecessors)
            processes = not containers or any(step.type == "Lambda" for step in graph.steps.values())
            notes = [*(notes if processes else []), *([confinement.note] if confinement else [])]
            for note in [*reuse.notes, *([CONTAINED] if containers else []), *notes, *run.notes]:
                observer.noted(note)
            recording.open(Begun.of(start, self.kind, self._runtime, self._settings.libraries))
            recorded()
            for note in same_outputs(self.home, execution, graph.definition):
                observer.noted(note)
            run.run(images)
            for note in [*bench.interruptions.unmet(execution.steps), *bench.failures.unmet(execution.steps)]:
                observer.noted(note)
            return execution

    def check(self, start: Start, observer: Observer) -> Checked:
        """What a run would do with each step, and every reason why it could not run; starts and makes nothing.

        Raises ParameterError, UsageError; StorageError for what cannot be brought.
        """
        graph = start.graph
        brought = [uri for _, uri in mapped(start.maps)]
        self.home = Home(self.home.path, is_kept=False)
        parameters = start_values(graph, start.values(graph))
        recording = Recording(Execution("check", start.pipeline, parameters, started=now()), graph, self.home, observer)
        arriving = (*start.expected, *(asset.uri for asset in start.assets))
        with ExitStack() as tools, Launcher() as launcher:
            containers = Launching(self.home, self._settings, self._runtime, tools).containers("check")
            bench = self._bench(start, recording, launcher, containers, None, Removal())
            checked = Check(graph, self._scope(recording), bench, arriving, brought).checked()
            return self._with_forecasts(checked, start, self._scope(recording), bench)

    def _with_forecasts(self, checked: Checked, start: Start, scope: RunScope, bench: Bench) -> Checked:
        """With what the cache is going to say of each step."""
        if checked.problems or not self.has_cache or start.maps or not asks_for_cache(scope.graph):
            return checked  # what --map brings is not looked at before a run
        from dagwright.engines.local.cache_forecast import Forecast

        images = {step.step: list(step.libraries) for step in checked.steps}
        arriving = {asset.uri for asset in start.assets}
        found = Forecast(self._cache(start), scope, bench, images, arriving).steps()
        steps = [replace(step, cache=str(found.get(step.step, ""))) for step in checked.steps]
        return replace(checked, steps=steps)

    def _cache(self, start: Start) -> Cache:
        from dagwright.engines.local.cache import Cache

        return Cache(self.home.database, self.home.store, start.uses_cache, start.explains, cache_clock)

    def _way(self, start: Start, recording: Recording, scope: RunScope, bench: Bench, events: SimpleQueue[Any]) -> Way:
        """How this engine runs a graph, or a part of it. Raises DefinitionError if it cannot."""
        identity = recording.execution.id
        job_name = partial(_job_name, identity)
        run = Run(recording, scope, bench, self._max_parallel, job_name, events)
        if asks_for_cache(recording.graph):
            run.work = self._cache(start).result_of
        return run

    @property
    def _max_parallel(self) -> int:
        return self._settings.max_parallel or max(2, os.cpu_count() or 2)

    def start(self, start: Start, observer: Observer) -> Execution:
        """Raises UsageError: a run on this machine ends with the program that runs it."""
        raise UsageError(
            f"--detach: '{start.pipeline}' runs on this machine only as long as this program does",
            hint="Leave --detach out, or let the shell run the command in the background.",
        )

    def _provide(self, start: Start) -> None:
        """Put the pipeline's code where its definition says it is: under the hash of its content, so once."""
        with self.home.store.group() as group:
            for asset in start.assets:
                if not self.home.store.path(asset.uri).exists():
                    group.put_bytes(asset.content(), asset.uri)

    def _scope(self, recording: Recording) -> RunScope:
        execution = recording.execution
        return RunScope(
            recording.graph, self.home.store, self._account, execution.id, execution.pipeline, execution.started, now,
            execution.parameters, recording.outputs,
        )  # fmt: skip

    def _bench(
        self,
        start: Start,
        recording: Recording,
        launcher: Launcher,
        containers: Containers | None,
        endpoint: Endpoint | None,
        removal: Removal,
        confinement: Confinement | None = None,
    ) -> Bench:
        home = self.home
        workshop = Workshop(
            home.store, launcher, home.jobs(recording.execution.id), home.logs, removal.take,
            private_folders(home.path), self._settings.stop_grace_seconds, self._settings.copy_below_mib << 20,
            containers, endpoint, confinement,
        )  # fmt: skip
        stand_ins = read_stand_ins(
            start.stand_ins, self._settings.stand_ins, start.pipeline, start.graph, self._project
        )
        noted = recording.observer.noted
        environments: Images = self.environments(noted)
        if containers:
            environments = containers.images(environments, noted)
        return Bench(
            workshop=workshop,
            environments=environments,
            registry=Registry(home.database, home.store),
            account=self._account,
            lambdas=self._settings.lambdas,
            callbacks=self._settings.callbacks,
            project=self._project,
            now=now,
            watch=recording.watch,
            interruptions=Interruptions(start.interruptions, noted),
            failures=Failures(start.failures),
            stand_ins=stand_ins,
            say=noted,
            limits=Limits(self._settings.limits, start.pipeline),
            max_parallel=self._max_parallel,
            trial_places=threading.Semaphore(self._max_parallel),
            tuned=home.tuning_job,
        )

    def environments(self, say: Callable[[str], None] = lambda line: None) -> Environments:
        """The environments of the project's images; `say` is told of what is made."""
        settings = self._settings
        return Environments(self.home.environments, settings.environments, self._project, say, settings.libraries)

    # ---- looking ----

    @property
    def executions(self) -> Executions:
        """What the record has, after what killed runs have left in it is settled."""
        self.home.settle()
        return Executions(self.home)

    def describe(self, execution: str = "") -> Execution:
        """An execution by its id or the beginning of it; the newest if none is named. Raises UsageError."""
        return self.executions.find(execution)

    def graph(self, execution: Execution) -> Graph:
        """The definition that an execution ran."""
        return Executions(self.home).graph(execution)

    def complete(self, execution: Execution) -> None:
        """Nothing to add: the record holds the output of every step."""

    def explain(self, execution: Execution) -> str:
        """Nothing to add: the record holds it."""
        return ""

    def watch(self, execution: Execution, observer: Observer) -> Iterator[Execution]:
        """How it is now, and again and again until it has ended."""
        while True:
            execution = self.describe(execution.id)
            yield execution
            if execution.ended:
                return
            time.sleep(_LOOK_AGAIN_SECONDS)

    def history(self, pipeline: str = "", limit: int | None = None) -> list[Execution]:
        """The newest executions, newest first, without their steps. Raises UsageError for an unknown pipeline."""
        return self.executions.history(pipeline, limit)

    def logs(self, step: StepRun) -> list[LogFile]:
        """The log of each host of a step's job, or of each of its trials; empty for a step without one."""
        if step.type == "Tuning" and step.job:
            from dagwright.engines.local.tuning_names import trial_logs

            return trial_logs(self.home.logs, step.job)
        return log_files(self.home.logs / step.job) if step.job else []

    def read(self, uri: str) -> str:
        """The text of an object. Raises StorageError."""
        return self.home.store.read_text(uri)

    def place(self, uri: str) -> str:
        """The file or folder of an address, as seen from here if it is below; empty if there is none."""
        path = self.home.store.path(uri)
        if not path.exists():
            return ""
        relative = os.path.relpath(path)
        return str(path) if relative.startswith("..") else relative

    # ---- stopping ----

    def stop(self, execution: str, timeout_seconds: float = 60.0) -> Execution:
        """Stop a running execution and wait until it has. Raises UsageError if it is not running, ExecutionError."""
        found = self.describe(execution)
        if not self.home.ask_to_stop(found.id):
            raise UsageError(f"Execution {found.id} is not running: it is {found.status}")
        if not self.home.has_ended(found.id, timeout_seconds):
            raise ExecutionError(f"Execution {found.id} is still stopping after {timeout_seconds:g} s")
        return self.describe(found.id)

    def close(self) -> None:
        """Let go of the record; the engine opens it again if it is asked once more."""
        self.home.close()


def _going_on(execution: Execution, before: Graph, begun: Begun, current: Start | None) -> Start:
    """The start of an execution that goes on: as it was begun, or with the pipeline as it is now."""
    graph = current.graph if current else before
    return Start(
        pipeline=execution.pipeline,
        graph=graph,
        given={name: value for name, value in execution.parameters.items() if name in graph.parameters},
        assets=current.assets if current else (),
        words=begun.words,
        part=begun.slice,
        source=begun.source,
        uses_cache=begun.uses_cache,
        stand_ins=begun.stand_ins,
        expected=begun.expected,
    )


def _job_name(execution: str, step: Step) -> str:
    return new_tuning_job_name(execution, step.name) if step.type == "Tuning" else new_job_name(execution, step.name)
