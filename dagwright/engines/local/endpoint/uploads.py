"""Uploads in parts: what has arrived of an object that is not whole yet, in the run's own folder.

What comes in: parts, in any order, perhaps side by side. What goes out: one file of those that the client names. What
is never completed goes with the run.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dagwright.engines.local.removal import remove_tree


@dataclass(frozen=True)
class Part:
    """A part that has arrived: the MD5 of its content, and how many bytes it has."""

    etag: str
    size: int


@dataclass
class Upload:
    """An object in the making, with the headers that it is to have."""

    identity: str
    bucket: str
    key: str
    headers: Mapping[str, str]
    folder: Path
    parts: dict[int, Part] = field(default_factory=dict)
    etag: str = ""
    """Of the whole, once it is."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Held by whoever asks for `parts`, or changes anything: clients send parts side by side, and ask again when an
    answer takes long."""

    def add(self, number: int, arrived: Path, part: Part) -> None:
        """Take a file as a part, in place of one that had its number."""
        arrived.replace(self.folder / str(number))
        self.parts[number] = part

    def lacks(self, numbers: Mapping[int, str]) -> int | None:
        """The first of these parts, each with its etag, that has not arrived so."""
        return next((n for n, etag in numbers.items() if n not in self.parts or self.parts[n].etag != etag), None)

    def join(self, numbers: Iterable[int]) -> tuple[Path, str]:
        """One file of these parts, and the etag that S3 gives to it: of the parts' digests, with their number."""
        whole = self.folder / "whole"
        digests = []
        with whole.open("wb") as writer:
            for number in numbers:
                with (self.folder / str(number)).open("rb") as reader:
                    shutil.copyfileobj(reader, writer, 1 << 20)
                digests.append(bytes.fromhex(self.parts[number].etag))
        return whole, f"{hashlib.md5(b''.join(digests), usedforsecurity=False).hexdigest()}-{len(digests)}"


class Uploads:
    """All that are in the making. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Upload] = {}
        self._over: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def begin(self, bucket: str, key: str, headers: Mapping[str, str]) -> Upload:
        identity = uuid.uuid4().hex
        upload = Upload(identity, bucket, key, headers, self._folder / identity)
        upload.folder.mkdir(parents=True)
        with self._lock:
            self._known[identity] = upload
        return upload

    def of(self, identity: str, bucket: str, key: str) -> Upload | None:
        """The upload of that name, if it is one of that object; also one that has ended."""
        with self._lock:
            upload = self._known.get(identity) or self._over.get(identity)
        return upload if upload and (upload.bucket, upload.key) == (bucket, key) else None

    def below(self, bucket: str, prefix: str) -> list[Upload]:
        """Those of a bucket whose keys begin so, in the order of keys."""
        with self._lock:
            found = [each for each in self._known.values() if each.bucket == bucket and each.key.startswith(prefix)]
        return sorted(found, key=lambda each: (each.key, each.identity))

    def is_over(self, upload: Upload) -> bool:
        """Whether it is whole, or given up."""
        with self._lock:
            return upload.identity in self._over

    def end(self, upload: Upload) -> None:
        """It is whole, or given up."""
        with self._lock:
            self._over[upload.identity] = self._known.pop(upload.identity)
        upload.parts.clear()
        remove_tree(upload.folder)
