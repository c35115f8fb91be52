"""Runs a definition: starts each step when all it waits for has ended, side by side where nothing forbids it.

The rules are the service's, with these choices where it documents none: when a step fails, what does not depend on it
still runs; after a Fail step nothing new starts, and what runs may finish. The run's own thread decides and records;
every job has a thread that only waits for it.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from heapq import heappop, heappush
from queue import SimpleQueue
from typing import Any

from dagwright.definition.graph import Step
from dagwright.engines.execution import FAILED, SUCCEEDED, Execution
from dagwright.engines.local.attempts import Attempts
from dagwright.engines.local.bench import Bench, StepResult
from dagwright.engines.local.check import notes_of
from dagwright.engines.local.recording import Recording
from dagwright.engines.local.scope import RunScope
from dagwright.engines.local.steps import result_of, starts_job

STOP = "stop"


@dataclass(frozen=True)
class Ended:
    """Said by a step's thread: how it ended, or the bug that ended it."""

    step: str
    result: StepResult | BaseException


@dataclass(frozen=True)
class Rested:
    """Said by a timer: a step whose job failed may start again."""

    step: str


@dataclass
class Run:
    """One execution in progress. `after` calls a function so many seconds later, from another thread.

    It runs what its recording says is to run.
    """

    recording: Recording
    scope: RunScope
    bench: Bench
    max_parallel: int
    job_name: Callable[[Step], str]
    events: SimpleQueue[Any]
    after: Callable[[float, Callable[[], None]], threading.Timer] = threading.Timer
    work: Callable[[Step, RunScope, Bench], StepResult] = result_of
    """What a step's thread does."""
    attempts: Attempts = field(default_factory=Attempts)
    _resting: dict[str, tuple[threading.Timer, StepResult]] = field(default_factory=dict)
    """Steps that wait for another attempt, with how the last one ended."""
    _waiting: dict[str, int] = field(default_factory=dict)
    _ready: list[int] = field(default_factory=list)
    _running: dict[str, threading.Thread] = field(default_factory=dict)
    _closed: bool = False
    """Nothing new is started: stopped, or a Fail step has been reached."""

    @property
    def notes(self) -> list[str]:
        return notes_of(self.recording.graph, has_cache=self.work is not result_of)

    def run(self, images: Iterable[str]) -> Execution:
        """To the end; the execution says how. The environments of `images` are made first.

        Raises InternalError after stopping everything if we have a bug, OSError if the observer does.
        """
        self._graph = self.recording.graph
        self._order = self._graph.order()
        self._position = {name: index for index, name in enumerate(self._order)}
        self._waiting = self._what_waits()
        self._ready = [self._position[name] for name, count in self._waiting.items() if not count]
        with self.recording.stopped_on_error(self._wait):
            for image in images:
                self.bench.environments.of(image)
            while not self.events.empty():  # nothing runs yet: whoever wants it stopped has said so meanwhile
                self._handle(self.events.get())
            self.recording.announce_adopted()
            while True:
                self._start_what_may()
                if not self._running and not self._resting:
                    break
                self._handle(self.events.get())
        self.recording.conclude()
        return self.recording.execution

    def _what_waits(self) -> dict[str, int]:
        """The steps that may run, in order, each with the number of steps it waits for."""
        known, predecessors = self.recording.execution.steps, self._graph.predecessors
        to_run = {*self.recording.to_run}
        return {
            name: sum(before not in known for before in predecessors[name]) for name in self._order if name in to_run
        }

    # ---- starting ----

    def _start_what_may(self) -> None:
        while self._ready and not self._closed and len(self._running) < self.max_parallel:
            name = self._order[heappop(self._ready)]
            if not self.recording.is_blocked(name):
                self._start(self._graph.steps[name])

    def _start(self, step: Step) -> None:
        job = self.job_name(step)
        takes_time = starts_job(step, self.bench)
        self.recording.begin(step, job if takes_time else "")
        self.attempts.begin(step)
        scope = self.scope.for_job(job)
        if not takes_time:
            self._rest_or_finish(step, result_of(step, scope, self.bench))
            return
        thread = threading.Thread(target=self._run_job, args=(step, scope), name=step.name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._rest_or_finish(step, StepResult(FAILED, f"InternalServerError: it could not be started: {error}"))
            return
        self._running[step.name] = thread

    def _run_job(self, step: Step, scope: RunScope) -> None:
        try:
            result: StepResult | BaseException = self.work(step, scope, self.bench)
        except BaseException as error:
            result = error
        self.events.put(Ended(step.name, result))

    # ---- ending ----

    def _handle(self, event: Ended | Rested | str) -> None:
        if isinstance(event, str):
            self._stop()
        elif isinstance(event, Rested):
            if event.step in self._resting:
                del self._resting[event.step]
                heappush(self._ready, self._position[event.step])
        else:
            self._running.pop(event.step).join()
            if isinstance(event.result, BaseException):
                raise event.result
            self._rest_or_finish(self._graph.steps[event.step], event.result)

    def _rest_or_finish(self, step: Step, result: StepResult) -> None:
        rest = "" if self._closed else self.attempts.after(step, result, self.recording.attempts[step.name])
        if isinstance(rest, str):
            self._finish(step.name, result)
            self.recording.note_end(step.name, rest)
            return
        self.recording.failed_for_now(step.name, result, rest)
        timer = self.after(rest.seconds, lambda: self.events.put(Rested(step.name)))
        timer.daemon = True
        self._resting[step.name] = timer, result
        timer.start()

    def _finish(self, name: str, result: StepResult) -> None:
        self.recording.finish(name, result)
        if result.status != SUCCEEDED:
            if self._graph.steps[name].type == "Fail":
                self._close()
            return
        for waiter in self._graph.successors[name]:
            if waiter not in self._waiting:
                continue
            self._waiting[waiter] -= 1
            if not self._waiting[waiter]:
                heappush(self._ready, self._position[waiter])

    def _close(self) -> None:
        """Nothing new starts, no further attempt either."""
        self._closed = True
        resting, self._resting = self._resting, {}
        for name, (timer, result) in resting.items():
            timer.cancel()
            self._finish(name, result)

    def _stop(self) -> None:
        if not self.recording.is_stopping:
            self.recording.stop()
            self._close()

    def _wait(self) -> None:
        self._closed = True
        for timer, _ in self._resting.values():
            timer.cancel()
        for thread in self._running.values():
            thread.join()


@contextmanager
def stopping_signals() -> Iterator[SimpleQueue[Any]]:
    """The events of a run: Ctrl-C, TERM and HUP become one of them, in the order of things; none is an exception."""
    events: SimpleQueue[Any] = SimpleQueue()
    with ExitStack() as before:
        if threading.current_thread() is threading.main_thread():
            hang_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)  # not under nohup
            for number in (signal.SIGINT, signal.SIGTERM, *hang_up):
                before.callback(signal.signal, number, signal.getsignal(number) or signal.SIG_DFL)
                signal.signal(number, lambda *_: events.put(STOP))
        yield events
