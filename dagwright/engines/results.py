"""What the steps of an execution have given, for a step that goes on from there by itself.

What comes in: an execution whose steps have their outputs, and a way to read what they wrote. What goes out: the values
that `definition.alone` asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dagwright.engines.execution import SUCCEEDED, Execution
from dagwright.errors import EvaluationError


@dataclass(frozen=True)
class ExecutionResults:
    """The results of one execution. `read` gives the text of an object, and raises StorageError or AWSError."""

    execution: Execution
    read: Callable[[str], str]

    def step(self, name: str) -> Mapping[str, Any]:
        """The Describe response of a step. Raises EvaluationError if it has not succeeded there."""
        run = self.execution.steps.get(name)
        if run is None:
            raise EvaluationError(f"it did not run in execution {self.execution.address}")
        if run.status != SUCCEEDED:
            raise EvaluationError(f"in execution {self.execution.address} it is {run.status}")
        if not run.output:
            raise EvaluationError(f"of execution {self.execution.address} its job cannot be described any more")
        return run.output

    def read_text(self, s3_uri: str) -> str:
        return self.read(s3_uri)


def has_results(execution: Execution, steps: tuple[str, ...]) -> bool:
    """Whether these steps have succeeded in an execution."""
    return all(name in execution.steps and execution.steps[name].status == SUCCEEDED for name in steps)
