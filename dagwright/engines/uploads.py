"""What becomes an object where, when files and folders are put below an address.

What comes in: paths of this machine and an S3 address. What goes out: each file with the address it gets.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dagwright.errors import StorageError


def uploads(names: Sequence[str], prefix: str) -> list[tuple[Path, str]]:
    """(file, its address) of every file. Raises StorageError for what is not there, what could not be read, and two
    files that would become one object."""
    pairs = list(_pairs(names, prefix))
    _refuse_collisions(pairs)
    return pairs


def mapped(places: Mapping[str, str]) -> list[tuple[Path, str]]:
    """The same for several addresses, each with the file or folder that comes there. Raises StorageError."""
    pairs = [pair for prefix, name in places.items() for pair in uploads([name], prefix)]
    _refuse_collisions(pairs)
    return pairs


def _pairs(names: Sequence[str], prefix: str) -> Iterator[tuple[Path, str]]:
    """(file, its address): a file lands below the prefix under its name, unless the prefix ends in a file's name
    itself; a folder's files land below it under their names in it."""
    missing = [name for name in names if not os.path.exists(name)]
    if missing:
        raise StorageError(f"There is no file or folder {', '.join(missing)}")
    base = prefix.rstrip("/")
    for name in names:
        path = Path(name)
        if path.is_file():
            whole = len(names) == 1 and not prefix.endswith("/") and _is_file_name(base.rpartition("/")[2], path)
            yield path, base if whole else f"{base}/{path.name}"
            continue
        if not path.is_dir():
            raise StorageError(f"{name} is neither a file nor a folder")
        files = sorted(files_below(path))
        if not files:
            raise StorageError(f"The folder {name} holds no files")
        for file in files:
            yield file, f"{base}/{file.relative_to(path).as_posix()}"


def _is_file_name(last: str, path: Path) -> bool:
    return last == path.name or (Path(last).suffix == path.suffix != "")


def files_below(top: Path) -> Iterator[Path]:
    """Every file below a folder. Raises StorageError for what would be left out or could not be read."""
    for folder, folders, names in os.walk(top):
        for name in folders:
            if Path(folder, name).is_symlink():
                raise StorageError(f"{folder}/{name} is a link to a folder", hint="Upload what it points to by itself.")
        for name in names:
            path = Path(folder, name)
            if not path.is_file():
                raise StorageError(
                    f"{path} is no regular file, or a link to nothing", hint="Take it out of the folder."
                )
            yield path


def _refuse_collisions(pairs: list[tuple[Path, str]]) -> None:
    first: dict[str, Path] = {}
    for path, uri in pairs:
        if uri in first:
            raise StorageError(f"{first[uri]} and {path} would both become {uri}", hint="Upload them to two prefixes.")
        first[uri] = path
