"""Runs the training jobs of a tuning job side by side: the search says which, the limits how many and how long.

What comes in: a `Tuning`, the step and the bench. What goes out: the trials, each with the result of its training job.
The step's thread decides; each trial has a thread that only waits for its job.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from typing import Any

from dagwright.definition.graph import Step
from dagwright.engines.execution import FAILED
from dagwright.engines.local.bench import Bench, StepResult, Stoppable
from dagwright.engines.local.job_run import JobRun, in_one_line
from dagwright.engines.local.job_steps import train
from dagwright.engines.local.metrics import metric_series
from dagwright.engines.local.request import member
from dagwright.engines.local.tuning import HYPERBAND, Definition, Tuning
from dagwright.engines.local.tuning_names import trial_name
from dagwright.engines.local.tuning_search import Observation, Search
from dagwright.engines.local.tuning_stopping import Completion, MedianRule
from dagwright.errors import DagwrightError

COMPLETED, IN_PROGRESS = "Completed", "InProgress"
_LOOK_SECONDS = 0.25
"""How often running trials are looked at, at most: the looks themselves take a tenth of the time."""


@dataclass
class Trial:
    """One training job of a tuning job. `request` is its CreateTrainingJob request, `values` its objective so far."""

    number: int
    name: str
    definition: int
    ticket: int
    tuned: Mapping[str, str]
    request: Mapping[str, Any]
    created: str
    result: StepResult | None = None
    values: list[float] = field(default_factory=list)
    stopped: bool = False
    """Whether it was ended before its time."""
    job: JobRun | None = None
    logged: int = 0
    """How many bytes its logs had when they were last read."""

    @property
    def output(self) -> Mapping[str, Any]:
        """The members of its DescribeTrainingJob response."""
        return self.result.output if self.result else {}

    @property
    def status(self) -> str:
        """Its TrainingJobStatus."""
        return str(self.output.get("TrainingJobStatus", IN_PROGRESS if self.result is None else "Failed"))

    @property
    def was_cut_short(self) -> bool:
        """Whether it was ended before its time, and had not completed anyway."""
        return self.stopped and self.status != COMPLETED

    def objective(self, metric: str) -> float | None:
        """The last value of the objective that its log has. A training job that failed is not judged (API reference,
        HyperParameterTrainingJobSummary: ObjectiveStatus): it may have no model."""
        if self.status == "Failed":
            return None
        found = member(self.output, "FinalMetricDataList", list, [])
        return next((item["Value"] for item in found if item["MetricName"] == metric), None)

    def stop(self) -> None:
        """End it before its time, though it may have no job yet."""
        self.stopped = True
        if self.job:
            self.job.stop()


class Trials:
    """The trials of one tuning job. `run` blocks; `stop` may be called from another thread."""

    def __init__(
        self,
        step: Step,
        job: str,
        tuning: Tuning,
        searches: list[Search],
        bench: Bench,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._step, self._job, self._tuning, self._searches, self._bench = step, job, tuning, searches, bench
        self._clock = clock
        self._medians = [MedianRule(tuning) for _ in tuning.definitions]
        self.completion = Completion(tuning)
        self._turns = list(range(len(searches)))
        """The definitions that have something left to try, the next one first."""
        self._running: dict[int, threading.Thread] = {}
        self._events: SimpleQueue[tuple[Trial, StepResult | BaseException]] = SimpleQueue()
        self._lock = threading.Lock()
        self._stopping = False
        self._deadline = clock() + tuning.max_seconds if tuning.max_seconds else None
        self._next_look = 0.0
        self.trials: list[Trial] = []
        self.over = ""
        """Why it was over before all was tried."""

    def run(self) -> list[Trial]:
        """Every trial that was started, in order; when it comes back, none is running."""
        try:
            while True:
                self._start_what_may()
                if not self._running and (self._is_closed() or not self._turns):
                    return self.trials
                self._handle_next()
        finally:
            self._end_all()
            for thread in self._running.values():
                thread.join()

    def stop(self) -> None:
        """End all of them: the run is being stopped."""
        self._stopping = True
        self._end_all()

    def is_stopping(self) -> bool:
        """Whether somebody stops the run."""
        return self._stopping

    def objective(self, trial: Trial) -> float | None:
        """The objective of a trial, by its definition's metric."""
        return trial.objective(self._definition(trial).metric)

    # ---- starting ----

    def _is_closed(self) -> bool:
        limit = self._tuning.max_trials
        return self._stopping or bool(self.over) or (limit is not None and len(self.trials) >= limit)

    def _start_what_may(self) -> None:
        while not self._is_closed() and self._turns and len(self._running) < self._tuning.max_parallel:
            if not self._bench.trial_places.acquire(blocking=False):
                return
            if not self._start_next():
                self._bench.trial_places.release()

    def _start_next(self) -> bool:
        number = self._turns.pop(0)
        found = self._searches[number].ask()
        if found is None:
            return False
        self._turns.append(number)
        ticket, tuned = found
        name = trial_name(self._job, len(self.trials) + 1, tuned)
        request = self._tuning.definitions[number].request(name, tuned)
        trial = Trial(len(self.trials) + 1, name, number, ticket, tuned, request, self._bench.now())
        with self._lock:
            self.trials.append(trial)
        thread = threading.Thread(target=self._train, args=(trial,), name=name, daemon=True)
        self._running[trial.number] = thread
        thread.start()
        return True

    def _train(self, trial: Trial) -> None:
        def watch(_: str, job: Stoppable) -> None:
            with self._lock:
                trial.job = job if isinstance(job, JobRun) else None
            if trial.stopped or self._stopping:
                job.stop()

        try:
            bench = replace(self._bench, watch=watch)
            result: StepResult | BaseException = train(self._step, trial.name, trial.request, bench, self.is_stopping)
        except DagwrightError as error:
            result = StepResult(FAILED, in_one_line(error))
        except BaseException as error:
            result = error
        self._bench.trial_places.release()
        self._events.put((trial, result))

    # ---- waiting ----

    def _handle_next(self) -> None:
        """Wait for a trial to end, and look at those that run meanwhile."""
        try:
            trial, result = self._events.get(timeout=self._patience())
        except Empty:
            self._look()
            return
        self._running.pop(trial.number).join()
        if isinstance(result, BaseException):
            raise result
        trial.result = result
        self._finished(trial)

    def _patience(self) -> float | None:
        """Seconds until something else than the end of a trial may happen; None if nothing can."""
        waits = [self._deadline - self._clock()] if self._deadline is not None and not self.over else []
        if self._looks or not self._running:  # without one of its own running it waits for a place of another's
            waits.append(max(_LOOK_SECONDS, self._next_look - self._clock()))
        return max(0.0, min(waits)) if waits else None

    @property
    def _looks(self) -> bool:
        """Whether the objective of running trials matters."""
        return self._tuning.stops_early or self._tuning.strategy == HYPERBAND

    def _look(self) -> None:
        if self._deadline is not None and self._clock() >= self._deadline and not self.over:
            self._close(f"it has run for its MaxRuntimeInSeconds, {self._tuning.max_seconds}")
        began = self._clock()
        for trial in self.trials if self._looks and not self._stopping else ():
            if trial.number in self._running and not trial.stopped and self._read(trial) and self._is_hopeless(trial):
                trial.stop()
        self._next_look = self._clock() + 10 * (self._clock() - began)

    def _read(self, trial: Trial) -> bool:
        """Whether its logs say anything new."""
        logs = [host.log for host in trial.job.hosts if host.log.exists()] if trial.job else []
        size = sum(log.stat().st_size for log in logs)
        if size == trial.logged:
            return False
        trial.logged = size
        trial.values = metric_series(trial.request, self._definition(trial).metric, logs, self.is_stopping)
        return True

    def _is_hopeless(self, trial: Trial) -> bool:
        if self._searches[trial.definition].is_hopeless(trial.ticket, trial.values):
            return True
        return self._tuning.stops_early and self._medians[trial.definition].is_hopeless(trial.values)

    def _definition(self, trial: Trial) -> Definition:
        return self._tuning.definitions[trial.definition]

    # ---- ending ----

    def _finished(self, trial: Trial) -> None:
        if self._stopping:
            return
        value, search = self.objective(trial), self._searches[trial.definition]
        if self._looks and value is not None:
            self._read(trial)
            search.is_hopeless(trial.ticket, trial.values)  # it is no more, but what it has had counts for others
            self._medians[trial.definition].finished(trial.values)
        search.tell(trial.ticket, Observation(value, trial.was_cut_short))
        self.completion.finished(value)
        self._bench.say(f"{self._step.name}: {self._news(trial, value)}")
        if not self.over and (why := self.completion.reason()):
            self._close(why)

    def _news(self, trial: Trial, value: float | None) -> str:
        limit = self._tuning.max_trials or self._tuning.points
        count = f"trial {trial.number} of {limit}" if limit else f"trial {trial.number}"
        if value is None:
            return f"{count} has no objective: {self.failure(trial)}"
        best = self.ranked()[0]
        so_far = (
            "the best so far"
            if best is trial
            else f"the best so far is {self.objective(best):g} of trial {best.number}"
        )
        how = "stopped early" if trial.was_cut_short else trial.status.lower()
        return f"{count} {how}: {self._definition(trial).metric} {value:g}, {so_far}"

    def failure(self, trial: Trial) -> str:
        """Why a trial has no objective."""
        if trial.result and trial.result.failure_reason:
            return trial.result.failure_reason
        return f"its log has no '{self._definition(trial).metric}'"

    def ranked(self) -> list[Trial]:
        """All trials: completed ones, the best objective first, others with an objective, those without."""

        def rank(trial: Trial) -> tuple[int, float]:
            value = self.objective(trial)
            if value is None:
                return 2, trial.number
            return int(trial.status != COMPLETED), -value if self._tuning.maximize else value

        return sorted(self.trials, key=rank)

    def _close(self, why: str) -> None:
        """Nothing new is started, and what runs is stopped."""
        self.over = why
        self._bench.say(f"{self._step.name}: {why}")
        self._end_all()

    def _end_all(self) -> None:
        with self._lock:
            trials = list(self.trials)
        for trial in trials:
            if trial.result is None:
                trial.stop()
