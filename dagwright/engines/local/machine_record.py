"""What the threads of a state machine say of its steps comes in, and goes into the record of the execution.

Called from the run's own thread, in the order of things.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dagwright.definition.retries import kind_of
from dagwright.engines.execution import Rest
from dagwright.engines.local.attempts import Attempts, rest
from dagwright.engines.local.bench import StepResult
from dagwright.engines.local.recording import Recording


@dataclass(frozen=True)
class Began:
    """A step begins, or begins again."""

    step: str
    job: str = ""


@dataclass(frozen=True)
class Finished:
    """How a step has ended."""

    step: str
    result: StepResult


@dataclass(frozen=True)
class FailedForNow:
    """An attempt of a step has failed, and another follows: after so many `seconds`, if the machine says how many."""

    step: str
    result: StepResult
    seconds: float | None = None


@dataclass
class MachineRecord:
    """The record of one execution in progress. The machine decides which step rests; of its attempts it says what any
    local run says."""

    recording: Recording
    resting: dict[str, StepResult] = field(default_factory=dict)
    """How the last attempt ended of the steps that wait for another one."""
    _attempts: Attempts = field(default_factory=Attempts)

    def take(self, event: Began | Finished | FailedForNow) -> None:
        """Record what has happened."""
        if isinstance(event, Began):
            self._begin(event)
        elif isinstance(event, Finished):
            self._finish(event)
        else:
            self._rest(event)

    def _begin(self, event: Began) -> None:
        step = self.recording.graph.steps[event.step]
        self.recording.begin(step, event.job)
        self._attempts.begin(step)
        self.resting.pop(event.step, None)

    def _finish(self, event: Finished) -> None:
        why = "" if self.recording.is_stopping else self._after(event)
        self.recording.finish(event.step, event.result)
        if isinstance(why, str):
            self.recording.note_end(event.step, why)

    def _rest(self, event: FailedForNow) -> None:
        found = self._after(event)
        said = found.seconds if isinstance(found, Rest) else 0.0
        most = found.most if isinstance(found, Rest) else 0
        number, kind = self.recording.attempts[event.step] + 1, kind_of(event.result.failure_reason)
        seconds = said if event.seconds is None else event.seconds
        self.resting[event.step] = event.result
        self.recording.failed_for_now(event.step, event.result, rest(seconds, number, most, kind))

    def _after(self, event: Finished | FailedForNow) -> Rest | str:
        number = self.recording.attempts[event.step]
        return self._attempts.after(self.recording.graph.steps[event.step], event.result, number)
