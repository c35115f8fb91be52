"""The files of a checkpoint folder, and which of them a running job has written itself.

What comes in: the output whose folder is filled with its own objects before the job starts. What goes out: the files in
it with their stamps, and whether a further one has appeared.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress

from dagwright.engines.local.job import Host, Output
from dagwright.engines.local.open_folders import files_below
from dagwright.engines.local.store import Stamp, stamp_of


def stamps(host: Host, container_path: str) -> dict[str, Stamp]:
    """The regular files below a folder of a host, by their names there.

    No link is followed, and what a job that still runs takes away meanwhile is not there.
    """
    found: dict[str, Stamp] = {}
    for path, name, folder in files_below(host, container_path):
        with suppress(OSError):
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                found[path] = stamp_of(status)
    return found


class Watch:
    """Looks for a checkpoint file that a job has written since this object was made."""

    def __init__(self, outputs: Iterable[Output], hosts: Iterable[Host]) -> None:
        self._places = [(host, output.source) for output in outputs if output.restored for host in hosts]
        self._first = self._last = self._look()

    def sees_more(self) -> bool:
        """Whether there is one, and it is whole as far as can be seen: as at the last look, or replaced since."""
        last, self._last = self._last, self._look()
        return any(
            before.get(name) not in (None, first.get(name))
            and first.get(name) != stamp
            and _is_whole(before[name], stamp)
            for first, before, files in zip(self._first, last, self._last, strict=True)
            for name, stamp in files.items()
        )

    def _look(self) -> list[dict[str, Stamp]]:
        return [stamps(host, folder) for host, folder in self._places]


def _is_whole(before: Stamp, now: Stamp) -> bool:
    """A file that is being written keeps its place and changes."""
    return before == now or before.inode != now.inode
