"""Objects that appear together or not at all, also if the process is killed between two of them.

What comes in: files, contents and their addresses. What goes out: the objects, on the disk by the time that is said.

    .incoming/<group>/<number>  what is to become an object; the folder is locked as long as its process lives
    .incoming/journal           which of a group's files become which objects: from here on it is decided
    .incoming                   locked by whoever decides, until all of its objects are in place

What was killed before its journal is there is discarded. A journal that is there when somebody gets the lock is of one
that was killed later: it is carried out before anything else is decided, so nothing old replaces anything new. A single
object needs no journal: its rename decides.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from dagwright.engines.local.removal import remove_tree
from dagwright.engines.local.store import Stamp, Store, copy_file, move_file, stamp_of, storage_errors
from dagwright.errors import StorageError
from dagwright.whole_files import sync

_JOURNAL = "journal"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Publication:
    """A group of objects of a store. Nothing happens before `commit`, which leaving the block without an error is.

    `wrote` is told of each object when all are there.
    """

    def __init__(self, store: Store, wrote: Callable[[str, Stamp], None]) -> None:
        self._store = store
        self._wrote = wrote
        self._incoming = incoming_of(store)
        self._brought: dict[str, Callable[[Path], None]] = {}
        """By address, what brings the content of an object to a place of its own."""

    def put(self, source: Path, uri: str, *, move: bool = False) -> None:
        """Make `source` the object `uri`: a copy, or the file itself if nobody else needs it. Permissions are lost.

        Of two for one address the last is taken. Raises StorageError for an address that is no object's.
        """
        bring = move_file if move else copy_file
        self.put_by(lambda aside: bring(source, aside), uri)

    def put_bytes(self, content: bytes, uri: str) -> None:
        """Make `content` the object `uri`."""
        self.put_by(lambda aside: _write(content, aside), uri)

    def put_by(self, bring: Callable[[Path], None], uri: str) -> None:
        """Make what `bring` writes to the path it is given the object `uri`."""
        self._brought[self._store.uri(self._store.object_path(uri))] = bring

    def drop(self) -> None:
        """Forget what was put."""
        self._brought.clear()

    def __enter__(self) -> Publication:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.commit()

    def commit(self) -> None:
        """All of it is in the store afterwards. Raises StorageError; then nothing is, unless the error says that it
        waits to be put in place."""
        if not self._brought:
            return
        with _folder_aside(self._incoming) as folder:
            stamps = self._bring(folder)
            with turn(self._store):
                self._appear(folder)
        for uri, stamp in stamps.items():
            self._wrote(uri, stamp)
        self.drop()

    def _bring(self, folder: Path) -> dict[str, Stamp]:
        """All files into the folder, and on the disk; what tells them, by address."""
        asides = {uri: folder / str(number) for number, uri in enumerate(self._brought)}
        for uri, bring in self._brought.items():
            with storage_errors(f"{uri} cannot be written"):
                bring(asides[uri])
        with storage_errors(f"{self._named()} cannot be written"):
            sync([*asides.values(), *([folder] if len(asides) > 1 else [])])
            return {uri: stamp_of(aside.stat()) for uri, aside in asides.items()}

    def _appear(self, folder: Path) -> None:
        made: list[Path] = []
        try:
            self._make_room(made)
            with storage_errors(f"{self._named()} cannot be written"):
                if len(self._brought) > 1:
                    self._decide(folder)
                    complete(self._store, made)
                else:
                    _carry_out(self._store, _Group(folder, tuple(self._brought)), made)
        except BaseException:
            for one in reversed(made):
                with suppress(OSError):  # something is in it
                    one.rmdir()
            raise

    def _named(self) -> str:
        first, *others = self._brought
        return f"{first} and {len(others)} more" if others else first

    def _make_room(self, made: list[Path]) -> None:
        """Make the folders of the objects, which are added to `made`. Raises StorageError for what a rename would not
        do: afterwards it is too late."""
        targets = {uri: self._store.path(uri) for uri in self._brought}
        for uri, target in targets.items():
            try:
                with storage_errors(f"{uri} cannot be written"):
                    _make_folder(target.parent, made)
            except StorageError as error:
                if isinstance(error.__cause__, (FileExistsError, NotADirectoryError)):
                    raise _conflict(uri) from None
                raise
        device = os.stat(self._incoming).st_dev
        for uri, target in targets.items():
            with storage_errors(f"{uri} cannot be written"):
                if _is_folder(target):
                    raise _conflict(uri)
                _require_ground(target.parent, device)

    def _decide(self, folder: Path) -> None:
        aside = folder / _JOURNAL
        _write(json.dumps({"group": folder.name, "objects": [*self._brought]}).encode(), aside)
        sync([aside])
        os.replace(aside, self._incoming / _JOURNAL)


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _conflict(uri: str) -> StorageError:
    return StorageError(
        f"{uri} cannot be kept here: one object's key is the folder of another's",
        hint="S3 allows both keys, a folder tree does not; give one of them another name.",
    )


def _is_folder(target: Path) -> bool:
    """No link is followed: a rename replaces it. Raises OSError for a name that no file can have."""
    try:
        return stat.S_ISDIR(os.lstat(target).st_mode)
    except FileNotFoundError:
        return False


def _require_ground(folder: Path, device: int) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    if os.stat(folder).st_dev != device:
        raise OSError(errno.EXDEV, f"{folder} is on another file system than the store")


def _make_folder(folder: Path, made: list[Path]) -> None:
    missing = [*takewhile(lambda one: not os.path.isdir(one), (folder, *folder.parents))]
    for one in reversed(missing):
        try:
            one.mkdir()
        except FileExistsError:
            if not os.path.isdir(one):
                raise
        else:
            made.append(one)


# ---- what is decided ----


class _Group(NamedTuple):
    """The files of a folder, by their numbers, and the addresses of the objects that they become."""

    folder: Path
    objects: tuple[str, ...]


def _decided(incoming: Path) -> _Group | None:
    """What the journal says, if there is one. Raises StorageError."""
    journal = incoming / _JOURNAL
    with storage_errors(f"{journal} cannot be read"):
        try:
            content = json.loads(journal.read_bytes())
            name, objects = str(content["group"]), tuple(map(str, content["objects"]))
            if name != os.path.basename(name) or name in ("", ".", "..") or not objects:
                raise ValueError("it names no group of objects")
            return _Group(incoming / name, objects)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise StorageError(f"{journal} was not written by dagwright: {error}", hint="Move it away.") from error


def complete(store: Store, made: list[Path]) -> None:
    """Carry out the journal, if there is one; for whoever has the turn. The folders that are made are added to `made`.

    Raises StorageError, and then it is left to whoever has the turn next.
    """
    group = _decided(incoming_of(store))
    if group:
        also = " yet, and waits with what was written with it"
        with storage_errors(f"{group.objects[0]} cannot be put in place{also}"):
            sync([incoming_of(store)])
        _carry_out(store, group, made, also)
        with suppress(OSError):  # without its files it says nothing: nor is its going synced
            (incoming_of(store) / _JOURNAL).unlink()


def _carry_out(store: Store, group: _Group, made: list[Path], also: str = "") -> None:
    """Rename each file to its object, unless that has been done. Raises StorageError, which says `also`."""
    targets = {uri: store.object_path(uri) for uri in group.objects}
    for number, (uri, target) in enumerate(targets.items()):
        with storage_errors(f"{uri} cannot be put in place{also}"):
            aside = group.folder / str(number)
            if aside.exists():
                _make_folder(target.parent, made)  # somebody may have tidied up since it was decided
                os.replace(aside, target)
    with storage_errors(f"{group.objects[0]} cannot be put in place{also}"):
        sync({*(target.parent for target in targets.values()), *(one.parent for one in made)})


def settle(store: Store) -> None:
    """Complete what processes that are gone had decided, and discard what they had not. Raises StorageError."""
    incoming = incoming_of(store)
    with storage_errors(f"{incoming} cannot be read"):
        left = os.listdir(incoming) if incoming.is_dir() else []
    if left:
        with turn(store), storage_errors(f"{incoming} cannot be cleared"):
            for name in left:
                _remove_unless_held(incoming / name)


def _remove_unless_held(path: Path) -> None:
    if not path.is_dir() or path.is_symlink():  # earlier versions had single files here
        path.unlink(missing_ok=True)
        return
    with suppress(FileNotFoundError, BlockingIOError), _opened(path) as folder:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_tree(path)


# ---- places ----


def incoming_of(store: Store) -> Path:
    """Outside every bucket, on the same file system."""
    return store.root / ".incoming"


@contextmanager
def turn(store: Store) -> Iterator[None]:
    """Nobody else decides meanwhile, and what was decided before is in place. Raises StorageError."""
    incoming = incoming_of(store)
    with storage_errors(f"{incoming} cannot be locked"):
        incoming.mkdir(parents=True, exist_ok=True)
        folder = os.open(incoming, _FOLDER)
    try:
        with storage_errors(f"{incoming} cannot be locked"):
            fcntl.flock(folder, fcntl.LOCK_EX)
        complete(store, [])
        yield
    finally:
        os.close(folder)


@contextmanager
def _folder_aside(incoming: Path) -> Iterator[Path]:
    """A new folder that nobody removes as long as this process lives. It goes, unless what is in it has been decided
    to become objects."""
    with storage_errors(f"A folder in {incoming} cannot be made"):
        folder, descriptor = _new_folder(incoming)
    try:
        yield folder
    finally:
        group = _decided(incoming)
        if group is None or group.folder != folder:
            remove_tree(folder)
        os.close(descriptor)


def _new_folder(incoming: Path) -> tuple[Path, int]:
    """A folder, and the descriptor that holds its lock; until it is locked, somebody who settles may remove it."""
    while True:
        folder = incoming / uuid.uuid4().hex
        folder.mkdir(parents=True)
        with suppress(FileNotFoundError):
            descriptor = os.open(folder, _FOLDER)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if folder.exists():
                return folder, descriptor
            os.close(descriptor)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
