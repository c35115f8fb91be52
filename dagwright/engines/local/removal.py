"""Removes the folders of jobs that are over, beside the run rather than in its way."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Removal:
    """Takes folders and removes them in a thread of its own; leaving the block waits until all are gone."""

    def __init__(self) -> None:
        self._folders: SimpleQueue[Path | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="removal", daemon=True)

    def take(self, folder: Path) -> None:
        """`folder` is not needed any more."""
        self._folders.put(folder)

    def __enter__(self) -> Removal:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._folders.put(None)
        self._thread.join()

    def _work(self) -> None:
        while folder := self._folders.get():
            remove_tree(folder)


def remove_tree(folder: Path) -> None:
    """Remove a job's folder, whatever permissions the job gave to what it wrote, and however deep it is. What resists
    stays; nothing is raised."""
    with suppress(OSError):
        here = os.open(folder.absolute().parent, _FOLDER)
        _Descent(here, [_Level("", _identity(here), [folder.name])]).remove()


@dataclass(frozen=True)
class _Level:
    """A folder on the way down: its name, what the kernel knows it by, and the folders in it that are still there."""

    name: str
    identity: tuple[int, int]
    folders: list[str]


@dataclass
class _Descent:
    """Goes down by names and up by `..`: a chain of folders may be longer than any path, or than a process's files."""

    here: int
    levels: list[_Level]

    def remove(self) -> None:
        """Remove all folders of the topmost level."""
        try:
            while self.levels[-1].folders or len(self.levels) > 1:
                if self.levels[-1].folders:
                    with suppress(OSError):
                        self._go_down(self.levels[-1].folders.pop())
                else:
                    self._go_up()
        finally:
            os.close(self.here)

    def _go_down(self, name: str) -> None:
        below = _open(name, self.here)
        os.close(self.here)
        self.here = below
        self.levels.append(_Level(name, _identity(below), []))
        self.levels[-1].folders.extend(_empty(below))

    def _go_up(self) -> None:
        above = os.open("..", _FOLDER, dir_fd=self.here)
        os.close(self.here)
        self.here = above
        left = self.levels.pop()
        if _identity(above) != self.levels[-1].identity:
            raise OSError(f"{left.name} was moved while it was being removed")
        with suppress(OSError):
            os.rmdir(left.name, dir_fd=above)


def _open(name: str, parent: int) -> int:
    try:
        folder = os.open(name, _FOLDER, dir_fd=parent)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=parent)
        folder = os.open(name, _FOLDER, dir_fd=parent)
    return folder


def _empty(folder: int) -> list[str]:
    """Remove what is no folder; the names of the folders."""
    with suppress(OSError):
        os.fchmod(folder, 0o700)
    names = []
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if is_folder:
            names.append(name)
            continue
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
    return names


def _identity(folder: int) -> tuple[int, int]:
    status = os.fstat(folder)
    return status.st_dev, status.st_ino
