"""One execution of a pipeline and its steps, in the service's own words, whichever engine runs it.

`as_json` gives the members of DescribePipelineExecution, of ListPipelineExecutionSteps and, as `Output`, of the
Describe call of each step's job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

EXECUTING, STOPPING, STOPPED = "Executing", "Stopping", "Stopped"
SUCCEEDED, FAILED, COMPLETED_WITH_FAILURES = "Succeeded", "Failed", "CompletedWithFailures"


@dataclass(frozen=True)
class Attempt:
    """One of the times that a step was started: its job, and how that ended. Times are ISO-8601 in UTC."""

    number: int
    job: str = ""
    status: str = EXECUTING
    failure_reason: str = ""
    started: str = ""
    ended: str = ""

    def as_json(self) -> dict[str, Any]:
        """A member of `Attempts`, in the words of PipelineExecutionSteps as far as they go."""
        return {
            "Attempt": self.number,
            "Status": self.status,
            **({"FailureReason": self.failure_reason} if self.failure_reason else {}),
            "StartTime": self.started,
            **({"EndTime": self.ended} if self.ended else {}),
            **({"JobName": self.job} if self.job else {}),
        }


@dataclass(frozen=True)
class Rest:
    """A step that has failed waits so many seconds, until the time `ends`, for its attempt of that `number`.

    `kind` is what a retry policy calls the failure; `most` is the number of the last attempt, 0 if time decides it.
    """

    seconds: float
    number: int
    most: int
    kind: str
    ends: str


@dataclass
class StepRun:
    """A step that has been started; steps of an untaken branch never become one."""

    name: str
    type: str
    status: str = EXECUTING
    failure_reason: str = ""
    started: str = ""
    ended: str = ""
    attempts: int = 1
    metadata: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] | None = None
    job: str = ""
    """The name of its job, which is the name of its logs; empty for a step without one."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else the service says of it, such as CacheHitResult, as it says it."""
    tries: tuple[Attempt, ...] = ()
    """Its attempts as far as they are known: all of them on this machine, none on AWS."""
    rest: Rest | None = None
    """What it waits for between two attempts."""

    def as_json(self) -> dict[str, Any]:
        """A member of PipelineExecutionSteps, with `Attempts` where they are known."""
        return {
            "StepName": self.name,
            **({"StepType": self.type} if self.type else {}),
            "StepStatus": self.status,
            **({"FailureReason": self.failure_reason} if self.failure_reason else {}),
            "StartTime": self.started,
            **({"EndTime": self.ended} if self.ended else {}),
            "AttemptCount": self.attempts,
            **({"Attempts": [attempt.as_json() for attempt in self.tries]} if self.tries else {}),
            **self.more,
            "Metadata": dict(self.metadata),
            **({"Output": dict(self.output)} if self.output is not None else {}),
        }


@dataclass
class Execution:
    """An execution: its identity, what it was started with, how far it is. Times are ISO-8601 in UTC.

    It is over as soon as `ended` says when.
    """

    id: str
    pipeline: str
    parameters: Mapping[str, Any]
    status: str = EXECUTING
    failure_reason: str = ""
    started: str = ""
    ended: str = ""
    steps: dict[str, StepRun] = field(default_factory=dict)
    """In the order they were started."""
    arn: str = ""
    """On AWS, where an id says nothing without its pipeline."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else the service says of it, such as PipelineExecutionDisplayName, as it says it."""
    link: str = ""
    """Where to see it in a browser."""
    note: str = ""
    """Why less is known of it than could be."""

    @property
    def address(self) -> str:
        """What a command takes to find it at once."""
        return f"{self.pipeline}/{self.id}" if self.arn else self.id

    @property
    def failed_steps(self) -> list[StepRun]:
        return [step for step in self.steps.values() if step.status == FAILED]

    def summary(self) -> dict[str, Any]:
        """A member of PipelineExecutionSummaries."""
        return {
            "PipelineExecutionArn": self.arn or self.id,
            "PipelineName": self.pipeline,
            "PipelineExecutionStatus": self.status,
            **({"FailureReason": self.failure_reason} if self.failure_reason else {}),
            "StartTime": self.started,
            **({"EndTime": self.ended} if self.ended else {}),
        }

    def as_json(self) -> dict[str, Any]:
        """What `run --json` and `status --json` print."""
        parameters = [{"Name": name, "Value": value} for name, value in self.parameters.items()]
        steps = [step.as_json() for step in self.steps.values()]
        return {**self.summary(), **self.more, "PipelineParameters": parameters, "PipelineExecutionSteps": steps}


class Observer(Protocol):
    """Somebody who watches an execution. Called from one thread, in order; `noted` also from the threads of jobs."""

    def started(self, execution: Execution, waiting: Mapping[str, tuple[str, ...]]) -> None:
        """It begins; `waiting` maps every step to the steps it waits for."""

    def changed(self, step: StepRun) -> None:
        """A step has started or ended."""

    def skipped(self, names: tuple[str, ...], why: str) -> None:
        """These steps will not run."""

    def noted(self, line: str) -> None:
        """Something worth a line of its own."""

    def ended(self, execution: Execution) -> None:
        """It is over."""


class Nobody:
    """The observer of a run that nobody watches."""

    def started(self, execution: Execution, waiting: Mapping[str, tuple[str, ...]]) -> None: ...
    def changed(self, step: StepRun) -> None: ...
    def skipped(self, names: tuple[str, ...], why: str) -> None: ...
    def noted(self, line: str) -> None: ...
    def ended(self, execution: Execution) -> None: ...
