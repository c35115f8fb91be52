"""Runs a definition: starts each step when all it waits for has ended, side by side where nothing forbids it.

The rules are the service's, with these choices where it documents none: when a step fails, what does not depend on it
still runs; after a Fail step nothing new starts, and what runs may finish. The run's own thread decides and records;
every job has a thread that only waits for it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from queue import SimpleQueue
from typing import Any

from dagwright.definition.graph import Graph, Step
from dagwright.engines.execution import EXECUTING, FAILED, STOPPED, STOPPING, SUCCEEDED, Execution, Observer, StepRun
from dagwright.engines.local.home import Home
from dagwright.engines.local.job_run import in_one_line
from dagwright.engines.local.scope import RunScope
from dagwright.engines.local.steps import JOBS, RUNNERS, Bench, StepResult, Stoppable, metrics_of
from dagwright.engines.times import now
from dagwright.errors import DagwrightError, InternalError

STOP = "stop"


@dataclass(frozen=True)
class Ended:
    """Said by a step's thread: how it ended, or the bug that ended it."""

    step: str
    result: StepResult | BaseException


@dataclass
class Run:
    """One execution in progress."""

    execution: Execution
    graph: Graph
    scope: RunScope
    bench: Bench
    home: Home
    observer: Observer
    max_parallel: int
    job_name: Callable[[str], str]
    outputs: dict[str, Mapping[str, Any]]
    events: SimpleQueue[Ended | str]
    _jobs: dict[str, Stoppable] = field(default_factory=dict)
    _blocked: set[str] = field(default_factory=set)
    _waiting: dict[str, int] = field(default_factory=dict)
    _ready: list[int] = field(default_factory=list)
    _running: dict[str, threading.Thread] = field(default_factory=dict)
    _closed: bool = False
    """Nothing new is started: stopped, or a Fail step has been reached."""

    def run(self, images: Iterable[str]) -> Execution:
        """To the end; the execution says how. The environments of `images` are made first.

        Raises InternalError after stopping everything if we have a bug, OSError if the observer does.
        """
        self._order = self.graph.order()
        self._position = {name: index for index, name in enumerate(self._order)}
        self._waiting = {name: len(self.graph.predecessors[name]) for name in self._order}
        self._ready = [index for index, name in enumerate(self._order) if not self._waiting[name]]
        with self._stopped_on_error():
            for image in images:
                self.bench.environments.of(image)
            while not self.events.empty():  # nothing runs yet: whoever wants it stopped has said so meanwhile
                self._handle(self.events.get())
            while True:
                self._start_what_may()
                if not self._running:
                    break
                self._handle(self.events.get())
        self._conclude()
        return self.execution

    def watch(self, step: str, job: Stoppable) -> None:
        """A step's thread has made its job; if the run is being stopped meanwhile, it stops at once."""
        self._jobs[step] = job
        if self.execution.status == STOPPING:
            job.stop()

    # ---- starting ----

    def _start_what_may(self) -> None:
        while self._ready and not self._closed and len(self._running) < self.max_parallel:
            name = self._order[heappop(self._ready)]
            if name not in self._blocked:
                self._start(self.graph.steps[name])

    def _start(self, step: Step) -> None:
        job = self.job_name(step.name)
        run = StepRun(step.name, step.type, started=now(), job=job if step.type in JOBS else "")
        self.execution.steps[step.name] = run
        self.home.database.insert(
            "steps", execution=self.execution.id, name=run.name, type=run.type, status=run.status,
            started=run.started, job=run.job,
        )  # fmt: skip
        self.observer.changed(run)
        scope = self.scope.for_job(job)
        if step.type not in JOBS:
            self._finish(step.name, self._result_of(step, scope))
            return
        thread = threading.Thread(target=self._run_job, args=(step, scope), name=step.name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._finish(step.name, StepResult(FAILED, f"InternalServerError: it could not be started: {error}"))
            return
        self._running[step.name] = thread

    def _result_of(self, step: Step, scope: RunScope) -> StepResult:
        try:
            return RUNNERS[step.type](step, scope, self.bench)
        except DagwrightError as error:
            return StepResult(FAILED, in_one_line(error))

    def _run_job(self, step: Step, scope: RunScope) -> None:
        try:
            result: StepResult | BaseException = self._result_of(step, scope)
        except BaseException as error:
            result = error
        self.events.put(Ended(step.name, result))

    # ---- ending ----

    def _handle(self, event: Ended | str) -> None:
        if isinstance(event, str):
            self._stop()
            return
        self._running.pop(event.step).join()
        self._jobs.pop(event.step, None)
        if isinstance(event.result, BaseException):
            raise event.result
        self._finish(event.step, event.result)

    def _finish(self, name: str, result: StepResult) -> None:
        run = self.execution.steps[name]
        run.status, run.failure_reason, run.metadata = result.status, result.failure_reason, result.metadata
        run.output, run.ended = dict(result.output) or None, now()
        self.outputs[name] = result.output
        self._record_step(run, metrics_of(result))
        self.observer.changed(run)
        for note in result.notes:
            self.observer.noted(f"{name}: {note}")
        self._release(self.graph.steps[name], result)

    def _record_step(self, run: StepRun, metrics: Iterable[tuple[str, float]]) -> None:
        database = self.home.database
        with database.transaction() as connection:
            database.update_rows(
                connection, "steps", {"execution": self.execution.id, "name": run.name}, status=run.status,
                output=run.output, failure_reason=run.failure_reason, ended=run.ended, metadata=dict(run.metadata),
            )  # fmt: skip
            for name, value in metrics:
                database.insert_row(
                    connection, "metrics", execution=self.execution.id, step=run.name, name=name, value=value,
                    recorded=run.ended,
                )  # fmt: skip

    def _release(self, step: Step, result: StepResult) -> None:
        """What this ending means for the steps that wait for it."""
        if result.status != SUCCEEDED:
            self._block(self.graph.successors[step.name], f"'{step.name}' did not succeed")
            self._closed = self._closed or step.type == "Fail"
            return
        if step.type == "Condition":
            untaken = step.else_steps if result.output["Outcome"] else step.if_steps
            self._block(untaken, f"'{step.name}' took the other branch")
        for name in self.graph.successors[step.name]:
            self._waiting[name] -= 1
            if not self._waiting[name]:
                heappush(self._ready, self._position[name])

    def _block(self, names: tuple[str, ...], why: str) -> None:
        """These steps, and all that wait for them, will not run."""
        pending, found = list(names), []
        while pending:
            name = pending.pop()
            if name not in self._blocked and name not in self.execution.steps:
                self._blocked.add(name)
                found.append(name)
                pending.extend(self.graph.successors[name])
        if found:
            self.observer.skipped(tuple(sorted(found, key=self._position.__getitem__)), why)

    # ---- stopping ----

    def _stop(self) -> None:
        if self.execution.status == STOPPING:
            return
        self.execution.status = STOPPING
        self._closed = True
        self.home.database.update("executions", {"id": self.execution.id}, status=STOPPING)
        self.observer.noted("stopping: running jobs are asked to end")
        for job in list(self._jobs.values()):
            job.stop()

    @contextmanager
    def _stopped_on_error(self) -> Iterator[None]:
        """No job outlives a run that ends by an error; its record says so as far as it still can."""
        try:
            yield
        except BaseException as error:
            self._closed, self.execution.status = True, STOPPING
            for job in list(self._jobs.values()):
                with suppress(Exception):  # one that cannot be told must not keep the others from it
                    job.stop()
            for thread in self._running.values():
                thread.join()
            self.execution.failure_reason = f"the run ended by an error: {error}"
            for step in [step for step in self.execution.steps.values() if step.status == EXECUTING]:
                with suppress(Exception):  # it may be whoever watches that has given out
                    self._finish(step.name, StepResult(STOPPED, "the run ended by an error"))
            with suppress(DagwrightError):
                self._record_end(FAILED)
            if isinstance(error, (DagwrightError, OSError)):  # the latter from whoever watches: a closed pipe
                raise
            what = f"This is a bug of dagwright: {type(error).__name__}: {error}"
            raise InternalError(what, hint="Run it again with --debug for the traceback.") from error

    def _conclude(self) -> None:
        failed = self.execution.failed_steps
        if self.execution.status == STOPPING:
            self._record_end(STOPPED)
        elif failed:
            reasons = "; ".join(f"step '{step.name}' failed: {step.failure_reason}" for step in failed)
            self.execution.failure_reason = reasons[:1300]  # the API's limit for an execution
            self._record_end(FAILED)
        else:
            self._record_end(SUCCEEDED)
        self.observer.ended(self.execution)

    def _record_end(self, status: str) -> None:
        self.execution.status, self.execution.ended = status, now()
        self.home.database.update(
            "executions", {"id": self.execution.id}, status=status, ended=self.execution.ended,
            failure_reason=self.execution.failure_reason,
        )  # fmt: skip


@contextmanager
def stopping_signals() -> Iterator[SimpleQueue[Ended | str]]:
    """The events of a run: Ctrl-C, TERM and HUP become one of them, in the order of things; none is an exception."""
    events: SimpleQueue[Ended | str] = SimpleQueue()
    with ExitStack() as before:
        if threading.current_thread() is threading.main_thread():
            hang_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)  # not under nohup
            for number in (signal.SIGINT, signal.SIGTERM, *hang_up):
                before.callback(signal.signal, number, signal.getsignal(number) or signal.SIG_DFL)
                signal.signal(number, lambda *_: events.put(STOP))
        yield events
