"""Code on its way to S3: a script or a folder comes in, an Asset at a content-hashed address goes out.

The hash covers relative names, bytes and, in a folder, the executable bit, so the same code has the same address in
every checkout; a lone script is started by its interpreter, and its bit does not count. Nothing here depends on a clock
or on the order in which a file system lists its files. What version control, Python and editors leave behind (.git,
.venv, __pycache__, *.pyc, .ipynb_checkpoints, .mypy_cache, .pytest_cache, .ruff_cache, .DS_Store) is neither packed nor
hashed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import NoReturn

from dagwright.errors import InternalError, StorageError

_IGNORED = frozenset(
    {
        ".DS_Store",
        ".git",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".venv",
        "__pycache__",
    }
)
_NEARBY_LIMIT = 2000
_LONGEST_SHOWN = 200
_CHUNK = 1 << 20

RUNPROC = """\
#!/bin/bash
# Unpacks the source folder, installs what it asks for, and runs the program with the job's arguments.
# The folder is found from here, not by its name: a local run without a sandbox has it elsewhere.
set -euo pipefail
cd "${{BASH_SOURCE[0]%/*}}/../code"
tar -xzf sourcedir.tar.gz
if [[ -f requirements.txt ]]; then
    python3 -m pip install --quiet -r requirements.txt
fi
exec {command} "$@"
"""


@dataclass(frozen=True)
class Asset:
    """One object to put into S3 before a run: `uri`, and either the file at `path` or what `build()` returns.

    `origin` is what it is made of, as the pipeline names it: `scripts/train.py`.
    """

    uri: str
    path: Path | None = None
    build: Callable[[], bytes] | None = field(default=None, compare=False, repr=False)
    origin: str = field(default="", compare=False)

    def content(self) -> bytes:
        """The object's bytes. Raises StorageError when the file cannot be read any more."""
        if self.build is not None:
            return self.build()
        if self.path is None:
            raise InternalError(f"the code for {self.uri} has neither a file nor a way to build it")
        return _bytes(self.path, str(self.path))


@dataclass(frozen=True)
class SourceFile:
    """A file below a source folder: its name relative to it with forward slashes, its place, its executable bit."""

    name: str
    path: Path
    executable: bool


def script(path: Path, root: Path) -> SourceFile:
    """The one file at `path` (relative to `root`); StorageError with the nearest existing file when it is not there."""
    place = root / path
    if not _is(place.is_file):
        what = "is a folder, not a file" if _is(place.is_dir) else "does not exist"
        raise StorageError(f"{_spelled(path)} {what}", hint=nearest_file(path, root))
    return SourceFile(place.name, place, executable=False)


def folder(path: Path, root: Path) -> tuple[SourceFile, ...]:
    """All files below `path` (relative to `root`), sorted by name, without what is ignored.

    Raises StorageError for a folder that is not there or is empty, and for what cannot be packed: a link to a folder,
    which is not followed, a link to nothing, a pipe or a device.
    """
    top = root / path
    if not _is(top.is_dir):
        raise StorageError(f"{_spelled(path)} is not a folder", hint=nearest_file(path, root))
    found = tuple(sorted(_files(top), key=lambda file: file.name))
    if not found:
        raise StorageError(f"{path} holds no files")
    return found


def _is(question: Callable[[], bool]) -> bool:
    """The answer about a path; no for what no path can be: longer than the system takes, or half a surrogate pair."""
    try:
        return question()
    except (OSError, ValueError):
        return False


def _spelled(path: Path) -> str:
    """A path as a sentence can hold it."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _files(top: Path) -> Iterator[SourceFile]:
    for here, folders, names in os.walk(top, onerror=_unreadable):
        folders[:] = [name for name in folders if name not in _IGNORED]
        for name in folders:
            if os.path.islink(os.path.join(here, name)):
                link = os.path.join(here, name)
                raise StorageError(f"{link} is a link to a folder", hint="put the files there themselves")
        for name in names:
            if name not in _IGNORED and not name.endswith(".pyc"):
                path = Path(here, name)
                yield SourceFile(path.relative_to(top).as_posix(), path, _executable(path))


def _unreadable(error: OSError) -> NoReturn:
    raise StorageError(f"{error.filename} cannot be read: {error.strerror}") from error


def _executable(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        hint = "put the file there itself, or remove the link"
        raise StorageError(f"{path} is a link to nothing", hint=hint) from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    if not S_ISREG(mode):
        raise StorageError(f"{path} is not a file that can be packed", hint="remove the pipe, socket or device")
    return bool(mode & 0o100)


def _bytes(path: Path, name: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError(f"{name} cannot be read: {error.strerror}") from error


def content_hash(files: tuple[SourceFile, ...]) -> str:
    """SHA-256 over each file's relative name, executable bit and bytes, in the given order; 64 hexadecimal digits.

    Raises StorageError for a file that cannot be read.
    """
    whole = sha256()
    for file in files:
        name = os.fsencode(file.name)
        content = _hash(file.path, file.name)
        whole.update(b"%d:%s%d%s" % (len(name), name, file.executable, content))
    return whole.hexdigest()


def _hash(path: Path, name: str) -> bytes:
    """Of a file's bytes, read piece by piece: data may be larger than memory."""
    whole = sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(_CHUNK):
                whole.update(piece)
    except OSError as error:
        raise StorageError(f"{name} cannot be read: {error.strerror}") from error
    return whole.digest()


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
            content = _bytes(file.path, file.name)
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
    while not _is(base.is_dir) and base != base.parent:
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
