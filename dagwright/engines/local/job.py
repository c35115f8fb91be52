"""A job as the runner needs it: the neutral form that `processing`, `training` and `lambdas` make of a request.

What is here is said, not done: `staging` puts a job's files in place, `job_run` runs it, `publishing` takes what it
wrote.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dagwright.engines.local.store import Stamp
from dagwright.errors import ExecutionError

ML = "/opt/ml"
LOOPBACK, OF_A_CONTAINER = "lo", "eth0"
"""The network interface by which the hosts of a job meet: as processes of one machine, and in containers."""

NOT_STARTED = "its process could not be started"
"""How the reason begins when a job fails before its program runs: not the program's failure, but the machine's."""


PREFIX, MANIFEST, AUGMENTED = "S3Prefix", "ManifestFile", "AugmentedManifestFile"
"""What the address of an input names: AWS's S3DataType."""


@dataclass(frozen=True)
class Pipe:
    """How an input is streamed instead of copied: through a FIFO, `<target>_<epoch>`, once an epoch."""

    gzip: bool = False
    recordio: bool = False
    shuffle_seed: int | None = None
    attributes: tuple[str, ...] = ()
    """Of each line of an augmented manifest: what is streamed of it, in this order."""


@dataclass(frozen=True)
class Input:
    """What a folder of the job holds before it starts, or its FIFO carries: the objects of `uri`, or every N-th of them
    per host."""

    name: str
    uri: str
    target: str
    sharded: bool = False
    optional: bool = False
    kind: str = PREFIX
    pipe: Pipe | None = None
    manifest_target: str = ""
    """Where the manifest itself lies, if the job gets it too."""


@dataclass(frozen=True)
class Output:
    """What a folder of the job becomes: objects below `uri`; if `always`, while it runs, and after a failure too."""

    source: str
    uri: str
    always: bool = False
    restored: bool = False
    """Its objects are in its folder when the job starts. What the job leaves alone is not written again, and what it
    removes there is removed."""

    def __post_init__(self) -> None:
        """Raises ExecutionError for all of /opt/ml: the inputs and the configuration would become objects as well."""
        if normal(self.source) == ML:
            raise ExecutionError(
                f"An output takes all of {ML}, with its inputs and configuration",
                hint=f"Name a folder of its own: {ML}/processing/output.",
            )


@dataclass(frozen=True)
class Job:
    """A job as the runner needs it. Paths are the container's: `/opt/ml/...`."""

    name: str
    image: str
    command: tuple[str, ...]
    """The program and its arguments; empty if the image's own program is to start, with `arguments`."""
    environment: Callable[[str], Mapping[str, str]]
    """The variables of the request, for a host."""
    hosts: tuple[str, ...]
    files: Callable[[str], Mapping[str, str]]
    """The text of each configuration file, for a host."""
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    folders: tuple[str, ...] = ()
    directory: str = "/"
    arguments: tuple[str, ...] = ()
    isolated: bool = False
    max_runtime_seconds: int = 86400
    max_wait_seconds: int | None = None
    """For the whole of a job that may be interrupted: what it waits and what it runs."""
    source_archive: str = ""
    """A source archive to unpack into `/opt/ml/code`: its S3 address, or its place in an input."""
    made_below: tuple[str, ...] = ()
    """Addresses below which its result comes to be, under names that nobody knows beforehand."""
    visible: tuple[Path, ...] = ()
    """Folders of the machine that the job reads at their own place."""
    fetches: tuple[str, ...] = ()
    """The addresses of objects that the job reads by itself, by calling S3."""
    start_files: tuple[str, ...] = ()
    """Programs of an SDK, or folders of them, by which the job is started, and which name `/opt/ml` themselves."""
    modules: tuple[str, ...] = ()
    """What the Python of its image has to have."""

    def __post_init__(self) -> None:
        """Raises ExecutionError for isolated hosts, which a local run would isolate from each other as well."""
        if self.isolated and len(self.hosts) > 1:
            raise ExecutionError(
                f"The job isolates {len(self.hosts)} instances from the network; a local run cannot connect them then",
                hint="Use an InstanceCount of 1, or turn EnableNetworkIsolation off for local runs.",
            )


@dataclass
class Host:
    """One instance of a job: its folder on this machine, and its log."""

    name: str
    folder: Path
    log: Path
    linked: list[str] = field(default_factory=list)
    restored: dict[str, dict[str, Stamp]] = field(default_factory=dict)
    """Of each output folder that is restored, the files that lay in it before the job started, with what tells them
    from later ones."""
    kept: dict[str, dict[str, Stamp]] = field(default_factory=dict)
    """The same of the files that the store has of this host: those, and what was uploaded since."""

    def path(self, container_path: str) -> Path:
        """Where a path below /opt/ml lies. Raises ExecutionError for any other path, and for what names no file."""
        place = normal(container_path)
        if place != ML and not place.startswith(f"{ML}/"):
            raise ExecutionError(
                f"The job uses the folder '{container_path}'", hint=f"SageMaker gives a job folders below {ML} only."
            )
        if "\0" in place or not _is_encodable(place):
            raise ExecutionError(f"The job uses the folder {container_path!a}, which no file can be named by")
        return self.folder / f"ml{place.removeprefix(ML)}"

    def written(self, container_path: str) -> Path:
        """The same for what the job may have changed: readable, whatever permissions the job gave to it.

        Raises ExecutionError if a link is on the way: it could lead to any file of the machine.
        """
        here = self.folder / "ml"
        make_readable(here)
        for part in self.path(container_path).relative_to(here).parts:
            here /= part
            if here.is_symlink():
                raise ExecutionError(
                    f"The job has put a link at {ML}/{here.relative_to(self.folder / 'ml').as_posix()}",
                    hint=f"What is read from {container_path} must be there itself: links are not followed.",
                )
            make_readable(here)
        return here


@dataclass(frozen=True)
class Usage:
    """What a job took of the machine: the most memory of one of its hosts, the processor time of all of them."""

    memory_bytes: int = 0
    cpu_seconds: float = 0.0

    def as_json(self) -> dict[str, float]:
        return {"MemoryMiB": -(-self.memory_bytes >> 20), "ProcessorSeconds": round(self.cpu_seconds, 1)}


@dataclass(frozen=True)
class JobEnding:
    """How a job ended. `reason` is empty if it completed; `hosts` are still in place for reading what it wrote."""

    outcome: str
    """`Completed`, `Failed`, `TimedOut` or `Stopped`."""
    reason: str = ""
    exit_code: int = 0
    host: str = "algo-1"
    empty_outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What is worth a line though the job completed."""
    out_of_memory: bool = False
    """Whether it failed because it was ended for the memory it took."""
    used: Usage | None = None
    """Where that is known: of containers it is not."""


def normal(container_path: str) -> str:
    """A path of the container without `.`, `..`, doubled or trailing slashes; a relative one stays relative."""
    path = os.path.normpath(container_path)
    return f"/{path.lstrip('/')}" if path.startswith("/") else path


def _is_encodable(path: str) -> bool:
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def make_readable(path: Path) -> None:
    """Give the owner back what the job has taken from itself; SageMaker's root is not held up by permissions."""
    if os.path.isdir(path):
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            os.chmod(path, 0o700)
    elif os.path.isfile(path) and not os.access(path, os.R_OK):
        os.chmod(path, 0o600)
