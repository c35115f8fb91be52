"""Starts the processes of jobs, through the small program in `sandbox.py`.

What comes in: a command, its environment, a log file and, for a sandbox, the folders to show. What comes out: a
`JobProcess` to wait for or to end.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dagwright.engines.local.store import storage_errors
from dagwright.errors import ExecutionError

_MEANINGS: dict[int, str] = {
    signal.SIGKILL: ", which is how a system that runs out of memory ends a process",
    signal.SIGSEGV: ": a library it uses read memory that is not its own",
    signal.SIGILL: ": a library it uses was built for another processor",
}
_OUT_OF_MEMORY = ": the machine had no memory left, and its kernel ended processes for it"
_NOT_OUT_OF_MEMORY = ", and not by the kernel for want of memory"
_ENDED = b'{"refused": "the process that starts and watches jobs has ended; was there enough memory?"}\n'
# `-I -S` finds no installed package, so the folder of this one is said; imported, its bytecode is kept.
_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); from dagwright.engines.local.sandbox import main; main(sys.argv[2:])"
)


@dataclass(frozen=True)
class Bind:
    """A folder or file of the machine, `source`, seen by the job at `target`."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Root:
    """The sandbox of one job: what it sees beside the machine's own folders, its host's name, its network."""

    binds: tuple[Bind, ...]
    hostname: str
    isolated: bool = False
    hidden: tuple[str, ...] = ()
    """Folders of the machine that the job finds empty."""


@dataclass(frozen=True)
class Ending:
    """How a process ended: `exit_code` is negative for a signal, as in `subprocess`; seconds and bytes it took.

    `exceeded_bytes` is what it held when it was ended for going past its limit. `out_of_memory` says of one that was
    killed whether the kernel had no memory left meanwhile; None if that is not known.
    """

    exit_code: int
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    exceeded_bytes: int = 0
    out_of_memory: bool | None = None

    def __str__(self) -> str:
        if self.exit_code >= 0:
            return f"exit code {self.exit_code}"
        number = -self.exit_code
        if number == signal.SIGKILL and self.out_of_memory is not None:
            return f"killed by SIGKILL{_OUT_OF_MEMORY if self.out_of_memory else _NOT_OUT_OF_MEMORY}"
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        return f"killed by {name}{_MEANINGS.get(number, '')}"


@dataclass(frozen=True)
class Bounds:
    """What a process may use: bytes that its supervisor watches, and processors it runs on, if not any number.

    `doors` lead into a control group, which the process starts in, and out of it: open `cgroup.procs`. `judged` adds to
    an ending what that group knows; `release` gives all of it back.
    """

    memory_bytes: int = 0
    processors: tuple[int, ...] = ()
    doors: tuple[int, ...] = ()
    judged: Callable[[Ending], Ending] = lambda ending: ending
    release: Callable[[], None] = lambda: None


UNBOUNDED = Bounds()


@dataclass(eq=False)
class JobProcess:
    """A started job. The kernel kills it when this object's socket is closed or this process ends."""

    _control: socket.socket
    _bounds: Bounds = UNBOUNDED
    _received: bytearray = field(default_factory=bytearray)
    refused: str = ""
    ended: bool = False
    ending: Ending | None = None
    """How it ended, once it has been heard of."""

    def fileno(self) -> int:
        """For `poll`: readable when there is news."""
        return self._control.fileno()

    def wait(self) -> Ending:
        """Its ending, when it has ended. `refused` says why there was no sandbox for it."""
        ending = None
        while ending is None:
            ending = self.news()
        return ending

    def news(self) -> Ending | None:
        """Read what has arrived, and wait if nothing has; the ending if that is what it says."""
        try:
            part = self._control.recv(4096)
        except ConnectionError:
            part = b""
        self._received += part or _ENDED
        while b"\n" in self._received:
            line, _, rest = bytes(self._received).partition(b"\n")
            self._received[:] = rest
            message = json.loads(line)
            self.ended = True
            if "refused" in message:
                self.refused = message["refused"]
                return Ending(exit_code=-signal.SIGKILL)
            if "status" in message:
                code = os.waitstatus_to_exitcode(message["status"])
                known = (message.get("exceeded", 0), message.get("out_of_memory"))
                self.ending = self._bounds.judged(Ending(code, message["seconds"], message["memory"], *known))
                return self.ending
        return None

    def terminate(self) -> None:
        """Ask the whole process group to end."""
        self._say(b"T")

    def kill(self) -> None:
        """End every process of the job now."""
        self._say(b"K")

    def close(self) -> None:
        """Give the job up: what still runs of it is killed."""
        self._control.close()
        self._bounds.release()

    def _say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):  # it has ended already
            self._control.sendall(word)


class Launcher:
    """The door to the starting process, which lives as long as this object. Safe to use from several threads.

    With `folder`, an empty one, its jobs run in sandboxes, unless `refusal` says that the kernel refuses them.
    """

    def __init__(self, folder: Path | None = None) -> None:
        import subprocess

        ours, theirs = socket.socketpair()
        places = [folder / "template", folder / "root"] if folder else []
        words = [str(word) for word in (theirs.fileno(), *places)]
        with storage_errors(f"{folder} cannot be written"):
            for place in places:
                place.mkdir()
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", _PROGRAM, str(Path(__file__).parents[3]), *words],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise ExecutionError(f"The process that starts jobs cannot be started: {error}") from error
        self._socket = ours
        self.sandboxed = folder is not None

    def refusal(self) -> str:
        """Why the kernel does not allow sandboxes; empty if it does. To be asked once: it waits for the answer."""
        line = bytearray()
        while not line.endswith(b"\n"):
            line += self._socket.recv(4096) or _ENDED
        return str(json.loads(line)["refused"])

    def start(
        self,
        command: list[str],
        environment: dict[str, str],
        log: Path,
        directory: str = "/",
        root: Root | None = None,
        bounds: Bounds = UNBOUNDED,
    ) -> JobProcess:
        """Start `command`; its output goes to the end of `log`."""
        request = {
            "command": command,
            "environment": environment,
            "log": str(log),
            "directory": directory,
            **(_sandbox(root) if root else {}),
            **({"memory": bounds.memory_bytes} if bounds.memory_bytes else {}),
            **({"processors": bounds.processors} if bounds.processors else {}),
        }
        body = json.dumps(request).encode()
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise ExecutionError(f"A process cannot be started: {error.strerror}") from error
        try:
            with theirs:
                socket.send_fds(self._socket, [b"+"], [theirs.fileno(), *bounds.doors])
            ours.sendall(struct.pack("!I", len(body)) + body)
        except OSError as error:
            ours.close()
            raise ExecutionError(f"The process that starts jobs has ended: {error.strerror}") from error
        return JobProcess(ours, bounds)

    def close(self) -> None:
        """End the starting process; jobs that still run are killed with their `JobProcess`."""
        self._socket.close()
        self._process.wait()

    def __enter__(self) -> Launcher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _sandbox(root: Root) -> dict[str, Any]:
    return {
        "binds": [(str(bind.source), bind.target, bind.writable) for bind in root.binds],
        "hostname": root.hostname,
        "isolated": root.isolated,
        "hidden": root.hidden,
    }
