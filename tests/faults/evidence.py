"""What there is after a command, found without the product: files, the record, logs, processes, mounts.

What comes in: the folder `.dagwright/` of a project. What goes out: plain values, by names without what is random.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import shutil
import sqlite3
import tarfile
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from faults.points import unvarying

_RECORD = "record.sqlite3"
_OTHER_FOLDERS = ("s3", "logs")


def objects(home: Path, execution: str = "") -> dict[str, str]:
    """Every file of the store by its name, with what tells its content from another; an archive is what is in it."""
    root = home / "s3"
    files = sorted(path for path in root.rglob("*") if not path.is_dir())
    return {unvarying(path.relative_to(root).as_posix(), execution): _content(path) for path in files}


def _content(path: Path) -> str:
    data = path.read_bytes()
    if path.name.endswith(".tar.gz"):
        try:
            return _digest(repr(_members(data)).encode())
        except (OSError, EOFError, tarfile.TarError) as error:
            return f"no whole archive: {error}"
    return _digest(data)


def _members(data: bytes) -> list[tuple[str, str]]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as archive:
        return sorted((one.name, _digest(archive.extractfile(one).read())) for one in archive if one.isfile())  # type: ignore[union-attr]


def _digest(data: bytes) -> str:
    return f"{len(data)} bytes {hashlib.sha256(data).hexdigest()[:12]}"


def others(home: Path, execution: str = "") -> set[str]:
    """Every other file and folder that stays, but the record and the logs."""
    found = (path.relative_to(home).as_posix() for path in home.rglob("*"))
    return {
        unvarying(name, execution)
        for name in found
        if name.split("/")[0] not in _OTHER_FOLDERS and not name.startswith(_RECORD)
    }


def rows(home: Path, statement: str) -> list[tuple[Any, ...]]:
    """The record's answer; nothing if there is no record. It is asked of a copy: whoever opens a record tidies it."""
    with TemporaryDirectory() as folder:
        for path in home.glob(f"{_RECORD}*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, folder)
        return _answer(Path(folder) / _RECORD, statement)


def _answer(record: Path, statement: str) -> list[tuple[Any, ...]]:
    if not record.exists():
        return []
    with closing(sqlite3.connect(record)) as connection:
        try:
            return connection.execute(statement).fetchall()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise


def steps(home: Path) -> dict[str, str]:
    """Step -> its status, of the newest execution."""
    return dict(rows(home, "SELECT name, status FROM steps WHERE execution = (SELECT max(id) FROM executions)"))


def begun(home: Path) -> Counter[str]:
    """How often each step's program has begun, as the logs say."""
    logs = (log.read_text(errors="replace") for log in (home / "logs").rglob("*.log"))
    return Counter(step for text in logs for step in re.findall(r"^begun (\S+)$", text, re.MULTILINE))


def processes(home: Path) -> list[str]:
    """Those that have to do with this home: by their words, environment, folders, open files or mounts."""
    found = []
    for entry in os.scandir("/proc"):
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                why = _interest(Path(entry.path), os.fsencode(home))
                if why:
                    found.append(f"process {entry.name} ({why})")
    return found


def _interest(process: Path, home: bytes) -> str:
    for name in ("cmdline", "environ", "mountinfo"):
        with suppress(OSError):
            if home in (process / name).read_bytes():
                return name
    for link in ("cwd", "root", *(f"fd/{name}" for name in _names(process / "fd"))):
        with suppress(OSError):
            if os.fsencode(os.readlink(process / link)).startswith(home):
                return link
    return ""


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def mounts(home: Path) -> list[str]:
    """The mounts that this process sees in the home."""
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(home) in line]
