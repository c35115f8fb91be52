"""The hash of what a build can see."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dagwright.engines.local.build_context import context_hash, read_context
from dagwright.errors import ConfigurationError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("Dockerfile", "run.sh", "lib/a.py", "lib/b.py", "data/x.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def hashed(folder: Path) -> str:
    return context_hash(folder / "Dockerfile")


def test_it_is_of_names_bytes_and_what_may_be_executed_and_of_nothing_else(folder: Path, tmp_path: Path) -> None:
    first = hashed(folder)
    assert len(first) == 64
    os.utime(folder / "run.sh", (0, 0))
    (folder / "run.sh").chmod(0o600)
    (folder / "empty").mkdir()
    assert hashed(folder) == first

    (folder / "run.sh").chmod(0o755)
    executable = hashed(folder)
    (folder / "run.sh").write_text("other")
    changed = hashed(folder)
    (folder / "run.sh").rename(folder / "go.sh")
    assert len({first, executable, changed, hashed(folder)}) == 4


def test_two_files_are_not_one_with_the_name_of_both(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, names in ((one, ("a", "b1:c")), (other, ("a1:b", "c"))):
        folder.mkdir()
        for name in ("Dockerfile", *names):
            (folder / name).write_text("")
    assert hashed(one) != hashed(other)


def test_dockerignore_counts_and_the_dockerfile_counts_all_the_same(folder: Path) -> None:
    (folder / ".dockerignore").write_text("**\n!lib\nlib/b.py\n")
    assert read_context(folder / "Dockerfile").files() == ["lib/a.py"]
    first = hashed(folder)
    (folder / "run.sh").write_text("left out")
    (folder / "lib" / "b.py").write_text("left out")
    assert hashed(folder) == first
    (folder / "Dockerfile").write_text("FROM other")
    assert hashed(folder) != first


def test_a_link_is_where_it_leads(folder: Path) -> None:
    (folder / "link").symlink_to("lib/a.py")
    (folder / "to-a-folder").symlink_to("lib")
    assert {"link", "to-a-folder"} < {*read_context(folder / "Dockerfile").files()}
    assert "to-a-folder/a.py" not in read_context(folder / "Dockerfile").files()
    first = hashed(folder)
    (folder / "link").unlink()
    (folder / "link").symlink_to("lib/b.py")
    assert hashed(folder) != first


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "lib/../../outside"])
@pytest.mark.parametrize("name", ["link", "lib/link", "Dockerfile"])
def test_a_link_that_leads_out_is_refused(name: str, target: str, folder: Path) -> None:
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(target if name != "lib/link" else target.replace("../o", "../../o"))
    with pytest.raises(ConfigurationError, match="leads out of the folder"):
        hashed(folder)


def test_what_is_no_file_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    with pytest.raises(ConfigurationError, match="no image can hold it"):
        hashed(folder)


def test_a_dockerfile_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Dockerfile cannot be read: No such file"):
        hashed(tmp_path)
