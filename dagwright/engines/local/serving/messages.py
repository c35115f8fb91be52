"""What the two processes of a transform job say to each other, over two pipes.

A message is a head, which is JSON, and a body, which is bytes: their lengths, eight bytes each, go before them.
"""

from __future__ import annotations

import json
import os
import select
import struct
import time
from typing import TYPE_CHECKING, Any

_LENGTHS = struct.Struct("<QQ")
_PIECE = 1 << 20
_LOOK_SECONDS = 0.5

if TYPE_CHECKING:
    from collections.abc import Callable

    Head = dict[str, Any]


class LateError(Exception):
    """The time for a message is over."""


class GoneError(Exception):
    """The other process has closed its end."""


class Channel:
    """One end of both pipes."""

    def __init__(self, reading: int, writing: int, has_ended: Callable[[], bool] = lambda: False) -> None:
        """`has_ended` tells whether the other process has: its end of a pipe may stay open in a child of it."""
        self._reading, self._writing, self._has_ended = reading, writing, has_ended
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)

    def send(self, head: Head, body: bytes = b"", seconds: float | None = None) -> None:
        """Raises LateError, GoneError."""
        text = json.dumps(head).encode()
        deadline = _deadline(seconds)
        for part in (_LENGTHS.pack(len(text), len(body)), text, body):
            self._write(memoryview(part), deadline)

    def receive(self, seconds: float | None = None) -> tuple[Head, bytes]:
        """Raises LateError, GoneError."""
        deadline = _deadline(seconds)
        head, body = _LENGTHS.unpack(self._read(_LENGTHS.size, deadline))
        return json.loads(self._read(head, deadline)), self._read(body, deadline)

    def close(self) -> None:
        os.close(self._reading)
        os.close(self._writing)

    def _write(self, content: memoryview, deadline: float | None) -> None:
        while content:
            self._wait([], [self._writing], deadline)
            try:
                content = content[os.write(self._writing, content[:_PIECE]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise GoneError from None

    def _read(self, size: int, deadline: float | None) -> bytes:
        content = bytearray()
        while len(content) < size:
            self._wait([self._reading], [], deadline)
            try:
                piece = os.read(self._reading, min(size - len(content), _PIECE))
            except BlockingIOError:
                continue
            if not piece:
                raise GoneError
            content += piece
        return bytes(content)

    def _wait(self, reading: list[int], writing: list[int], deadline: float | None) -> None:
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise LateError
            ended = self._has_ended()  # before the look: what it has said until then is heard
            if any(select.select(reading, writing, [], min(left or _LOOK_SECONDS, _LOOK_SECONDS))):
                return
            if ended:
                raise GoneError


def _deadline(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds
