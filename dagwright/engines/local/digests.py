"""What objects hold, as SHA-256: of each object that lies or lay at an address, calculated once.

What comes in: addresses of the store. What goes out: their digests, kept in the record by address and stamp.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from dagwright.engines.local.database import Database
from dagwright.engines.local.store import Stamp, Store, stamp_of, storage_errors
from dagwright.errors import ExecutionError, StorageError

_PIECE_BYTES = 1 << 20
_MANY_BYTES = 1 << 30
_AT_ONCE = 500
_INSERT = "INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?, ?)"


@dataclass(frozen=True)
class Digest:
    """What an object holds, and which object it was."""

    stamp: Stamp
    sha256: str


class Digests:
    """Those of one store. Safe to use from several threads."""

    def __init__(self, database: Database, store: Store) -> None:
        self._database = database
        self._store = store

    def known(self, uri: str, stamp: Stamp) -> str:
        """The digest of what lies, or lay, at an address; empty if nobody has looked at it."""
        rows = self._database.select(
            "SELECT sha256 FROM digests WHERE uri = ? AND inode = ? AND modified_ns = ? AND size = ?", [uri, *stamp]
        )
        return str(rows[0]["sha256"]) if rows else ""

    def of(
        self,
        uris: Iterable[str],
        is_stopped: Callable[[], bool] = lambda: False,
        say: Callable[[str], None] = lambda line: None,
    ) -> dict[str, Digest]:
        """The digests of objects that are there; those that nobody has looked at are read, and `say` is told if that is
        a lot. Raises StorageError for one that is not there, ExecutionError if it is stopped meanwhile."""
        stamps = {uri: self._stamp(uri) for uri in dict.fromkeys(uris)}
        found = self._all_known(stamps)
        unknown = [uri for uri in stamps if uri not in found]
        if sum(stamps[uri].size for uri in unknown) > _MANY_BYTES:
            say(f"reading {sum(stamps[uri].size for uri in unknown) / 1e9:.1f} GB once, for the step cache")
        new = {}
        try:
            for uri in unknown:
                new[uri] = self._read(uri, is_stopped)
        finally:
            self._keep(new)
        return found | new

    def _stamp(self, uri: str) -> Stamp:
        stamp = self._store.stamp(uri)
        if stamp is None:
            raise StorageError(f"There is no object {uri}")
        return stamp

    def _all_known(self, stamps: Mapping[str, Stamp]) -> dict[str, Digest]:
        found = {}
        for some in _by(_AT_ONCE, stamps):
            marks = ", ".join("?" for _ in some)
            for row in self._database.select(f"SELECT * FROM digests WHERE uri IN ({marks})", some):  # noqa: S608
                stamp = Stamp(row["inode"], row["modified_ns"], row["size"])
                if stamps[row["uri"]] == stamp:
                    found[row["uri"]] = Digest(stamp, row["sha256"])
        return found

    def _read(self, uri: str, is_stopped: Callable[[], bool]) -> Digest:
        digest = hashlib.sha256()
        with storage_errors(f"{uri} cannot be read"), open(self._store.path(uri), "rb", buffering=0) as file:
            stamp = stamp_of(os.fstat(file.fileno()))
            while piece := file.read(_PIECE_BYTES):
                if is_stopped():
                    raise ExecutionError("stopped")
                digest.update(piece)
        return Digest(stamp, digest.hexdigest())

    def _keep(self, new: Mapping[str, Digest]) -> None:
        if new and not self._database.read_only:
            with self._database.transaction() as connection:
                connection.executemany(_INSERT, ((uri, *one.stamp, one.sha256) for uri, one in new.items()))


def _by(count: int, values: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while some := list(islice(rest, count)):
        yield some
