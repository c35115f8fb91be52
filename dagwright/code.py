"""Code on its way to S3: a script or a folder comes in, an Asset at a content-hashed address goes out.

The hash covers relative names, bytes and the executable bit, so the same code has the same address in every
checkout; nothing here depends on a clock or on the order in which a file system lists its files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath

from dagwright.errors import StorageError

_IGNORED_FOLDERS = frozenset({"__pycache__", ".git"})
_NEARBY_LIMIT = 2000

RUNPROC = """\
#!/bin/bash
# Unpacks the source folder, installs what it asks for, and runs the program with the job's arguments.
set -euo pipefail
cd /opt/ml/processing/input/code
tar -xzf sourcedir.tar.gz
if [[ -f requirements.txt ]]; then
    python3 -m pip install --quiet -r requirements.txt
fi
exec {command} "$@"
"""


@dataclass(frozen=True)
class Asset:
    """One object to put into S3 before a run: `uri`, and either the file at `path` or what `build()` returns."""

    uri: str
    path: Path | None = None
    build: Callable[[], bytes] | None = field(default=None, compare=False, repr=False)

    def content(self) -> bytes:
        """The object's bytes."""
        if self.build is not None:
            return self.build()
        assert self.path is not None  # noqa: S101 - one of the two is always set
        return self.path.read_bytes()


@dataclass(frozen=True)
class SourceFile:
    """A file below a source folder: its name relative to it with forward slashes, its place, its executable bit."""

    name: str
    path: Path
    executable: bool


def script(path: Path, root: Path) -> SourceFile:
    """The one file at `path` (relative to `root`); StorageError with the nearest existing file when it is not there."""
    place = root / path
    if not place.is_file():
        raise StorageError(f"{path} does not exist", hint=nearest_file(path, root))
    return SourceFile(place.name, place, _executable(place))


def folder(path: Path, root: Path) -> tuple[SourceFile, ...]:
    """All files below `path` (relative to `root`), sorted by name, without __pycache__, *.pyc and .git.

    Raises StorageError for a folder that is not there or is empty, and for a link to a folder, which is not followed.
    """
    top = root / path
    if not top.is_dir():
        raise StorageError(f"{path} is not a folder", hint=nearest_file(path, root))
    found = tuple(sorted(_files(top), key=lambda file: file.name))
    if not found:
        raise StorageError(f"{path} holds no files")
    return found


def _files(top: Path) -> Iterator[SourceFile]:
    for here, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name not in _IGNORED_FOLDERS]
        for name in folders:
            if os.path.islink(os.path.join(here, name)):
                link = os.path.join(here, name)
                raise StorageError(f"{link} is a link to a folder", hint="put the files there themselves")
        for name in names:
            if not name.endswith(".pyc"):
                path = Path(here, name)
                yield SourceFile(path.relative_to(top).as_posix(), path, _executable(path))


def _executable(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o100)


def content_hash(files: tuple[SourceFile, ...]) -> str:
    """SHA-256 over each file's relative name, executable bit and bytes, in the given order; 64 hexadecimal digits."""
    whole = sha256()
    for file in files:
        name = file.name.encode()
        whole.update(b"%d:%s%d%s" % (len(name), name, file.executable, sha256(file.path.read_bytes()).digest()))
    return whole.hexdigest()


def tarball(files: tuple[SourceFile, ...]) -> bytes:
    """A gzipped tar of the files that comes out the same every time: no times, owners or surprising modes."""
    import gzip
    import io
    import tarfile

    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for file in files:
            content = file.path.read_bytes()
            entry = tarfile.TarInfo(file.name)
            entry.size = len(content)
            entry.mode = 0o755 if file.executable else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def runproc(command: list[str], program: str) -> bytes:
    """The shell script that starts a program out of a packed source folder."""
    import shlex

    return RUNPROC.format(command=shlex.join([*command, program])).encode()


def nearest_file(path: Path, root: Path) -> str:
    """The existing file most like `path` below the nearest folder that exists, as a hint; "" if none is like it."""
    from difflib import get_close_matches

    base = root / path
    while not base.is_dir() and base != base.parent:
        base = base.parent
    names = list(_nearby(base, root))
    wanted = PurePosixPath(path).as_posix()
    same_name = [name for name in names if PurePosixPath(name).name == PurePosixPath(wanted).name]
    near = same_name[:1] or get_close_matches(wanted, names, n=1, cutoff=0.5)
    return f"the nearest file is {near[0]}" if near else f"looked below {root}"


def _nearby(base: Path, root: Path) -> Iterator[str]:
    """Files below `base`, named as seen from `root`; hidden folders and anything past a few thousand are left out."""
    count = 0
    for here, folders, names in os.walk(base):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        for name in sorted(names):
            count += 1
            if count > _NEARBY_LIMIT:
                return
            yield Path(os.path.relpath(os.path.join(here, name), root)).as_posix()
