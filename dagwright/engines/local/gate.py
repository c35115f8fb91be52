"""The gate between runs and a clean: who looks at what is there and relies on it, and who takes it away.

What comes in: the path of an empty file. What goes out: two kinds of blocks. Any number may pass at once; while the
gate is closed nobody passes, and it closes only when nobody is passing. The kernel opens it however a process ends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dagwright.engines.local.store import storage_errors
from dagwright.errors import ExecutionError

_LOOK_AGAIN_SECONDS = 0.02


@dataclass(frozen=True)
class Gate:
    """The gate of one `.dagwright/` folder."""

    path: Path

    @contextmanager
    def passing(self) -> Iterator[None]:
        """Nothing is taken away inside the block; waits for a clean that is taking, which is a moment."""
        import fcntl

        with self._open() as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    @contextmanager
    def closed(self, patience_seconds: float) -> Iterator[None]:
        """Nobody passes inside the block. Raises ExecutionError if somebody is still passing after that time."""
        import fcntl

        deadline = time.monotonic() + patience_seconds
        with self._open() as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise ExecutionError(
                            f"A run or an upload has been about to begin for {patience_seconds:g} s",
                            hint="Nothing was freed. Try again when it has begun: deploy.py history says what runs.",
                        ) from None
                time.sleep(_LOOK_AGAIN_SECONDS)
            yield

    @contextmanager
    def _open(self) -> Iterator[int]:
        with storage_errors(f"{self.path} cannot be written"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        try:
            yield file
        finally:
            os.close(file)
