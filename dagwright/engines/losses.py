"""What a pipeline does on SageMaker and a state machine does not, or does otherwise: reported, never silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Every code, and in a sentence what does not carry over; docs/state-machines.md shows this table.
LOSSES: Mapping[str, str] = {
    "lineage": "SageMaker's lineage between the jobs, and Studio's pictures of executions",
    "selective-execution": "starting single steps without this program",
    "parallelism-limit": "MaxParallelExecutionSteps",
    "start-values": "the check of start values that are given without this program",
    "experiments": "the experiment and the trial of an execution, where the definition names them",
    "mlflow": "the MLflow server of the pipeline",
    "step-cache": "results of earlier executions, where a step asks for them",
    "many-tags": "a job with as many tags as AWS takes",
    "retry-expiry": "ExpireAfterMin: it is counted in attempts",
    "retry-errors": "a policy of its own for throttling or for faults of the service",
    "retry-tuning": "another attempt at a tuning job after an internal error",
    "package-group": "a model package group that is made when the first package is registered",
    "job-name": "a job's name that begins with what is found at run time",
    "endpoint-update": "an endpoint that is there and would be updated",
    "endpoint-wait": "waiting until an endpoint is in service",
    "baseline-check": "the comparison of a check with its baseline",
    "nested-output": "a function's output that is an object or a list, as JSON text",
    "typed-output": "a function's output that is returned as text and read as its type",
    "callback-answer": "how the consumer of a Callback step's queue answers",
    "property-file": "a property file that is no JSON or very large, and fails one step alone",
    "text-number": "a text found at run time that is read as a number",
    "text-of-a-file": "a condition that fails alone for want of a value in a file",
    "large-number": "whole numbers beyond 2^53, to the digit",
    "added-waiting": "steps that wait only for those which they depend on",
    "fail-step": "a Fail step that ends at once what runs beside it",
    "long-history": "an execution of any length",
}


@dataclass(frozen=True)
class Loss:
    """One difference: of a step, or of the whole pipeline if `step` is empty. `hint` says what to do about it."""

    code: str
    what: str
    step: str = ""
    hint: str = ""

    def as_json(self) -> dict[str, str]:
        """Its members that say something."""
        return {name: value for name, value in vars(self).items() if value}

    def __str__(self) -> str:
        said = f"{self.step}: {self.what}" if self.step else self.what
        return f"{said} ({self.hint})" if self.hint else said
