"""What every run on this machine does, whoever decides what runs next: it keeps the record of the execution up to date,
tells whoever watches, and stops the jobs that are running.

Called from one thread, the run's own; jobs are made known from theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from dagwright.definition.graph import Graph, Step
from dagwright.engines.execution import EXECUTING, FAILED, STOPPED, STOPPING, SUCCEEDED, Execution, Observer, StepRun
from dagwright.engines.local.bench import StepResult, Stoppable
from dagwright.engines.local.home import Home
from dagwright.engines.local.steps import metrics_of
from dagwright.engines.times import now
from dagwright.errors import DagwrightError, InternalError


@dataclass
class Recording:
    """One execution in progress. `outputs` has the output of every step that has ended."""

    execution: Execution
    graph: Graph
    home: Home
    observer: Observer
    outputs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _jobs: dict[str, Stoppable] = field(default_factory=dict)
    _blocked: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._position = {name: index for index, name in enumerate(self.graph.order())}

    @property
    def is_stopping(self) -> bool:
        return self.execution.status == STOPPING

    # ---- steps ----

    def begin(self, step: Step, job: str) -> None:
        """A step starts, or starts again; `job` is the name of its job if it has one."""
        again = self.execution.steps.get(step.name)
        run = StepRun(step.name, step.type, started=now(), job=job)
        if again:
            run.started, run.attempts = again.started, again.attempts + 1
        self.execution.steps[step.name] = run
        kept = {"status": run.status, "job": run.job, "attempts": run.attempts}
        if again:
            self.home.database.update("steps", {"execution": self.execution.id, "name": run.name}, **kept)
        else:
            self.home.database.insert(
                "steps", execution=self.execution.id, name=run.name, type=run.type, started=run.started, **kept
            )
        self.observer.changed(run)

    def finish(self, name: str, result: StepResult) -> None:
        """A step has ended; what waits for one that did not succeed, or stands in a branch not taken, will not run."""
        self._jobs.pop(name, None)
        run = self.execution.steps[name]
        run.status, run.failure_reason, run.metadata = result.status, result.failure_reason, result.metadata
        run.output, run.ended = dict(result.output) or None, now()
        self.outputs[name] = result.output
        self._keep(run, metrics_of(result))
        self.observer.changed(run)
        for note in result.notes:
            self.observer.noted(f"{name}: {note}")
        step = self.graph.steps[name]
        if result.status != SUCCEEDED:
            self._block(self.graph.successors[name], f"'{name}' did not succeed")
        elif step.type == "Condition":
            untaken = step.else_steps if result.output["Outcome"] else step.if_steps
            self._block(untaken, f"'{name}' took the other branch")

    def failed_for_now(self, name: str, result: StepResult) -> None:
        """A step's job has failed, and is started again after a while: the step goes on."""
        self._jobs.pop(name, None)
        self.observer.noted(f"{name}: {result.failure_reason}; another attempt follows")

    def is_blocked(self, name: str) -> bool:
        """Whether a step will not run."""
        return name in self._blocked

    def _keep(self, run: StepRun, metrics: Iterable[tuple[str, float]]) -> None:
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

    def watch(self, step: str, job: Stoppable) -> None:
        """A step's thread has made its job; if the run is being stopped meanwhile, it stops at once."""
        self._jobs[step] = job
        if self.is_stopping:
            job.stop()

    def stop(self) -> None:
        """It is to be stopped: so are its jobs."""
        self.execution.status = STOPPING
        self.home.database.update("executions", {"id": self.execution.id}, status=STOPPING)
        self.observer.noted("stopping: running jobs are asked to end")
        for job in list(self._jobs.values()):
            job.stop()

    def stop_job(self, step: str) -> None:
        """Stop the job of one step, if it has one that runs."""
        job = self._jobs.get(step)
        if job:
            job.stop()

    @contextmanager
    def stopped_on_error(self, wait: Callable[[], None]) -> Iterator[None]:
        """No job outlives a run that ends by an error; its record says so as far as it still can.

        `wait` comes back when nothing runs any more. Raises InternalError for a bug.
        """
        try:
            yield
        except BaseException as error:
            self.execution.status = STOPPING
            for job in list(self._jobs.values()):
                with suppress(Exception):  # one that cannot be told must not keep the others from it
                    job.stop()
            wait()
            self.execution.failure_reason = f"the run ended by an error: {error}"
            for step in [step for step in self.execution.steps.values() if step.status == EXECUTING]:
                with suppress(Exception):  # it may be whoever watches that has given out
                    self.finish(step.name, StepResult(STOPPED, "the run ended by an error"))
            with suppress(DagwrightError):
                self._end(FAILED)
            if isinstance(error, (DagwrightError, OSError)):  # the latter from whoever watches: a closed pipe
                raise
            what = f"This is a bug of dagwright: {type(error).__name__}: {error}"
            raise InternalError(what, hint="Run it again with --debug for the traceback.") from error

    # ---- ending ----

    def conclude(self, reason: str = "") -> None:
        """It is over: stopped, failed if a step has or there is another `reason`, or succeeded."""
        reasons = [f"step '{step.name}' failed: {step.failure_reason}" for step in self.execution.failed_steps]
        said = "; ".join(reasons) or reason
        if self.is_stopping:
            self._end(STOPPED)
        elif said:
            self.execution.failure_reason = said[:1300]  # the API's limit for an execution
            self._end(FAILED)
        else:
            self._end(SUCCEEDED)
        self.observer.ended(self.execution)

    def _end(self, status: str) -> None:
        self.execution.status, self.execution.ended = status, now()
        self.home.database.update(
            "executions", {"id": self.execution.id}, status=status, ended=self.execution.ended,
            failure_reason=self.execution.failure_reason,
        )  # fmt: skip
