"""How long a job may still go on: `MaxRuntimeInSeconds` and `MaxWaitTimeInSeconds`.

The first is for its running, all runs of an interrupted job together; the second for everything since it was created,
waiting and running (botocore's model, StoppingCondition). What the service counts as running over interruptions it does
not say; the model says of repeated attempts that they are counted together, and so it is here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from dagwright.engines.local.job import Job, JobEnding

_LONGEST_RUN_SECONDS = 28 * 86400  # the service's own limit for a training job; a processing job has five days


class TimeLimits:
    """The time of one job, from now on. `clock` gives seconds."""

    def __init__(self, job: Job, clock: Callable[[], float] = time.monotonic) -> None:
        self._job = job
        self._clock = clock
        self._may_run = float(min(job.max_runtime_seconds, _LONGEST_RUN_SECONDS))
        self._over = math.inf if job.max_wait_seconds is None else clock() + job.max_wait_seconds
        self._running_since: float | None = None

    def start(self) -> None:
        """It runs, or runs again."""
        self._running_since = self._clock()

    def pause(self) -> None:
        """It does not run any more, or not now."""
        self._may_run = self._left_to_run()
        self._running_since = None

    def left(self) -> float:
        """Seconds until it has to end; 0 or less if it has to now."""
        return min(self._left_to_run(), self._over - self._clock())

    def exceeded(self) -> JobEnding:
        """How a job ends that had no time left."""
        if self._left_to_run() <= 0:
            limit = self._job.max_runtime_seconds
            return JobEnding("TimedOut", f"exceeded its MaxRuntimeInSeconds of {limit} and was ended")
        limit = self._job.max_wait_seconds or 0
        return JobEnding("WaitedTooLong", f"exceeded its MaxWaitTimeInSeconds of {limit} and was ended")

    def _left_to_run(self) -> float:
        if self._running_since is None:
            return self._may_run
        return self._may_run - (self._clock() - self._running_since)
