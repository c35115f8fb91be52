"""Groups of processes that the kernel itself holds to a limit: control groups, version 2.

What comes in: limits. What goes out: groups that processes can start in, what became of those, and none of the groups
once they are over. Their files: https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path

from dagwright.engines.local.launcher import Ending
from dagwright.engines.local.limits import Limit
from dagwright.errors import ExecutionError

MEMORY, CPU = "memory", "cpu"
_MOUNTS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified"))
_PREFIX = "dagwright-"
_PERIOD = 100_000  # microseconds, the kernel's own default
_PATIENCE_SECONDS = 2.0
_LOOK_AGAIN_SECONDS = 0.005


class ControlGroups:
    """The groups of one run. Raises ExecutionError if this process may not make any with these `controllers`.

    `record` is a file that says where they are, for whoever clears up after a run that was killed.
    """

    def __init__(self, run: str, controllers: Iterable[str], record: Path, mounts: Iterable[Path] = _MOUNTS) -> None:
        own, top = _own_group(mounts)
        self._parent = _parent_for(own, top, frozenset(controllers))
        self._prefix = f"{_PREFIX}{run}-"
        self._numbers = count(1)
        record.write_text(str(self._parent), encoding="utf-8")
        self._leave = os.open(own / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        try:
            self.make(None).remove()  # that it may, and that what has to be in a group is there
        except OSError as error:
            self.close()
            raise ExecutionError(f"a group in {self._parent} cannot be made: {error.strerror}") from error

    def make(self, limit: Limit | None) -> ControlGroup:
        """A new one. Raises OSError."""
        group = ControlGroup(self._parent / f"{self._prefix}{next(self._numbers)}", self._leave)
        if limit:
            try:
                group.limit(limit)
            except OSError:
                group.remove()
                raise
        return group

    def close(self) -> None:
        """None of them is left."""
        os.close(self._leave)
        _remove_all(self._parent, self._prefix)


class ControlGroup:
    """One group, at `folder`; `doors` lead processes into it, and out of it."""

    def __init__(self, folder: Path, leave: int) -> None:
        self.folder = folder
        folder.mkdir()
        try:
            self.doors = (os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC), leave)
        except OSError:
            folder.rmdir()
            raise

    def limit(self, limit: Limit) -> None:
        """Raises OSError."""
        if limit.memory_bytes:
            self._write("memory.max", str(limit.memory_bytes))
            self._write("memory.oom.group", "1")
            with suppress(FileNotFoundError):  # a kernel without swap
                self._write("memory.swap.max", "0")
        if limit.processors:
            self._write("cpu.max", f"{round(limit.processors * _PERIOD)} {_PERIOD}")

    def judged(self, ending: Ending) -> Ending:
        """An ending, with what the group knows of it: its peak, and whether it was ended for its memory."""
        peak = self._number("memory.peak") or ending.memory_bytes
        killed = dict(line.split() for line in self._text("memory.events").splitlines()).get("oom_kill", "0") != "0"
        return replace(ending, memory_bytes=peak, exceeded_bytes=peak if killed else ending.exceeded_bytes)

    def remove(self) -> None:
        """End what is in it, and remove it."""
        os.close(self.doors[0])
        _remove(self.folder)

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="ascii")

    def _number(self, name: str) -> int:
        text = self._text(name).strip()
        return int(text) if text.isdecimal() else 0

    def _text(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="ascii")
        except OSError:
            return ""


def remove_left(record: Path, run: str) -> None:
    """Remove the groups of a run that was killed; `record` says where they are."""
    with suppress(OSError):
        parent = Path(record.read_text(encoding="utf-8"))
        if any(mount in (parent, *parent.parents) for mount in _MOUNTS):
            _remove_all(parent, f"{_PREFIX}{run}-")


def _remove_all(parent: Path, prefix: str) -> None:
    for entry in list(parent.glob(f"{prefix}*")):
        _remove(entry)


def _remove(folder: Path) -> None:
    """A group cannot be removed before the last of its processes is gone, which takes them a moment."""
    with suppress(OSError):
        (folder / "cgroup.kill").write_text("1", encoding="ascii")  # Linux 5.14; those of a job have ended by then
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > end:
                return
            time.sleep(_LOOK_AGAIN_SECONDS)


def _own_group(mounts: Iterable[Path], said: Path = Path("/proc/self/cgroup")) -> tuple[Path, Path]:
    """(The group that this process is in, the top of the tree). Raises ExecutionError if there is none to be seen."""
    top = next((mount for mount in mounts if (mount / "cgroup.controllers").is_file()), None)
    try:
        lines = said.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    own = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), None)
    if top is None or own is None or ".." in own.split("/"):
        raise ExecutionError("there are no control groups of version 2 here")
    return top / own, top


def _parent_for(own: Path, top: Path, controllers: frozenset[str]) -> Path:
    """The nearest group around this process that passes the controllers on, and in which it may make others.

    It must be able to move processes out of its own group. Raises ExecutionError if there is none.
    """
    passing = [group for group in _upwards(own, top) if controllers <= _passed_on(group)]
    if not passing:
        raise ExecutionError(f"no control group around this program passes on {' and '.join(sorted(controllers))}")
    movable = os.access(own / "cgroup.procs", os.W_OK)
    for group in passing:
        if movable and os.access(group, os.W_OK | os.X_OK) and os.access(group / "cgroup.procs", os.W_OK):
            return group
    raise ExecutionError("this user may not make control groups; `systemd-run --user --scope` gives a place for them")


def _upwards(own: Path, top: Path) -> Iterator[Path]:
    here = own
    while here != top:
        yield here
        here = here.parent
    yield top


def _passed_on(group: Path) -> set[str]:
    try:
        return set((group / "cgroup.subtree_control").read_text(encoding="ascii").split())
    except OSError:
        return set()
