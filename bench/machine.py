"""The machine that is measured on: what it is, and whether anybody else is at work."""

from __future__ import annotations

import os
import platform
import time

QUIET = 0.85
_LOOK_SECONDS = 0.25


def described() -> dict[str, object]:
    """`{"system", "python", "cores", "load"}`; the load is that of the last minute."""
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
    }


def wait_until_quiet(at_most_seconds: float) -> float:
    """Wait until the cores are 85 % idle, but not longer; the idle share that was seen last."""
    deadline = time.monotonic() + at_most_seconds
    while True:
        idle = idle_share()
        if idle >= QUIET or time.monotonic() >= deadline:
            return idle


def idle_share() -> float:
    """The share of all cores' time that was idle in a quarter of a second."""
    idle, whole = _ticks()
    time.sleep(_LOOK_SECONDS)
    idle_then, whole_then = _ticks()
    return (idle_then - idle) / max(1, whole_then - whole)


def _ticks() -> tuple[int, int]:
    """Idle and all clock ticks of all cores since the start, by the first line of /proc/stat."""
    with open("/proc/stat", encoding="ascii") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)
