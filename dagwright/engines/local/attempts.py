"""Which jobs of a run are started again after they failed, as their steps' retry policies say."""

from __future__ import annotations

from dagwright.definition.graph import Step
from dagwright.definition.retries import loops_of
from dagwright.engines.execution import FAILED
from dagwright.engines.local.bench import StepResult


class Attempts:
    """Counts the attempts of one run."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, int], int] = {}

    def wait_after(self, step: Step, result: StepResult) -> int | None:
        """Seconds until a step whose job has ended so starts again; None if it does not."""
        if result.status != FAILED:
            return None
        for index, again in enumerate(loops_of(step)):
            made = self._made.get((step.name, index), 0)
            if again.covers(result.failure_reason) and made < again.max_attempts:
                self._made[step.name, index] = made + 1
                return again.wait(made)
        return None
