"""What a training job goes through, in the service's words: SecondaryStatusTransitions of DescribeTrainingJob."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

STARTING, DOWNLOADING, TRAINING, INTERRUPTED, UPLOADING = (
    "Starting", "Downloading", "Training", "Interrupted", "Uploading",
)  # fmt: skip


class Phases:
    """Told of each phase when it begins. `now` writes times, `clock` gives seconds."""

    def __init__(self, now: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._now, self._clock = now, clock
        self._entered: list[dict[str, Any]] = []
        self._training_since: float | None = None
        self.training_seconds = 0.0
        """How long it has trained, without what lies between its runs."""

    def enter(self, status: str) -> None:
        """The job comes to `status`; the phase before is over."""
        at, moment = self._now(), self._clock()
        if self._training_since is not None:
            self.training_seconds += moment - self._training_since
        self._training_since = moment if status == TRAINING else None
        if self._entered:
            self._entered[-1]["EndTime"] = at
        self._entered.append({"Status": status, "StartTime": at})

    def transitions(self, last: str) -> list[dict[str, Any]]:
        """All of them, and `last`, to which the job has come at its end."""
        self.enter(last)
        self._entered[-1]["EndTime"] = self._entered[-1]["StartTime"]
        return self._entered
