"""Objects that appear together: killed between any two operations, two at once, in each other's way, on a full disk."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dagwright import whole_files
from dagwright.engines.local import publication
from dagwright.engines.local.store import Stamp, Store, stamp_of
from dagwright.errors import StorageError

OLD = {"s3://bucket/a": b"old a", "s3://bucket/kept": b"kept"}
NEW = {"s3://bucket/a": b"new a", "s3://bucket/deep/b": b"new b", "s3://other/c": b"new c"}
OPERATIONS = ("replace", "rename", "mkdir", "fsync", "unlink", "rmdir", "link", "open", "chmod")


class Killed(BaseException):
    """The process is gone: nothing that would tidy up may run."""


@contextmanager
def failing_at(number: int, monkeypatch: pytest.MonkeyPatch, fail: Callable[[], None]) -> Iterator[list[str]]:
    """`fail` is called instead of the call number `number` of the operating system's, by name in the list that comes."""
    seen: list[str] = []
    with monkeypatch.context() as patch:
        for name in OPERATIONS:
            real = getattr(os, name)

            def counted(*given: object, _name: str = name, _real: Callable[..., object] = real, **more: object) -> object:
                seen.append(_name)
                if len(seen) == number:
                    fail()
                return _real(*given, **more)

            patch.setattr(os, name, counted)
        yield seen


def fill(store: Store, folder: Path) -> None:
    """Publish NEW: a file that is moved, one that is copied, and bytes."""
    folder.mkdir(exist_ok=True)
    (folder / "moved").write_bytes(NEW["s3://bucket/a"])
    (folder / "copied").write_bytes(NEW["s3://bucket/deep/b"])
    with store.group() as group:
        group.put(folder / "moved", "s3://bucket/a", move=True)
        group.put(folder / "copied", "s3://bucket/deep/b")
        group.put_bytes(NEW["s3://other/c"], "s3://other/c")


def content(store: Store) -> dict[str, bytes]:
    buckets = [entry.name for entry in store.root.iterdir() if not entry.name.startswith(".")]
    objects = [item.path for bucket in buckets for item in store.objects(f"s3://{bucket}")]
    return {store.uri(path): path.read_bytes() for path in objects}


def old_store(folder: Path) -> Store:
    store = Store(folder / "s3")
    for uri, text in OLD.items():
        store.put_bytes(text, uri)
    return store


def left_aside(store: Store) -> list[str]:
    return os.listdir(store.root / ".incoming")


# ---- killed ----

KILLED = """
import os, signal, sys
sys.path[:0] = {path}
from pathlib import Path
from engines.test_publication import OPERATIONS, Store, fill
number, folder, seen = int(sys.argv[1]), Path(sys.argv[2]), 0
for name in OPERATIONS:
    def counted(*given, _real=getattr(os, name), **more):
        global seen
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return _real(*given, **more)
    setattr(os, name, counted)
fill(Store(folder / "s3"), folder / "job")
os._exit(0)
"""


def test_a_kill_before_any_operation_leaves_all_or_nothing(tmp_path: Path) -> None:
    """Real processes that kill themselves, in one fork each, before their first operation, their second, …"""
    outcomes = []
    for number in range(1, 200):
        folder = tmp_path / str(number)
        store = old_store(folder)
        child = os.fork()
        if not child:
            _publish_and_die(number, folder)
        _, status = os.waitpid(child, 0)
        store.settle()
        found = content(store)
        assert found in (OLD, OLD | NEW), number
        assert left_aside(store) == []
        outcomes.append(found == OLD | NEW)
        if not os.WIFSIGNALED(status):
            break
    assert outcomes == sorted(outcomes), "once it is decided it stays so"
    assert 10 < outcomes.index(True) < len(outcomes) - 5, "there are moments before and after the decision"


def _publish_and_die(number: int, folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        with failing_at(number, patch, lambda: os.kill(os.getpid(), signal.SIGKILL)):
            fill(Store(folder / "s3"), folder / "job")
    os._exit(0)
