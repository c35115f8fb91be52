"""The objects of a bucket in S3's order, a page at a time, without looking at more of the tree than the page needs.

What comes in: a bucket's folder and the words of a List request. What goes out: keys with their files, and groups.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Page:
    """The keys and the groups (S3's common prefixes) of an answer, in order.

    `last` is what the next page comes after, empty if there is none.
    """

    objects: tuple[tuple[str, os.stat_result], ...]
    groups: tuple[str, ...]
    last: str


def page_of(bucket: Path, prefix: str, delimiter: str, after: str, most: int) -> Page:
    """At most so many keys and groups that begin with `prefix` and come after `after`."""
    objects: list[tuple[str, os.stat_result]] = []
    groups: list[str] = []
    last = ""
    for key, status in _grouped(_walk(bucket, "", prefix, delimiter == "/", after), prefix, delimiter, after):
        if len(objects) + len(groups) == most:
            return Page(tuple(objects), tuple(groups), last)
        last = key
        if status is None:
            groups.append(key)
        else:
            objects.append((key, status))
    return Page(tuple(objects), tuple(groups), "")


Found = Iterator[tuple[str, os.stat_result | None]]


def _grouped(found: Found, prefix: str, delimiter: str, after: str) -> Found:
    """Of keys that agree up to the delimiter, only that; nothing of a group that a page has ended with."""
    before = ""
    for key, status in found:
        head, cut, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        group = prefix + head + cut if cut else ""
        if not group:
            yield key, status
        elif group not in (before, after):
            before = group
            yield group, None


def _walk(folder: Path, base: str, prefix: str, shallow: bool, after: str) -> Found:
    """The keys below `folder`, whose own is `base`, that begin with `prefix` and come after `after`. With `shallow` a
    folder behind the prefix is told by its key, if it holds anything, and not entered. Links to folders are left out,
    as everywhere in the store."""
    for name, entry in _entries(folder):
        key = base + name
        if not name.endswith("/"):
            if key.startswith(prefix) and key > after and entry.is_file():
                yield key, entry.stat()
        elif _is_on_the_way(key, prefix, after):
            if shallow and key.startswith(prefix) and key != prefix:
                if any(True for _ in _walk(Path(entry.path), key, "", False, "")):
                    yield key, None
            else:
                yield from _walk(Path(entry.path), key, prefix, shallow, after)


def _is_on_the_way(key: str, prefix: str, after: str) -> bool:
    """Whether a folder can hold keys that begin with `prefix` and come after `after`."""
    return (key.startswith(prefix) or prefix.startswith(key)) and (key > after or after.startswith(key))


def _entries(folder: Path) -> list[tuple[str, os.DirEntry[str]]]:
    """In the order of keys: a folder stands where its name with a slash stands."""
    try:
        with os.scandir(folder) as found:
            named = [
                (f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name, entry) for entry in found
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(named, key=lambda each: each[0])
