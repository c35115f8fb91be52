"""S3 as a folder tree: `s3://bucket/key` is the file `<root>/<bucket>/<key>`.

What comes in: S3 addresses and local files. What goes out: objects, whole or not at all: an object appears by a rename,
and is on the disk by then; `publication` makes several appear together. No address leads out of the tree.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from dagwright.engines.addresses import split_uri
from dagwright.engines.local.disk_space import HINT, require_room
from dagwright.errors import StorageError

if TYPE_CHECKING:
    from dagwright.engines.local.publication import Publication

_MANY_BYTES = 1 << 30
_PERMISSIONS = 0o644


@dataclass(frozen=True)
class StoredObject:
    """An object below an address: its file, and the rest of its key behind that address (`part-1.csv`)."""

    path: Path
    name: str


class Stamp(NamedTuple):
    """What tells a file from one that is written later under its name."""

    inode: int
    modified_ns: int
    size: int

    def is_of(self, other: Stamp) -> bool:
        """Whether both are of one object, though the whole tree may have been copied since: an object is dated when it
        is put, never by who made the file."""
        return self[1:] == other[1:]


def stamp_of(status: os.stat_result) -> Stamp:
    return Stamp(status.st_ino, status.st_mtime_ns, status.st_size)


def _nobody(uri: str, stamp: Stamp) -> None: ...


class Store:
    """The objects of the local runs of one project. `wrote` is told of each object that is put."""

    def __init__(self, root: Path, wrote: Callable[[str, Stamp], None] = _nobody) -> None:
        self.root = root
        self._wrote = wrote

    def telling(self, wrote: Callable[[str, Stamp], None]) -> Store:
        """The same store, for somebody whose objects `wrote` is to be told of."""
        return Store(self.root, wrote)

    def stamp(self, uri: str) -> Stamp | None:
        """What tells the object `uri` from those that were or will be there; None if there is none."""
        with storage_errors(f"{uri} cannot be read"):
            try:
                return stamp_of(self.path(uri).stat())
            except (FileNotFoundError, NotADirectoryError):
                return None

    def path(self, uri: str) -> Path:
        """Where the object or prefix `uri` lies. Raises StorageError if it is no S3 address inside the tree."""
        bucket, parts = split_uri(uri)
        return self.root.joinpath(bucket, *parts)

    def uri(self, path: Path) -> str:
        """The address of a file of the tree."""
        return "s3://" + path.relative_to(self.root).as_posix()

    def objects(self, uri: str) -> list[StoredObject]:
        """What S3 finds under a prefix, sorted by key: the one object, else all below that folder, else the siblings
        whose keys begin so. Empty if there is nothing."""
        with storage_errors(f"{uri} cannot be read"):
            return self._objects(self.path(uri), uri)

    def _objects(self, path: Path, uri: str) -> list[StoredObject]:
        if os.path.isfile(path):
            return [StoredObject(path, path.name)]
        if os.path.isdir(path):
            return [StoredObject(file, file.relative_to(path).as_posix()) for file in _files(path)]
        siblings = sorted(_siblings(path, uri))
        found = (file for entry in siblings for file in ([entry] if entry.is_file() else _files(entry)))
        return [StoredObject(file, file.relative_to(path.parent).as_posix()) for file in found]

    def holds(self, uri: str) -> bool:
        """Whether `objects` would find anything; looks no further than the first."""
        path = self.path(uri)
        with storage_errors(f"{uri} cannot be read"):
            begun = [path] if os.path.exists(path) else _siblings(path, uri)
            return any(entry.is_file() or any(True for _ in _below(entry)) for entry in begun)

    def read_text(self, uri: str) -> str:
        """The text of an object. Raises StorageError if there is none or it is not UTF-8."""
        try:
            return self.path(uri).read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            raise StorageError(f"There is no object {uri}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise StorageError(f"{uri} cannot be read: {error}") from error

    def require_room(self, sources: Iterable[Path]) -> None:
        """Raises StorageError if copies of these files do not fit on its disk."""
        files = list(sources)
        with storage_errors(f"{self.root} cannot be written"):
            require_room(self.root, sum(path.stat().st_size for path in files), f"{len(files)} files", *files[:1])

    def group(self) -> Publication:
        """What is put into it appears together, or not at all."""
        from dagwright.engines.local.publication import Publication

        return Publication(self, self._wrote)

    def put(self, source: Path, uri: str, *, move: bool = False) -> None:
        """Make `source` the object `uri`: a copy, or the file itself if nobody else needs it. Permissions are lost."""
        with self.group() as alone:
            alone.put(source, uri, move=move)

    def put_unchanged(self, source: int, uri: str, is_unchanged: Callable[[], bool]) -> bool:
        """Make the open file `source` the object `uri`, if `is_unchanged` says after copying that it is whole."""

        def bring(aside: Path) -> None:
            with open(source, "rb", closefd=False) as reader, _new_file(aside) as writer:
                _copy(reader, writer)
            if not is_unchanged():
                raise _ChangedError

        try:
            with self.group() as alone:
                alone.put_by(bring, uri)
        except _ChangedError:
            return False
        return True

    def put_bytes(self, content: bytes, uri: str) -> None:
        """Make `content` the object `uri`."""
        with self.group() as alone:
            alone.put_bytes(content, uri)

    def remove(self, uri: str) -> None:
        """There is no object `uri` any more, if there was one."""
        from dagwright.engines.local.publication import turn

        path = self.object_path(uri)
        with turn(self), storage_errors(f"{uri} cannot be removed"):
            path.unlink(missing_ok=True)

    def settle(self) -> None:
        """Put in place what killed processes had still to put there, and discard what they had not yet decided on.

        Raises StorageError.
        """
        from dagwright.engines.local.publication import settle

        settle(self)

    def object_path(self, uri: str) -> Path:
        """Where the object lies, or would. Raises StorageError for an address that is a folder's, or none."""
        _, parts = split_uri(uri)
        if not parts or uri.endswith("/"):
            raise StorageError(f"{uri} names a folder, not an object", hint="Add a name: s3://bucket/folder/name.")
        return self.path(uri)


class _ChangedError(Exception):
    """A file is no longer what it was."""


class storage_errors:  # noqa: N801 - a context manager reads as a verb phrase
    """Turns the machine's errors inside the block into a StorageError that says what could not be done and why."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: object, _: object) -> None:
        if isinstance(error, OSError):
            raise StorageError(f"{self.what}: {error.strerror or error}", hint=_remedy(error)) from error


def _remedy(error: OSError) -> str:
    import errno

    return {
        errno.ENOSPC: f"The disk is full: {HINT[0].lower()}{HINT[1:]}",
        errno.EDQUOT: "Your disk quota is used up: free space.",
        errno.EACCES: "Check the owner and permissions.",
        errno.EPERM: "Check the owner and permissions.",
        errno.EISDIR: "Something else is in its place: move that away.",
        errno.ENOTDIR: "Something else is in its place: move that away.",
        errno.EEXIST: "Something else is in its place: move that away.",
        errno.EROFS: "That file system is read-only.",
        errno.ENAMETOOLONG: "A part of the name is longer than a file name may be on this machine.",
    }.get(error.errno or 0, "")


def _siblings(path: Path, uri: str) -> Iterator[Path]:
    """What lies beside `path` under a name that begins with its name."""
    if not uri.endswith("/") and os.path.isdir(path.parent):
        yield from (entry for entry in path.parent.iterdir() if entry.name.startswith(path.name))


def _files(folder: Path) -> Iterator[Path]:
    """Every regular file below `folder`, sorted by key."""
    return iter(sorted(_below(folder), key=lambda file: file.as_posix()))


def _below(folder: Path) -> Iterator[Path]:
    """Every regular file below `folder`; symbolic links to files count, links to folders do not."""
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(Path(entry.path))
                elif entry.is_file():
                    yield Path(entry.path)


def copy_file(source: Path, target: Path) -> None:
    """A copy that shares its blocks where the file system can. A file in its place is replaced, never written into: it
    may be another name of an object."""
    with open(source, "rb") as reader, _new_file(target) as writer:
        _copy(reader, writer)


def _copy(reader: BinaryIO, writer: BinaryIO) -> None:
    if not _copied_by_kernel(reader.fileno(), writer.fileno()):
        shutil.copyfileobj(reader, writer, 1 << 20)


def _new_file(path: Path) -> BinaryIO:
    try:
        return open(path, "xb")
    except FileExistsError:
        os.unlink(path)
        return open(path, "xb")


def _copied_by_kernel(source: int, target: int) -> bool:
    if not hasattr(os, "copy_file_range"):
        return False
    try:
        while os.copy_file_range(source, target, _MANY_BYTES):
            pass
    except OSError:
        os.ftruncate(target, 0)
        os.lseek(source, 0, os.SEEK_SET)
        os.lseek(target, 0, os.SEEK_SET)
        return False
    return True


def move_file(source: Path, target: Path) -> None:
    """Also to another file system: the tree may be a link or a mount."""
    import errno

    try:
        os.replace(source, target)
        os.chmod(target, _PERMISSIONS)
        os.utime(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy_file(source, target)
        os.unlink(source)


def link_file(source: Path, target: Path) -> None:
    """A second name for the same bytes: for readers only. A copy where links do not reach."""
    try:
        os.link(os.path.realpath(source), target)  # not a second name of a symbolic link, which may lead nowhere there
    except OSError:
        copy_file(source, target)
