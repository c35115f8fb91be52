"""Files that are there whole, or stay as they were, however the process ends.

What comes in: a path and its content. What goes out: the file, on the disk by the time that is said.
"""

from __future__ import annotations

import os
import re
import stat
import uuid
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

_FEW = 16  # from here on one call for the file system costs less than one for each file
_LONGEST_NAME = 50  # so that a name beside it is no longer than a name may be, in four bytes a letter


def write_whole(path: Path, content: bytes, mode: int | None = None) -> None:
    """Make `content` the file: it is there and on the disk afterwards, or is what it was. Raises OSError.

    Without a `mode` it keeps its own. What an earlier process, killed on the way, has left beside it goes.
    """
    remove_abandoned(path.parent, path.name)
    aside = beside(path)
    try:
        aside.write_bytes(content)
        if mode is not None or path.exists():
            aside.chmod(stat.S_IMODE(path.stat().st_mode) if mode is None else mode)
        sync([aside])
        os.replace(aside, path)
        sync([path.parent])
    finally:
        aside.unlink(missing_ok=True)


def beside(path: Path) -> Path:
    """A new name in the same folder for what is not whole yet; it says which process is at it."""
    return path.with_name(f".{path.name[:_LONGEST_NAME]}.{os.getpid()}-{uuid.uuid4().hex[:8]}")


def remove_abandoned(folder: Path, name: str = "") -> None:
    """Remove what processes that are gone were making in `folder`: of one file, or of all."""
    whose = re.escape(name[:_LONGEST_NAME]) if name else ".+"
    form = re.compile(rf"\.{whose}\.(\d+)-[0-9a-f]{{8}}", re.DOTALL)
    with suppress(OSError):
        for entry in os.listdir(folder):
            found = form.fullmatch(entry)
            if found and not _lives(int(found[1])):
                _remove(folder / entry)


def _remove(path: Path) -> None:
    import shutil

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def sync(paths: Collection[Path]) -> None:
    """Get files and folders of one file system to the disk: contents, and which names a folder has. Raises OSError."""
    if len(paths) > _FEW and _sync_file_system(next(iter(paths))):
        return
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_all(folder: Path) -> None:
    """The same for everything below a folder that has too many files to name them. Raises OSError."""
    if not _sync_file_system(folder):
        os.sync()


def _sync_file_system(path: Path) -> bool:
    """False where the system has no such call: it is Linux's own."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    if not hasattr(library, "syncfs"):
        return False
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if library.syncfs(descriptor):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
    finally:
        os.close(descriptor)
    return True
