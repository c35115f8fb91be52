from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from dagwright.code import Asset, content_hash, folder, runproc, script, tarball
from dagwright.errors import StorageError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "src" / "lib").mkdir(parents=True)
    (tmp_path / "src" / "train.py").write_text("print(1)\n")
    (tmp_path / "src" / "lib" / "a.py").write_text("A = 1\n")
    return tmp_path


def packed_hash(root: Path) -> str:
    return content_hash(folder(Path("src"), root))


def test_the_same_code_elsewhere_has_the_same_hash_and_bytes(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    shutil.copytree(source / "src", other / "src")
    os.utime(other / "src" / "train.py", (0, 0))
    assert packed_hash(source) == packed_hash(other)
    assert tarball(folder(Path("src"), source)) == tarball(folder(Path("src"), other))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_checkout_under_another_umask_has_the_same_hash_and_bytes(source: Path, tmp_path: Path, umask: int) -> None:
    other = tmp_path / "elsewhere"
    before = os.umask(umask)
    try:
        (other / "src" / "lib").mkdir(parents=True)
        (other / "src" / "lib" / "a.py").write_text("A = 1\n")
        (other / "src" / "train.py").write_text("print(1)\n")
    finally:
        os.umask(before)
    assert packed_hash(source) == packed_hash(other)
    assert tarball(folder(Path("src"), source)) == tarball(folder(Path("src"), other))


@pytest.mark.parametrize("change", ["add", "edit", "rename", "executable"])
def test_every_real_change_changes_the_hash(source: Path, change: str) -> None:
    before = packed_hash(source)
    train = source / "src" / "train.py"
    if change == "add":
        (source / "src" / "new.py").touch()
    elif change == "edit":
        train.write_text("print(2)\n")
    elif change == "rename":
        train.rename(train.with_name("fit.py"))
    else:
        train.chmod(0o755)
    assert packed_hash(source) != before


def test_a_lone_script_is_started_by_its_interpreter_so_its_bit_does_not_count(source: Path) -> None:
    before = content_hash((script(Path("src/train.py"), source),))
    (source / "src" / "train.py").chmod(0o755)
    assert content_hash((script(Path("src/train.py"), source),)) == before


LEFT_BEHIND = (
    "__pycache__/a.cpython-311.pyc",
    ".git/HEAD",
    "lib/old.pyc",
    ".DS_Store",
    ".ipynb_checkpoints/train-checkpoint.py",
    ".venv/pyvenv.cfg",
    ".mypy_cache/x",
    ".pytest_cache/x",
    ".ruff_cache/x",
)


def test_what_tools_leave_behind_does_not_count(source: Path) -> None:
    before = packed_hash(source)
    for name in LEFT_BEHIND:
        path = source / "src" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    assert packed_hash(source) == before


def test_the_tar_names_nobody_and_no_time(source: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(tarball(folder(Path("src"), source)))) as tar:
        entries = tar.getmembers()
    assert [one.name for one in entries] == ["lib/a.py", "train.py"]
    assert {(one.mtime, one.uid, one.gid, one.uname, one.gname, one.mode) for one in entries} == {
        (0, 0, 0, "", "", 0o644)
    }


def test_a_missing_script_names_the_nearest(source: Path) -> None:
    with pytest.raises(StorageError) as caught:
        script(Path("src/trian.py"), source)
    assert caught.value.message == "src/trian.py does not exist"
    assert caught.value.hint == "the nearest file is src/train.py"
    with pytest.raises(StorageError) as caught:
        script(Path("scripts/train.py"), source)
    assert caught.value.hint == "the nearest file is src/train.py"


@pytest.mark.parametrize("name", ["a" * 5000, "a\ud800"])
def test_what_no_path_can_be_does_not_exist(source: Path, name: str) -> None:
    for read, what in ((script, "does not exist"), (folder, "is not a folder")):
        with pytest.raises(StorageError, match=what) as caught:
            read(Path(name), source)
        assert len(caught.value.message.encode()) < 300


def test_folders_that_cannot_be_packed(source: Path) -> None:
    (source / "empty").mkdir()
    with pytest.raises(StorageError, match="holds no files"):
        folder(Path("empty"), source)
    with pytest.raises(StorageError, match="is not a folder"):
        folder(Path("srk"), source)
    (source / "src" / "link").symlink_to(source / "empty", target_is_directory=True)
    with pytest.raises(StorageError, match="is a link to a folder"):
        folder(Path("src"), source)
    (source / "src" / "link").unlink()
    (source / "src" / "link").symlink_to(source / "gone")
    with pytest.raises(StorageError, match="link is a link to nothing"):
        folder(Path("src"), source)
    (source / "src" / "link").unlink()
    os.mkfifo(source / "src" / "pipe")
    with pytest.raises(StorageError, match="pipe is not a file that can be packed"):
        folder(Path("src"), source)


def test_a_file_that_vanishes_is_named(source: Path) -> None:
    files = folder(Path("src"), source)
    (source / "src" / "train.py").unlink()
    for read in (content_hash, tarball):
        with pytest.raises(StorageError, match=r"train\.py cannot be read"):
            read(files)
    with pytest.raises(StorageError, match="cannot be read"):
        Asset("s3://b/k", source / "src" / "train.py").content()


def test_the_launcher_runs_the_program_with_the_arguments(source: Path) -> None:
    text = runproc(["python3", "-u"], "my train.py").decode()
    assert text.endswith("exec python3 -u 'my train.py' \"$@\"\n")
    (source / "my train.py").write_text("import sys; print(sys.argv[1:])")
    for name in ("code", "entrypoint"):
        (source / name).mkdir()
    (source / "code/sourcedir.tar.gz").write_bytes(tarball((script(Path("my train.py"), source),)))
    launcher = source / "entrypoint/runproc.sh"
    launcher.write_text(text)
    done = subprocess.run(["/bin/bash", launcher, "a b", "c"], capture_output=True, text=True, check=True)
    assert done.stdout == "['a b', 'c']\n"
