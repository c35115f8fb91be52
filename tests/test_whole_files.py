from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dagwright import whole_files
from dagwright.whole_files import beside, remove_abandoned, sync, sync_all, write_whole


def test_a_file_keeps_its_permissions_unless_others_are_given(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"1")
    path.chmod(0o640)
    write_whole(path, b"2")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"2", 0o640)
    write_whole(path, b"3", 0o755)
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"3", 0o755)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("operation", ["replace", "fsync"])
def test_what_cannot_be_written_stays_as_it_was(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, operation, full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_killed_writer_leaves_the_old_file_and_the_next_one_tidies_up(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    program = (
        "import os, signal, sys; from pathlib import Path; from dagwright import whole_files\n"
        "whole_files.sync = lambda paths: os.kill(os.getpid(), signal.SIGKILL)\n"
        "whole_files.write_whole(Path(sys.argv[1]), b'new')"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"
    assert len(os.listdir(tmp_path)) == 2
    (tmp_path / "other").touch()
    write_whole(path, b"newest")
    assert sorted(os.listdir(tmp_path)) == ["file", "other"]


def test_only_what_is_abandoned_goes(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    mine = beside(tmp_path / "a.json")
    mine.touch()
    for name in (f".a.json.{ended.pid}-0123abcd", f".b.{ended.pid}-0123abcd", ".hidden", ".a.json.1-short"):
        (tmp_path / name).touch()
    (tmp_path / f".layer.{ended.pid}-89abcdef").mkdir()
    remove_abandoned(tmp_path, "a.json")
    assert len(os.listdir(tmp_path)) == 5
    remove_abandoned(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([mine.name, ".hidden", ".a.json.1-short"])
    remove_abandoned(tmp_path / "absent")


def test_the_longest_name_has_a_place_beside_it(tmp_path: Path) -> None:
    write_whole(tmp_path / ("é" * 127), b"x")
    (name,) = os.listdir(tmp_path)
    assert len(os.fsencode(name)) == 254


def test_syncing_tells_of_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync([tmp_path / "absent"])
    with pytest.raises(FileNotFoundError):
        sync([tmp_path / f"absent-{number}" for number in range(100)])
    sync_all(tmp_path)


def test_without_the_call_for_a_file_system_each_file_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / str(number) for number in range(100)]
    for path in paths:
        path.touch()
    calls: list[int] = []
    monkeypatch.setattr(os, "fsync", calls.append)
    sync(paths[:3])
    assert len(calls) == 3
    monkeypatch.setattr(whole_files, "_sync_file_system", lambda path: False)
    sync(paths)
    assert len(calls) == 103
