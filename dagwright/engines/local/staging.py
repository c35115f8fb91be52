"""Puts the files of a job in place before it starts: folders, configuration, inputs, source code.

What comes in: a `Job`, its hosts, the store. What goes out: each host's folder as the container would find `/opt/ml`.
"""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from dagwright.engines.local.checkpoints import stamps
from dagwright.engines.local.disk_space import require_room
from dagwright.engines.local.job import ML, Host, Input, Job
from dagwright.engines.local.loopback import network
from dagwright.engines.local.pip_installs import prepare_pip
from dagwright.engines.local.sources import objects_of, share_of
from dagwright.engines.local.store import Store, StoredObject, copy_file, link_file, storage_errors
from dagwright.errors import ExecutionError

if TYPE_CHECKING:
    from tarfile import TarInfo

_jobs = count()


@dataclass(frozen=True)
class _Portion:
    """What one host gets of an input. `copied_bytes` is the room that it takes: what is linked takes none."""

    host: Host
    target: str
    objects: list[StoredObject]
    is_linked: bool
    copied_bytes: int


@dataclass(frozen=True)
class Staging:
    """How the files of one job get into place. `cancelled` is asked between files: a job may be stopped meanwhile."""

    job: Job
    hosts: list[Host]
    store: Store
    sandboxed: bool
    link_from_bytes: int
    cancelled: Callable[[], bool]

    def stage(self) -> None:
        """Raises ExecutionError for an input that is not there, StorageError for an impossible address or if there is
        no room on the disk for it all, OSError."""
        for output in self.job.outputs:
            self.store.path(output.uri)  # better refused now than when the work is done
        hosts_file = self._hosts_file() if self.sandboxed else ""
        for host in self.hosts:
            self._lay_out(host, hosts_file)
        portions = [one for given in self.job.inputs if given.pipe is None for one in self._portions(given)]
        self._require_room(portions)
        for portion in portions:
            self._place(portion)
        for given in self.job.inputs:
            if given.manifest_target:
                self._place_manifest(given)
        for host in self.hosts:
            host.restored = {item.source: stamps(host, item.source) for item in self.job.outputs if item.restored}
            host.kept = {folder: dict(files) for folder, files in host.restored.items()}
        if self.job.source_archive and not self.cancelled():
            self._unpack_source()

    def _lay_out(self, host: Host, hosts_file: str) -> None:
        host.linked.clear()
        os.makedirs(host.folder / "ml")
        prepare_pip(host.folder / "tmp")
        os.makedirs(host.log.parent, exist_ok=True)
        host.log.touch()
        for container_path in self.job.folders:
            os.makedirs(host.path(container_path), exist_ok=True)
        for container_path, text in self.job.files(host.name).items():
            path = host.path(container_path)
            os.makedirs(path.parent, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        if hosts_file:
            (host.folder / "hosts").write_text(hosts_file, encoding="utf-8")

    def _hosts_file(self) -> str:
        """The machine's names and the job's hosts; each job has addresses of its own, so that ports do not collide: 256
        jobs of a run beside each other, and as many runs as there are loopback networks."""
        own_network = f"127.{network()}.{next(_jobs) % 256}"
        own = [f"{own_network}.{place}\t{name}" for place, name in enumerate(self.job.hosts, start=1)]
        return _machine_hosts() + "\n".join(own) + "\n"

    # ---- inputs ----

    def _portions(self, given: Input) -> Iterator[_Portion]:
        found = [(item, item.path.stat()) for item in objects_of(given, self.store)]
        for number, host in enumerate(self.hosts):
            share = share_of(found, given, number, len(self.hosts))
            size = sum(status.st_size for _, status in share)
            is_linked = bool(share) and size >= self.link_from_bytes and self._may_be_linked(given.target)
            here = os.stat(host.folder).st_dev  # a link that does not reach becomes a copy
            copied = sum(status.st_size for _, status in share if not is_linked or status.st_dev != here)
            yield _Portion(host, given.target, [item for item, _ in share], is_linked, copied)

    def _require_room(self, portions: list[_Portion]) -> None:
        """An archive takes its size at least."""
        needed = sum(portion.copied_bytes for portion in portions)
        samples = [portion.objects[0].path for portion in portions if portion.copied_bytes]
        if self.job.source_archive.startswith("s3://") and (path := self.store.path(self.job.source_archive)).is_file():
            needed += path.stat().st_size * len(self.hosts)
        folder = self.hosts[0].folder.parent
        require_room(folder, needed, f"the inputs of job {self.job.name}", samples[0] if samples else None)

    def _place_manifest(self, given: Input) -> None:
        for host in self.hosts:
            path = host.path(given.manifest_target)
            os.makedirs(path.parent, exist_ok=True)
            with storage_errors(f"{given.uri} cannot be read"):
                copy_file(self.store.path(given.uri), path)

    def _place(self, portion: _Portion) -> None:
        """Copies, which a job may change; large inputs as read-only links, where the sandbox can hold a job to it."""
        folder = portion.host.path(portion.target)
        made: set[Path] = set()
        for item in portion.objects:
            if self.cancelled():
                return
            path = folder / item.name
            if path.parent not in made:
                made.add(path.parent)
                os.makedirs(path.parent, exist_ok=True)
            (link_file if portion.is_linked else copy_file)(item.path, path)
        if portion.is_linked:
            portion.host.linked.append(portion.target)
        elif not portion.objects:
            os.makedirs(folder, exist_ok=True)

    def _may_be_linked(self, target: str) -> bool:
        writes = (*self.job.folders, *(output.source for output in self.job.outputs))
        folder = os.path.normpath(target)
        return self.sandboxed and not any(f"{os.path.normpath(path)}/".startswith(f"{folder}/") for path in writes)

    # ---- source code ----

    def _unpack_source(self) -> None:
        address = self.job.source_archive
        for host in self.hosts:
            archive = self.store.path(address) if address.startswith("s3://") else host.path(address)
            if archive.is_dir() and not address.startswith("s3://"):
                shutil.copytree(archive, host.path(f"{ML}/code"), dirs_exist_ok=True)
                continue
            if not archive.is_file():
                raise ExecutionError(
                    f"The source archive {address} does not exist",
                    hint=f"Put it there: deploy.py upload sourcedir.tar.gz --to {address}"
                    if address.startswith("s3://")
                    else "The input that should hold it holds other files.",
                )
            unpack(archive, host.path(f"{ML}/code"))


@cache
def _machine_hosts() -> str:
    """The names the machine knows, read once for all jobs."""
    try:
        return Path("/etc/hosts").read_text(encoding="utf-8", errors="replace").rstrip("\n") + "\n"
    except OSError:
        return "127.0.0.1\tlocalhost\n"


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tar archive that somebody else made. Raises ExecutionError for what would leave `folder`."""
    import tarfile

    try:
        with tarfile.open(archive) as tar:
            members = tar.getmembers()
            for member in members:
                if not _may_be_unpacked(member):
                    raise ExecutionError(
                        f"{archive.name} holds '{member.name}', which is refused: no links, no way out"
                    )
                _make_ordinary(member)
            tar.extraction_filter = getattr(tarfile, "data_filter", None)  # a second look, by Pythons that have it
            tar.extractall(folder, members)  # noqa: S202 - every member was looked at
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # the machine's failure, not the archive's
        raise ExecutionError(f"{archive.name} is no readable tar archive: {error}") from error


def _may_be_unpacked(member: TarInfo) -> bool:
    """A file or a folder, inside the folder it is unpacked to."""
    place = os.path.normpath(f"/x/{member.name}")
    inside = place.startswith("/x/") or (place == "/x" and member.isdir())
    return inside and not member.name.startswith("/") and (member.isreg() or member.isdir())


def _make_ordinary(member: TarInfo) -> None:
    """Its owner is who unpacks it, and may read it; nobody else may write it. Owners of another machine are nobody
    inside a sandbox."""
    member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
