"""Runs one job, processing or training: stages its inputs, starts its hosts, waits, publishes what it wrote.

What comes in: a `Job`, the neutral form that `processing` and `training` make of a request. What goes out: a
`JobEnding`, and the job's objects in the store. Everything of the job lies in one folder that is removed at its end;
only the logs stay.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dagwright.engines.local.environments import Environment, hidden
from dagwright.engines.local.launcher import Bind, Ending, JobProcess, Launcher, Root
from dagwright.engines.local.store import Store, StoredObject, copy_file, link_file, storage_errors
from dagwright.errors import ExecutionError, StorageError

ML = "/opt/ml"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# A job reaches a package registry the way its machine does. Nothing else of the machine's environment enters it.
_NETWORK_VARIABLES = (
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CERT", "PIP_TRUSTED_HOST",
)  # fmt: skip


@dataclass(frozen=True)
class Input:
    """What is in a folder of the job before it starts: all objects below `uri`, or every N-th of them per host."""

    name: str
    uri: str
    target: str
    sharded: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Output:
    """What a folder of the job becomes: objects below `uri`; also after a failure if `always`."""

    source: str
    uri: str
    always: bool = False


@dataclass(frozen=True)
class Job:
    """A job as the runner needs it. Paths are the container's: `/opt/ml/...`."""

    name: str
    image: str
    command: tuple[str, ...]
    environment: Callable[[str], Mapping[str, str]]
    """The variables of the request, for a host."""
    hosts: tuple[str, ...]
    files: Callable[[str], Mapping[str, str]]
    """The text of each configuration file, for a host."""
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    folders: tuple[str, ...] = ()
    directory: str = "/"
    isolated: bool = False
    max_runtime_seconds: int = 86400
    source_archive: str = ""
    """The S3 address of a source archive to unpack into `/opt/ml/code`."""
    visible: tuple[Path, ...] = ()
    """Folders of the machine that the job reads at their own place."""


@dataclass
class Host:
    """One instance of a job: its folder on this machine, and its log."""

    name: str
    folder: Path
    log: Path
    linked: list[str] = field(default_factory=list)

    def path(self, container_path: str) -> Path:
        """Where a path below /opt/ml lies. Raises ExecutionError for any other path."""
        relative = os.path.relpath(os.path.normpath(container_path), ML)
        if not container_path.startswith("/") or relative.startswith(".."):
            raise ExecutionError(
                f"The job uses the folder '{container_path}'", hint=f"SageMaker gives a job folders below {ML} only."
            )
        return self.folder / "ml" / relative


@dataclass(frozen=True)
class JobEnding:
    """How a job ended. `reason` is empty if it completed; `hosts` are still in place for reading what it wrote."""

    outcome: str
    """`Completed`, `Failed`, `TimedOut` or `Stopped`."""
    reason: str = ""
    exit_code: int = 0
    host: str = "algo-1"
    empty_outputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workshop:
    """What every job of a run needs: where things lie, how processes start, how patient to be."""

    store: Store
    launcher: Launcher
    jobs: Path
    logs: Path
    discard: Callable[[Path], None]
    """Takes the folder of a job that is over."""
    stop_grace_seconds: float = 10.0
    copy_below_bytes: int = 64 << 20


class JobRun:
    """One job being run. `run` blocks; `stop` may be called from another thread."""

    def __init__(self, job: Job, environment: Environment, workshop: Workshop) -> None:
        self.job = job
        self._environment = environment
        self._workshop = workshop
        self._processes: dict[JobProcess, Host] = {}
        self._lock = threading.Lock()
        self._stopping = False
        self.folder = workshop.jobs / job.name
        logs = workshop.logs / job.name
        self.hosts = [Host(name, self.folder / name, logs / f"{name}.log") for name in job.hosts]

    def run(self, finish: Callable[[JobEnding], JobEnding] = lambda ending: ending) -> JobEnding:
        """Run it to its end. `finish` may read the job's folders before they are published and removed."""
        try:
            with storage_errors(f"The folder of job {self.job.name} cannot be written"):
                self._stage()
                ending = self._execute()
            ending = finish(ending)
            return self._publish(ending)
        except (StorageError, ExecutionError) as error:
            return JobEnding("Failed", _one_line(error))
        finally:
            self._workshop.discard(self.folder)

    def stop(self) -> None:
        """Ask the job to end; it is killed when its time of grace has passed."""
        with self._lock:
            self._stopping = True
            running = list(self._processes)
        self._end(running)

    # ---- before ----

    def _stage(self) -> None:
        for host in self.hosts:
            for name in ("ml", "tmp"):
                (host.folder / name).mkdir(parents=True)
            host.log.parent.mkdir(parents=True, exist_ok=True)
            host.log.touch()
            for container_path in self.job.folders:
                host.path(container_path).mkdir(parents=True, exist_ok=True)
            for container_path, text in self.job.files(host.name).items():
                path = host.path(container_path)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            (host.folder / "hosts").write_text(self._hosts_file(), encoding="utf-8")
        for given in self.job.inputs:
            self._stage_input(given)
        if self.job.source_archive:
            self._unpack_source()

    def _hosts_file(self) -> str:
        own = [f"127.0.0.{number}\t{name}" for number, name in enumerate(self.job.hosts, start=1)]
        try:
            machine = Path("/etc/hosts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            machine = "127.0.0.1\tlocalhost\n"
        return machine.rstrip("\n") + "\n" + "\n".join(own) + "\n"

    def _stage_input(self, given: Input) -> None:
        found = self._workshop.store.objects(given.uri)
        if not found and not given.optional:
            raise ExecutionError(
                f"Input '{given.name}' finds no object at {given.uri}",
                hint="The step that should write it wrote nothing there, or the data was never uploaded: "
                f"deploy.py upload PATH --to {given.uri}",
            )
        for number, host in enumerate(self.hosts):
            share = found[number :: len(self.hosts)] if given.sharded else found
            self._place(host, given.target, share)

    def _place(self, host: Host, target: str, objects: list[StoredObject]) -> None:
        """Copies, which a job may change; large inputs as read-only links, where the sandbox can hold a job to it."""
        size = sum(item.path.stat().st_size for item in objects)
        linked = self._workshop.launcher.sandboxed and size >= self._workshop.copy_below_bytes
        folder = host.path(target)
        folder.mkdir(parents=True, exist_ok=True)
        for item in objects:
            path = folder / item.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if linked:
                link_file(item.path, path)
            else:
                copy_file(item.path, path)
        if linked:
            host.linked.append(target)

    def _unpack_source(self) -> None:
        archive = self._workshop.store.path(self.job.source_archive)
        if not archive.is_file():
            raise ExecutionError(
                f"The source archive {self.job.source_archive} does not exist",
                hint=f"Put it there: deploy.py upload sourcedir.tar.gz --to {self.job.source_archive}",
            )
        for host in self.hosts:
            unpack(archive, host.path(f"{ML}/code"))

    # ---- during ----

    def _execute(self) -> JobEnding:
        deadline = time.monotonic() + self.job.max_runtime_seconds
        with self._lock:
            if self._stopping:
                return JobEnding("Stopped", "stopped before it started")
            self._processes = {self._start(host): host for host in self.hosts}
        try:
            return self._attend(deadline)
        finally:
            for process in self._processes:
                process.close()

    def _start(self, host: Host) -> JobProcess:
        command, environment, directory = list(self.job.command), self._variables(host), self.job.directory
        if not self._workshop.launcher.sandboxed:
            command = [self._translate(word, host) for word in command]
            environment = {name: self._translate(value, host) for name, value in environment.items()}
            directory = str(host.folder) if directory == "/" else self._translate(directory, host)
            return self._workshop.launcher.start(command, environment, host.log, directory)
        root = self._root(host)
        return self._workshop.launcher.start(command, environment, host.log, directory, root)

    def _translate(self, text: str, host: Host) -> str:
        """Without a sandbox `/opt/ml` is another folder; what the job is told with, is told that folder."""
        return text.replace(ML, str(host.folder / "ml"))

    def _variables(self, host: Host) -> dict[str, str]:
        packages = "/tmp/python" if self._workshop.launcher.sandboxed else str(host.folder / "tmp" / "python")  # noqa: S108
        variables = {
            "PATH": os.pathsep.join([*self._environment.folders, _SYSTEM_PATH]),
            "HOME": "/tmp" if self._workshop.launcher.sandboxed else str(host.folder / "tmp"),  # noqa: S108
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            # `pip install` inside a job must not change the environment that other jobs share
            "PIP_TARGET": packages,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PYTHONPATH": packages,
        }
        if not self._workshop.launcher.sandboxed:
            variables |= {"TMPDIR": str(host.folder / "tmp"), "SAGEMAKER_BASE_DIR": ML}
        if not self.job.isolated:
            variables |= {name: os.environ[name] for name in _NETWORK_VARIABLES if name in os.environ}
        given = dict(self.job.environment(host.name))
        if given.get("PYTHONPATH"):
            given["PYTHONPATH"] += os.pathsep + packages
        return variables | given | {"HOSTNAME": host.name}

    def _root(self, host: Host) -> Root:
        binds = [
            Bind(host.folder / "tmp", "/tmp", writable=True),  # noqa: S108
            Bind(host.folder / "ml", ML, writable=True),
            *(Bind(path, str(path)) for path in hidden({*self._environment.visible, *self.job.visible})),
            *(Bind(host.path(target), target) for target in host.linked),
        ]
        if Path("/var/tmp").is_dir():  # noqa: S108
            (host.folder / "vartmp").mkdir(exist_ok=True)
            binds.append(Bind(host.folder / "vartmp", "/var/tmp", writable=True))  # noqa: S108
        if Path("/etc/hosts").is_file():
            binds.append(Bind(host.folder / "hosts", "/etc/hosts"))
        return Root(tuple(binds), host.name, self.job.isolated)

    def _attend(self, deadline: float) -> JobEnding:
        """Wait for every host; the first that fails, or the time limit, ends them all."""
        running = list(self._processes)
        while running:
            left = max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select(running, [], [], left)
            if not ready:
                self._end(running)
                for process in running:
                    process.wait()
                limit = self.job.max_runtime_seconds
                return JobEnding("TimedOut", f"exceeded its MaxRuntimeInSeconds of {limit} and was ended")
            for process in ready:
                ending = process.news()
                if ending is None:
                    continue
                running.remove(process)
                if ending.exit_code or process.refused:
                    _kill_all(running)
                    for other in running:
                        other.wait()
                    return self._failure(self._processes[process], process, ending)
        return JobEnding("Stopped", "stopped") if self._stopping else JobEnding("Completed")

    def _failure(self, host: Host, process: JobProcess, ending: Ending) -> JobEnding:
        if self._stopping:
            return JobEnding("Stopped", "stopped", ending.exit_code, host.name)
        if process.refused:
            return JobEnding("Failed", f"its sandbox could not be made: {process.refused}", 1, host.name)
        return JobEnding("Failed", str(ending), ending.exit_code, host.name)

    def _end(self, processes: list[JobProcess]) -> None:
        for process in processes:
            process.terminate()
        timer = threading.Timer(self._workshop.stop_grace_seconds, _kill_all, [processes])
        timer.daemon = True
        timer.start()

    # ---- after ----

    def _publish(self, ending: JobEnding) -> JobEnding:
        empty = []
        for output in self.job.outputs:
            if ending.outcome != "Completed" and not output.always:
                continue
            if not sum(self._publish_folder(host.path(output.source), output.uri) for host in self.hosts):
                empty.append(output.uri)
        return JobEnding(ending.outcome, ending.reason, ending.exit_code, ending.host, tuple(empty))

    def _publish_folder(self, folder: Path, uri: str) -> int:
        """Move each regular file to its object; symbolic links stay behind, as on SageMaker. The number of objects."""
        count = 0
        for directory, _, names in os.walk(folder):
            for name in sorted(names):
                path = Path(directory, name)
                if path.is_symlink() or not path.is_file():
                    continue
                key = path.relative_to(folder).as_posix()
                self._workshop.store.put(path, f"{uri.rstrip('/')}/{key}", move=True)
                count += 1
        return count


def _kill_all(processes: list[JobProcess]) -> None:
    for process in processes:
        process.kill()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar archive that somebody else made. Raises ExecutionError for what would leave `folder`."""
    import tarfile

    try:
        with tarfile.open(archive) as tar:
            for member in tar.getmembers():
                inside = os.path.normpath(os.path.join("/x", member.name)).startswith("/x/")
                if (
                    member.name.startswith("/")
                    or not (inside or member.isdir())
                    or member.isdev()
                    or member.issym()
                    or member.islnk()
                ):
                    raise ExecutionError(
                        f"{archive.name} holds '{member.name}', which is refused: no links, no way out"
                    )
            tar.extractall(folder)  # noqa: S202 - every member was looked at
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ExecutionError(f"{archive.name} is no readable tar archive: {error}") from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split("\n"))
