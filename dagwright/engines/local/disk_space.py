"""Whether the disk has room for what is about to be copied: asked before, so that nothing is left half done.

What comes in: files, or bytes, and the folder that they go to. What goes out: nothing, or a StorageError that says what
is needed and what is free. Others may take the room meanwhile: a disk that fills up is a sentence all the same.
"""

from __future__ import annotations

import os
from pathlib import Path

from dagwright.errors import StorageError

HINT = "Free space, as deploy.py clean --older-than 30d does; .dagwright may be a link to a larger disk."
# What is left alone: logs and the record need some as well.
_RESERVE_BYTES, _RESERVE_SHARE = 64 << 20, 100
_FULL_BYTES = 64 << 10
_FICLONE = 0x40049409  # linux/fs.h: one file becomes the same blocks as another
_UNITS = ("B", "KiB", "MiB", "GiB")


def require_room(folder: Path, needed: int, what: str, sample: Path | None = None) -> None:
    """Raises StorageError if so many bytes do not fit where `folder` is, or will be, beside a small reserve.

    `sample` is one of the files: copies that share the blocks of what they copy take no room.
    """
    if not needed:
        return
    while not folder.exists():
        folder = folder.parent
    state = os.statvfs(folder)
    free, whole = state.f_bavail * state.f_frsize, state.f_blocks * state.f_frsize
    reserve = min(_RESERVE_BYTES, whole // _RESERVE_SHARE)
    if not whole or needed + reserve <= free or (sample and _shares_blocks(sample, folder)):
        return
    raise StorageError(
        f"There is no room for {what}: that takes {_shown(needed)}, and the disk of {folder} has {_shown(free)} free",
        hint=HINT,
    )


def full_disk(folder: Path) -> str:
    """What to say of a failure on a disk without any room left; empty if there is some.

    A program that could not write its files could often not write why either.
    """
    state = os.statvfs(folder)
    if not state.f_blocks or state.f_bavail * state.f_frsize >= _FULL_BYTES:
        return ""
    return f"the disk of {folder} is full: {HINT[0].lower()}{HINT[1:]}"


def _shares_blocks(sample: Path, folder: Path) -> bool:
    """Whether a copy of a file there would be the same blocks again: found out by making one."""
    import fcntl
    import tempfile

    try:
        with open(sample, "rb") as source, tempfile.TemporaryFile(dir=folder) as target:
            fcntl.ioctl(target, _FICLONE, source.fileno())
    except OSError:
        return False
    return True


def _shown(count: int) -> str:
    """`812 B`, `12.4 KiB`, `3.1 GiB`."""
    value = float(count)
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            return f"{value:,.1f} {unit}" if unit != "B" else f"{count} B"
        value /= 1024
    raise AssertionError
