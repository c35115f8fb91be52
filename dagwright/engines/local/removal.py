"""Removes the folders of jobs that are over, beside the run rather than in its way."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from pathlib import Path
from queue import SimpleQueue


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
            with contextlib.suppress(OSError):
                remove_tree(folder)


def remove_tree(folder: Path) -> None:
    """Remove a job's folder, whatever permissions the job gave to what it wrote. What resists stays."""
    shutil.rmtree(folder, ignore_errors=True)
    if not os.path.lexists(folder):
        return
    for directory, names, _ in os.walk(folder):
        for path in (directory, *(os.path.join(directory, name) for name in names)):
            if not os.path.islink(path):
                with contextlib.suppress(OSError):
                    os.chmod(path, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
