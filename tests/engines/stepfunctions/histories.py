"""Histories of executions as Step Functions tells them, written state by state.

`Told()` collects events; each is led to by the one before it, unless a branch goes on from another. Numbers are given
in the order of telling, times are seconds after noon.
"""

from __future__ import annotations

import json
from typing import Any

from scripted import NOON, sagemaker_arn


class Told:
    """Events of one execution."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.add("ExecutionStarted", executionStartedEventDetails={"input": "{}"})

    @property
    def last(self) -> int:
        return len(self.events)

    def add(self, kind: str, before: int | None = None, **details: Any) -> int:
        """An event led to by `before`, the last one unless said; its number."""
        number = len(self.events) + 1
        led_by = number - 1 if before is None else before
        event = {"id": number, "previousEventId": led_by, "type": kind, "timestamp": NOON + number, **details}
        self.events.append(event)
        return number

    def enter(self, state: str, kind: str = "Task", before: int | None = None) -> int:
        return self.add(f"{kind}StateEntered", before, stateEnteredEventDetails={"name": state, "input": "{}"})

    def leave(self, state: str, kind: str = "Task", before: int | None = None, **assigned: Any) -> int:
        variables = {name: json.dumps(value) for name, value in assigned.items()}
        more = {"assignedVariables": variables} if variables else {}
        return self.add(f"{kind}StateExited", before, stateExitedEventDetails={"name": state, **more})

    def schedule(self, before: int | None = None, kind: str = "sagemaker", **request: Any) -> int:
        details = {"resourceType": kind, "resource": "x.sync", "region": "us-east-1", "parameters": json.dumps(request)}
        self.add("TaskScheduled", before, taskScheduledEventDetails=details)
        return self.add("TaskStarted", taskStartedEventDetails={"resourceType": kind, "resource": "x.sync"})

    def submit(self, name: str, before: int | None = None, kind: str = "processing") -> int:
        output = json.dumps({f"{kind.title()}JobArn": job_arn(name, kind)})
        details = {"resourceType": "sagemaker", "resource": "x.sync", "output": output}
        return self.add("TaskSubmitted", before, taskSubmittedEventDetails=details)

    def succeed(self, before: int | None = None, kind: str = "sagemaker", **output: Any) -> int:
        details = {"resourceType": kind, "resource": "x.sync", "output": json.dumps(output)}
        return self.add("TaskSucceeded", before, taskSucceededEventDetails=details)

    def fail(self, cause: Any, error: str = "States.TaskFailed", before: int | None = None) -> int:
        text = cause if isinstance(cause, str) else json.dumps(cause)
        details = {"resourceType": "sagemaker", "resource": "x.sync", "error": error, "cause": text}
        return self.add("TaskFailed", before, taskFailedEventDetails=details)

    def job(self, step: str, kind: str = "processing", before: int | None = None) -> int:
        """A step with a job, from its beginning to its end."""
        self.enter(step, before=before)
        self.schedule()
        self.submit(step, kind=kind)
        self.succeed(**{f"{kind.title()}JobArn": job_arn(step, kind)})
        return self.leave(step)

    def failed_job(self, step: str, reason: str, kind: str = "processing") -> int:
        self.enter(step)
        self.schedule()
        self.submit(step, kind=kind)
        self.fail({f"{kind.title()}JobArn": job_arn(step, kind), "FailureReason": reason})
        return self.leave(step, Failures=[{"Step": step}])

    def end(self, kind: str = "ExecutionSucceeded", **details: Any) -> int:
        word = f"{kind[0].lower()}{kind[1:]}EventDetails"
        return self.add(kind, **{word: details})


def job_arn(step: str, kind: str = "processing") -> str:
    return sagemaker_arn(f"{kind}-job/rc-churn-{step.lower()}-20261121120000-0a1b2c3d")
