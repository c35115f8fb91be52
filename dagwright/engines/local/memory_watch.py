"""Watches how much memory the processes of a job hold, where no control group of the kernel can.

What comes in: a limit in bytes. What goes out: what they hold, and when they are past it. It runs in the supervisor of
a job, see `sandbox`, and imports the standard library only. Memory is what would have to be swapped out: a process's
own pages, shared ones that are no file's, and its part of the swap. Pages of files are the kernel's to drop.

The time to the next look follows from what is left to the limit, so a job far below it costs nothing to speak of.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable

# More than a processor can write to fresh pages: it has to clear each of them first.
BYTES_PER_SECOND = 4 << 30
SHORTEST_SECONDS, LONGEST_SECONDS = 0.01, 0.25
# Looking may take a tenth of a processor at most: what is shared is counted page by page.
_REST = 9
_OWN = (b"RssAnon:", b"RssShmem:", b"VmSwap:")
_SHARE = (b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:")


class MemoryWatch:
    """The memory of all processes of one job. `exceeded` is what it held when it was seen past its limit, else 0."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rate = BYTES_PER_SECOND * len(os.sched_getaffinity(0))
        self._next = time.monotonic() + self._wait(limit)
        self.most = 0
        self.exceeded = 0

    def require(self) -> None:
        """Raises OSError where the processes of a job cannot be seen."""
        os.stat(f"/proc/{os.getpid()}/status")

    def seconds_to_next(self) -> float | None:
        """Until it has to look again; None once the job is past its limit."""
        return None if self.exceeded else max(0.0, self._next - time.monotonic())

    def look_if_due(self) -> bool:
        """Whether the job is now seen past its limit for the first time."""
        begun = time.monotonic()
        if self.exceeded or begun < self._next:
            return False
        processes = processes_of_job()
        held = sum(held_by(process) for process in processes)
        if held > self._limit:
            held = sum(share_of(process) for process in processes)
        self.most = max(self.most, held)
        if held > self._limit:
            self.exceeded = held
            return True
        now = time.monotonic()
        self._next = now + max(self._wait(self._limit - held), _REST * (now - begun))
        return False

    def _wait(self, left: int) -> float:
        return min(max(left / self._rate, SHORTEST_SECONDS), LONGEST_SECONDS)


def processes_of_job() -> list[int]:
    """All but this one in a process namespace, whose first process it is; else all that descend from it."""
    if os.getpid() == 1:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal() and name != "1"]
    found = _children(os.getpid())
    for process in found:  # it grows
        found += _children(process)
    return found


def held_by(process: int) -> int:
    """Bytes that a process holds, with all of what it shares with others; 0 if it has ended."""
    return _sum_of(f"/proc/{process}/status", _OWN) or 0


def share_of(process: int) -> int:
    """Bytes that a process holds, with its share of what it holds together with others; 0 if it has ended."""
    share = _sum_of(f"/proc/{process}/smaps_rollup", _SHARE)
    return held_by(process) if share is None else share


def _children(process: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/children", "rb") as file:
                found += map(int, file.read().split())
    except OSError:  # it ended meanwhile
        pass
    return found


def _sum_of(path: str, names: Iterable[bytes]) -> int | None:
    """The sum of lines `Name:   123 kB` in bytes; None if the file cannot be read or has none of them."""
    try:
        with open(path, "rb") as file:
            found = [int(line.split()[1]) for line in file if line.startswith(tuple(names))]
    except OSError:
        return None
    return sum(found) << 10 if found else None
