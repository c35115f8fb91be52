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
            remove_tree(folder)


def remove_tree(folder: Path) -> None:
    """Remove a job's folder, whatever permissions the job gave to what it wrote. What resists stays."""

    def allow_and_retry(function: object, path: str, _: object) -> None:
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(path), 0o700)
            if os.path.isdir(path) and not os.path.islink(path):
                os.chmod(path, 0o700)
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)

    if folder.exists():
        shutil.rmtree(folder, onerror=allow_and_retry)
