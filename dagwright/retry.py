"""Retry policies: which failures of a step are tried again, how often and how long.

Limits: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from dagwright.arguments import is_single, sequence
from dagwright.refusals import Findings


class StepExceptionTypeEnum(Enum):
    """Failures of the service itself."""

    SERVICE_FAULT = "Step.SERVICE_FAULT"
    THROTTLING = "Step.THROTTLING"


class SageMakerJobExceptionTypeEnum(Enum):
    """Failures of the job that a step starts."""

    INTERNAL_ERROR = "SageMaker.JOB_INTERNAL_ERROR"
    CAPACITY_ERROR = "SageMaker.CAPACITY_ERROR"
    RESOURCE_LIMIT = "SageMaker.RESOURCE_LIMIT"


class RetryPolicy:
    """The base: failures to try again, with `interval_seconds` before the second attempt, times `backoff_rate` each.

    Exactly one of `max_attempts` (1 to 20) and `expire_after_mins` (1 to 14400) says when to stop.
    """

    __slots__ = ("backoff_rate", "exception_types", "expire_after_mins", "interval_seconds", "max_attempts")

    def __init__(
        self,
        exception_types: Sequence[Enum],
        backoff_rate: float,
        interval_seconds: int,
        max_attempts: int | None,
        expire_after_mins: int | None,
        allowed: type[Enum],
    ) -> None:
        found = Findings()
        kind = f"an exception type of {allowed.__name__}"
        self.exception_types = sequence(exception_types, allowed, kind, "ExceptionType", found, least=1)
        self.backoff_rate = backoff_rate
        self.interval_seconds = interval_seconds
        self.max_attempts = max_attempts
        self.expire_after_mins = expire_after_mins
        self._check_numbers(found)
        if (max_attempts is None) == (expire_after_mins is None):
            found.add("bad-retry-policy", "give max_attempts or expire_after_mins, not both", "", "MaxAttempts")
        found.raise_any()

    def _check_numbers(self, found: Findings) -> None:
        numbers: tuple[tuple[str, object], ...] = (
            ("BackoffRate", self.backoff_rate),
            ("IntervalSeconds", self.interval_seconds),
        )
        for field, number in numbers:
            if not isinstance(number, int | float) or not is_single(number) or number <= 0:
                found.add("bad-retry-policy", f"{number!r} is not more than 0", "", field)
        limits = (("MaxAttempts", self.max_attempts, 20), ("ExpireAfterMin", self.expire_after_mins, 14400))
        for field, limit, most in limits:
            if limit is not None and (not isinstance(limit, int) or not 1 <= limit <= most):
                found.add("bad-retry-policy", f"{limit!r} is not possible", f"a whole number from 1 to {most}", field)

    def expression(self) -> dict[str, Any]:
        """The JSON of the policy; ExceptionType is a list."""
        policy: dict[str, Any] = {
            "ExceptionType": [kind.value for kind in self.exception_types],
            "BackoffRate": self.backoff_rate,
            "IntervalSeconds": self.interval_seconds,
        }
        if self.max_attempts is not None:
            policy["MaxAttempts"] = self.max_attempts
        if self.expire_after_mins is not None:
            policy["ExpireAfterMin"] = self.expire_after_mins
        return policy


class StepRetryPolicy(RetryPolicy):
    """Try again when the service fails. For jobs, models and registrations."""

    __slots__ = ()

    def __init__(
        self,
        exception_types: Sequence[StepExceptionTypeEnum],
        backoff_rate: float = 2.0,
        interval_seconds: int = 1,
        max_attempts: int | None = None,
        expire_after_mins: int | None = None,
    ) -> None:
        attempts = (max_attempts, expire_after_mins)
        super().__init__(exception_types, backoff_rate, interval_seconds, *attempts, StepExceptionTypeEnum)


class SageMakerJobStepRetryPolicy(RetryPolicy):
    """Try again when the job fails for a reason that is not its own. For job steps only."""

    __slots__ = ()

    def __init__(
        self,
        exception_types: Sequence[SageMakerJobExceptionTypeEnum],
        backoff_rate: float = 2.0,
        interval_seconds: int = 1,
        max_attempts: int | None = None,
        expire_after_mins: int | None = None,
    ) -> None:
        attempts = (max_attempts, expire_after_mins)
        super().__init__(exception_types, backoff_rate, interval_seconds, *attempts, SageMakerJobExceptionTypeEnum)
