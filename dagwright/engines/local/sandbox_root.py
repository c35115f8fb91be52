"""What a sandboxed job sees: a root of its own, made of system calls that Python has no function for.

What comes in: empty folders, the folders of a job. What goes out: mounts, seen only by the process that makes them.
Like `sandbox`, which calls it, this imports the standard library only. A failure is an OSError.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
from collections.abc import Iterable
from typing import Any

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
# mount_setattr, which has one number on every machine: all mounts below a place in one call (Linux 5.12)
MOUNT_SETATTR_CALL, AT_FDCWD, AT_RECURSIVE = 442, -100, 0x8000
ENOSYS, EROFS = 38, 30
PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 24, 36, 38
# What a container's root may do with its own files and processes: chown, override permissions, kill, setuid, low
# ports. Not: mounting, changing root, devices, the clock, other users' processes.
KEPT_CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 10, 13}
CLONE_CALL = {"x86_64": 56, "aarch64": 220, "riscv64": 220, "ppc64le": 120, "s390x": 120}
PIVOT_ROOT_CALL = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}

KEYCTL_CALL = {"x86_64": 250, "aarch64": 219, "riscv64": 219, "ppc64le": 271, "s390x": 280}

REBUILT = {"proc", "dev", "sys", "tmp", "run", "opt"}
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
# Files of /proc through which the machine's own root can change the kernel, even from inside a namespace.
PROC_PROTECTED = (
    "sys", "sysrq-trigger", "irq", "bus", "fs", "acpi", "kcore", "scsi", "driver", "asound", "dynamic_debug", "tty",
    "mtrr",
)  # fmt: skip
# What a job gets of /proc where the kernel refuses it one of its own: nothing that shows other processes.
PROC_SHOWN = ("cpuinfo", "meminfo", "stat", "version", "uptime", "loadavg", "filesystems")


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

    def protect(self, folder: str) -> None:
        """Make the mount at `folder` and all below it read-only, without set-user-ID programs and devices."""
        attributes = (self._ctypes.c_uint64 * 4)(MS_RDONLY | MS_NOSUID | MS_NODEV, 0, 0, 0)
        place = os.fsencode(folder)
        self.call("syscall", MOUNT_SETATTR_CALL, AT_FDCWD, place, AT_RECURSIVE, self._ctypes.byref(attributes), 32)

    def leave_keyring(self) -> None:
        """Keys of the caller's session are not a job's; where the kernel has no keyrings there is nothing to leave."""
        number = KEYCTL_CALL.get(os.uname().machine)
        if number:
            self._library.syscall(number, 1, None)  # KEYCTL_JOIN_SESSION_KEYRING

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


def write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def raise_loopback() -> None:
    """A network namespace is born with its loopback down; programs that talk to themselves need it."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up_and_running = 0x1 | 0x40
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh14x", b"lo", up_and_running))  # SIOCSIFFLAGS


def enter_namespaces(kernel: Kernel, template: str) -> None:
    """A user and a mount namespace for this process and its children, with the template of every job's root."""
    user, group = os.geteuid(), os.getegid()
    kernel.unshare(CLONE_NEWUSER | CLONE_NEWNS)
    write("/proc/self/setgroups", "deny")
    write("/proc/self/uid_map", f"0 {user} 1")
    write("/proc/self/gid_map", f"0 {group} 1")
    with contextlib.suppress(OSError):  # a job needs no namespaces of its own; an old kernel cannot be told
        write("/proc/sys/user/max_user_namespaces", "0")
    build_template(kernel, template)


def build_template(kernel: Kernel, template: str) -> None:
    """What of the machine every job sees, read-only: its folders, few devices, an empty /opt/ml."""
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
    devices = prepare_devices(f"{template}/dev")
    protect(kernel, template)
    for name in devices:  # after the rest has lost its devices
        kernel.mount(f"/dev/{name}", f"{template}/dev/{name}", flags=MS_BIND)
    with contextlib.suppress(OSError):  # pseudo-terminals: some programs want one, none depends on it
        kernel.mount("devpts", f"{template}/dev/pts", "devpts", data="newinstance,ptmxmode=0666,mode=620")


def build_root(kernel: Kernel, template: str, root: str) -> None:
    """The template on a fresh tmpfs, so that a job can write to `/`, and the job's own /proc and shared memory."""
    kernel.mount("tmpfs", root, "tmpfs", data="mode=755,size=10%")
    for name in os.listdir(template):
        show(kernel, f"{template}/{name}", f"{root}/{name}")
    build_run(kernel, f"{root}/run")
    os.mkdir(f"{root}/proc")
    mount_proc(kernel, f"{root}/proc")
    kernel.mount("tmpfs", f"{root}/dev/shm", "tmpfs", data="mode=1777,size=25%")  # noqa: S108 - the job's own


def finish_root(kernel: Kernel, root: str, request: dict[str, Any]) -> None:
    """The job's own folders, its host's name, its network; then nothing else is left of the machine."""
    socket.sethostname(request["hostname"])
    if request["isolated"]:
        kernel.unshare(CLONE_NEWNET)
        raise_loopback()
    covered = list(cover(kernel, root, request["hidden"]))
    for source, target, _ in request["binds"]:
        bind(kernel, source, root + target)
    for _, target, writable in request["binds"]:
        if not writable:
            protect(kernel, root + target)
    for place in covered:
        protect(kernel, place)
    kernel.pivot_root(root)


def cover(kernel: Kernel, root: str, folders: list[str]) -> Iterable[str]:
    """Put an empty folder over each of the machine's `folders` that the job could see; the places that were covered."""
    for folder in folders:
        place = root + folder
        if os.path.isdir(place):
            kernel.mount("tmpfs", place, "tmpfs", data="mode=755,size=1m")
            yield place


def show(kernel: Kernel, source: str, target: str) -> None:
    if os.path.islink(source):
        os.symlink(os.readlink(source), target)
    elif os.path.isdir(source):
        os.mkdir(target)
        kernel.mount(source, target, flags=MS_BIND | MS_REC)


def bind(kernel: Kernel, source: str, target: str) -> None:
    """`source` seen at `target`; what the machine does not have there is left out where it cannot be made."""
    if os.path.isdir(source) or not os.path.exists(target):
        try:
            make_place(target, os.path.isdir(source))
        except OSError as error:
            if error.errno != EROFS:
                raise
            open_up(kernel, os.path.dirname(target))
            make_place(target, os.path.isdir(source))
    kernel.mount(source, target, flags=MS_BIND | MS_REC)


def make_place(target: str, is_folder: bool) -> None:
    if is_folder:
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY))


def open_up(kernel: Kernel, folder: str) -> None:
    """Put a folder of the job's own in the place of a read-only one, with all that is there: then more can be added.

    What is there is reached through a descriptor, since the new folder lies over it.
    """
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    under = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    kernel.mount("tmpfs", folder, "tmpfs", data="mode=755,size=10%")
    for name in os.listdir(f"/proc/self/fd/{under}"):
        source = f"/proc/self/fd/{under}/{name}"
        if os.path.islink(source):
            os.symlink(os.readlink(source), f"{folder}/{name}")
        else:
            bind(kernel, source, f"{folder}/{name}")
    os.close(under)


def build_run(kernel: Kernel, folder: str) -> None:
    """/run holds the sockets of the machine's services; a job gets the file that tells how names are resolved."""
    os.mkdir(folder)
    kernel.mount("tmpfs", folder, "tmpfs", data="mode=755,size=10%")
    if os.path.islink("/run/current-system"):  # where one distribution keeps its programs
        os.symlink(os.readlink("/run/current-system"), f"{folder}/current-system")
    names = os.path.realpath("/etc/resolv.conf")
    if names.startswith("/run/") and os.path.isfile(names):
        place = folder + names.removeprefix("/run")
        os.makedirs(os.path.dirname(place), exist_ok=True)
        bind(kernel, names, place)
        protect(kernel, place)


def prepare_devices(folder: str) -> list[str]:
    """The places of the devices a job gets; their names."""
    for name in ("shm", "pts"):
        os.makedirs(f"{folder}/{name}")
    graphics = [name for name in os.listdir("/dev") if name.startswith("nvidia")]
    devices = [name for name in (*DEVICES, *graphics) if os.path.exists(f"/dev/{name}")]
    for name in devices:
        os.close(os.open(f"{folder}/{name}", os.O_CREAT | os.O_WRONLY))
    links = (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"))
    for name, target in links:
        os.symlink(f"/proc/self/{target}", f"{folder}/{name}")
    os.symlink("pts/ptmx", f"{folder}/ptmx")
    return devices


def protect(kernel: Kernel, folder: str) -> None:
    """Make the mount at `folder` and all below it read-only. Raises OSError if any of it could stay writable."""
    try:
        kernel.protect(folder)
        return
    except OSError as error:
        if error.errno != ENOSYS:
            raise
    mounts = mounts_below(os.path.realpath(folder))
    if not mounts:
        raise OSError(0, f"{folder} is not among the mounts")
    for place, flags in mounts.items():
        with contextlib.suppress(FileNotFoundError, PermissionError):  # out of reach for the job as well
            os.stat(place)
            kernel.mount("none", place, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | flags)


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
    """The job's own processes. Where a container hides parts of /proc the kernel refuses it; then a few files."""
    try:
        kernel.mount("proc", folder, "proc", flags=MS_NOSUID | MS_NODEV | MS_NOEXEC)
    except OSError:
        for name in PROC_SHOWN:
            if os.path.exists(f"/proc/{name}"):
                bind(kernel, f"/proc/{name}", f"{folder}/{name}")
                protect(kernel, f"{folder}/{name}")
        return
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
