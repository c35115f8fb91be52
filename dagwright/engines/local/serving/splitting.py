"""Cuts an input object into the payloads of requests.

What comes in: an open file, how it is split, how much a request may carry. What goes out: payloads, each with the
numbers of its records; of a file that is split, no more than two payloads are in memory.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

_RECORDIO_MAGIC = (
    0xCED7230A  # MXNet's: the magic number and the length, four bytes each; zeros up to a multiple of four
)
_RECORDIO_LENGTH = (1 << 29) - 1
_TFRECORD_HEADER, _TFRECORD_FOOTER = 12, 4  # TensorFlow's: the length and its checksum; the checksum of the content


class SplitError(ValueError):
    """An object that cannot be cut as it is to be."""


class Payload(NamedTuple):
    """What one request carries: its bytes, the number of its first record (from 1) and how many they are."""

    content: bytes
    first: int
    amount: int

    def records(self) -> list[bytes]:
        """Of lines: each, without its end."""
        return self.content.split(b"\n") if self.amount > 1 else [self.content]

    def __str__(self) -> str:
        last = self.first + self.amount - 1
        return f"record {self.first}" if last == self.first else f"records {self.first} to {last}"


def payloads(file: BinaryIO, split: str, single: bool, limit: int) -> Iterator[Payload]:
    """The payloads of an object that is split by `None`, `Line`, `RecordIO` or `TFRecord`: of one record each if
    `single`, else of as many as `limit` bytes hold (0: of all).

    Raises SplitError for a record that is longer than that, or is cut off.
    """
    if split == "None":
        content = _limited(file, limit)
        return iter([Payload(content, 1, 1)] if content else [])
    if split == "Line":
        return _of_one_line(file, limit) if single else _of_lines(file, limit)
    records = _RECORDS[split](file, single)
    return _of_one(records, limit) if single else _of_records(records, limit)


def _limited(file: BinaryIO, limit: int) -> bytes:
    content = file.read(limit + 1 if limit else -1)
    if limit and len(content) > limit:
        raise SplitError(
            f"it is one request, and has more than the {_mib(limit)} that a request may carry: "
            "set SplitType to Line if its lines are records, or raise MaxPayloadInMB"
        )
    return content


def _mib(size: int) -> str:
    return f"{size / (1 << 20):g} MB (MaxPayloadInMB)"


# ---- lines: an empty one is no record ----


def _of_lines(file: BinaryIO, limit: int) -> Iterator[Payload]:
    """As many whole lines as fit, taken from the file in pieces of that size."""
    if not limit:
        rest = _without_empty_lines(file.read())
        if rest:
            yield Payload(rest, 1, rest.count(b"\n") + 1)
        return
    rest, first = b"", 1
    while True:
        room = limit + 2 - len(rest)  # the end of a line does not count
        piece = file.read(room)
        rest += piece
        is_last = len(piece) < room and len(rest.rstrip(b"\r\n")) <= limit
        cut = len(rest) if is_last else _last_end(rest, limit)
        if cut < 0:
            raise SplitError(f"record {first} has more than the {_mib(limit)} that a request may carry")
        content, rest = _without_empty_lines(rest[:cut]), rest[cut + 1 :]
        if content:
            amount = content.count(b"\n") + 1
            yield Payload(content, first, amount)
            first += amount
        if is_last:
            return


def _last_end(content: bytes, limit: int) -> int:
    """Where the last line ends of those that fit; -1 if the first does not."""
    end = content.rfind(b"\n", 0, limit + 2)
    return content.rfind(b"\n", 0, limit + 1) if end > limit and content[limit] != ord("\r") else end


def _without_empty_lines(content: bytes) -> bytes:
    if b"\r" in content:
        content = content.replace(b"\r\n", b"\n").rstrip(b"\r")
    if content.startswith(b"\n") or content.endswith(b"\n") or b"\n\n" in content:
        return b"\n".join(line for line in content.split(b"\n") if line)
    return content


def _of_one_line(file: BinaryIO, limit: int) -> Iterator[Payload]:
    number = 1
    while True:
        line = file.readline(limit + 2 if limit else -1)
        if not line:
            return
        content = line.rstrip(b"\r\n")
        if limit and len(content) > limit:
            raise SplitError(f"record {number} has more than the {_mib(limit)} that a request may carry")
        if content:
            yield Payload(content, number, 1)
            number += 1


# ---- records of binary formats ----


def _of_one(records: Iterator[bytes], limit: int) -> Iterator[Payload]:
    for number, content in enumerate(records, start=1):
        if limit and len(content) > limit:
            raise SplitError(f"record {number} has more than the {_mib(limit)} that a request may carry")
        yield Payload(content, number, 1)


def _of_records(records: Iterator[bytes], limit: int) -> Iterator[Payload]:
    first = count = size = 0
    held: list[bytes] = []
    for payload in _of_one(records, limit):
        if held and limit and size + len(payload.content) > limit:
            yield Payload(b"".join(held), first, count)
            held, count, size = [], 0, 0
        first = first if held else payload.first
        held.append(payload.content)
        count, size = count + 1, size + len(payload.content)
    if held:
        yield Payload(b"".join(held), first, count)


def _recordio(file: BinaryIO, unwrapped: bool) -> Iterator[bytes]:
    """Each record, as it stands there, or what it wraps."""
    number = 0
    while True:
        number += 1
        header = file.read(8)
        if not header:
            return
        magic, length = struct.unpack("<II", _whole(header, 8, number))
        length &= _RECORDIO_LENGTH
        if magic != _RECORDIO_MAGIC:
            raise SplitError(f"record {number} is no record of RecordIO")
        padded = length + -length % 4
        content = _whole(file.read(padded), padded, number)
        yield content[:length] if unwrapped else header + content


def _tfrecord(file: BinaryIO, unwrapped: bool) -> Iterator[bytes]:
    number = 0
    while True:
        number += 1
        header = file.read(_TFRECORD_HEADER)
        if not header:
            return
        (length,) = struct.unpack("<Q", _whole(header, _TFRECORD_HEADER, number)[:8])
        if length > 1 << 31:
            raise SplitError(f"record {number} is no TFRecord")
        content = _whole(file.read(length + _TFRECORD_FOOTER), length + _TFRECORD_FOOTER, number)
        yield content[:length] if unwrapped else header + content


def _whole(content: bytes, size: int, number: int) -> bytes:
    if len(content) < size:
        raise SplitError(f"record {number} is cut off")
    return content


_RECORDS: dict[str, Callable[[BinaryIO, bool], Iterator[bytes]]] = {"RecordIO": _recordio, "TFRecord": _tfrecord}
