"""The log of one host of a job on this machine: a file that grows as long as the job runs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dagwright.engines.local.store import storage_errors

_BLOCK, _MOST_READ, _ENDING = 1 << 16, 1 << 20, 8192


class LogFile:
    """The file `path`, named after its `host` if nobody says another name; asked again, it says what is new."""

    def __init__(self, path: Path, host: str = "") -> None:
        self.path = path
        self.host = host or path.stem
        self._position = 0

    @property
    def address(self) -> str:
        return str(self.path)

    def lines(self, tail: int | None = None, *, over: bool = True) -> Iterator[str]:
        """The lines since it was last asked; the first time all, or the last `tail` (of its last MiB at most)."""
        with storage_errors(f"{self.path} cannot be read"), open(self.path, "rb") as file:
            if tail and not self._position:
                yield from [*self._rest(file, _start_of_last(file, tail), over)][-tail:]
            else:
                yield from self._rest(file, self._position, over)

    def _rest(self, file: BinaryIO, position: int, over: bool) -> Iterator[str]:
        self._position = file.seek(position)
        for line in file:
            if not (over or line.endswith(b"\n")):
                return
            self._position += len(line)
            yield from line.decode("utf-8", errors="replace").splitlines()


def log_files(folder: Path) -> list[LogFile]:
    """Those of a job, in the order of its hosts; none if it has no folder."""
    return [LogFile(path) for path in sorted(folder.glob("*.log"), key=lambda path: (len(path.name), path.name))]


def _start_of_last(file: BinaryIO, count: int) -> int:
    """Where the last `count` lines begin."""
    end = position = file.seek(0, os.SEEK_END)
    breaks = 0
    while position > 0 and end - position < _MOST_READ:
        size = min(_BLOCK, position)
        position -= size
        file.seek(position)
        block = file.read(size)
        found = block.count(b"\n")
        if breaks + found > count:
            for _ in range(breaks + found - count):
                cut = block.index(b"\n")
                position, block = position + cut + 1, block[cut + 1 :]
            return position
        breaks += found
    return position


def last_lines(path: Path, count: int = 1) -> list[str]:
    """The last lines of a log that say something, at most 300 characters of each; none if there are none."""
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _ENDING))
        lines = file.read().decode("utf-8", errors="replace").strip().splitlines()
    return [line.strip()[:300] for line in lines[-count:]]
