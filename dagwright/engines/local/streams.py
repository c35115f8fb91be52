"""The bytes that go through the FIFO of an input in Pipe mode.

What comes in: an `Input` that is streamed, the store, a host's number. What goes out: pieces of at most 256 KiB, epoch
by epoch, so that no object is ever held in memory.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from dagwright.engines.local.job import AUGMENTED, Input, Pipe
from dagwright.engines.local.sources import (
    AugmentedManifest,
    Part,
    augmented_manifest,
    objects_of,
    share_of,
)
from dagwright.engines.local.store import Store
from dagwright.errors import ExecutionError

if TYPE_CHECKING:
    from gzip import GzipFile

_PIECE_BYTES = 1 << 18
# A RecordIO record, as MXNet writes it: a magic number and the length, four bytes each, little-endian; the content;
# zeros up to a multiple of four. The upper three bits of the length are for records in several parts.
_RECORD_MAGIC = 0xCED7230A
_RECORD_BYTES = (1 << 29) - 1


@dataclass(frozen=True)
class Stream:
    """What one host reads of an input."""

    given: Input
    pipe: Pipe
    store: Store
    records: list[Path] | AugmentedManifest
    host: int
    hosts: int

    def pieces(self, epoch: int) -> Generator[bytes, None, None]:
        """Everything the host reads in an epoch, in order.

        Raises ExecutionError for an object that cannot be unpacked or wrapped, or a line of a manifest that is of no
        use; OSError.
        """
        for place in self._order(epoch):
            for part in self._parts(place):
                yield from self._wrapped(part) if self.pipe.recordio else self._content(part)

    def _order(self, epoch: int) -> list[int]:
        """The records of this host. All hosts shuffle alike and take their shares then, so that in another epoch a host
        gets others, as the API's text on ShuffleConfig has it. The service's own generator is not documented."""
        order = list(range(len(self.records)))
        if self.pipe.shuffle_seed is not None:
            import random

            random.Random(f"{self.pipe.shuffle_seed}:{epoch}").shuffle(order)  # noqa: S311 - nothing is secret here
        return share_of(order, self.given, self.host, self.hosts)

    def _parts(self, place: int) -> Iterator[Part]:
        if isinstance(self.records, AugmentedManifest):
            yield from self.records.parts(place)
        else:
            yield self.records[place]

    def _content(self, part: Part) -> Iterator[bytes]:
        if isinstance(part, bytes):
            yield part
            return
        with open(part, "rb") as file:
            yield from self._unpacked(file, part) if self.pipe.gzip else _read(file)

    def _unpacked(self, file: BinaryIO, path: Path) -> Iterator[bytes]:
        import gzip

        try:
            with gzip.GzipFile(fileobj=file) as unpacked:
                yield from _read(unpacked)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            what = f"Input '{self.given.name}' is to be unpacked"
            raise ExecutionError(
                f"{what}, and {self.store.uri(path)} is no whole gzip file: {error}",
                hint="Compress it with gzip, or take the compression type Gzip out.",
            ) from error

    def _wrapped(self, part: Part) -> Iterator[bytes]:
        size = self._size(part)
        if size > _RECORD_BYTES:
            raise ExecutionError(
                f"Input '{self.given.name}' wraps each object in a RecordIO record, and one has more than "
                f"the {_RECORD_BYTES} bytes that a record can hold",
                hint="Cut the object, or take RecordWrapperType out.",
            )
        yield struct.pack("<II", _RECORD_MAGIC, size)
        yield from self._content(part)
        yield bytes(-size % 4)

    def _size(self, part: Part) -> int:
        if isinstance(part, bytes):
            return len(part)
        if not self.pipe.gzip:
            return part.stat().st_size
        size = 0
        for piece in self._content(part):
            size += len(piece)
            if size > _RECORD_BYTES:  # refused already, and a few bytes can be unpacked for hours
                break
        return size


def _read(file: BinaryIO | GzipFile) -> Iterator[bytes]:
    while piece := file.read(_PIECE_BYTES):
        yield piece


def streams_of(given: Input, store: Store, hosts: int) -> list[Stream]:
    """A stream for each host; empty for an input that is not streamed.

    Raises ExecutionError if there is nothing to stream, StorageError for an address that is none.
    """
    if given.pipe is None:
        return []
    records: list[Path] | AugmentedManifest
    if given.kind == AUGMENTED:
        records = augmented_manifest(given, store, given.pipe.attributes)
    else:
        records = [item.path for item in objects_of(given, store)]
    return [Stream(given, given.pipe, store, records, host, hosts) for host in range(hosts)]
