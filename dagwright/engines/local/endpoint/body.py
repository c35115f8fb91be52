"""The body of a request, block by block: a length, chunks, or the chunks that AWS's clients make of it.

What comes in: the connection's reader and the request's headers. What goes out: a reader that ends where the body ends.
A body that ends too early is an EOFError: half an object is none.
"""

from __future__ import annotations

import io
import re
from email.message import Message
from io import BufferedIOBase
from typing import Protocol

_LONGEST_LINE = 8192
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"\s*([0-9a-fA-F]{1,15})\s*(?:;.*)?", re.DOTALL)


class Buffer(Protocol):
    """What a raw reader fills."""

    def __len__(self) -> int: ...
    def __setitem__(self, place: slice, content: bytes) -> None: ...


class Counted(io.RawIOBase):
    """So many bytes of a reader."""

    def __init__(self, reader: BufferedIOBase, size: int) -> None:
        self._reader = reader
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        part = self._reader.read(min(len(buffer), self._left)) if self._left else b""
        if self._left and not part:
            raise EOFError("the body is shorter than its length")
        self._left -= len(part)
        buffer[: len(part)] = part
        return len(part)


class Chunked(io.RawIOBase):
    """The chunks of a reader: HTTP's own, and those with a signature behind their size.

    What follows the last, such as a checksum, is read and left.
    """

    def __init__(self, reader: BufferedIOBase) -> None:
        self._reader = reader
        self._left = 0
        self._over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        if not self._left and not self._over:
            self._next()
        part = self._reader.read(min(len(buffer), self._left)) if self._left else b""
        if self._left and not part:
            raise EOFError("a chunk of the body is shorter than its size")
        self._left -= len(part)
        if part and not self._left:
            self._reader.readline(_LONGEST_LINE)
        buffer[: len(part)] = part
        return len(part)

    def _next(self) -> None:
        size = _CHUNK_SIZE.fullmatch(self._reader.readline(_LONGEST_LINE))
        if size is None:
            raise EOFError("the body has a chunk without a size")
        self._left = int(size[1], 16)
        if not self._left:
            self._over = True
            while self._reader.readline(_LONGEST_LINE).strip():
                pass


class Body:
    """A request's body: `content` is what the client means, `drain` reads past whatever is left of it.

    Raises EOFError for a length that is none: nobody knows where such a body ends.
    """

    def __init__(self, reader: BufferedIOBase, headers: Message) -> None:
        chunked = "chunked" in (headers.get("Transfer-Encoding") or "").lower()
        size = (headers.get("Content-Length") or "0").strip()
        if not chunked and not _LENGTH.fullmatch(size):
            raise EOFError("the Content-Length is no number of bytes")
        raw = Chunked(reader) if chunked else Counted(reader, int(size))
        self._whole: BufferedIOBase = io.BufferedReader(raw, 1 << 18)
        in_chunks = "aws-chunked" in (headers.get("Content-Encoding") or "")
        in_chunks = in_chunks or (headers.get("x-amz-content-sha256") or "").startswith("STREAMING-")
        self.content: BufferedIOBase = io.BufferedReader(Chunked(self._whole), 1 << 18) if in_chunks else self._whole

    def drain(self) -> None:
        """So that the connection can take the next request."""
        while self._whole.read(1 << 20):
            pass
