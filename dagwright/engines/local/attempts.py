"""The attempts of steps: which are started again after they failed, when, and why others are not, as their retry
policies say; and what the record has of those that were made."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from dagwright.definition.graph import Step
from dagwright.definition.retries import INTERNAL, OF_CALLS, Again, calls_of, kind_of, loops_of, policies_of
from dagwright.engines.execution import FAILED, Attempt, Rest
from dagwright.engines.local.bench import StepResult
from dagwright.engines.local.database import Database
from dagwright.engines.times import written

_KIND = re.compile(r"^[A-Z][A-Za-z]*(?=:)")
_EXIT_CODE = re.compile(r"\bexit code \d+")


class Attempts:
    """Counts the attempts of one run; `clock` gives seconds.

    What a policy says of a job counts its failures during the run, what it says of the call that starts a job those of
    that one call. Time counts from the first start of a step.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._made: dict[tuple[str, Again], int] = {}
        self._began: dict[str, float] = {}

    def begin(self, step: Step) -> None:
        """A step starts, or starts again."""
        self._began.setdefault(step.name, self._clock())

    def after(self, step: Step, result: StepResult, number: int) -> Rest | str:
        """How a step rests whose attempt of that number has ended so; or why it is not tried again: empty if it has not
        failed, or nobody has asked for more attempts."""
        if result.status != FAILED:
            return ""
        reason = result.failure_reason
        if kind_of(reason) not in OF_CALLS:  # the call went well: the next one counts anew
            for call in calls_of(step):
                self._made.pop((step.name, call), None)
        again = next((each for each in (*loops_of(step), *calls_of(step)) if each.covers(reason)), None)
        if again is None:
            return _not_covered(step, reason)
        made = self._made.get((step.name, again), 0)
        seconds = again.wait(made)
        if refusal := self._refusal(step, again, made, seconds):
            return f"{refusal} ({kind_of(reason)})"
        self._made[step.name, again] = made + 1
        return rest(seconds, number + 1, 0 if again.minutes else number + again.max_attempts - made, kind_of(reason))

    def _refusal(self, step: Step, again: Again, made: int, seconds: float) -> str:
        if not again.minutes:
            return "" if made < again.max_attempts else f"all {again.max_attempts} further attempts have been made"
        gone = self._clock() - self._began.get(step.name, self._clock())
        is_over = gone + (seconds if made else 0) > again.minutes * 60
        return f"the {again.minutes} min that its policy gives it are over" if is_over else ""


def rest(seconds: float, number: int, most: int, kind: str) -> Rest:
    """A rest that begins now, before the attempt of that number."""
    return Rest(seconds, number, most, kind, written(datetime.now(timezone.utc) + timedelta(seconds=seconds)))


def _not_covered(step: Step, reason: str) -> str:
    if not any(policies_of(step)):
        return ""
    if step.type == "Tuning" and kind_of(reason) == INTERNAL:
        return "a tuning job tries its own jobs again after an internal error, and no policy counts"
    named = ", ".join([*_KIND.findall(reason)[:1], *_EXIT_CODE.findall(reason)[-1:]])
    return f"no policy covers {named or 'this failure'}"


def attempts_of(database: Database, execution: str, **where: str) -> dict[str, tuple[Attempt, ...]]:
    """By step, the attempts that the record has of an execution, or of the one step that is named."""
    found: dict[str, tuple[Attempt, ...]] = {}
    for row in database.rows("attempts", "step, number", execution=execution, **where):
        reason, ended = row["failure_reason"] or "", row["ended"] or ""
        attempt = Attempt(row["number"], row["job"] or "", row["status"], reason, row["started"], ended)
        found[row["step"]] = (*found.get(row["step"], ()), attempt)
    return found
