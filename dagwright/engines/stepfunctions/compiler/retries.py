"""What a machine tries again, and how often: a step's retry policies come in, entries of `Retry` and loops go out.

A state's own `Retry` is for the call that creates a job. A job that failed after its start failed for many reasons
under one error name, so those that its policies name are told apart by the job's FailureReason, and lead back to a new
attempt under a new name. An algorithm's own error is never among them.

Policies: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dagwright.definition.graph import Step
from dagwright.definition.rules.policies import OF_THE_JOB, OF_THE_STEP

THROTTLING, SERVICE_FAULT, RESOURCE_LIMIT = "Step.THROTTLING", "Step.SERVICE_FAULT", "SageMaker.RESOURCE_LIMIT"
CAPACITY, INTERNAL = "SageMaker.CAPACITY_ERROR", "SageMaker.JOB_INTERNAL_ERROR"

#: Steps whose policies the pipeline service follows.
WITH_POLICIES = frozenset(
    ("Processing", "Training", "Tuning", "Transform", "Model", "RegisterModel", "EndpointConfig", "EMRServerless")
)
# How many attempts time alone may bring: an execution has 25,000 events, and each attempt writes a handful of them.
_MOST_BY_TIME = 200
_CREATED = ("Processing", "Training", "Tuning", "Transform")

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
_REASONS: Mapping[str, str] = {CAPACITY: "CapacityError", INTERNAL: "InternalServerError"}
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
            "IntervalSeconds": self.interval_seconds,
            "MaxAttempts": self.max_attempts,
            "BackoffRate": self.backoff_rate,
        }
        if self.max_delay_seconds:
            entry["MaxDelaySeconds"] = self.max_delay_seconds
        if self.spread:
            entry["JitterStrategy"] = "FULL"
        return entry


@dataclass(frozen=True)
class Again:
    """Jobs that are started again after they failed: those whose FailureReason begins with one of `reasons`, at most
    `max_attempts` times, after `interval_seconds`, then that times `backoff_rate`, and so on."""

    reasons: tuple[str, ...]
    max_attempts: int
    interval_seconds: int
    backoff_rate: float

    @property
    def patterns(self) -> tuple[str, ...]:
        """For `StringMatches` on the error's Cause, which holds the job's Describe response as text."""
        return tuple(f'*"FailureReason":"{reason}*' for reason in self.reasons)


@dataclass(frozen=True)
class Policy:
    """A retry policy as a definition gives it, its end counted in attempts; `minutes` is the end it had in time."""

    exceptions: tuple[str, ...]
    interval_seconds: int
    backoff_rate: float
    max_attempts: int
    minutes: int = 0


def policies_of(step: Step) -> Iterator[Policy]:
    """A step's retry policies, in order; those that cannot be understood are left to `unclear_policies`."""
    for raw in _raw_policies(step):
        if not _is_unclear(raw):
            yield _policy(raw)


def unclear_policies(step: Step) -> list[int]:
    """The positions of the retry policies that cannot be understood."""
    return [index for index, raw in enumerate(_raw_policies(step)) if _is_unclear(raw)]


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


def loops_of(step: Step) -> tuple[Again, ...]:
    """For which failures a step's job is started again. A tuning job tries its own jobs again after internal errors."""
    if step.type not in _CREATED:
        return ()
    found: list[Again] = []
    named: set[str] = {_REASONS[INTERNAL]} if step.type == "Tuning" else set()
    for policy in policies_of(step):
        reasons = [_REASONS[kind] for kind in policy.exceptions if kind in _REASONS]
        reasons = [reason for reason in dict.fromkeys(reasons) if reason not in named]
        named.update(reasons)
        if reasons:
            found.append(Again(tuple(reasons), policy.max_attempts, policy.interval_seconds, policy.backoff_rate))
    return tuple(found)


def _patient(errors: tuple[str, ...]) -> Retry:
    """Outlives a burst: SageMaker creates one job of a kind in a second, and many branches start at once. Eight waits
    of at most 3, 6, 12, 24, 45, 45, 45, 45 seconds, half of that on average; a wrong request fails for good after them,
    in about two minutes, because its error has the same name."""
    return Retry(errors, 3, 8, 2.0, 45, spread=True)


def _raw_policies(step: Step) -> list[Any]:
    raw = step.envelope.get("RetryPolicies") if step.type in WITH_POLICIES else None
    return raw if isinstance(raw, list) else [] if raw is None else [raw]


def _is_unclear(raw: Any) -> bool:
    if not isinstance(raw, dict):
        return True
    exceptions = raw.get("ExceptionType")
    if not isinstance(exceptions, list) or any(kind not in (*OF_THE_STEP, *OF_THE_JOB) for kind in exceptions):
        return True
    if not all(_is_positive(raw.get(key)) for key in ("BackoffRate", "IntervalSeconds") if raw.get(key) is not None):
        return True
    ends = [raw[key] for key in ("MaxAttempts", "ExpireAfterMin") if raw.get(key) is not None]
    return len(ends) != 1 or not _is_positive(ends[0])


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _policy(raw: Mapping[str, Any]) -> Policy:
    # Amazon's SDK writes both numbers; its defaults stand for those that are left out.
    interval = max(1, math.ceil(raw.get("IntervalSeconds") or 1))
    rate = max(1.0, float(raw.get("BackoffRate") or 2.0))
    kinds = tuple(raw["ExceptionType"])
    if raw.get("MaxAttempts") is not None:
        return Policy(kinds, interval, rate, int(raw["MaxAttempts"]))
    minutes = int(raw["ExpireAfterMin"])
    return Policy(kinds, interval, rate, _attempts_within(minutes * 60, interval, rate), minutes)


def _attempts_within(seconds: int, interval: int, rate: float) -> int:
    """How many attempts begin within a time if each one fails at once: those whose waits add up to no more than it."""
    attempts, waited, wait = 0, 0.0, float(interval)
    while attempts < _MOST_BY_TIME and waited + wait <= seconds:
        waited += wait
        wait *= rate
        attempts += 1
    return max(1, attempts)
