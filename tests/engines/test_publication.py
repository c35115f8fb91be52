"""Objects that appear together: killed between any two operations, two at once, in each other's way, on a full disk."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from engines.place import Place

from dagwright.engines.local import publication
from dagwright.engines.local.checkpoints import stamps
from dagwright.engines.local.job import Host, Output
from dagwright.engines.local.publishing import keep_checkpoints
from dagwright.engines.local.store import Stamp, Store, stamp_of
from dagwright.errors import StorageError

OLD = {"s3://bucket/a": b"old a", "s3://bucket/kept": b"kept"}
NEW = {"s3://bucket/a": b"new a", "s3://bucket/deep/b": b"new b", "s3://other/c": b"new c"}
OPERATIONS = ("replace", "rename", "mkdir", "fsync", "unlink", "rmdir", "link", "open", "chmod")


@contextmanager
def failing_at(number: int, monkeypatch: pytest.MonkeyPatch, fail: Callable[[], None]) -> Iterator[list[str]]:
    """`fail` is called before the operating system's call number `number`; the list that comes names all that were."""
    seen: list[str] = []
    with monkeypatch.context() as patch:
        for name in OPERATIONS:
            real = getattr(os, name)

            def counted(
                *given: object, _name: str = name, _real: Callable[..., object] = real, **more: object
            ) -> object:
                seen.append(_name)
                if len(seen) == number:
                    fail()
                return _real(*given, **more)

            patch.setattr(os, name, counted)
        yield seen


def fill(store: Store, folder: Path) -> None:
    """Publish NEW: a file that is moved, one that is copied, and bytes."""
    (folder / "moved").write_bytes(NEW["s3://bucket/a"])
    (folder / "copied").write_bytes(NEW["s3://bucket/deep/b"])
    with store.group() as group:
        group.put(folder / "moved", "s3://bucket/a", move=True)
        group.put(folder / "copied", "s3://bucket/deep/b")
        group.put_bytes(NEW["s3://other/c"], "s3://other/c")


def put_empty(store: Store, *uris: str) -> None:
    with store.group() as group:
        for uri in uris:
            group.put_bytes(b"", uri)


def content(store: Store) -> dict[str, bytes]:
    buckets = [entry.name for entry in store.root.iterdir() if not entry.name.startswith(".")]
    objects = [item.path for bucket in buckets for item in store.objects(f"s3://{bucket}")]
    return {store.uri(path): path.read_bytes() for path in objects}


def old_store(folder: Path) -> Store:
    """A store with OLD; beside it the folder of a job."""
    store = Store(folder / "s3")
    (folder / "job").mkdir(parents=True)
    for uri, text in OLD.items():
        store.put_bytes(text, uri)
    return store


def left_aside(store: Store) -> list[str]:
    return os.listdir(store.root / ".incoming")


# ---- killed ----


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
    try:
        patch = pytest.MonkeyPatch()
        with failing_at(number, patch, lambda: os.kill(os.getpid(), signal.SIGKILL)):
            fill(Store(folder / "s3"), folder / "job")
    finally:
        os._exit(0)


def decided_by_one_that_was_killed(folder: Path) -> Store:
    """A store with a journal of which nothing is carried out yet."""
    store = old_store(folder)
    child = os.fork()
    if not child:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(publication, "complete", lambda store, made: made and os.kill(os.getpid(), signal.SIGKILL))
            _publish_and_die(0, folder)
    os.waitpid(child, 0)
    assert "journal" in left_aside(store)
    assert content(store) == OLD
    return store


def test_what_is_decided_is_in_place_before_anything_later_is(tmp_path: Path) -> None:
    store = decided_by_one_that_was_killed(tmp_path)
    store.put_bytes(b"later", "s3://bucket/a")
    assert content(store) == {**OLD, **NEW, "s3://bucket/a": b"later"}
    store.settle()
    assert content(store) == {**OLD, **NEW, "s3://bucket/a": b"later"}
    assert left_aside(store) == []


def test_what_is_removed_later_does_not_come_back(tmp_path: Path) -> None:
    store = decided_by_one_that_was_killed(tmp_path)
    store.remove("s3://other/c")
    store.settle()
    assert content(store).keys() == {*OLD, *NEW} - {"s3://other/c"}


def test_what_cannot_be_put_in_place_waits_until_it_can(tmp_path: Path) -> None:
    """Somebody has made a folder by hand where a decided object belongs."""
    store = decided_by_one_that_was_killed(tmp_path)
    (store.root / "bucket/deep/b/inside").mkdir(parents=True)
    for attempt in (store.settle, lambda: store.put_bytes(b"", "s3://bucket/x")):
        with pytest.raises(
            StorageError, match=r"s3://bucket/deep/b cannot be put in place yet.*Is a directory"
        ) as caught:
            attempt()
        assert "move that away" in caught.value.hint
    (store.root / "bucket/deep/b/inside").rmdir()
    (store.root / "bucket/deep/b").rmdir()
    store.settle()
    assert content(store) == OLD | NEW


def test_a_journal_that_leads_out_or_is_none_is_refused(tmp_path: Path) -> None:
    store = old_store(tmp_path)
    journal = store.root / ".incoming/journal"
    for text in ("", "[]", '{"group": "x"}', '{"group": "../../x", "objects": ["s3://../../etc/x"]}'):
        journal.write_text(text)
        with pytest.raises(StorageError):
            store.settle()
        assert journal.read_text() == text


# ---- failing ----


@pytest.mark.parametrize("number", range(1, 60))
def test_a_full_disk_at_any_operation_leaves_all_or_nothing(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of the folders that were made, and of what lies aside, unless it is decided: then it is completed later."""
    store, told = old_store(tmp_path), list[str]()
    before = sorted(os.walk(store.root))

    def fail() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    said = ""
    try:
        with failing_at(number, monkeypatch, fail):
            fill(store.telling(lambda uri, _: told.append(uri)), tmp_path / "job")
    except StorageError as error:
        said = error.message
    waits = "waits with what was written with it" in said
    assert sorted(told) == ([] if said else sorted(NEW))
    assert not said or "No space left" in said
    assert waits or content(store) == (OLD if said else OLD | NEW)
    store.settle()
    assert content(store) == (OLD if said and not waits else OLD | NEW)
    assert left_aside(store) == []
    assert waits or not said or sorted(os.walk(store.root)) == before


def test_a_source_that_is_not_there_keeps_all_the_others_out(tmp_path: Path) -> None:
    store = old_store(tmp_path)
    group = store.group()
    group.put_bytes(b"x", "s3://bucket/x")
    group.put(tmp_path / "absent", "s3://bucket/y")
    with pytest.raises(StorageError, match="s3://bucket/y cannot be written: No such file"):
        group.commit()
    assert content(store) == OLD
    assert left_aside(store) == []


def test_an_error_in_the_block_keeps_everything_out(tmp_path: Path) -> None:
    store = old_store(tmp_path)
    with suppress(ZeroDivisionError), store.group() as group:
        group.put_bytes(b"x", "s3://bucket/x")
        _ = 1 // 0
    assert content(store) == OLD


CONFLICTS = {
    "a folder is there": ["s3://bucket/x", "s3://bucket/deep"],
    "an object is there": ["s3://bucket/x/y/z", "s3://bucket/file/z"],
    "in the group": ["s3://bucket/x/y", "s3://bucket/n/m", "s3://bucket/n"],
    "in the group, the other way": ["s3://bucket/x/y", "s3://bucket/n", "s3://bucket/n/m"],
}


@pytest.mark.parametrize("uris", CONFLICTS.values(), ids=CONFLICTS)
def test_a_conflict_is_found_before_anything_is_there(uris: list[str], tmp_path: Path) -> None:
    store = Store(tmp_path / "s3")
    store.put_bytes(b"", "s3://bucket/deep/down")
    store.put_bytes(b"", "s3://bucket/file")
    before = sorted(os.walk(store.root))
    with pytest.raises(StorageError, match="one object's key is the folder of another's"):
        put_empty(store, *uris)
    assert sorted(os.walk(store.root)) == before


def test_a_name_that_no_file_can_have_is_found_before_anything_is_there(tmp_path: Path) -> None:
    store = old_store(tmp_path)
    with pytest.raises(StorageError, match="File name too long"):
        put_empty(store, "s3://bucket/x", f"s3://bucket/{'y' * 300}")
    assert content(store) == OLD
    assert left_aside(store) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_folder_that_may_not_be_written_is_found_before_anything_is_there(tmp_path: Path) -> None:
    store = old_store(tmp_path)
    store.put_bytes(b"", "s3://closed/x")
    (store.root / "closed").chmod(0o500)
    with pytest.raises(StorageError, match="s3://closed/y cannot be written: Permission denied"):
        put_empty(store, "s3://bucket/x", "s3://closed/y")
    (store.root / "closed").chmod(0o700)
    assert content(store).keys() == {*OLD, "s3://closed/x"}


# ---- at the same time ----


def test_what_a_living_process_is_at_stays(tmp_path: Path) -> None:
    store = old_store(tmp_path)
    (store.root / ".incoming/abandoned").mkdir()
    (store.root / ".incoming/abandoned/0").write_text("half")
    (store.root / ".incoming/of-an-earlier-version").write_text("half")
    seen = []

    def bring(aside: Path) -> None:
        aside.write_text("mine")
        store.settle()
        store.put_bytes(b"other", "s3://bucket/other")
        seen.append(left_aside(store))

    with store.group() as group:
        group.put_by(bring, "s3://bucket/mine")
    (names,) = seen
    assert len(names) == 1
    assert content(store) == {**OLD, "s3://bucket/mine": b"mine", "s3://bucket/other": b"other"}
    assert left_aside(store) == []


def test_groups_at_the_same_time_are_whole_each_and_leave_nothing(tmp_path: Path) -> None:
    """Processes that put the same addresses again and again, while others settle: at the end all are of one group."""
    store = Store(tmp_path / "s3")
    program = (
        "import sys; from pathlib import Path; from dagwright.engines.local.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for turn in range(25):\n"
        "    with store.group() as group:\n"
        "        for key in range(5): group.put_bytes(f'{sys.argv[2]}-{turn}'.encode(), f's3://bucket/{key}/x')\n"
        "    store.settle()\n"
    )
    words = [sys.executable, "-c", program, str(store.root)]
    running = [subprocess.Popen([*words, name]) for name in "abcd"]
    assert [each.wait(120) for each in running] == [0] * 4
    found = content(store)
    assert len(found) == 5
    assert len(set(found.values())) == 1
    assert left_aside(store) == []


def test_a_folder_that_was_taken_for_an_abandoned_one_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, real = old_store(tmp_path), fcntl.flock
    taken: list[str] = []

    def late(descriptor: int, how: int) -> None:
        if how == fcntl.LOCK_SH and not taken:
            taken.extend(left_aside(store))
            (store.root / ".incoming" / taken[0]).rmdir()
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    store.put_bytes(b"x", "s3://bucket/x")
    assert len(taken) == 1
    assert content(store) == {**OLD, "s3://bucket/x": b"x"}


# ---- what is said of it ----


def test_whoever_is_told_hears_of_every_object_as_it_stays(tmp_path: Path) -> None:
    told: dict[str, Stamp] = {}
    store = old_store(tmp_path)
    fill(store.telling(told.__setitem__), tmp_path / "job")
    assert told.keys() == NEW.keys()
    assert told == {uri: stamp_of(store.path(uri).stat()) for uri in NEW}


def test_of_two_for_one_address_the_last_is_taken_and_told_once(tmp_path: Path) -> None:
    told: list[str] = []
    store = Store(tmp_path / "s3")
    with store.telling(lambda uri, _: told.append(uri)).group() as group:
        for text in (b"first", b"last"):
            group.put_bytes(text, "s3://bucket/x")
    assert (content(store), told) == ({"s3://bucket/x": b"last"}, ["s3://bucket/x"])


def test_every_file_and_folder_is_synced_before_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order: what is aside, then the journal, then the folders of the objects; of a single object no journal."""
    store = Store(tmp_path / "s3")
    synced: list[list[str]] = []
    monkeypatch.setattr(publication, "sync", lambda paths: synced.append(sorted(path.name for path in paths)))
    store.put_bytes(b"", "s3://bucket/x")
    assert synced == [["0"], ["bucket", "s3"]]
    synced.clear()
    put_empty(store, "s3://bucket/x", "s3://bucket/deep/y")
    (first, journal, incoming, folders) = synced
    assert first[:2] == ["0", "1"]
    assert len(first) == 3
    assert (journal, incoming, folders) == (["journal"], [".incoming"], ["bucket", "deep"])


# ---- of a job ----


def test_a_job_whose_outputs_are_in_each_others_way_publishes_none(place: Place) -> None:
    """A continuous output is published by itself; what stood there before stays."""
    place.put("out/first", "old")
    outputs = {
        "one": "s3://bucket/out",
        "two": "s3://bucket/out/first",
        "live": {"S3Uri": "s3://bucket/live", "S3UploadMode": "Continuous"},
    }
    script = "".join(f"open(ML + '/processing/{name}/{file}', 'w').write('new'); " for name, file in FILES)
    execution = place.run(place.processing("P", script, outputs=outputs))
    assert execution.status == "Failed"
    assert "one object's key is the folder of another's" in execution.steps["P"].failure_reason
    assert {key: place.text(key) for key in [*place.keys("out"), *place.keys("live")]} == {
        "out/first": "old",
        "live/z": "new",
    }
    assert left_aside(place.engine.home.store) == []


FILES = [("one", "first"), ("one", "second"), ("two", "x"), ("live", "z")]


def test_what_a_training_leaves_appears_together(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its model and its further output are one group: without the one there is not the other."""
    real = publication.Publication._decide

    def full(self: publication.Publication, folder: Path) -> None:
        assert len(self._brought) == 2
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    script = "open(ML + '/model/m', 'w').write('m'); open(ML + '/output/data/d', 'w').write('d')"
    monkeypatch.setattr(publication.Publication, "_decide", full)
    execution = place.run(place.training("T", script))
    assert "No space left on device" in execution.steps["T"].failure_reason
    assert place.keys("models") == []
    assert "ModelArtifacts" not in place.output(execution, "T")
    monkeypatch.setattr(publication.Publication, "_decide", real)
    execution = place.run(place.training("T", script))
    assert [key.rpartition("/")[2] for key in place.keys("models")] == ["model.tar.gz", "output.tar.gz"]


def test_a_file_takes_the_place_of_a_folder_of_checkpoints_and_the_other_way(tmp_path: Path) -> None:
    """What is new is there before what is old goes; what is in its way goes first."""
    store, output = Store(tmp_path / "s3"), Output("/opt/ml/checkpoints", "s3://bucket/c", always=True, restored=True)
    host = Host("algo-1", tmp_path / "algo-1", tmp_path / "log")
    folder = host.path(output.source)
    folder.mkdir(parents=True)
    for name in ("step", "gone"):
        (folder / name).write_text("old")
        store.put(folder / name, f"s3://bucket/c/{name}")
    host.restored = {output.source: stamps(host, output.source)}
    host.kept = dict(host.restored)
    for name in ("step", "gone"):
        (folder / name).unlink()
    (folder / "step").mkdir()
    (folder / "step/1").write_text("new")
    assert keep_checkpoints(output, [host], store) == {"step/1"}
    assert content(store) == {"s3://bucket/c/step/1": b"new"}
