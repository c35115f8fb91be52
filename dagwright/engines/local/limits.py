"""What the jobs of a run may use of this machine, and the words for one that wanted more.

What comes in: the rules of the configuration and of the command line, and a step. What goes out: its `Limit`, if it has
one. `confinement` holds jobs to it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol

from dagwright.engines.local.job import Usage

# What programs say when they are refused memory: Python, C++ and Java libraries, the C library's ENOMEM.
_REFUSED = re.compile(r"\bMemoryError\b|std::bad_alloc|Cannot allocate memory|OutOfMemoryError|ArrayMemoryError")


class Rule(Protocol):
    """A row of `local.limits`, or a `--limit`: `source` says which."""

    @property
    def step(self) -> str: ...
    @property
    def memory_mib(self) -> int | None: ...
    @property
    def processors(self) -> float | None: ...
    @property
    def source(self) -> str: ...


@dataclass(frozen=True)
class Limit:
    """What each host of a step's job may use: bytes of memory and processors, 0 for as much as there is."""

    step: str
    memory_bytes: int
    processors: float
    source: str

    @property
    def memory(self) -> str:
        return f"the {mib(self.memory_bytes)} that {self.source} gives '{self.step}'"

    def exceeded(self, used: int) -> str:
        """Why a job was ended that used so many bytes."""
        return (
            f"killed: it used {mib(used)} of {self.memory}; raise it there, or let the job hold less in memory at once"
        )


class Limits:
    """The limits of a pipeline's steps: for each the first rule that fits its name, or `pipeline/step`."""

    def __init__(self, rules: Sequence[Rule] = (), pipeline: str = "") -> None:
        self._rules = rules
        self._pipeline = pipeline.partition("/")[0]  # one step by itself is an execution called `pipeline/step`

    def of(self, step: str) -> Limit | None:
        names = (step, f"{self._pipeline}/{step}")
        rule = next((one for one in self._rules if any(fnmatchcase(name, one.step) for name in names)), None)
        if rule is None or not (rule.memory_mib or rule.processors):
            return None
        return Limit(step, (rule.memory_mib or 0) << 20, rule.processors or 0.0, rule.source)

    def found(self, steps: Iterable[str]) -> list[Limit]:
        """Those of these steps that have one."""
        return [limit for limit in map(self.of, steps) if limit]


def mib(count: int) -> str:
    """`2,048 MiB`, rounded up."""
    return f"{-(-count >> 20):,} MiB"


def refused_memory(said: str, used: Usage | None, limit: Limit | None) -> str:
    """What to add to the reason of a job that says that it was refused memory; empty for any other.

    A limit of ours refuses nothing, it ends jobs: so it is the machine, or a limit of the program's own.
    """
    if not _REFUSED.search(said):
        return ""
    took = f"its largest process used {mib(used.memory_bytes)}, " if used else ""
    given = f" and of {limit.memory}" if limit and limit.memory_bytes else ""
    return f"it was refused memory: {took}of the machine's {mib(_machine_memory())}{given}"


def _machine_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
