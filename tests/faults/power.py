"""A power loss, as far as it can be imitated: what the run had not made sure of is not on the disk.

What comes in: a project whose run was killed, and what that run had synced. What goes out: the same files, damaged: a
file that was written and not synced has lost its end, or everything; a new name that was given and not synced is the
old one again; the journal of the record, which SQLite syncs at a commit only where it is told so, ends earlier.
Files that were there before the run are safe.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from faults.commands import Done, Project

_RECORD = "record.sqlite3"


@dataclass(frozen=True)
class Loss:
    """What is lost: `share` of each file's bytes stays; with `names` new names are lost too."""

    share: float
    names: bool = False

    def strike(self, project: Project, done: Done) -> None:
        """Damage what the command that ended so had not made sure of."""
        if self.names:
            _take_back_names(done)
        durable = {one for one in done.disk if isinstance(one[0], int)} | project.given
        for path in sorted(project.home.rglob("*")):
            if not path.is_file() or path.is_symlink():
                continue
            status = path.stat()
            if path.name.startswith(_RECORD):
                self._strike_record(path, done)
            elif (status.st_ino, status.st_mtime_ns) not in durable:
                path.chmod(0o600)
                os.truncate(path, int(status.st_size * self.share))

    def _strike_record(self, path: Path, done: Done) -> None:
        if path.name.endswith("-shm"):
            path.unlink()
        elif path.name.endswith("-wal"):
            os.truncate(path, max(done.journal, int(path.stat().st_size * self.share)))


def _take_back_names(done: Done) -> None:
    """The last first; a folder that was synced after a name was given in it has that name."""
    for index, one in reversed(list(enumerate(done.disk))):
        before, now = one
        if not isinstance(before, str) or not isinstance(now, str) or not os.path.lexists(now):
            continue
        folder = os.stat(os.path.dirname(now)).st_ino
        if not any(later[0] == folder for later in done.disk[index:]):
            os.makedirs(os.path.dirname(before), exist_ok=True)
            os.rename(now, before)


LOSSES: dict[str, Loss] = {"emptied": Loss(0), "halved": Loss(0.5), "renamed": Loss(1, names=True)}
