"""Takes what a job wrote: its output folders become objects.

What comes in: a `Job` that has ended, and its hosts. What goes out: the job's objects in the store, together or not at
all; those that are published always are for themselves, as they are while the job runs. No link that a job made is
followed.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import dropwhile, takewhile
from operator import itemgetter
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from dagwright.engines.local.job import Host, Job, JobEnding, Output, make_readable, normal
from dagwright.engines.local.store import Store, stamp_of

if TYPE_CHECKING:
    from dagwright.engines.local.publication import Publication


def publish(job: Job, hosts: list[Host], store: Store, result: Publication, ending: JobEnding) -> JobEnding:
    """The outputs of a job that completed, together with what is in `result` already; of another only those that are
    published always. The latter come first: what they are for is what goes wrong.

    The ending again, with the outputs nothing was found in, and notes on files that several hosts gave one name.
    Raises ExecutionError, StorageError.
    """
    shared = _shared(output.source for output in job.outputs)
    found: dict[int, Counter[str]] = {}
    for place, output in enumerate(job.outputs):
        if output.restored:
            found[place] = Counter(keep_checkpoints(output, hosts, store))
        elif output.always:
            with store.group() as group:
                found[place] = _publish_output(output, hosts, group, shared)
    for place, output in enumerate(job.outputs):
        if ending.outcome == "Completed" and not output.always:
            found[place] = _publish_output(output, hosts, result, shared)
    result.commit()
    each = [(job.outputs[place].uri, written) for place, written in sorted(found.items(), key=itemgetter(0))]
    empty = tuple(uri for uri, written in each if not written)
    clashes = (note for uri, written in each for note in _clashes(uri, written))
    return replace(ending, empty_outputs=empty, notes=(*ending.notes, *clashes))


def _clashes(uri: str, written: Counter[str]) -> Iterator[str]:
    """A note if there are files that several hosts wrote, of which one object came to be."""
    several = [name for name, hosts in written.items() if hosts > 1]
    if several:
        more = f" and {len(several) - 1} more" if len(several) > 1 else ""
        first = key_below(uri, several[0])
        yield f"{written[several[0]]} hosts wrote {first}{more}: the last one's is kept, so give each its own name"


def _shared(sources: Iterable[str]) -> set[str]:
    """The folders whose files belong to several outputs: named twice, or one inside the other."""
    count = Counter(normal(source) for source in sources)
    shared = {folder for folder, times in count.items() if times > 1}
    for folder in count:
        above = [str(parent) for parent in PurePosixPath(folder).parents if str(parent) in count]
        shared.update([folder, *above] if above else [])
    return shared


def _publish_output(output: Output, hosts: list[Host], group: Publication, shared: set[str]) -> Counter[str]:
    """Make each regular file an object: the file itself, or a copy where others need it; symbolic links stay behind, as
    on SageMaker. The names of the files, and on how many hosts they are."""
    written: Counter[str] = Counter()
    for host in hosts:
        found = _files(host.written(output.source))
        for name, path in found.items():
            only_name = path.lstat().st_nlink == 1  # another name of the same file could change the object later
            move = only_name and normal(output.source) not in shared
            group.put(path, key_below(output.uri, name), move=move)
        written.update(found.keys())
    return written


def _files(folder: Path) -> dict[str, Path]:
    """The regular files below a folder, by their names there; no link is among them or followed."""
    paths = (directory / name for directory, _, names in walk(folder) for name in names)
    return {path.relative_to(folder).as_posix(): path for path in paths if stat.S_ISREG(path.lstat().st_mode)}


def keep_checkpoints(output: Output, hosts: list[Host], store: Store) -> set[str]:
    """Make the objects of `output` what its folder has become; the names of the files in it, on all hosts together.

    As on SageMaker all hosts have one address, and a file that a host removes is removed there too. Of a name that
    several hosts have written, the last upload is kept, and it stays as long as one of them has its own file of it; one
    that a host has left as the store has it is no news. What is new is there before what is old goes, unless it needs
    its place.
    """
    found = [_files(host.written(output.source)) for host in hosts]
    own: set[str] = set()
    removed: set[str] = set()
    for host, files in zip(hosts, found, strict=True):
        restored = host.restored.get(output.source, {})
        own |= {name for name, path in files.items() if restored.get(name) != stamp_of(path.lstat())}
        removed |= host.kept.get(output.source, {}).keys() - files.keys()
    names = set().union(*found)
    in_the_way = {str(folder) for name in names for folder in PurePosixPath(name).parents}
    gone = sorted(removed - own, key=lambda name: name not in in_the_way)
    for name in takewhile(in_the_way.__contains__, gone):
        store.remove(key_below(output.uri, name))
    with store.group() as group:
        for host, files in zip(hosts, found, strict=True):
            kept = host.kept.get(output.source, {})
            for name, path in files.items():
                status = path.lstat()
                if kept.get(name) != stamp_of(status):
                    group.put(path, key_below(output.uri, name), move=status.st_nlink == 1)
    for name in dropwhile(in_the_way.__contains__, gone):
        store.remove(key_below(output.uri, name))
    return names


def key_below(uri: str, name: str) -> str:
    """The address of the file `name` of an output that goes to `uri`."""
    return f"{uri.rstrip('/')}/{name}"


def walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """(folder, its folders, its other entries), in order, for all a job wrote below `folder`; readable by now.

    Raises OSError for a chain of folders that is longer than a path may be.
    """
    waiting = [folder] if os.path.isdir(folder) else []
    while waiting:
        here = waiting.pop()
        folders: list[str] = []
        others: list[str] = []
        with os.scandir(here) as entries:
            for entry in entries:
                (folders if entry.is_dir(follow_symlinks=False) else others).append(entry.name)
                if not entry.is_symlink():
                    make_readable(Path(entry.path))
        folders.sort()
        yield here, folders, sorted(others)
        waiting.extend(here / name for name in reversed(folders))


def read_start(path: Path, limit: int) -> bytes:
    """The first `limit` bytes of a file that a job may have written; empty if there is no such file."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return b""  # opening a pipe would wait for a writer that is gone
    except (FileNotFoundError, NotADirectoryError):
        return b""
    with open(path, "rb") as file:
        return file.read(limit)
