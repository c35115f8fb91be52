"""Puts what a running job writes to its `Continuous` outputs into the store, file by file, as each is finished.

What comes in: the outputs of a job that are published always, its hosts, the store. What goes out: a copy of each file
that has not changed from one look to the next. When the job is over, `publishing` puts in every file as it is then, so
the last content wins; an object whose file the job has removed meanwhile stays, as an upload cannot be taken back.

The service documents no more than that it uploads continuously. The job goes on writing, so nothing here changes its
files, and each is opened by its name in the open folder above, never through a link.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from dataclasses import dataclass, field

from dagwright.engines.local.job import Host, Output
from dagwright.engines.local.open_folders import files_below
from dagwright.engines.local.publishing import key_below
from dagwright.engines.local.store import Stamp, Store, stamp_of
from dagwright.errors import StorageError

_LOOK_EVERY_SECONDS = 1.0
_REST_PER_WORK = 10  # a look at many files is followed by a long pause
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe must not hold us up


@dataclass
class _Place:
    """An output's folder on one host: what its files were like at the last look, and which the store has like this."""

    output: Output
    host: Host
    kept: dict[str, Stamp]
    seen: dict[str, Stamp] = field(default_factory=dict)


class Uploading:
    """The looks at one job's outputs that are published always. A host knows what the store has of a restored one."""

    def __init__(self, outputs: tuple[Output, ...], hosts: list[Host], store: Store) -> None:
        self._places = [
            _Place(output, host, host.kept.setdefault(output.source, {}) if output.restored else {})
            for output in outputs
            if output.always
            for host in hosts
        ]
        self._store = store
        self._next = time.monotonic() + _LOOK_EVERY_SECONDS

    def seconds_to_next(self) -> float:
        """Until there is something to do; for ever if there is no such output."""
        return max(0.0, self._next - time.monotonic()) if self._places else float("inf")

    def look_if_due(self, seconds_left: float = float("inf")) -> None:
        """Upload what has not changed since the last look, as far as the time that is left allows; the rest, and what
        the store cannot take now, waits."""
        began = time.monotonic()
        until = began + seconds_left
        if not self._places or began < self._next:
            return
        for place in self._places:
            self._look_at(place, until)
        taken = time.monotonic() - began
        self._next = began + taken + max(_LOOK_EVERY_SECONDS, _REST_PER_WORK * taken)

    def _look_at(self, place: _Place, until: float) -> None:
        for path, name, folder in files_below(place.host, place.output.source):
            if time.monotonic() >= until:
                return
            with suppress(OSError):  # the job has moved or removed it, or nobody may read it
                file = os.open(name, _FILE, dir_fd=folder)
                try:
                    if stat.S_ISREG(os.fstat(file).st_mode):
                        self._offer(file, path, place)
                finally:
                    os.close(file)

    def _offer(self, file: int, name: str, place: _Place) -> None:
        """Upload an open file, if it is as it was at the last look and not in the store yet."""
        stamp = stamp_of(os.fstat(file))
        is_new = place.seen.get(name) == stamp and place.kept.get(name) != stamp
        uri = key_below(place.output.uri, name)
        place.seen[name] = stamp
        with suppress(StorageError):  # the job may still change what is in the way; at its end it is said
            if is_new and self._store.put_unchanged(file, uri, lambda: stamp_of(os.fstat(file)) == stamp):
                place.kept[name] = stamp
