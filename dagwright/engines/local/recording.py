"""What every run on this machine does, whoever decides what runs next: it keeps the record of the execution up to date,
tells whoever watches, and stops the jobs that are running.

Called from one thread, the run's own; jobs are made known from theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dagwright.definition.graph import Graph, Step
from dagwright.definition.retries import OF_CALLS, kind_of
from dagwright.engines.execution import (
    EXECUTING,
    FAILED,
    STOPPED,
    STOPPING,
    SUCCEEDED,
    Attempt,
    Execution,
    Observer,
    Rest,
    StepRun,
)
from dagwright.engines.local.attempts import attempts_of
from dagwright.engines.local.begun import Begun
from dagwright.engines.local.bench import StepResult, Stoppable
from dagwright.engines.local.home import Home
from dagwright.engines.local.reuse import Reuse
from dagwright.engines.local.steps import metrics_of
from dagwright.engines.times import now
from dagwright.errors import DagwrightError, InternalError

if TYPE_CHECKING:
    import sqlite3


@dataclass
class Recording:
    """One execution in progress. `outputs` has the output of every step that has ended."""

    execution: Execution
    graph: Graph
    home: Home
    observer: Observer
    outputs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    """How often each step has been started, in an earlier part of the execution too."""
    chosen: Collection[str] | None = None
    """The steps that may run; all that are not adopted if that is None."""
    _source: str = ""
    """The execution that the steps which do not run are copied from; empty if they are its own."""
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
        self.attempts[step.name] = number = self.attempts.get(step.name, 0) + 1
        attempt = Attempt(number, job, EXECUTING, started=now())
        started = again.started if again else attempt.started
        run = StepRun(step.name, step.type, started=started, attempts=number, job=job)
        run.tries = (*self._earlier(step.name, number), attempt)
        self.execution.steps[step.name] = run
        kept = {"status": run.status, "job": run.job, "attempts": run.attempts}
        database = self.home.database
        with database.transaction() as connection:
            if again:
                database.update_rows(connection, "steps", {"execution": self.execution.id, "name": run.name}, **kept)
            else:
                database.insert_row(
                    connection, "steps", execution=self.execution.id, name=run.name, type=run.type,
                    started=run.started, **kept,
                )  # fmt: skip
            database.insert_row(
                connection, "attempts", execution=self.execution.id, step=run.name, number=number, job=job,
                status=EXECUTING, started=attempt.started,
            )  # fmt: skip
        self.observer.changed(run)

    def adopt(self, reuse: Reuse) -> None:
        """These steps do not run: there are results of them."""
        self._source, self.chosen = reuse.source, reuse.chosen
        self.execution.steps = {**reuse.results}
        self.outputs.update((name, run.output or {}) for name, run in reuse.results.items())

    @property
    def to_run(self) -> tuple[str, ...]:
        """The steps that are to run, of the `chosen` if there are any, as far as no condition keeps them from it."""
        known, chosen = self.execution.steps, self.chosen
        return tuple(name for name in self.graph.steps if name not in known and (chosen is None or name in chosen))

    def open(self, begun: Begun) -> None:
        """Begin the record of the execution, or go on with it: what it does not keep of its steps is forgotten, but for
        their attempts and the objects they wrote."""
        execution, database = self.execution, self.home.database
        execution.status, execution.failure_reason, execution.ended = EXECUTING, "", ""
        kept = {
            "pipeline": execution.pipeline, "status": execution.status, "started": execution.started,
            "failure_reason": None, "ended": None, "parameters": dict(execution.parameters),
            "definition": dict(self.graph.definition), "begun": begun.as_json(),
        }  # fmt: skip
        earlier = database.rows("steps", columns="name", execution=execution.id)
        attempts = database.rows("attempts", order="number", execution=execution.id)
        self.attempts.update((row["step"], row["number"]) for row in attempts)
        with database.transaction() as connection:
            if database.has(connection, "executions", id=execution.id):
                database.update_rows(connection, "executions", {"id": execution.id}, **kept)
                self._forget(connection, [row["name"] for row in earlier if row["name"] not in execution.steps])
            else:
                database.insert_row(connection, "executions", id=execution.id, **kept)
            if self._source:
                for run in execution.steps.values():
                    self._copy(connection, run)

    def _forget(self, connection: sqlite3.Connection, names: list[str]) -> None:
        rows = [(self.execution.id, name) for name in names]
        connection.executemany("DELETE FROM steps WHERE execution = ? AND name = ?", rows)
        connection.executemany("DELETE FROM metrics WHERE execution = ? AND step = ?", rows)

    def _copy(self, connection: sqlite3.Connection, run: StepRun) -> None:
        """What another execution has of a step is this one's as well."""
        self.home.database.insert_row(
            connection, "steps", execution=self.execution.id, name=run.name, type=run.type, status=run.status,
            started=run.started, ended=run.ended, attempts=run.attempts, metadata=dict(run.metadata),
            output=run.output, job=run.job, more=dict(run.more),
        )  # fmt: skip
        connection.execute(
            "INSERT OR IGNORE INTO written SELECT ?, step, uri, inode, modified_ns, size FROM written "
            "WHERE execution = ? AND step = ?",
            [self.execution.id, self._source, run.name],
        )

    def _earlier(self, step: str, number: int) -> tuple[Attempt, ...]:
        """The attempts before that one, those of an earlier part of the execution too."""
        if number == 1:
            return ()
        return attempts_of(self.home.database, self.execution.id, step=step).get(step, ())

    def announce_adopted(self) -> None:
        """Tell whoever watches of the steps that are not run, and which branches are not taken therefore."""
        for run in list(self.execution.steps.values()):
            self.observer.changed(run)
            self._skip_untaken(self.graph.steps[run.name], run.output or {})

    def finish(self, name: str, result: StepResult) -> None:
        """A step has ended; what waits for one that did not succeed, or stands in a branch not taken, will not run."""
        self._jobs.pop(name, None)
        run = self.execution.steps[name]
        run.status, run.failure_reason, run.metadata = result.status, result.failure_reason, result.metadata
        run.output, run.ended, run.more = dict(result.output) or None, now(), result.more
        run.job, run.rest = result.job or run.job, None
        self.outputs[name] = result.output
        self._keep(run, result)
        self.observer.changed(run)
        for note in result.notes:
            self.observer.noted(f"{name}: {note}")
        if result.status != SUCCEEDED:
            self._block(self.graph.successors[name], f"'{name}' did not succeed")
        else:
            self._skip_untaken(self.graph.steps[name], result.output)

    def _skip_untaken(self, step: Step, output: Mapping[str, Any]) -> None:
        if step.type == "Condition":
            untaken = step.else_steps if output["Outcome"] else step.if_steps
            self._block(untaken, f"'{step.name}' took the other branch")

    def failed_for_now(self, name: str, result: StepResult, rest: Rest) -> None:
        """An attempt of a step has failed, and another one follows after a rest: the step goes on."""
        self._jobs.pop(name, None)
        run = self.execution.steps[name]
        with self.home.database.transaction() as connection:
            self._keep_attempt(connection, run, result, now())
        run.rest = rest
        self.observer.changed(run)

    def note_end(self, name: str, why: str) -> None:
        """Why a step that has failed is not tried again, if that is worth saying."""
        if why:
            self.observer.noted(f"{name} is not tried again: {why}")

    def is_blocked(self, name: str) -> bool:
        """Whether a step will not run."""
        return name in self._blocked

    def _keep(self, run: StepRun, result: StepResult) -> None:
        database, execution = self.home.database, self.execution.id
        lasts = bool(result.written) or run.type == "RegisterModel"  # the objects are on the disk already
        with database.transaction(synced=lasts) as connection:
            database.update_rows(
                connection, "steps", {"execution": execution, "name": run.name}, status=run.status, job=run.job,
                output=run.output, failure_reason=run.failure_reason, ended=run.ended, metadata=dict(run.metadata),
                more=dict(run.more), cache_key=result.cache_key or None,
            )  # fmt: skip
            self._keep_attempt(connection, run, result, run.ended)
            for name, value in [] if "CacheHitResult" in run.more else metrics_of(result):  # measured once
                database.insert_row(
                    connection, "metrics", execution=execution, step=run.name, name=name, value=value,
                    recorded=run.ended,
                )  # fmt: skip
            connection.executemany(
                "INSERT OR REPLACE INTO written VALUES (?, ?, ?, ?, ?, ?)",
                ((execution, run.name, uri, *stamp) for uri, stamp in result.written.items()),
            )

    def _keep_attempt(self, connection: sqlite3.Connection, run: StepRun, result: StepResult, ended: str) -> None:
        """How the last attempt of a step has ended, unless it had ended before and the step has rested since."""
        attempt = run.tries[-1]
        if attempt.ended:
            return
        job = "" if kind_of(result.failure_reason) in OF_CALLS else run.job  # a call that is refused starts none
        status, reason = result.status, result.failure_reason
        attempt = replace(attempt, job=job, status=status, failure_reason=reason, ended=ended)
        run.tries = (*run.tries[:-1], attempt)
        self.home.database.update_rows(
            connection, "attempts", {"execution": self.execution.id, "step": run.name, "number": run.attempts},
            job=job, status=status, failure_reason=reason, ended=ended,
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
