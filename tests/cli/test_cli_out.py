"""What `--out` names is there whole, or stays as it was."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from dagwright.cli.out import write_out
from dagwright.errors import StorageError


def test_a_file_is_replaced_through_its_link_and_keeps_its_permissions(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    before = real.stat().st_ino

    write_out(link, b"new")

    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert real.stat().st_mode & 0o777 == 0o640
    assert real.stat().st_ino != before, "written beside and moved: nobody reads half of it"


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d.json").write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(StorageError, match="cannot be written"):
        write_out(tmp_path / "d.json", b"new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("d.json", "old")]


def test_a_folder_is_refused_and_a_pipe_is_written_into(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be written"):
        write_out(tmp_path, b"new")

    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write_out(pipe, b"new")
    reader.join(10)
    assert read == [b"new"]
    assert pipe.is_fifo()
