"""Runs the commands of `deploy.py` as the harness needs them: in processes that start at once and can be killed.

What comes in: a project's folder, the words of a command, a fault. What goes out: how the command ended, what it
printed, which points it came to. Each command has a process of its own, which runs the command line's own `main`; it is
forked from one that has the modules in memory already, as starting Python is half the time of such a run.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from faults.points import Points

_MODULES = (
    "dagwright.cli.run", "dagwright.cli.status", "dagwright.cli.ending", "dagwright.engines.local.engine",
    "dagwright.engines.local.steps", "dagwright.engines.local.job_steps", "sqlite3", "tarfile", "gzip", "subprocess",
)  # fmt: skip
_CONFIGURATION = """company: acme
team: rc
project: churn
account_id: "123456789012"
region: us-east-1
local: {{max_parallel: {parallel}, stop_grace_seconds: 5}}
"""
_LONGEST_SECONDS = 30.0
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Fault:
    """What happens to a command: a signal to itself when it comes to a point, by its name or its number (from 1)."""

    point: str = ""
    number: int = 0
    signal: int = signal.SIGKILL


@dataclass(frozen=True)
class Knock:
    """A job stands at the door at some moment of a step."""

    step: str
    moment: str
    process: int


@dataclass
class Done:
    """How a command ended. `points` are those it came to; `disk` is what it did for what is on the disk: what it has
    synced, as (inode, time of change), and the new names it gave, as (before, now), in order; of the record's journal
    so many bytes are on the disk."""

    code: int
    text: str
    points: list[str] = field(default_factory=list)
    disk: list[tuple[int, int] | tuple[str, str]] = field(default_factory=list)
    journal: int = 0


class Project:
    """A project in `folder`, whose jobs knock at its door."""

    def __init__(self, folder: Path, parallel: int = 1) -> None:
        self.folder = folder
        self.home = folder / ".dagwright"
        self.door = f"dagwright-faults-{os.getpid()}-{folder.name}"
        self.knocked: Callable[[Knock, int], bool] = lambda knock, command: True
        """Told who knocks, and the command's process; whether the job may go on."""
        self.given: set[tuple[int, int]] = set()
        """The objects that are there before anything runs, as (inode, time of change)."""
        (folder / "config").mkdir(parents=True)
        (folder / "config" / "project.yaml").write_text(_CONFIGURATION.format(parallel=parallel))
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"\0{self.door}")
        self._listener.listen()

    def write(self, definition: Any) -> None:
        """`run --file example.json` runs it."""
        (self.folder / "example.json").write_text(json.dumps(definition))

    def put(self, uri: str, text: str) -> None:
        """An object that is there before anything runs."""
        path = self.home / "s3" / uri.removeprefix("s3://")
        path.parent.mkdir(parents=True)
        path.write_text(text)
        status = path.stat()
        self.given.add((status.st_ino, status.st_mtime_ns))

    def close(self) -> None:
        self._listener.close()

    # ---- commands ----

    def command(self, *words: str, fault: Fault | None = None, seed: int = 0) -> Done:
        """Run it to its end. With a fault its points are recorded; `seed` decides its ids."""
        said_path, points = self.folder / "said.txt", self.folder / "points.jsonl"
        points.write_bytes(b"")
        process = os.fork()
        if process == 0:
            _be(self, words, said_path, fault, seed, points)
        code = self._wait(process)
        done = Done(code, said_path.read_text(errors="replace"))
        for line in points.read_text().splitlines():
            said = json.loads(line)
            if isinstance(said, str):
                done.points.append(said)
            elif isinstance(said, int):
                done.journal = said
            else:
                done.disk.append(tuple(said))
        return done

    def _wait(self, process: int) -> int:
        """Its exit code, negative for a signal. Whoever knocks meanwhile is let in. Raises TimeoutError."""
        ended = os.pidfd_open(process)
        guests: dict[socket.socket, str] = {}
        until = time.monotonic() + _LONGEST_SECONDS
        try:
            while True:
                ready, _, _ = select.select([ended, self._listener], [], [], _LOOK_SECONDS if guests else 1)
                if self._listener in ready:
                    self._open(process, guests)
                for guest in [guest for guest, awaited in guests.items() if (self.home / awaited).exists()]:
                    del guests[guest]
                    guest.close()
                if ended in ready:
                    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
                if time.monotonic() > until:
                    os.kill(process, signal.SIGKILL)
                    os.waitpid(process, 0)
                    raise TimeoutError(f"a command did not end in {_LONGEST_SECONDS:g} s")
        finally:
            os.close(ended)
            for guest in guests:
                guest.close()

    def _open(self, process: int, guests: dict[socket.socket, str]) -> None:
        guest, _ = self._listener.accept()
        step, _, moment = guest.recv(1000).decode().strip().partition(" ")
        if moment.startswith("uploaded "):
            guests[guest] = moment.partition(" ")[2]
            return
        peer = struct.unpack("3i", guest.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        if self.knocked(Knock(step, moment, peer), process):
            guest.close()
        else:
            guests[guest] = "never"


def load_modules() -> None:
    """What every command needs is read once."""
    for name in _MODULES:
        import_module(name)


# ---- in the process of a command ----


def _be(project: Project, words: tuple[str, ...], said: Path, fault: Fault | None, seed: int, points: Path) -> None:
    """This process is that command; it does not come back."""
    code = 70
    try:
        out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for stream in (1, 2):
            os.dup2(out, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.setsid()
        os.chdir(project.folder)
        sys.argv[0] = "deploy.py"
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        _make_known(seed)
        if fault:
            _expose(project, fault, os.open(points, os.O_WRONLY | os.O_APPEND))
        from dagwright.cli import main

        code = main(list(words), root=project.folder)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _make_known(seed: int) -> None:
    """Ids that are the same each time, and a quick look at what is uploaded while a job runs."""
    from dagwright.engines.local import uploading

    secrets.choice = random.Random(seed).choice
    uploading._LOOK_EVERY_SECONDS = 0.05
    uploading._REST_PER_WORK = 1


def _expose(project: Project, fault: Fault, report: int) -> None:
    from dagwright.engines.local.home import new_execution_id

    execution = new_execution_id()
    secrets.choice = random.Random(0).choice
    plain_write = os.write

    count = 0

    def tell(said: object) -> None:
        plain_write(report, json.dumps(said).encode() + b"\n")

    def reached(point: str) -> None:
        nonlocal count
        count += 1
        tell(point)
        if point == fault.point or count == fault.number:
            os.kill(os.getpid(), fault.signal)

    def told(said: object) -> None:
        tell([*said] if isinstance(said, tuple) else said)

    Points(project.home, execution, reached, told).install()
