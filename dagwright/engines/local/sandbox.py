"""The program that starts jobs: a small process without threads, and one supervisor that always stands ready.

`launcher` runs its `main` with `python -I -S` and the words `SOCKET [TEMPLATE ROOT]`. It and `sandbox_root` import the
standard library only, so that a job starts for little more than the price of its own process. With TEMPLATE and ROOT,
empty folders, jobs run in sandboxes: the process first enters a user and a mount namespace and lays out on TEMPLATE,
read-only, what of the machine every job sees. It says on SOCKET, in a line of JSON, whether that went well: {"refused":
reason}, empty if it did.

What comes in after that: one byte and a control socket on SOCKET, and for a job in a control group of its own the
`cgroup.procs` of that group and of ours, open to be written; then, on the control socket, a request: four bytes of
length and JSON with

    command      list of str     the program and its arguments
    environment  map of str      the whole environment of the job
    directory    str             its working folder
    log          str             the file that takes standard output and standard error
    hidden       list of str     of a sandbox: folders of the machine that it finds empty
    binds        list of [source, target, writable]     a sandbox's own folders, over the machine's, in this order
    hostname     str             of a sandbox
    isolated     bool            a sandbox with an empty network namespace
    memory       int             how many bytes the job may hold, if it is to be watched
    processors   list of int     those it runs on, if not on all

What goes out on the control socket, a line of JSON: {"refused": reason} if the sandbox could not be made, else
{"status": wait status, "seconds": processor time, "memory": largest process in bytes, or the most that was seen of all
of a watched job, "exceeded": bytes it held past its limit when it was ended for it, "out_of_memory": for a job that was
killed, whether the kernel has killed any process meanwhile because memory had run out, null if that cannot be known}.
What is understood while the job runs: `T` ends it politely, `K` and the end of the connection kill it.
So nothing of a job outlives the process that asked for it, however that process ends.

A job has two processes: its supervisor, which is made before the job is known and in a sandbox is process 1, so that
all others end with it; and the program itself.
"""

from __future__ import annotations

import array  # noqa: F401 - `recv_fds` imports it when it is called
import contextlib
import gc
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from dagwright.engines.local.sandbox_root import (
    JOB_SPACES,
    PR_SET_CHILD_SUBREAPER,
    Kernel,
    build_root,
    drop_capabilities,
    enter_namespaces,
    finish_root,
)

if TYPE_CHECKING:
    from dagwright.engines.local.memory_watch import MemoryWatch

# ---- the server ----


def serve(listener: socket.socket, template: str, root: str) -> None:
    """Keep a supervisor ready for the next control socket, until the other end of `listener` is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; only the engine decides
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()  # what is here already is shared by all the processes to come
    kernel = Kernel() if sys.platform == "linux" else None
    refused = prepare(kernel, template)
    news = None if refused else make_supervisor(listener, kernel, template, root)
    refused = refused or readiness(news)
    tell(listener, refused=refused)
    more = not refused
    while more:
        more = refuse_next(listener, refused) if refused or news is None else news.readline() != "over\n"
        if news:
            news.close()
        if more:
            news = make_supervisor(listener, kernel, template, root)
            refused = readiness(news)


def make_supervisor(listener: socket.socket, kernel: Kernel | None, template: str, root: str) -> TextIO | None:
    """A new process that stands ready for a job, and what it says; None if no process can be made."""
    reader, writer = os.pipe()
    try:
        child = kernel.clone(JOB_SPACES) if kernel and template else os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        return None
    if child == 0:
        os.close(reader)
        supervise(listener, writer, kernel, template, root)
    os.close(writer)
    return open(reader, encoding="utf-8", errors="replace")


def readiness(news: TextIO | None) -> str:
    """Wait until a supervisor stands ready; why it does not, if it fails."""
    if news is None:
        return "the machine has no room for another process"
    ready = news.readline()
    return "" if ready == "\n" else ready.strip() or "its first process ended at once"


def prepare(kernel: Kernel | None, template: str) -> str:
    """Enter the namespaces that all jobs share, if there is a template to lay out; why not, if the kernel refuses."""
    if kernel:
        kernel.leave_keyring()
    if not template:
        return ""
    if kernel is None:
        return "namespaces exist on Linux only"
    try:
        enter_namespaces(kernel, template)
    except OSError as error:
        return error.strerror or str(error)
    return ""


def refuse_next(listener: socket.socket, reason: str) -> bool:
    """Answer the next job with the reason why it cannot start; False if there will be none."""
    message, descriptors, _, _ = socket.recv_fds(listener, 1, 3)
    for door in descriptors[1:]:
        os.close(door)
    if message:
        with socket.socket(fileno=descriptors[0]) as control:
            tell(control, refused=reason)
    return bool(message)


# ---- the supervisor of one job ----


def supervise(listener: socket.socket, server: int, kernel: Kernel | None, template: str, root: str) -> NoReturn:
    """Prepare what can be, wait for a job, run it, report when nothing of it is left; the process ends here."""
    try:
        if kernel and template:
            build_root(kernel, template, root)
            drop_capabilities(kernel)
        elif kernel:
            kernel.option(PR_SET_CHILD_SUBREAPER, 1)
        os.setsid()
        os.write(server, b"\n")
        message, descriptors, _, _ = socket.recv_fds(listener, 1, 3)
        listener.close()
        if message:
            control = socket.socket(fileno=descriptors[0])
            for descriptor in descriptors:
                os.set_inheritable(descriptor, False)
            tell(control, **outcome_of(control, descriptors[1:], server, kernel, root if template else ""))
        else:
            os.write(server, b"over\n")
    except OSError as error:
        with contextlib.suppress(OSError):
            os.write(server, f"{error.strerror or error}\n".encode())
    finally:
        os._exit(0)


def outcome_of(
    control: socket.socket, doors: list[int], server: int, kernel: Kernel | None, root: str
) -> dict[str, Any]:
    """Run the job that is asked for on `control`, in the control group that `doors` lead to, and say how it ended.

    `server` is closed when the job has started: making the next supervisor must not hold up this one.
    """
    request = json.loads(read_request(control))
    try:
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        watch = limited(request)
        if kernel and root:
            finish_root(kernel, root, request)
        if watch:
            watch.require()
    except OSError as error:
        return {"refused": error.strerror or str(error)}
    killed_before = oom_kills()
    try:
        woken = wake_on_child()
        with inside(doors):
            job = start(request, log)
    except (OSError, ValueError) as error:  # the latter for what no program can be given: a NUL, a variable named `a=b`
        reason = error.strerror if isinstance(error, OSError) else error
        if isinstance(error, PermissionError):
            reason = f"{reason}; a program has to be executable: chmod +x"
        os.write(log, f"dagwright: cannot start {request['command'][0]!a}: {reason}\n".encode())
        return {"status": (126 if isinstance(error, PermissionError) else 127) << 8, "seconds": 0.0, "memory": 0}
    finally:
        os.close(server)
    status = attend(job, control, woken, watch)
    end_what_is_left(job)
    return ending(status, watch, killed_before)


def ending(status: int, watch: MemoryWatch | None, killed_before: int | None) -> dict[str, Any]:
    """What is said of a job that ended so, all of whose processes are gone."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    said: dict[str, Any] = {"status": status, "seconds": usage.ru_utime + usage.ru_stime}
    said["memory"] = max(usage.ru_maxrss * unit, watch.most if watch else 0)
    if (
        watch and watch.exceeded
    ):  # the largest process counts with the pages of the files it has open, its limit without
        said["memory"] = said["exceeded"] = watch.exceeded
    if status & 0x7F == signal.SIGKILL:
        killed = oom_kills()
        said["out_of_memory"] = None if killed is None or killed_before is None else killed > killed_before
    return said


def limited(request: dict[str, Any]) -> MemoryWatch | None:
    """Hold this process, and so the job, to its processors; what watches its memory, if it has a limit."""
    if request.get("processors"):
        os.sched_setaffinity(0, request["processors"])
    if not request.get("memory"):
        return None
    from dagwright.engines.local.memory_watch import MemoryWatch  # here: the sandbox may hide where it is

    return MemoryWatch(request["memory"])


@contextlib.contextmanager
def inside(doors: list[int]) -> Iterator[None]:
    """What starts in the block starts in the control group of the first door; this process is out again by the second:
    what ends the job for its memory must not end who tells of it."""
    if not doors:
        yield
        return
    enter, leave = doors
    os.write(enter, b"0")
    try:
        yield
    finally:
        os.write(leave, b"0")


def oom_kills() -> int | None:
    """How many processes the kernel has killed because memory had run out, on the whole machine."""
    try:
        with open("/proc/vmstat", "rb") as file:
            content = file.read()
    except OSError:
        return None
    _, name, rest = content.partition(b"\noom_kill ")
    return int(rest.partition(b"\n")[0]) if name else None


def start(request: dict[str, Any], log: int) -> int:
    """The job's process: leader of its own session, nothing to read, output to the log. Raises OSError."""
    os.chdir(request["directory"])
    os.umask(0o022)
    os.environ["PATH"] = request["environment"].get("PATH", os.defpath)  # where the program is looked for
    nothing = os.open("/dev/null", os.O_RDONLY)
    return os.posix_spawnp(
        request["command"][0],
        request["command"],
        request["environment"],
        file_actions=[(os.POSIX_SPAWN_DUP2, source, target) for source, target in ((nothing, 0), (log, 1), (log, 2))],
        setsid=True,
        setsigmask=[],
        setsigdef=signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP},
    )


def wake_on_child() -> int:
    """A descriptor that becomes readable when a child ends."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def attend(job: int, control: socket.socket, woken: int, watch: MemoryWatch | None) -> int:
    """Wait for `job`, passing on to its process group what the engine says, and ending it if `watch` sees it past its
    limit; its wait status."""
    listening: list[Any] = [woken, control]
    while True:
        ready, _, _ = select.select(listening, [], [], watch.seconds_to_next() if watch else None)
        if watch and watch.look_if_due():
            signal_group(job, signal.SIGKILL)
        if control in ready:
            word = control.recv(1)
            signal_group(job, signal.SIGTERM if word == b"T" else signal.SIGKILL)
            if not word:
                listening.remove(control)
        if woken in ready:
            os.read(woken, 4096)
            child = 1
            while child:
                child, status = os.waitpid(-1, os.WNOHANG)
                if child == job:
                    return status


def signal_group(leader: int, number: int) -> None:
    """Signal the process group of `leader`, a child of ours, which may have ended."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that has ended
        os.killpg(leader, number)


def end_what_is_left(leader: int) -> None:
    """Kill the job's process group and what left it, and see them gone: nothing writes once the job is reported."""
    signal_group(leader, signal.SIGKILL)
    while True:
        for orphan in orphans():
            with contextlib.suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def orphans() -> list[int]:
    """The processes left to this one, as far as the system tells; -1, all it may signal, in a process namespace."""
    if os.getpid() == 1:
        return [-1]
    if sys.platform != "linux":
        return []
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(word) for word in file.read().split()]


def read_request(control: socket.socket) -> bytes:
    (size,) = struct.unpack("!I", read_exactly(control, 4))
    return read_exactly(control, size)


def read_exactly(control: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = control.recv(min(size - len(parts), 1 << 20))
        if not part:
            os._exit(0)
        parts += part
    return bytes(parts)


def tell(control: socket.socket, **message: object) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more: the job is about to be killed
        control.sendall(json.dumps(message).encode() + b"\n")


def main(words: list[str]) -> None:
    """`SOCKET [TEMPLATE ROOT]`, as the module's text says."""
    template, root = words[1:] or ("", "")
    serve(socket.socket(fileno=int(words[0])), template, root)
