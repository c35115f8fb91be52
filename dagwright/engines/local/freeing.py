"""Takes files and folders away from where they are, at once, and removes them later.

What comes in: names below one room of `.dagwright/` (`s3`, `logs`, …), which may itself be a link to a larger disk.
What goes out: what was taken lies below `<room>/.freed/`, on the same file system, and `remove_freed` ends it.
Below the room no link is followed, neither on the way to a name nor at its end.
"""

from __future__ import annotations

import errno
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dagwright.engines.local.open_folders import opened
from dagwright.engines.local.removal import remove_tree
from dagwright.engines.local.store import Stamp, stamp_of, storage_errors

FREED = ".freed"


class Freeing:
    """Takes from one room; a name that is not there is no error."""

    def __init__(self, room: Path) -> None:
        self._room = Path(os.path.realpath(room))
        self._aside = self._room / FREED / uuid.uuid4().hex
        self._count = 0
        self._straight: dict[tuple[str, ...], bool] = {}

    def has(self, parts: tuple[str, ...], stamp: Stamp) -> bool:
        """Whether a file is there that is as its stamp says, and no link is on the way to it."""
        if parts[:-1] not in self._straight:
            way = self._room.joinpath(*parts[:-1])
            self._straight[parts[:-1]] = os.path.realpath(way) == str(way)
        return self._straight[parts[:-1]] and _is_still(str(self._room.joinpath(*parts)), stamp)

    def take_files(self, folder: tuple[str, ...], stamps: dict[str, Stamp]) -> list[str]:
        """Take the files of a folder that are as their stamp says; their names. Raises StorageError.

        What comes to be under a name in the very moment in which the file before it is taken stays, or comes back.
        """
        with storage_errors(f"{self._aside} cannot be written"):
            self._make_aside()
            try:
                with opened(self._room, folder) as here, opened(self._aside, ()) as aside:
                    return [name for name, stamp in stamps.items() if self._take_file(name, stamp, here, aside)]
            except OSError as error:
                if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):  # it is gone, or behind a link
                    raise
        return []

    def _take_file(self, name: str, stamp: Stamp, here: int, aside: int) -> bool:
        if not _is_still(name, stamp, here):
            return False
        self._count += 1
        new = str(self._count)
        os.rename(name, new, src_dir_fd=here, dst_dir_fd=aside)
        if _is_still(new, stamp, aside):
            return True
        with suppress(FileExistsError):  # a newer one is there again
            os.link(new, name, src_dir_fd=aside, dst_dir_fd=here, follow_symlinks=False)
        os.unlink(new, dir_fd=aside)
        return False

    def take(self, name: str) -> bool:
        """Take whatever is in the room under a name: a folder with all that is in it, a file, a link itself."""
        with storage_errors(f"{self._room / name} cannot be freed"):
            self._make_aside()
            self._count += 1
            try:
                os.rename(self._room / name, self._aside / str(self._count))
            except FileNotFoundError:
                return False
            return True

    def remove_if_empty(self, folder: tuple[str, ...]) -> None:
        """Remove a folder in which nothing is left, and those above it; the first of the way stays."""
        with suppress(OSError):
            while len(folder) > 1:
                with opened(self._room, folder[:-1]) as above:
                    os.rmdir(folder[-1], dir_fd=above)
                folder = folder[:-1]

    def _make_aside(self) -> None:
        self._aside.mkdir(parents=True, exist_ok=True)


def _is_still(name: str, stamp: Stamp, folder: int | None = None) -> bool:
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return stat.S_ISREG(status.st_mode) and stamp_of(status) == stamp


def freed(room: Path) -> list[Path]:
    """What has been taken from a room and is not removed yet, by a clean that was killed too."""
    folder = Path(os.path.realpath(room)) / FREED
    with suppress(OSError):
        return [folder / name for name in os.listdir(folder)]
    return []


def remove_freed(folders: list[Path]) -> None:
    """Remove what was taken."""
    for folder in folders:
        remove_tree(folder)


def bytes_below(path: Path) -> int:
    """How many bytes removing a file, or a folder with all that is in it, gives back: a file that has a name elsewhere
    gives nothing, and neither does what a link leads to."""
    total = 0
    with suppress(OSError):
        for status in _statuses(path):
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                total += status.st_size
    return total


def _statuses(path: Path) -> Iterator[os.stat_result]:
    status = path.lstat()
    yield status
    waiting = [path] if stat.S_ISDIR(status.st_mode) else []
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                yield entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
