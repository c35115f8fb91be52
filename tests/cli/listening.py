"""What a process says, as it says it."""

from __future__ import annotations

import os
import subprocess


def read_all(descriptor: int) -> str:
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # the other end of a terminal has gone
            break
        if not part:
            break
        parts.append(part)
    os.close(descriptor)
    return b"".join(parts).decode(errors="replace")


def until(process: subprocess.Popen[str], word: str) -> None:
    """Read what the process says until a line has `word`."""
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return
    raise AssertionError(f"it ended without saying '{word}'")
