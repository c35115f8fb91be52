"""Following an execution: it is looked at again and again, and whoever watches is told what has changed.

What comes in: a way to look at it, and a clock. What goes out: how it is each time, and at the end how it ended. What
passes by itself (throttling, the service's or the network's hiccups) does not end the following for some minutes, and
neither does a state that is not known here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from dagwright.definition.graph import Graph
from dagwright.engines.aws.clients import error_code
from dagwright.engines.aws.statuses import EXECUTION_STATES
from dagwright.engines.execution import STOPPING, Execution, Nobody, Observer, StepRun
from dagwright.errors import AWSError, ExecutionError

PATIENCE_SECONDS = 600.0
_MINUTES = f"{PATIENCE_SECONDS / 60:.0f} min"
_SHORTEST, _LONGEST, _GROWTH = 1.0, 20.0, 1.5
# A service that is asked too often says so with one of these, whatever the status of its answer.
_THROTTLED = ("Throttl", "TooManyRequests", "RequestLimitExceeded", "SlowDown")


@dataclass(frozen=True)
class Clock:
    """The time: `now` in seconds from any moment, and `wait`, which lets so many pass."""

    now: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


class Pace:
    """How long to wait before the next look: short after a change, longer and longer while there is none."""

    def __init__(self) -> None:
        self._seconds = _SHORTEST

    def after(self, changed: bool) -> float:
        """Seconds."""
        seconds = _SHORTEST if changed else self._seconds
        self._seconds = min(seconds * _GROWTH, _LONGEST)
        return seconds


class Patience:
    """For how long something may go on that should pass by itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None

    def begins(self) -> bool:
        """Whether it is seen for the first time; from then on time counts."""
        if self._since is None:
            self._since = self._clock.now()
            return True
        return False

    def is_at_end(self) -> bool:
        return self._since is not None and self._clock.now() - self._since >= PATIENCE_SECONDS

    def renew(self) -> None:
        """It has passed."""
        self._since = None


def last_seen(look: Callable[[], Execution], clock: Clock, seconds: float) -> Execution:
    """How an execution is when it has ended, or when so many seconds have passed. Raises what `Watch` does."""
    deadline = clock.now() + seconds
    for found in Watch(look, Nobody(), clock):
        if found.ended or clock.now() >= deadline:
            return found
    raise AssertionError


class Watch:
    """Looks at one execution until it has ended.

    `look` raises AWSError. `before` is when it ended before it was told to go on: for a moment the service may still
    show it so, which does not count.
    """

    def __init__(self, look: Callable[[], Execution], observer: Observer, clock: Clock, before: str = "") -> None:
        self._look = look
        self._observer = observer
        self._clock = clock
        self._before = before
        self._unanswered, self._unchanged, self._unknown = Patience(clock), Patience(clock), Patience(clock)

    def __iter__(self) -> Iterator[Execution]:
        """How it is, each time it could be seen.

        Raises AWSError for what does not pass by itself or takes too long to, ExecutionError if it stays too long in a
        state that is not known here.
        """
        pace, last = Pace(), ""
        while True:
            state = last
            execution = self._seen()
            if execution:
                yield execution
                if self._is_over(execution):
                    return
                state = _state_of_all(execution)
            self._clock.wait(pace.after(changed=state != last))
            last = state

    def _seen(self) -> Execution | None:
        """None if it could not be seen this time, or only as it was before."""
        try:
            execution = self._look()
        except AWSError as error:
            if not passes(error) or self._unanswered.is_at_end():
                raise
            if self._unanswered.begins():
                self._observer.noted(f"AWS gives no answer, it is asked again for {_MINUTES}: {error.message}")
            return None
        self._unanswered.renew()
        if execution.ended and execution.ended == self._before and not self._unchanged.is_at_end():
            self._unchanged.begins()
            return None
        return execution

    def _is_over(self, execution: Execution) -> bool:
        """Raises ExecutionError if that has been unclear for too long."""
        if execution.status in EXECUTION_STATES:
            self._unknown.renew()
            return bool(execution.ended)
        if self._unknown.begins():
            self._observer.noted(f"its state '{execution.status}' is not known here: it is followed for {_MINUTES}")
        if self._unknown.is_at_end():
            raise ExecutionError(
                f"Execution {execution.address} has been '{execution.status}' for {_MINUTES}, a state not known here",
                hint="Look at it in the console, or see whether there is a newer version of dagwright.",
            )
        return False


def passes(error: AWSError) -> bool:
    """Whether asking again may help: throttling, an error of the service itself, a connection that broke."""
    from botocore.exceptions import ConnectionError as NoConnection
    from botocore.exceptions import HTTPClientError

    if isinstance(error.__cause__, (HTTPClientError, NoConnection)):
        return True
    response = getattr(error.__cause__, "response", None) or {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return bool(status >= 500 or status == 429 or any(word in error_code(error) for word in _THROTTLED))


def follow(execution: Execution, watch: Iterable[Execution], graph: Graph, observer: Observer) -> Execution:
    """How the execution was when it was last seen: at its end, or when Ctrl-C ended the following."""
    told: dict[str, str] = {}
    last = execution
    try:
        observer.started(execution, waiting_in(graph, execution))
        for last in watch:
            _tell(last, graph, observer, told)
    except KeyboardInterrupt:
        return last
    observer.ended(last)
    return last


def waiting_in(graph: Graph, execution: Execution) -> dict[str, tuple[str, ...]]:
    """The steps that this execution may run, each with those of them it waits for."""
    selected = execution.more.get("SelectiveExecutionConfig", {}).get("SelectedSteps", [])
    names = {item["StepName"] for item in selected} or set(graph.steps)
    return {
        name: tuple(source for source in sources if source in names)
        for name, sources in graph.predecessors.items()
        if name in names
    }


def _tell(execution: Execution, graph: Graph, observer: Observer, told: dict[str, str]) -> None:
    """Tell what is not `told` yet."""
    if execution.status == STOPPING and "" not in told:
        told[""] = STOPPING
        observer.noted("stopping: running jobs are asked to end")
    for step in execution.steps.values():
        state = _state(step)
        if told.get(step.name) != state:
            told[step.name] = state
            observer.changed(step)
            if step.ended:
                _tell_untaken(step, execution.steps, graph, observer)


def _tell_untaken(step: StepRun, begun: Mapping[str, StepRun], graph: Graph, observer: Observer) -> None:
    """The branch that a condition did not take, and all that waits for it, will not run."""
    outcome = step.metadata.get("Condition", {}).get("Outcome")
    if outcome is None or step.name not in graph.steps:
        return
    condition = graph.steps[step.name]
    pending = [*(condition.else_steps if outcome == "True" else condition.if_steps)]
    found: dict[str, None] = {}
    while pending:
        name = pending.pop()
        if name not in found and name not in begun:
            found[name] = None
            pending += graph.successors[name]
    if found:
        names = tuple(name for name in graph.steps if name in found)
        observer.skipped(names, f"'{step.name}' took the other branch")


def _state(step: StepRun) -> str:
    """What makes it worth telling again."""
    return f"{step.status} {step.attempts} {bool(step.job)} {bool(step.metadata)} {bool(step.ended)}"


def _state_of_all(execution: Execution) -> str:
    return " ".join([execution.status, *(f"{name} {_state(step)}" for name, step in execution.steps.items())])
