"""Puts the files of a job in place before it starts: folders, configuration, inputs, source code.

What comes in: a `Job`, its hosts, the store. What goes out: each host's folder as the container would find `/opt/ml`.
"""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dagwright.engines.local.job import ML, Host, Input, Job
from dagwright.engines.local.store import Store, StoredObject, copy_file, link_file
from dagwright.errors import ExecutionError


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
        """Raises ExecutionError for an input that is not there, StorageError for an impossible address, OSError."""
        for output in self.job.outputs:
            self.store.path(output.uri)  # better refused now than when the work is done
        hosts_file = self._hosts_file() if self.sandboxed else ""
        for host in self.hosts:
            self._lay_out(host, hosts_file)
        for given in self.job.inputs:
            self._stage_input(given)
        if self.job.source_archive and not self.cancelled():
            self._unpack_source()

    def _lay_out(self, host: Host, hosts_file: str) -> None:
        os.makedirs(host.folder / "ml")
        os.mkdir(host.folder / "tmp")
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
        """The machine's names and the job's hosts; each job has addresses of its own, so that ports do not collide."""
        number = zlib.crc32(self.job.name.encode())
        network = f"127.{1 + number % 254}.{number >> 8 & 255}"
        own = [f"{network}.{place}\t{name}" for place, name in enumerate(self.job.hosts, start=1)]
        try:
            machine = Path("/etc/hosts").read_text(encoding="utf-8", errors="replace")
        except OSError:
            machine = "127.0.0.1\tlocalhost\n"
        return machine.rstrip("\n") + "\n" + "\n".join(own) + "\n"

    # ---- inputs ----

    def _stage_input(self, given: Input) -> None:
        found = self.store.objects(given.uri)
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
        linked = self._is_linked(target, objects)
        folder = host.path(target)
        made: set[Path] = set()
        for item in objects:
            if self.cancelled():
                return
            path = folder / item.name
            if path.parent not in made:
                made.add(path.parent)
                os.makedirs(path.parent, exist_ok=True)
            (link_file if linked else copy_file)(item.path, path)
        if linked:
            host.linked.append(target)
        elif not objects:
            os.makedirs(folder, exist_ok=True)

    def _is_linked(self, target: str, objects: list[StoredObject]) -> bool:
        writes = (*self.job.folders, *(output.source for output in self.job.outputs))
        folder = os.path.normpath(target)
        if not self.sandboxed or any(f"{os.path.normpath(path)}/".startswith(f"{folder}/") for path in writes):
            return False
        return bool(objects) and sum(item.path.stat().st_size for item in objects) >= self.link_from_bytes

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
            # Pythons that have it also leave out owners, which would be nobody inside a sandbox
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(folder)  # noqa: S202 - every member was looked at
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # the machine's failure, not the archive's
        raise ExecutionError(f"{archive.name} is no readable tar archive: {error}") from error
