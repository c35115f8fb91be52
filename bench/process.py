"""One whole process measured: a command goes in, its seconds and its peak memory come out."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_SECONDS = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Command:
    """A program with its arguments, and the folder it is run in."""

    words: tuple[str, ...]
    folder: Path


@dataclass(frozen=True)
class Usage:
    """What one process took.

    `wall` seconds from start to end; `cpu` seconds of it and of all descendants that were waited for; `memory` bytes:
    the larger of its tree's resident sizes summed at one moment, looked at every 20 ms, and of its largest process.
    """

    wall: float
    cpu: float
    memory: int


def measure(command: Command) -> Usage:
    """Run a command to its end, its output thrown away. RuntimeError with its last words if it fails."""
    errors = command.folder / "errors.txt"
    stopwatch = [sys.executable, "-I", "-S", str(Path(__file__).with_name("stopwatch.py"))]
    words = [*stopwatch, str(errors), str(command.folder), *command.words]
    with subprocess.Popen(words, stdout=subprocess.PIPE, bufsize=0, env=environment(os.environ)) as watched:
        assert watched.stdout is not None
        process = int(watched.stdout.readline())
        peak = 0
        while not select.select([watched.stdout], [], [], SAMPLE_SECONDS)[0]:
            peak = max(peak, tree_memory(process))
        status, wall, cpu, largest = watched.stdout.readline().split()
    if int(status):
        code = os.waitstatus_to_exitcode(int(status))
        last = errors.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise RuntimeError(f"{' '.join(command.words)}: exit code {code}\n{last}")
    return Usage(float(wall), float(cpu), max(peak, int(largest) * 1024))


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of a measured process: ours, without those that change how Python starts, and this checkout."""
    kept = {name: value for name, value in variables.items() if not name.startswith("PYTHON")}
    return kept | {"PYTHONPATH": str(ROOT)}


def tree_memory(process: int) -> int:
    """Bytes resident in a process and its descendants now; what they share counts once for each. 0 if it has ended."""
    total, pending = 0, [process]
    while pending:
        one = pending.pop()
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1]) * _PAGE
            for thread in os.listdir(f"/proc/{one}/task"):
                pending.extend(int(word) for word in Path(f"/proc/{one}/task/{thread}/children").read_text().split())
        except OSError:  # it has ended meanwhile
            continue
    return total


def median(usages: Iterable[Usage]) -> Usage:
    """The median of each figure for itself, of an odd number of runs."""
    runs = list(usages)
    middle = len(runs) // 2
    wall, cpu, memory = (sorted(getattr(run, name) for run in runs)[middle] for name in ("wall", "cpu", "memory"))
    return Usage(wall, cpu, memory)
