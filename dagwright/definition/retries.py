"""What is tried again: a step's retry policies come in, typed, and the loops that start its job again go out.

A job that failed after its start failed for many reasons; a policy names two of them, which a job's FailureReason
begins with. An algorithm's own error is never among them.

Policies: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dagwright.definition.graph import Step
from dagwright.definition.rules.policies import MOST_ATTEMPTS, MOST_MINUTES, OF_THE_JOB, OF_THE_STEP

THROTTLING, SERVICE_FAULT, RESOURCE_LIMIT = "Step.THROTTLING", "Step.SERVICE_FAULT", "SageMaker.RESOURCE_LIMIT"
CAPACITY, INTERNAL = "SageMaker.CAPACITY_ERROR", "SageMaker.JOB_INTERNAL_ERROR"

#: Steps whose policies the pipeline service follows.
WITH_POLICIES = frozenset(
    ("Processing", "Training", "Tuning", "Transform", "Model", "RegisterModel", "EndpointConfig", "EMRServerless")
)
# How many attempts time alone may bring: an execution has 25,000 events, and each attempt writes a handful of them.
_MOST_BY_TIME = 200
_CREATED = ("Processing", "Training", "Tuning", "Transform")
_REASONS: Mapping[str, str] = {CAPACITY: "CapacityError", INTERNAL: "InternalServerError"}
# The longest that a Wait state takes (Step Functions developer guide, "Wait workflow state").
_LONGEST_WAIT = 99_999_999


@dataclass(frozen=True)
class Again:
    """Jobs that are started again after they failed: those whose FailureReason begins with one of `reasons`, at most
    `max_attempts` times, after `interval_seconds`, then that times `backoff_rate`, and so on."""

    reasons: tuple[str, ...]
    max_attempts: int
    interval_seconds: int
    backoff_rate: float

    def covers(self, reason: str) -> bool:
        """Whether a job that failed for this reason is to be started again."""
        return reason.startswith(self.reasons)

    def wait(self, attempts: int) -> int:
        """Seconds before the next attempt, after so many that came after the first."""
        try:
            seconds = self.interval_seconds * self.backoff_rate**attempts
        except OverflowError:
            return _LONGEST_WAIT
        return max(1, min(round(seconds), _LONGEST_WAIT))


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
    most = {"MaxAttempts": MOST_ATTEMPTS, "ExpireAfterMin": MOST_MINUTES}
    ends = [(raw[key], limit) for key, limit in most.items() if raw.get(key) is not None]
    return len(ends) != 1 or not (_is_positive(ends[0][0]) and 1 <= ends[0][0] <= ends[0][1])


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 and math.isfinite(value)


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
