"""What is tried again: a step's retry policies come in, typed; what goes out is after which failures it starts again.

A call that starts a job is refused for three reasons that a policy names; two of them are tried again without a policy.
A job that failed after its start failed for many reasons; a policy names two of them. A failure is known by what its
FailureReason begins with. An algorithm's own error is never among them.

Policies: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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
#: Steps whose policies may name failures of a job.
WITH_JOBS = ("Processing", "Training", "Tuning", "Transform")
#: How the reasons of a failure begin, by what a policy calls it: those of a job, and those of the call that starts it.
OF_JOBS: Mapping[str, tuple[str, ...]] = {CAPACITY: ("CapacityError",), INTERNAL: ("InternalServerError",)}
OF_CALLS: Mapping[str, tuple[str, ...]] = {
    THROTTLING: ("ThrottlingException",),
    SERVICE_FAULT: ("InternalFailure", "ServiceUnavailable"),
    RESOURCE_LIMIT: ("ResourceLimitExceeded",),
}
# The page on retry policies: how often, if a policy says nothing of its end.
_ATTEMPTS_BY_DEFAULT = 5
# The longest that a Wait state takes (Step Functions developer guide, "Wait workflow state").
_LONGEST_WAIT = 99_999_999


@dataclass(frozen=True)
class Again:
    """Failures after which a step starts again: those whose reason begins with one of `reasons`, at most `max_attempts`
    times, after `interval_seconds`, then that times `backoff_rate`, and so on, but no longer than `longest_wait`.

    `minutes` is the end that the policy has in time; `max_attempts` are then those that fit in if each fails at once.
    """

    reasons: tuple[str, ...]
    max_attempts: int
    interval_seconds: int
    backoff_rate: float
    longest_wait: int = _LONGEST_WAIT
    minutes: int = 0

    def covers(self, reason: str) -> bool:
        """Whether a job that failed for this reason is to be started again."""
        return reason.startswith(self.reasons)

    def wait(self, attempts: int) -> int:
        """Seconds before the next attempt, after so many that came after the first."""
        try:
            seconds = self.interval_seconds * self.backoff_rate**attempts
        except OverflowError:
            return self.longest_wait
        return max(1, min(round(seconds), self.longest_wait))


#: What the service does by itself after throttling and its own faults. It says that it does, not how: this outlives a
#: burst, as SageMaker creates one job of a kind in a second and many branches start at once. Eight waits of at most 3,
#: 6, 12, 24, 45, 45, 45, 45 seconds.
ALWAYS = Again((*OF_CALLS[THROTTLING], *OF_CALLS[SERVICE_FAULT]), 8, 3, 2.0, 45)


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
    """After which failures of its job a step starts again. A tuning job tries its own jobs again after internal errors,
    and no policy counts."""
    if step.type not in WITH_JOBS:
        return ()
    named = OF_JOBS[INTERNAL] if step.type == "Tuning" else ()
    return tuple(_named_by_policies(step, OF_JOBS, {*named}))


def calls_of(step: Step) -> tuple[Again, ...]:
    """After which refusals of the call that does its work a step makes it again: as its policies say, then always."""
    named: set[str] = set()
    found = [*_named_by_policies(step, OF_CALLS, named)]
    left = tuple(reason for reason in ALWAYS.reasons if reason not in named)
    return (*found, replace(ALWAYS, reasons=left)) if left else tuple(found)


def kind_of(reason: str) -> str:
    """What a policy calls a failure for this reason; empty for one that none can name.

    >>> kind_of("CapacityError: none left"), kind_of("AlgorithmError: boom, exit code 3")
    ('SageMaker.CAPACITY_ERROR', '')
    """
    known = {**OF_JOBS, **OF_CALLS}
    return next((kind for kind, reasons in known.items() if reason.startswith(reasons)), "")


def _named_by_policies(step: Step, known: Mapping[str, tuple[str, ...]], named: set[str]) -> Iterator[Again]:
    """A reason belongs to the first policy that names it; those in `named` to none, and what is found is added."""
    for policy in policies_of(step):
        reasons = dict.fromkeys(reason for kind in policy.exceptions for reason in known.get(kind, ()))
        own = tuple(reason for reason in reasons if reason not in named)
        named.update(own)
        if own:
            yield Again(
                own, policy.max_attempts, policy.interval_seconds, policy.backoff_rate, minutes=policy.minutes
            )  # fmt: skip


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
    return len(ends) > 1 or not all(_is_positive(end) and 1 <= end <= limit for end, limit in ends)


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 and math.isfinite(value)


def _policy(raw: Mapping[str, Any]) -> Policy:
    # Amazon's SDK writes both numbers; its defaults stand for those that are left out.
    interval = max(1, math.ceil(raw.get("IntervalSeconds") or 1))
    rate = max(1.0, float(raw.get("BackoffRate") or 2.0))
    kinds = tuple(raw["ExceptionType"])
    if raw.get("ExpireAfterMin") is None:
        return Policy(kinds, interval, rate, int(raw.get("MaxAttempts") or _ATTEMPTS_BY_DEFAULT))
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
