from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dagwright.engines.local.home import Home, new_execution_id, new_job_name
from dagwright.engines.local.removal import Removal, remove_tree
from dagwright.engines.times import now
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
    with pytest.raises(StorageError, match=r"\.dagwright must be a folder"), home.at_work("abc"):
        pass
    with pytest.raises(StorageError, match=r"\.dagwright must be a folder"):
        home.settle()


def test_what_others_left_among_the_runs_is_passed_over(tmp_path: Path) -> None:
    home = Home(tmp_path / ".dagwright")
    (home.path / "runs" / "stray").mkdir(parents=True)
    os.mkfifo(home.path / "runs" / "pipe")
    home.settle()
    assert sorted(os.listdir(home.path / "runs")) == ["pipe", "stray"]
    home.close()


def test_a_folder_of_jobs_goes_whose_run_is_not_known_any_more(tmp_path: Path) -> None:
    """After a power loss: the file of the run was not on the disk yet, its folder was."""
    home = Home(tmp_path / ".dagwright")
    home.jobs("gone").mkdir(parents=True)
    with home.at_work("mine"):
        home.jobs("mine").mkdir()
        home.settle()
        assert os.listdir(home.path / "jobs") == ["mine"]
    home.close()


def test_what_killed_processes_were_making_goes(tmp_path: Path) -> None:
    """Objects that were not decided on, files of runs and of environments; what this process is making stays."""
    home = Home(tmp_path / ".dagwright")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    abandoned = [
        home.environments / "spark-1" / f".smspark-submit.{ended.pid}-0123abcd",
        home.store.root / ".incoming/abc",
        home.environments / f".layer-abc.{ended.pid}-0123abcd",
        home.path / "runs" / f".abc.{ended.pid}-0123abcd",
    ]
    kept = home.environments / f".layer-abc.{os.getpid()}-0123abcd"
    for folder in (*abandoned, kept):
        folder.mkdir(parents=True)
    home.settle()
    assert [folder for folder in (*abandoned, kept) if folder.exists()] == [kept]
    home.close()


READ_ONLY = """
import sys
sys.path[:0] = {path}
from pathlib import Path
from engines.place import Place, fail
place = Place(Path("."), sandbox="paths")
if sys.argv[1:] == ["run"]:
    place.run(place.processing("P", "print('hello')"))
else:
    execution = place.engine.describe()
    print(execution.status, [e.status for e in place.engine.history()], place.log(execution, "P").strip())
    try:
        place.run(fail("F"))
    except Exception as error:
        print(type(error).__name__, error)
place.engine.close()
"""


def test_a_record_that_may_only_be_read_is_read(tmp_path: Path) -> None:
    """In a mount namespace of its own, with the project on a file system that becomes read-only."""
    root = Path(__file__).parents[2]
    program = READ_ONLY.format(path=[str(root), str(root / "tests")])
    shell = 'mount -t tmpfs tmpfs "$1" && cd "$1" && "$2" -c "$3" run && mount -o remount,ro "$1" && "$2" -c "$3" look'
    words = ["unshare", "-Urm", "sh", "-c", shell, "sh", str(tmp_path), sys.executable, program]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if "unshare:" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no file system of our own here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    seen, refused = done.stdout.splitlines()[:2]
    assert seen == "Succeeded ['Succeeded'] hello"
    assert refused.startswith("StorageError ")
    assert "cannot be written: Read-only file system" in refused


def test_names() -> None:
    assert re.fullmatch(r"[a-z0-9]{12}", new_execution_id())
    for step in ("Train", "a" * 64, "___", "a_b" * 20, "x/../../../hello", "..", "", "a\0b", "é\ud800", "a b.c"):
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


def test_a_chain_of_folders_longer_than_any_path_goes_too(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    chain = "import os\nfor i in range(3000): os.mkdir('d'); open('f', 'w').close(); os.chdir('d')"
    subprocess.run([sys.executable, "-c", chain], cwd=gone, check=True)
    remove_tree(gone)
    assert not gone.exists()
