"""The program that starts jobs: a small process without threads, and one supervisor that always stands ready.

It is run by its path with `python -I -S SOCKET [TEMPLATE ROOT]` and imports the standard library only, so that a job
starts for little more than the price of its own process. With TEMPLATE and ROOT, empty folders, jobs run in sandboxes:
the process first enters a user and a mount namespace and lays out on TEMPLATE, read-only, what of the machine every job
sees. It says on SOCKET, in a line of JSON, whether that went well: {"refused": reason}, empty if it did.

What comes in after that: one byte and a control socket on SOCKET; then, on the control socket, a request: four bytes of
length and JSON with

    command      list of str     the program and its arguments
    environment  map of str      the whole environment of the job
    directory    str             its working folder
    log          str             the file that takes standard output and standard error
    binds        list of [source, target, writable]     a sandbox's own folders, over the machine's, in this order
    hostname     str             of a sandbox
    isolated     bool            a sandbox with an empty network namespace

What goes out on the control socket, a line of JSON: {"refused": reason} if the sandbox could not be made, else
{"status": wait status, "seconds": processor time, "memory": largest process in bytes}. What is understood while the job
runs: `T` ends it politely, `K` and the end of the connection kill it. So nothing of a job outlives the process that
asked for it, however that process ends.

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
from typing import Any, NoReturn

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
JOB_SPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_NOATIME, MS_NODIRATIME, MS_BIND, MS_REC, MS_PRIVATE, MS_RELATIME = 1024, 2048, 4096, 16384, 1 << 18, 1 << 21
MNT_DETACH = 2
MOUNT_FLAGS = {
    "ro": MS_RDONLY, "nosuid": MS_NOSUID, "nodev": MS_NODEV, "noexec": MS_NOEXEC, "noatime": MS_NOATIME,
    "nodiratime": MS_NODIRATIME, "relatime": MS_RELATIME,
}  # fmt: skip
PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 24, 36, 38
# What a container's root may do with its own files and processes: chown, override permissions, kill, setuid, low
# ports. Not: mounting, changing root, devices, the clock, other users' processes.
KEPT_CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 10, 13}
CLONE_CALL = {"x86_64": 56, "aarch64": 220, "riscv64": 220, "ppc64le": 120, "s390x": 120}
PIVOT_ROOT_CALL = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}

REBUILT = {"proc", "dev", "sys", "tmp", "run", "opt"}
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# /run holds the sockets of the machine's services, which a job must not reach; name resolution may live there.
RUN_KEPT = ("systemd/resolve", "resolvconf", "NetworkManager", "current-system")
# Files of /proc through which the machine's own root can change the kernel, even from inside a namespace.
PROC_PROTECTED = ("sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "kcore")


class Kernel:
    """The system calls that Python has no function for. Every failure is an OSError that names the call."""

    def __init__(self) -> None:
        import ctypes

        self._ctypes = ctypes
        self._library: Any = ctypes.CDLL(None, use_errno=True)
        # keeps the interpreter's lock during the call: the child of `clone` goes on with it
        self._interpreter: Any = ctypes.PyDLL(None, use_errno=True)

    def call(self, name: str, *arguments: Any) -> None:
        if getattr(self._library, name)(*arguments) != 0:
            number = self._ctypes.get_errno()
            places = " ".join(a.decode(errors="replace") for a in arguments if isinstance(a, bytes))
            raise OSError(number, f"{name} {places}: {os.strerror(number)}")

    def unshare(self, flags: int) -> None:
        self.call("unshare", flags)

    def clone(self, flags: int) -> int:
        """A fork into new namespaces: 0 in the child. It is safe because this process has one thread."""
        machine = os.uname().machine
        if machine not in CLONE_CALL:
            raise OSError(0, f"clone: unknown on {machine}")
        arguments = (0, flags | signal.SIGCHLD) if machine == "s390x" else (flags | signal.SIGCHLD, 0)
        child = self._interpreter.syscall(CLONE_CALL[machine], *arguments, 0, 0, 0)
        if child < 0:
            raise OSError(self._ctypes.get_errno(), f"clone: {os.strerror(self._ctypes.get_errno())}")
        return int(child)

    def mount(self, source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
        self.call(
            "mount", os.fsencode(source), os.fsencode(target), kind.encode() or None, flags, data.encode() or None
        )

    def option(self, option: int, value: int) -> None:
        self.call("prctl", option, value, 0, 0, 0)

    def pivot_root(self, folder: str) -> None:
        os.chdir(folder)
        machine = os.uname().machine
        if machine not in PIVOT_ROOT_CALL:
            raise OSError(0, f"pivot_root: unknown on {machine}")
        self.call("syscall", PIVOT_ROOT_CALL[machine], b".", b".")
        self.call("umount2", b".", MNT_DETACH)
        os.chdir("/")


# ---- the server ----


def serve(listener: socket.socket, template: str, root: str) -> None:
    """Keep a supervisor ready for the next control socket, until the other end of `listener` is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal; only the engine decides
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()  # what is here already is shared by all the processes to come
    kernel = Kernel() if sys.platform == "linux" else None
    refused = prepare(kernel, template) if template else ""
    if refused:
        tell(listener, refused=refused)
        return
    first = True
    while True:
        reader, writer = os.pipe()
        if (kernel.clone(JOB_SPACES) if kernel and template else os.fork()) == 0:
            os.close(reader)
            supervise(listener, writer, kernel, template, root)
        os.close(writer)
        with open(reader, encoding="utf-8", errors="replace") as news:
            ready = news.readline()
            refused = "" if ready == "\n" else ready.strip() or "its first process ended at once"
            if first or refused:
                tell(listener, refused=refused)
                first = False
            if refused or news.readline() == "over\n":
                return


def prepare(kernel: Kernel | None, template: str) -> str:
    """Enter the namespaces and lay out the template of every sandbox; why not, if the kernel refuses."""
    if kernel is None:
        return "namespaces exist on Linux only"
    user, group = os.geteuid(), os.getegid()
    try:
        kernel.unshare(CLONE_NEWUSER | CLONE_NEWNS)
        write("/proc/self/setgroups", "deny")
        write("/proc/self/uid_map", f"0 {user} 1")
        write("/proc/self/gid_map", f"0 {group} 1")
        build_template(kernel, template)
    except OSError as error:
        return error.strerror or str(error)
    return ""


# ---- the supervisor of one job ----


def supervise(listener: socket.socket, server: int, kernel: Kernel | None, template: str, root: str) -> NoReturn:
    """Prepare what can be, wait for a job, run it, report when nothing of it is left; the process ends here."""
    try:
        if kernel and template:
            build_root(kernel, template, root)
            mount_proc(kernel, f"{root}/proc")
            drop_capabilities(kernel)
        elif kernel:
            kernel.option(PR_SET_CHILD_SUBREAPER, 1)
        os.setsid()
        os.write(server, b"\n")
        message, descriptors, _, _ = socket.recv_fds(listener, 1, 1)
        listener.close()
        if message:
            control = socket.socket(fileno=descriptors[0])
            os.set_inheritable(control.fileno(), False)
            tell(control, **outcome_of(control, server, kernel, root if template else ""))
        else:
            os.write(server, b"over\n")
    except OSError as error:
        with contextlib.suppress(OSError):
            os.write(server, f"{error.strerror or error}\n".encode())
    finally:
        os._exit(0)


def outcome_of(control: socket.socket, server: int, kernel: Kernel | None, root: str) -> dict[str, Any]:
    """Run the job that is asked for on `control`, and say how it ended.

    `server` is closed when the job has started: making the next supervisor must not hold up this one.
    """
    request = json.loads(read_request(control))
    try:
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if kernel and root:
            finish_root(kernel, root, request)
    except OSError as error:
        return {"refused": error.strerror or str(error)}
    try:
        woken = wake_on_child()
        job = start(request, log)
    except (OSError, ValueError) as error:  # the latter for what no program can be given: a NUL, a variable named `a=b`
        reason = error.strerror if isinstance(error, OSError) else error
        os.write(log, f"dagwright: cannot start {request['command'][0]!a}: {reason}\n".encode())
        return {"status": (126 if isinstance(error, PermissionError) else 127) << 8, "seconds": 0.0, "memory": 0}
    finally:
        os.close(server)
    status = attend(job, control, woken)
    end_what_is_left(job)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    unit = 1 if sys.platform == "darwin" else 1024
    return {"status": status, "seconds": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss * unit}


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
        setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGXFSZ],
    )


def wake_on_child() -> int:
    """A descriptor that becomes readable when a child ends."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def attend(job: int, control: socket.socket, woken: int) -> int:
    """Wait for `job`, passing on to its process group what the engine says; its wait status."""
    listening: list[Any] = [woken, control]
    while True:
        ready, _, _ = select.select(listening, [], [])
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


# ---- the sandbox: namespaces and a root of its own ----


def write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def raise_loopback() -> None:
    """A network namespace is born with its loopback down; programs that talk to themselves need it."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up_and_running = 0x1 | 0x40
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", up_and_running))  # SIOCSIFFLAGS


def build_template(kernel: Kernel, template: str) -> None:
    """What of the machine every job sees, read-only: its folders, few devices, little of /run, an empty /opt/ml."""
    kernel.mount("none", "/", flags=MS_REC | MS_PRIVATE)
    kernel.mount("tmpfs", template, "tmpfs", data="mode=755")
    for name in sorted(os.listdir("/")):
        if name not in REBUILT:
            show(kernel, f"/{name}", f"{template}/{name}")
    os.makedirs(f"{template}/opt/ml")
    for name in sorted(os.listdir("/opt")) if os.path.isdir("/opt") else []:
        if name != "ml":
            show(kernel, f"/opt/{name}", f"{template}/opt/{name}")
    show(kernel, "/sys", f"{template}/sys")
    for name in RUN_KEPT:
        if os.path.isdir(f"/run/{name}"):
            bind(kernel, f"/run/{name}", f"{template}/run/{name}")
    build_devices(kernel, f"{template}/dev")
    protect(kernel, template)


def build_root(kernel: Kernel, template: str, root: str) -> None:
    """The template on a fresh tmpfs, so that a job can write to `/`."""
    kernel.mount("tmpfs", root, "tmpfs", data="mode=755")
    for name in os.listdir(template):
        show(kernel, f"{template}/{name}", f"{root}/{name}")
    os.makedirs(f"{root}/run", exist_ok=True)
    os.mkdir(f"{root}/proc")
    kernel.mount("tmpfs", f"{root}/dev/shm", "tmpfs", data="mode=1777")  # noqa: S108 - the job's own


def finish_root(kernel: Kernel, root: str, request: dict[str, Any]) -> None:
    """The job's own folders, its host's name, its network; then nothing else is left of the machine."""
    socket.sethostname(request["hostname"])
    if request["isolated"]:
        kernel.unshare(CLONE_NEWNET)
        raise_loopback()
    for source, target, _ in request["binds"]:
        bind(kernel, source, root + target)
    for _, target, writable in request["binds"]:
        if not writable:
            protect(kernel, root + target)
    kernel.pivot_root(root)


def show(kernel: Kernel, source: str, target: str) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
    elif os.path.isdir(source):
        os.mkdir(target)
        kernel.mount(source, target, flags=MS_BIND | MS_REC)


def bind(kernel: Kernel, source: str, target: str) -> None:
    """`source` seen at `target`; what the machine does not have there is left out where it cannot be made."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
    kernel.mount(source, target, flags=MS_BIND | MS_REC)


def build_devices(kernel: Kernel, folder: str) -> None:
    os.makedirs(f"{folder}/shm")
    graphics = [name for name in os.listdir("/dev") if name.startswith("nvidia")]
    for name in (*DEVICES, *graphics):
        if os.path.exists(f"/dev/{name}"):
            bind(kernel, f"/dev/{name}", f"{folder}/{name}")
    for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(f"/proc/self/{target}", f"{folder}/{name}")


def protect(kernel: Kernel, folder: str) -> None:
    """Make the mount at `folder` and all below it read-only; a device can still be written to."""
    for place, flags in mounts_below(folder).items():
        with contextlib.suppress(FileNotFoundError):  # behind another mount: out of reach for the job as well
            kernel.mount("none", place, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | flags)


def mounts_below(folder: str) -> dict[str, int]:
    """Each mount at or below `folder` with the flags it has, which a remount in a user namespace must keep.

    Of several at one place the last counts, which lies on top.
    """
    found = {}
    with open("/proc/self/mountinfo", "rb") as table:
        for line in table:
            fields = line.split()
            place = os.fsdecode(fields[4].decode("unicode_escape").encode("latin-1"))
            if place == folder or place.startswith(folder + "/"):
                options = fields[5].decode().split(",")
                found[place] = sum(MOUNT_FLAGS.get(option, 0) for option in options)
    return found


def mount_proc(kernel: Kernel, folder: str) -> None:
    """The job's own processes. Where a container hides parts of /proc the kernel refuses; then the machine's, as is."""
    try:
        kernel.mount("proc", folder, "proc", flags=MS_NOSUID | MS_NODEV | MS_NOEXEC)
    except OSError:
        kernel.mount("/proc", folder, flags=MS_BIND | MS_REC)
    for name in PROC_PROTECTED:
        place = f"{folder}/{name}"
        if os.path.exists(place):
            kernel.mount(place, place, flags=MS_BIND | MS_REC)
            kernel.mount("none", place, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)


def drop_capabilities(kernel: Kernel) -> None:
    """What the programs started from now on will not have; this process keeps its own to finish the sandbox."""
    kernel.option(PR_SET_NO_NEW_PRIVS, 1)
    with open("/proc/sys/kernel/cap_last_cap") as file:
        last = int(file.read())
    for capability in set(range(last + 1)) - KEPT_CAPABILITIES:
        kernel.option(PR_CAPBSET_DROP, capability)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])), *(sys.argv[2:] or ("", "")))
