"""Retry policies: which failures of a step are tried again, how often and how long.

Limits: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any

from dagwright.errors import Problem
from dagwright.refusals import caller, refusal, shown


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
    ) -> None:
        self.exception_types = tuple(exception_types)
        self.backoff_rate = backoff_rate
        self.interval_seconds = interval_seconds
        self.max_attempts = max_attempts
        self.expire_after_mins = expire_after_mins

    def _check(self, allowed: tuple[type[Enum], ...]) -> None:
        where = shown(caller())
        wrong = [(field, what) for field, ok, what in self._rules(allowed) if not ok]
        if wrong:
            raise refusal([Problem("bad-retry-policy", what, field=field, where=where) for field, what in wrong])

    def _rules(self, allowed: tuple[type[Enum], ...]) -> list[tuple[str, bool, str]]:
        names = " or ".join(kind.__name__ for kind in allowed)
        attempts, minutes = self.max_attempts, self.expire_after_mins
        known = all(isinstance(one, allowed) for one in self.exception_types)
        return [
            ("ExceptionType", bool(self.exception_types), "no exception type is given"),
            ("ExceptionType", known, f"every exception type is one of {names}"),
            ("BackoffRate", self.backoff_rate > 0, f"{self.backoff_rate} is not more than 0"),
            ("IntervalSeconds", self.interval_seconds > 0, f"{self.interval_seconds} is not more than 0 seconds"),
            (
                "MaxAttempts",
                (attempts is None) != (minutes is None),
                "give max_attempts or expire_after_mins, not both",
            ),
            ("MaxAttempts", attempts is None or 1 <= attempts <= 20, f"{attempts} attempts: 1 to 20 are possible"),
            ("ExpireAfterMin", minutes is None or 1 <= minutes <= 14400, f"{minutes} minutes: 1 to 14400 are possible"),
        ]

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
        super().__init__(exception_types, backoff_rate, interval_seconds, max_attempts, expire_after_mins)
        self._check((StepExceptionTypeEnum,))


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
        super().__init__(exception_types, backoff_rate, interval_seconds, max_attempts, expire_after_mins)
        self._check((SageMakerJobExceptionTypeEnum,))
