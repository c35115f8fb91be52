from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from dagwright.engines.local.home import Home, new_execution_id, new_job_name, now
from dagwright.engines.local.removal import Removal, remove_tree
from dagwright.errors import StorageError


def test_whoever_is_at_work_is_known_as_long_as_they_are(tmp_path: Path) -> None:
    home = Home(tmp_path / ".dagwright")
    assert home.process_of("abc") is None
    with home.at_work("abc"):
        assert home.process_of("abc") == os.getpid()
        assert home.has_ended("abc", timeout_seconds=0) is False
        home.jobs("abc").mkdir(parents=True)
        home.settle()
        assert home.jobs("abc").exists()
    assert home.process_of("abc") is None
    assert home.has_ended("abc", timeout_seconds=0)
    assert not home.jobs("abc").exists()
    assert home.ask_to_stop("abc") is False
    home.close()


def test_a_project_that_cannot_be_written_to_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / ".dagwright").write_text("a file where the folder should be")
    home = Home(tmp_path / ".dagwright")
    with pytest.raises(StorageError, match="cannot be written"), home.at_work("abc"):
        pass
    with pytest.raises(StorageError, match="cannot be used"):
        home.settle()


def test_names() -> None:
    assert re.fullmatch(r"[a-z0-9]{12}", new_execution_id())
    for step in ("Train", "a" * 64, "___", "a_b" * 20):
        name = new_job_name("abcdefghijkl", step)
        assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name), name
    assert len({new_job_name("e", "s") for _ in range(100)}) == 100
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", now())


def test_a_folder_goes_whatever_its_permissions_and_links_are_not_followed(tmp_path: Path) -> None:
    kept, gone = tmp_path / "kept", tmp_path / "gone"
    (kept / "inside").mkdir(parents=True)
    (gone / "deep").mkdir(parents=True)
    (gone / "deep" / "file").touch()
    (gone / "link").symlink_to(kept)
    kept.chmod(0o500)
    (gone / "deep").chmod(0)
    with Removal() as removal:
        removal.take(gone)
        removal.take(tmp_path / "absent")
    assert not gone.exists()
    assert kept.stat().st_mode & 0o777 == 0o500
    remove_tree(kept)
