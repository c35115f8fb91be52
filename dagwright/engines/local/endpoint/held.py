"""What S3 knows of an object beside its content: its ETag, and the headers that it was put with.

A file has no place for them. They are remembered as long as the server runs, of exactly the file that was put; of any
other file the ETag is made from what it is.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from dagwright.engines.local.store import Stamp, stamp_of

_LARGEST_DIGESTED = 8 << 20
"""From here on boto3 uploads in parts, and then no ETag is an MD5."""


@dataclass(frozen=True)
class Held:
    """The ETag of an object, and its own headers."""

    etag: str
    headers: Mapping[str, str] = field(default_factory=dict)


class HeldObjects:
    """What is known of objects by their files. Safe to use from several threads."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[Stamp, Held]] = {}
        self._lock = threading.Lock()

    def hold(self, path: Path, stamp: Stamp, held: Held) -> None:
        """The file at `path` has this, if it is the one with this stamp."""
        with self._lock:
            self._known[path] = stamp, held

    def of(self, path: Path, status: os.stat_result, file: BinaryIO | None = None) -> Held:
        """What is held of a file that is so, open as `file` if it is open."""
        stamp = stamp_of(status)
        with self._lock:
            known, held = self._known.get(path, (None, Held("")))
        if known == stamp:
            return held
        held = Held(_digest(path, file) if status.st_size < _LARGEST_DIGESTED else _name(stamp))
        self.hold(path, stamp, held)
        return held


def _digest(path: Path, file: BinaryIO | None) -> str:
    if file is None:
        with path.open("rb") as opened:
            return _digest(path, opened)
    digest = hashlib.md5(file.read(_LARGEST_DIGESTED), usedforsecurity=False).hexdigest()
    file.seek(0)
    return digest


def _name(stamp: Stamp) -> str:
    """In the form of an object that came in parts, of which nobody expects an MD5."""
    parts = -(-stamp.size // _LARGEST_DIGESTED)
    return f"{hashlib.md5(repr(stamp).encode(), usedforsecurity=False).hexdigest()}-{parts}"
