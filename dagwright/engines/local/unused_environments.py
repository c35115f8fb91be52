"""The made environments that nobody uses any more.

What comes in: their folder, since when they have to have been idle, and those that are in use. What goes out: folders,
and the files beside them, that may go while nothing runs. A run marks the environments it uses when it begins.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from dagwright.engines.local.pinned import COMPLETE
from dagwright.engines.times import moment

_MADE = re.compile(r"[0-9a-f]{16}|layer-[0-9a-f]{16}")
_HALF_MADE = re.compile(r"\.layer-[0-9a-f]{16}-[0-9]+")


def unused_environments(root: Path, before: str, in_use: Collection[Path]) -> list[Path]:
    """Those last used before that moment (ISO-8601), and those that a run was making when it was killed."""
    limit = moment(before).timestamp()
    root = Path(os.path.realpath(root))
    names = sorted(os.listdir(root)) if root.is_dir() else []
    return [path for name in names for path in _unused(root / name, limit, in_use)]


def _unused(folder: Path, limit: float, in_use: Collection[Path]) -> Iterator[Path]:
    if _HALF_MADE.fullmatch(folder.name):
        yield folder
    elif _MADE.fullmatch(folder.name) and folder not in in_use and not folder.is_symlink():
        mark = folder / COMPLETE
        status = (mark if mark.is_file() else folder).lstat()
        if status.st_mtime < limit:
            yield folder
            yield from (path for path in (folder.with_suffix(".lock"), folder.with_suffix(".txt")) if path.is_file())
