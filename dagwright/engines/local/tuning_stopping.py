"""When a trial of a tuning job is not worth going on with, and when the tuning job itself is over.

The first is the service's median rule (developer guide, "Stop Training Jobs Early"), the second its completion
criteria (API reference, TuningJobCompletionCriteria).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median

from dagwright.engines.local.tuning import Tuning

_ENOUGH_TRIALS = 3
_IMPROVEMENT = 0.01
"""What counts as an improvement of the best objective, as part of it (API reference, BestObjectiveNotImproving)."""
_CONVERGED_AFTER = 10
"""Training jobs without an improvement. The service does not say when it takes a tuning job for converged."""


class MedianRule:
    """A trial is stopped if its objective is worse than the median of the running averages that earlier trials had at
    the same epoch. The service does not say how many earlier ones it takes; here three."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._earlier: list[list[float]] = []

    def finished(self, values: Sequence[float]) -> None:
        """A trial has ended, and has had these objective values."""
        self._earlier.append(list(values))

    def is_hopeless(self, values: Sequence[float]) -> bool:
        """Whether to stop a trial that has had these so far."""
        epochs = len(values)
        if not epochs:
            return False
        averages = [fmean(earlier[:epochs]) for earlier in self._earlier if len(earlier) >= epochs]
        return len(averages) >= _ENOUGH_TRIALS and self._tuning.better(median(averages), values[-1])


class Completion:
    """Told of the objective of each trial that has ended, in that order."""

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        self._best: float | None = None
        self._measure: float | None = None
        self.not_improving = 0
        """How many trials have ended since the best objective has become better by a hundredth."""

    def finished(self, value: float | None) -> None:
        """A trial has ended, perhaps without an objective."""
        if value is not None and (self._best is None or self._tuning.better(value, self._best)):
            self._best = value
        if self._best is not None and self._improves(self._best):
            self._measure, self.not_improving = self._best, 0
        else:
            self.not_improving += 1

    def _improves(self, best: float) -> bool:
        if self._measure is None:
            return True
        better = self._tuning.better(best, self._measure)
        return better and abs(best - self._measure) >= _IMPROVEMENT * abs(self._measure)

    @property
    def converged(self) -> bool:
        """Whether it is over because it has converged."""
        return self._tuning.until_convergence and self.not_improving >= _CONVERGED_AFTER

    def reason(self) -> str:
        """Why the tuning job is over; empty if it goes on."""
        tuning, best = self._tuning, self._best
        if best is not None and tuning.target is not None and not tuning.better(tuning.target, best):
            return f"the objective {best:g} reaches its target {tuning.target:g}"
        if tuning.patience is not None and self.not_improving >= tuning.patience:
            return f"{self.not_improving} training jobs have not improved the objective by a hundredth"
        return f"it has converged: {self.not_improving} training jobs without an improvement" if self.converged else ""
