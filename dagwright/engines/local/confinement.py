"""Holds the jobs of a run to their limits, by the best means that this machine has, decided once per run.

What comes in: the limits of the run's steps. What goes out: for each host of a job its `Bounds`, and a line that says
how it is done. Memory: control groups of the kernel; else the supervisor of the job watches it. Processors: control
groups, which can divide them, and in any case the set that the job runs on: libraries start as many threads as it has.
"""

from __future__ import annotations

import math
import os
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from dagwright.engines.local.control_groups import CPU, MEMORY, ControlGroup, ControlGroups
from dagwright.engines.local.home import CONTROL_GROUPS
from dagwright.engines.local.launcher import Bounds
from dagwright.engines.local.limits import Limit
from dagwright.engines.local.store import storage_errors
from dagwright.errors import ExecutionError


class Confinement:
    """Gives out the bounds of one run's jobs. Safe to use from several threads.

    `folder` is where the run's jobs lie. Raises ExecutionError where nothing can hold a job to a limit.
    """

    def __init__(self, run: str, limits: Sequence[Limit], folder: Path) -> None:
        if sys.platform != "linux":
            raise ExecutionError(
                f"{limits[0].source} limits '{limits[0].step}', and only Linux can hold a job to that here",
                hint="Take the limits back for runs on this machine: local.limits.",
            )
        self._lock = threading.Lock()
        self._at_work: Counter[int] = Counter(dict.fromkeys(os.sched_getaffinity(0), 0))
        self._groups: ControlGroups | None = None
        refusal = ""
        wanted = {MEMORY for one in limits if one.memory_bytes} | {CPU for one in limits if one.processors}
        try:
            with storage_errors(f"{folder} cannot be written"):
                folder.mkdir(parents=True, exist_ok=True)
                self._groups = ControlGroups(run, wanted, folder / CONTROL_GROUPS)
        except ExecutionError as error:
            refusal = error.message
        self.note = _note(limits, refusal)

    def bounds(self, limit: Limit) -> Bounds:
        """Those of one more host of a job. Raises OSError."""
        group = self._groups.make(limit) if self._groups else None
        processors = self._least_used(limit.processors)
        return Bounds(
            memory_bytes=0 if group else limit.memory_bytes,
            processors=processors,
            doors=group.doors if group else (),
            judged=group.judged if group else lambda ending: ending,
            release=partial(self._release, group, processors),
        )

    def close(self) -> None:
        """Nothing of it is left on the machine."""
        if self._groups:
            self._groups.close()

    def _least_used(self, processors: float) -> tuple[int, ...]:
        """As many whole ones, of those that the fewest limited jobs run on; none said if that is all of them."""
        with self._lock:
            if not processors or processors > len(self._at_work) - 1:
                return ()
            chosen = sorted(self._at_work, key=lambda one: (self._at_work[one], one))[: math.ceil(processors)]
            self._at_work.update(chosen)
            return tuple(sorted(chosen))

    def _release(self, group: ControlGroup | None, processors: tuple[int, ...]) -> None:
        with self._lock:
            self._at_work.subtract(processors)
        if group:
            group.remove()


def _note(limits: Sequence[Limit], refusal: str) -> str:
    memory, processors = any(one.memory_bytes for one in limits), any(one.processors for one in limits)
    if not refusal:
        ways = ["the kernel ends a job at its limit of memory"] if memory else []
        ways += ["it divides processors exactly"] if processors else []
        return f"limits: by control groups: {', '.join(ways)}"
    ways = ["the memory of a job is watched"] if memory else []
    ways += ["processors are counted in whole ones"] if processors else []
    return f"limits: {', '.join(ways)}, since {refusal}"
