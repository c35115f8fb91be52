"""Room on the disk: asked for before anything is copied; and a disk that is full all the same is a sentence, at every
place where a run writes. Each program runs in a mount namespace of its own, on a file system of 2 MB."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from engines.place import Place

from dagwright.engines.local.disk_space import require_room
from dagwright.errors import StorageError

PRELUDE = """
import os, sys
sys.path[:0] = {path}
from pathlib import Path
from engines.place import Place
from dagwright.errors import StorageError
place = Place(Path("."), sandbox={sandbox!r}, max_parallel=1)
def said(execution):
    for step in execution.steps.values():
        print(step.name, step.status, step.failure_reason)
    print("left", len(list(Path(".dagwright/jobs").iterdir())), execution.status)
"""


@pytest.fixture
def on_a_small_disk(place: Place) -> Callable[[str], str]:
    """Runs a program with the project on a small file system; what it printed."""
    root = Path(__file__).parents[2]
    prelude = PRELUDE.format(
        path=[str(root), str(root / "tests")], sandbox="namespaces" if place.sandboxed else "paths"
    )
    shell = 'mount -t tmpfs -o size=2m tmpfs "$1" && cd "$1" && exec "$2" -c "$3"'

    def run(program: str) -> str:
        words = ["unshare", "-Urm", "sh", "-c", shell, "sh", str(place.folder), sys.executable, prelude + program]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if "unshare:" in done.stderr or "mount:" in done.stderr:
            pytest.skip(f"no file system of our own here: {done.stderr}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_inputs_that_do_not_fit_are_refused_before_any_is_copied(on_a_small_disk: Callable[[str], str]) -> None:
    out = on_a_small_disk("""
one, two = (place.put(f"raw/{name}", b"x" * 600_000) for name in ("one", "two"))
copied = []
import dagwright.engines.local.staging as staging
staging.copy_file = lambda source, target: copied.append(source)
said(place.run(place.processing("Staged", "pass", inputs={"in": "s3://bucket/raw"})))
print(copied)
""")
    assert "Staged Failed There is no room for the inputs of job pipelines-" in out
    assert ": that takes 1.1 MiB, and the disk of " in out
    assert "B free (Free space, as deploy.py clean --older-than 30d does; " in out
    assert out.endswith("left 0 Failed\n[]\n")


def test_every_host_needs_room_of_its_own(on_a_small_disk: Callable[[str], str]) -> None:
    out = on_a_small_disk("""
raw = place.put("raw/one", b"x" * 500_000)
steps = [place.processing(f"On{count}", "pass", inputs={"in": raw}, count=count) for count in (1, 3)]
said(place.run(*steps))
""")
    assert "On1 Succeeded" in out
    assert "On3 Failed There is no room for the inputs of job " in out
    assert ": that takes 1.4 MiB" in out


def test_a_job_that_fills_the_disk_fails_alone(on_a_small_disk: Callable[[str], str]) -> None:
    out = on_a_small_disk("""
said(place.run(
    place.writing("Written", "write('big', 'x' * 2_000_000)"),
    place.processing("After", "pass"),
))
""")
    assert "Written Failed AlgorithmError: " in out  # its traceback may have found no room
    assert "is full: free space, as deploy.py clean --older-than 30d does" in out
    assert "After Succeeded" in out
    assert "left 0 Failed" in out


def test_outputs_that_do_not_fit_leave_nothing_half_done(on_a_small_disk: Callable[[str], str]) -> None:
    """Two outputs of one folder are copies of its files."""
    out = on_a_small_disk("""
step = place.processing("Both", "write('big', 'x' * 700_000)", outputs={"out": "s3://bucket/first"})
outputs = step["Arguments"]["ProcessingOutputConfig"]["Outputs"]
outputs.append({"OutputName": "again", "S3Output": {**outputs[0]["S3Output"], "S3Uri": "s3://bucket/second"}})
said(place.run(step, place.processing("After", "pass")))
print([path.name for path in place.engine.home.store.root.glob(".incoming/*")])
""")
    assert "Both Failed" in out
    assert "cannot be written: No space left on device (The disk is full: free space, as deploy.py clean" in out
    assert "After Succeeded" in out
    assert out.endswith("left 0 Failed\n[]\n")


def test_a_log_that_fills_the_disk_is_cut_and_said(on_a_small_disk: Callable[[str], str]) -> None:
    out = on_a_small_disk("said(place.run(place.processing('Printed', \"while True: print('x' * 999)\")))")
    assert "is full: free space, as deploy.py clean --older-than 30d does" in out
    assert "left 0 Failed" in out


def test_a_record_that_finds_no_room_is_a_sentence_and_is_closed_later(on_a_small_disk: Callable[[str], str]) -> None:
    out = on_a_small_disk("""
from engines.place import Watcher
import threading
over = threading.Event()
def stay_full():  # what the first job leaves is removed meanwhile
    with open("filler", "wb", 0) as file:
        while not over.is_set():
            try: file.write(b"x" * 4096)
            except OSError: full.set()
full, filling = threading.Event(), threading.Thread(target=stay_full)
def fill(watcher, step):
    if step.name == "First" and step.ended:
        filling.start()
        full.wait()
Watcher.changed = fill
try:
    place.run(place.processing("First", "pass"), place.processing("Later", "pass", depends_on=["First"]))
except StorageError as error:
    print("StorageError", error)
over.set()
filling.join()
place.engine.close()
os.unlink("filler")
(closed,) = place.engine.history()
print(closed.status, {step.name: step.status for step in place.engine.describe(closed.id).steps.values()})
print(os.listdir(".dagwright/jobs"), os.listdir(".dagwright/runs"))
said(place.run(place.processing("Again", "pass")))
""")
    assert "StorageError The record " in out
    assert "cannot be used: database or disk is full\nFree some space." in out
    assert "Failed {'First': 'Succeeded'}" in out
    assert out.endswith("[] []\nAgain Succeeded \nleft 0 Succeeded\n")


# ---- what is asked ----


class Disk:
    f_frsize, f_blocks, f_bavail = 4096, (1 << 40) // 4096, (1 << 30) // 4096


def test_a_reserve_stays_free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "statvfs", lambda path: Disk)
    require_room(tmp_path / "not/there/yet", (1 << 30) - (64 << 20), "files")
    with pytest.raises(StorageError, match=r"no room for files: that takes 960.0 MiB, and .* has 1.0 GiB free"):
        require_room(tmp_path, (1 << 30) - (64 << 20) + 1, "files")
    monkeypatch.setattr(Disk, "f_blocks", 0)  # a file system that does not tell its size
    require_room(tmp_path, 1 << 50, "files")


def test_copies_that_share_their_blocks_need_no_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "statvfs", lambda path: Disk)
    monkeypatch.setattr("dagwright.engines.local.disk_space._shares_blocks", lambda sample, folder: True)
    require_room(tmp_path, 1 << 40, "files", tmp_path / "sample")
