"""The files below a folder of a job that is running, and may change anything at any moment.

What comes in: a host and a folder of its. What goes out: the files there, each with the open folder that it is in. No
name is trusted twice: every folder is opened by its name in the open folder above, never through a link. What the job
takes away meanwhile, or nobody may look into, is not there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dagwright.engines.local.job import ML, Host

_DEEPEST = 100  # folders inside each other, as each is held open; what is deeper waits for the end of the job
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def files_below(host: Host, container_path: str) -> Iterator[tuple[str, str, int]]:
    """(its name below the folder, its own name, the descriptor of the folder that it is in) of whatever is neither a
    folder nor a link, in order. The descriptor is good until the next one is asked for."""
    top = host.path(ML)
    with suppress(OSError), opened(top, host.path(container_path).relative_to(top).parts) as folder:
        yield from _files(folder, "")


@contextmanager
def opened(top: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """The folder at the end of a way below `top`. Raises OSError."""
    folder = os.open(top, _FOLDER)
    try:
        for part in parts:
            above, folder = folder, os.open(part, _FOLDER, dir_fd=folder)
            os.close(above)
        yield folder
    finally:
        os.close(folder)


def _files(folder: int, above: str) -> Iterator[tuple[str, str, int]]:
    with os.scandir(folder) as entries:
        found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries if not entry.is_symlink())
    for name, is_folder in found:
        if not is_folder:
            yield f"{above}{name}", name, folder
        elif above.count("/") < _DEEPEST:
            with suppress(OSError):
                inside = os.open(name, _FOLDER, dir_fd=folder)
                try:
                    yield from _files(inside, f"{above}{name}/")
                finally:
                    os.close(inside)
