"""Environments of pinned requirements, made once by uv or pip.

What comes in: a list of requirements and a Python. What goes out: a virtual environment in a folder named by the hash
of both, whole or not there at all. Two runs that need the same one: the second waits until the first has made it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dagwright.engines.local.store import storage_errors
from dagwright.errors import ExecutionError
from dagwright.whole_files import sync_all, write_whole

COMPLETE = ".complete"


@dataclass(frozen=True)
class Pinned:
    """An environment below `root`, made or not: `name` is what people know its requirements by."""

    root: Path
    name: str
    requirements: bytes
    python: str

    @property
    def folder(self) -> Path:
        key = hashlib.sha256(self.requirements + b"\0" + self.python.encode()).hexdigest()[:16]
        return self.root / key

    @property
    def interpreter(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def mark(self) -> Path:
        """The file that says that it is whole."""
        return self.folder / COMPLETE

    @property
    def is_made(self) -> bool:
        return self.mark.exists()

    def make(self, source: Path | None, say: Callable[[str], None], hint: str = "") -> None:
        """Make it, unless it is there. `source` is the file of the requirements, if there is one: it may name others.

        Raises ExecutionError with the last words of uv or pip, StorageError.
        """
        with _only_one(self.folder.with_suffix(".lock")) as lock:
            if not self.is_made:
                say(f"making the environment of {source.name if source else self.name} with {self.python} (once)")
                try:
                    self._make(source or self._written(), lock)
                except ExecutionError as error:
                    raise ExecutionError(error.message, hint=hint or error.hint) from None
            with storage_errors(f"{self.folder} cannot be marked as used"):
                os.utime(self.mark)  # when it was used last, for whoever frees space

    def _written(self) -> Path:
        path = self.folder.with_suffix(".txt")
        with storage_errors(f"{path} cannot be written"):
            write_whole(path, self.requirements)
        return path

    def _make(self, source: Path, lock: int) -> None:
        """A virtual environment cannot be moved, so the mark inside it says that it is whole. Its makers hold the lock
        too: they may live longer than this process, and nobody else shall begin before they have ended."""
        shutil.rmtree(self.folder, ignore_errors=True)
        uv = shutil.which("uv")
        program = str(self.interpreter)
        # the environment links to it: a link on the way, as uv puts into ~/.local/bin, is not there in a sandbox
        python = os.path.realpath(self.python)
        if uv:
            # with pip (--seed): a job may install what it needs
            _call([uv, "venv", "--quiet", "--seed", "--python", python, str(self.folder)], lock)
            _call([uv, "pip", "install", "--quiet", "--python", program, "-r", str(source)], lock)
        else:
            _call([python, "-m", "venv", str(self.folder)], lock)
            _call([program, "-m", "pip", "install", "--quiet", "-r", str(source)], lock)
        with storage_errors(f"{self.folder} cannot be made"):
            sync_all(self.folder)
            write_whole(self.mark, b"")


@contextmanager
def _only_one(path: Path) -> Iterator[int]:
    """The descriptor by which the lock is held."""
    import fcntl

    with storage_errors(f"{path} cannot be written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = open(path, "w", encoding="utf-8")  # noqa: SIM115 - it is closed below
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def _call(command: list[str], lock: int) -> None:
    import subprocess

    with storage_errors(f"{command[0]} cannot be run"):
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, pass_fds=(lock,))
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise ExecutionError(f"{' '.join(command[:4])} … failed:\n{last}")
