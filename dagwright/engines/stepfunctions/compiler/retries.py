"""Which calls a machine makes again, and how often: a step's retry policies come in, entries of `Retry` go out.

A state's own `Retry` is for the call that creates a job. A job that failed after its start is started again by a loop
(`loops.py`): its error has one name, whatever the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dagwright.definition.graph import Step
from dagwright.definition.retries import (
    ALWAYS,
    OF_CALLS,
    RESOURCE_LIMIT,
    SERVICE_FAULT,
    THROTTLING,
    kind_of,
    policies_of,
)

# An optimised integration calls whatever SageMaker refuses AmazonSageMakerException, throttling and faults of the
# service as well as a request that is wrong, and only a used-up quota by its own name. An SDK integration says
# SageMakerException for what SageMaker's model does not list. (The names in AWS's own samples of these integrations:
# Step Functions developer guide, "Train a machine learning model" and "AWS SDK service integrations".)
_THROTTLED = ("SageMaker.AmazonSageMakerException", "SageMaker.SageMakerException", "SageMaker.ThrottlingException")
_FAULTS = (
    "SageMaker.AmazonSageMakerException",
    "SageMaker.SageMakerException",
    "SageMaker.InternalFailureException",
    "SageMaker.ServiceUnavailableException",
    "SageMaker.SdkClientException",
)
_LIMITS = ("SageMaker.ResourceLimitExceededException", "SageMaker.ResourceLimitExceeded")
_ERRORS: Mapping[str, tuple[str, ...]] = {THROTTLING: _THROTTLED, SERVICE_FAULT: _FAULTS, RESOURCE_LIMIT: _LIMITS}
# What throttling and faults of other services are called: Lambda's as its page in the Step Functions developer guide
# says, the others after the same pattern.
_OTHERS: Mapping[str, tuple[str, ...]] = {
    "Lambda": (
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
    ),
    "Callback": ("SQS.AmazonSQSException", "SQS.SdkClientException"),
    "EMR": ("ElasticMapReduce.AmazonElasticMapReduceException", "EMR.AmazonElasticMapReduceException"),
    "EMRServerless": ("EMRServerless.ThrottlingException", "EMRServerless.InternalServerException"),
}


# States language: the largest number that Retry takes (states-language.net/spec.html, "Retrying after error").
_LARGEST = 99_999_999


@dataclass(frozen=True)
class Retry:
    """One entry of a state's `Retry`. `max_delay_seconds` ends the growth of the wait (0: it goes on), `spread` draws
    each wait at random up to its length, so that branches that failed together do not call together again."""

    errors: tuple[str, ...]
    interval_seconds: int
    max_attempts: int
    backoff_rate: float
    max_delay_seconds: int = 0
    spread: bool = False

    def as_asl(self) -> dict[str, Any]:
        """The entry in Amazon States Language."""
        entry: dict[str, Any] = {
            "ErrorEquals": [*self.errors],
            "IntervalSeconds": min(self.interval_seconds, _LARGEST),
            "MaxAttempts": min(self.max_attempts, _LARGEST),
            "BackoffRate": self.backoff_rate,
        }
        if self.max_delay_seconds:
            entry["MaxDelaySeconds"] = self.max_delay_seconds
        if self.spread:
            entry["JitterStrategy"] = "FULL"
        return entry


def retries_of(step: Step) -> tuple[Retry, ...]:
    """The entries of a step's `Retry`: its policies for the call that creates its job, then what is always tried again,
    as the pipeline service does. An error has one entry, the first that names it."""
    others = _OTHERS.get(step.type)
    known = _ERRORS if others is None else dict.fromkeys((THROTTLING, SERVICE_FAULT), others)
    found: list[Retry] = []
    named: set[str] = set()
    for policy in policies_of(step):
        errors = [error for kind in policy.exceptions for error in known.get(kind, ())]
        errors = [error for error in dict.fromkeys(errors) if error not in named]
        named.update(errors)
        if errors:
            found.append(Retry(tuple(errors), policy.interval_seconds, policy.max_attempts, policy.backoff_rate))
    always = (*known[THROTTLING], *known[SERVICE_FAULT])
    left = tuple(error for error in dict.fromkeys(always) if error not in named)
    return (*found, _patient(left)) if left else tuple(found)


def error_of(resource: str, reason: str) -> str:
    """What Step Functions calls the failure of a call that SageMaker refuses for this reason; empty for a reason that
    is none of those which a retry policy names for calls."""
    kind = kind_of(reason)
    if kind == RESOURCE_LIMIT:
        return _LIMITS[0]
    return "" if kind not in OF_CALLS else _THROTTLED[1] if ":aws-sdk:" in resource else _THROTTLED[0]


def _patient(errors: tuple[str, ...]) -> Retry:
    """Each wait is half as long on average; a wrong request fails for good after them, in about two minutes, because
    its error has the same name."""
    return Retry(
        errors, ALWAYS.interval_seconds, ALWAYS.max_attempts, ALWAYS.backoff_rate, ALWAYS.longest_wait, spread=True
    )  # fmt: skip
