"""Why a step was taken from the cache or not, on every engine in the same words.

`as_json` is the member `Cache` that `--json` has beside what the service says of a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dagwright.engines.times import moment

NO_CACHE = "Step Functions has none: every step runs every time"
HIT, MISS, OFF, UNKNOWN = "hit", "miss", "off", "unknown"
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"))


@dataclass(frozen=True)
class Cached:
    """`outcome` is HIT, MISS, OFF if it was not asked for, or UNKNOWN. `execution` is the one that it was taken from or
    compared with, `unlike` what was another there: (where, how)."""

    outcome: str
    reason: str = ""
    execution: str = ""
    unlike: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """`miss: HyperParameters.trees differs from execution x1: 10 → 50; input s3://b/a.csv has other content`."""
        return f"cache {self.outcome}: {self.words}" if self.words else f"cache {self.outcome}"

    @property
    def words(self) -> str:
        """The same without the outcome."""
        return "; ".join([*([self.reason] if self.reason else []), *self._differences()])

    def _differences(self) -> list[str]:
        """The execution is named with the first of them."""
        said = []
        for index, (where, how) in enumerate(self.unlike):
            told = how.startswith(("has ", "is "))
            joint = "than in" if how.startswith("has ") else "since" if told else "from"
            named = f" {joint} execution {self.execution}" if not index else ""
            said.append(f"{where} {how}{named}" if told else f"{where} differs{named}" + (f": {how}" if how else ""))
        return said

    def as_json(self) -> dict[str, Any]:
        """Outcome, Reason, and where there are any Execution and Differences."""
        differences = [{"Attribute": where, "Difference": how} for where, how in self.unlike]
        return {
            "Outcome": self.outcome,
            "Reason": self.words,
            **({"Execution": self.execution} if self.execution else {}),
            **({"Differences": differences} if differences else {}),
        }


def age(then: str, now: str) -> str:
    """The time between two ISO-8601 times: `31 days`, `1 hour`, `less than a minute`."""
    seconds = (moment(now) - moment(then)).total_seconds()
    for unit, name in _UNITS:
        if seconds >= unit:
            count = int(seconds // unit)
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "less than a minute"


def too_old(ended: str, now: str, expire_after: str) -> str:
    """Why a result that would do is not taken."""
    return f"the last success is {age(ended, now)} old, ExpireAfter is {expire_after}"


def cached_of(more: Mapping[str, Any]) -> tuple[str, str]:
    """(outcome, why) of a step, out of what else is said of it; both empty if nothing is."""
    said = more.get("Cache") or {}
    return str(said.get("Outcome", "")), str(said.get("Reason", ""))
