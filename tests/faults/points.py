"""What a run does that lasts: every operation that changes a file, the record, or starts and ends something is a point.

What comes in: the folder `.dagwright/` of a run, in the process of that run, before it begins. What goes out: `reached`
is called right before each operation, and in the middle of each that moves bytes; `lasts` is told what concerns the
disk: which file or folder has been synced, as (inode, time of change), which new name was given, as (before, now), and
how many bytes of the record's journal are safe. The product knows nothing of it: what Python's audit events do not tell
is taken in at the doors of the standard library.

Points have a name that is the same in every run: operation, place without what is random, and which time it is.
"""

from __future__ import annotations

import builtins
import io
import os
import re
import socket
import sqlite3
import sys
import tarfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_SYNCED_AT_COMMIT = 2  # SQLite's number for FULL
_CHANGES = (
    "BEGIN",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "ALTER",
    "DROP",
    "PRAGMA user_version",
    "PRAGMA synchronous",
)
_OF_ONE_PATH = {
    "os.remove": ("unlink", 1),
    "os.mkdir": ("mkdir", 2),
    "os.rmdir": ("rmdir", 1),
    "os.chmod": ("chmod", 2),
    "os.truncate": ("truncate", None),
    "os.utime": ("utime", 3),
    "fcntl.flock": ("flock", None),
}
_OF_TWO_PATHS = {"os.rename": "rename", "os.link": "link", "os.symlink": "symlink"}
_RANDOM = (
    (re.compile(r"pipelines-[a-z0-9]{12}-([\w-]+)-[A-Za-z0-9]{10}(?![A-Za-z0-9])"), r"job-\1"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"), "aside"),
    (re.compile(r"/\.([\w-]+)-\d+$"), r"/.\1-process"),
)


Lasting = tuple[int, int] | tuple[str, str] | int


def unvarying(place: str, execution: str = "") -> str:
    """A path or a statement without what is different in every run."""
    for pattern, instead in _RANDOM:
        place = pattern.sub(instead, place)
    return place.replace(execution, "RUN") if execution else place


class Points:
    """Installed once in a process, for good."""

    def __init__(
        self, home: Path, execution: str, reached: Callable[[str], None], lasts: Callable[[Lasting], None]
    ) -> None:
        self._home = f"{home}/"
        self._execution = execution
        self._reached = reached
        self._lasts = lasts
        self._times: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._inside = threading.local()

    # ---- naming ----

    def reach(self, operation: str, place: str) -> None:
        """An operation is about to happen."""
        with self._lock:
            name = f"{operation} {unvarying(self._below(place), self._execution)}"
            self._times[name] += 1
            name = f"{name} #{self._times[name]}"
        self._alone(self._reached, name)

    def _below(self, place: str) -> str:
        """A home below /tmp is inside the folder that is a job's /tmp once more."""
        return place.removeprefix(self._home).replace(self._home[1:], "HOME/")

    def _alone(self, work: Callable[..., None], *given: object) -> None:
        """What the harness itself does is no point."""
        self._inside.working = True
        try:
            work(*given)
        finally:
            self._inside.working = False

    def here(self, path: Any, folder: Any = None) -> str:
        """The whole path, or nothing if it is not in the home."""
        if isinstance(path, int):
            path = _opened(path)
        elif isinstance(folder, int) and folder >= 0:
            path = os.path.join(_opened(folder), os.fsdecode(path))
        whole = os.path.abspath(os.fsdecode(path))
        return whole if whole.startswith(self._home) else ""

    def journal_lasts(self) -> None:
        """What the record's journal holds now is on the disk."""
        journal = f"{self._home}record.sqlite3-wal"
        if os.path.exists(journal):
            self._alone(self._lasts, os.path.getsize(journal))

    # ---- audit events ----

    def heard(self, event: str, given: tuple[Any, ...]) -> None:
        """Python's own word of what is about to happen."""
        if getattr(self._inside, "working", False):
            return
        if event == "open" and given[2] & _WRITING and isinstance(given[0], (str, bytes, os.PathLike)):
            self._reach_here("open", self.here(given[0]))
        elif event in _OF_ONE_PATH:
            operation, folder = _OF_ONE_PATH[event]
            self._reach_here(operation, self.here(given[0], given[folder] if folder else None))
        elif event in _OF_TWO_PATHS:
            place = self.here(given[1], given[3] if len(given) > 3 else None)
            self._reach_here(_OF_TWO_PATHS[event], place)
            if event == "os.rename" and place and not os.path.lexists(place):
                self._alone(self._lasts, (os.path.abspath(os.fsdecode(given[0])), place))
        elif event == "subprocess.Popen":
            self.reach("start", os.path.basename(os.fsdecode(given[0])))
        elif event == "os.kill":
            self.reach("signal", str(given[1]))

    def _reach_here(self, operation: str, place: str) -> None:
        if place:
            self.reach(operation, place)

    # ---- what has no audit event ----

    def halves(self, operation: str, place: str, size: int, move: Callable[[int, int], int]) -> int:
        """Move bytes: a point before it and one in the middle. `move` takes from where to where, and says how many."""
        self.reach(operation, place)
        half = size // 2
        done = move(0, half) if half else 0
        if done:
            self.reach(f"{operation}-half", place)
        return done + move(half, size)

    def install(self) -> None:
        """From now on every point is told."""
        self._take_files()
        self._take_descriptors()
        self._take_record()
        self._take_sockets()
        sys.addaudithook(self.heard)

    def _take_files(self) -> None:
        points, plain_open = self, io.open

        class File(io.FileIO):
            def write(self, data: Any) -> int:
                view = memoryview(data).cast("B")
                place = points.here(self.fileno())
                put = super().write
                return points.halves("write", place, len(view), lambda start, end: put(view[start:end]) or 0)

        def taken(file: Any, mode: str = "r", buffering: int = -1, *given: Any, **named: Any) -> Any:
            closes = named.get("closefd", True)
            if not set(mode) & set("wax+") or named.get("opener") or not points.here(file):
                return plain_open(file, mode, buffering, *given, **named)
            raw = File(file, mode.replace("b", "").replace("t", ""), closes)
            if buffering == 0:
                return raw
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            if "b" in mode:
                return buffered
            words = dict(zip(("encoding", "errors", "newline"), given, strict=False)) | named
            words.pop("closefd", None)
            return io.TextIOWrapper(buffered, **words)

        for module, name in ((builtins, "open"), (io, "open"), (tarfile, "bltn_open")):
            setattr(module, name, taken)

    def _take_descriptors(self) -> None:
        for name in ("fsync", "fdatasync"):
            self._take_sync(name)
        for name in ("copy_file_range", "sendfile"):
            self._take_copying(name)
        plain_write = os.write

        def write(file: int, data: Any) -> int:
            place = "" if getattr(self._inside, "working", False) else self.here(file)
            if not place:
                return plain_write(file, data)
            view = memoryview(data).cast("B")
            return self.halves("write", place, len(view), lambda start, end: plain_write(file, view[start:end]))

        os.write = write

    def _take_sync(self, name: str) -> None:
        plain = getattr(os, name)

        def sync(file: Any) -> None:
            number = file if isinstance(file, int) else file.fileno()
            if place := self.here(number):
                self.reach("fsync", place)
            plain(number)
            status = os.fstat(number)
            self._alone(self._lasts, (status.st_ino, status.st_mtime_ns))

        setattr(os, name, sync)

    def _take_copying(self, name: str) -> None:
        plain = getattr(os, name)

        def copy(first: int, second: int, *given: Any, **named: Any) -> int:
            source, target = (first, second) if name == "copy_file_range" else (second, first)
            place = self.here(target)
            left = os.fstat(source).st_size - os.lseek(source, 0, os.SEEK_CUR)
            if not place or left < 2 or name == "sendfile":
                if place:
                    self.reach("copy", place)
                return int(plain(first, second, *given, **named))
            return self.halves("copy", place, left, lambda start, end: int(plain(first, second, end - start)))

        setattr(os, name, copy)

    def _take_record(self) -> None:
        points, plain_connect = self, sqlite3.connect

        class Connection(sqlite3.Connection):
            def execute(self, statement: str, *given: Any) -> sqlite3.Cursor:
                _reach_statement(points, statement)
                return super().execute(statement, *given)

            def executemany(self, statement: str, *given: Any) -> sqlite3.Cursor:
                _reach_statement(points, statement)
                return super().executemany(statement, *given)

            def commit(self) -> None:
                points.reach("sqlite", "COMMIT")
                super().commit()
                if super().execute("PRAGMA synchronous").fetchone()[0] >= _SYNCED_AT_COMMIT:
                    points.journal_lasts()

        def connect(*given: Any, **named: Any) -> sqlite3.Connection:
            return plain_connect(*given, **{"factory": Connection, **named})

        sqlite3.connect = connect

    def _take_sockets(self) -> None:
        points, plain_send, plain_message = self, socket.socket.sendall, socket.socket.sendmsg

        def sendall(self: socket.socket, data: Any, *given: Any) -> None:
            if self.family != socket.AF_UNIX:
                plain_send(self, data, *given)
                return
            view = memoryview(data).cast("B")
            points.reach("send", "launcher")
            if len(view) > 1:
                plain_send(self, view[: len(view) // 2])
                points.reach("send-half", "launcher")
                view = view[len(view) // 2 :]
            plain_send(self, view)

        def sendmsg(self: socket.socket, *given: Any) -> int:
            if self.family == socket.AF_UNIX:
                points.reach("send-job", "launcher")
            return plain_message(self, *given)

        socket.socket.sendall = sendall  # type: ignore[method-assign]
        socket.socket.sendmsg = sendmsg  # type: ignore[method-assign]


def _reach_statement(points: Points, statement: str) -> None:
    words = " ".join(statement.split())
    if words.startswith(_CHANGES):
        points.reach("sqlite", " ".join(words.split()[:4]))


def _opened(descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""
