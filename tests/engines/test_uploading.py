"""`Continuous` outputs: in the store while their job runs, and in the end as the job left them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engines.place import Meeting, Place

from dagwright.engines.local import uploading
from dagwright.engines.local.job import Host, Output
from dagwright.engines.local.store import Store
from dagwright.engines.local.uploading import Uploading

LIVE = {"out": {"S3Uri": "s3://bucket/live", "S3UploadMode": "Continuous"}}


@pytest.fixture
def uploaded(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], threading.Event]:
    """An event for an address, set when an object has been uploaded to it by a look."""
    events: dict[str, threading.Event] = {}
    put = Store.put_unchanged

    def told(store: Store, source: int, uri: str, is_unchanged: Callable[[], bool]) -> bool:
        done = put(store, source, uri, is_unchanged)
        if done and uri in events:
            events[uri].set()
        return done

    monkeypatch.setattr(Store, "put_unchanged", told)
    monkeypatch.setattr(uploading, "_LOOK_EVERY_SECONDS", 0.05)
    return lambda uri: events.setdefault(uri, threading.Event())


@pytest.mark.parametrize("code", [0, 3])
def test_a_finished_file_is_there_before_its_job_has_ended_and_its_last_content_wins(
    place: Place, meeting: Callable[[int], Meeting], uploaded: Callable[[str], threading.Event], code: int
) -> None:
    """The job waits until its first file has appeared, then changes it."""
    door = meeting(1)
    appeared = uploaded("s3://bucket/live/deep/first")
    seen: list[Any] = []

    def watch() -> None:
        seen.append(appeared.wait(60) and place.text("live/deep/first"))
        door.complete.wait(60)
        door.release()

    watcher = threading.Thread(target=watch)
    watcher.start()
    script = f"write('deep/first', 'early'); meet(); write('deep/first', 'late'); write('last', 'l'); sys.exit({code})"
    step = place.processing("P", script, outputs=LIVE, variables={"MEETING": door.port})
    execution = place.run(step)
    watcher.join()
    assert seen == ["early"]
    assert execution.status == ("Failed" if code else "Succeeded")
    assert {key: place.text(key) for key in place.keys("live")} == {"live/deep/first": "late", "live/last": "l"}


def test_an_output_at_the_end_of_the_job_is_not_there_before(
    place: Place, meeting: Callable[[int], Meeting], uploaded: Callable[[str], threading.Event]
) -> None:
    door = meeting(1)
    appeared = uploaded("s3://bucket/live/x")
    seen: list[Any] = []

    def watch() -> None:
        appeared.wait(60)
        seen.append(place.keys("late"))
        door.complete.wait(60)
        door.release()

    watcher = threading.Thread(target=watch)
    watcher.start()
    script = "open(ML + '/processing/late/y', 'w').write('y'); write('x', 'x'); meet()"
    outputs = {**LIVE, "late": "s3://bucket/late"}
    place.run(place.processing("P", script, outputs=outputs, variables={"MEETING": door.port}))
    watcher.join()
    assert seen == [[]]
    assert place.keys("late") == ["late/y"]


class Desk:
    """An output folder that is looked at whenever a test says so."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "s3")
        self.out = folder / "host/ml/processing/out"
        self.out.mkdir(parents=True)
        host = Host("algo-1", folder / "host", folder / "log")
        output = Output("/opt/ml/processing/out", "s3://bucket/live", always=True)
        self._uploading = Uploading((output,), [host], self.store)

    def look(self, seconds_left: float = 60.0) -> list[str]:
        """Look; what is in the store then."""
        self._uploading.look_if_due(seconds_left)
        return [item.name for item in self.store.objects("s3://bucket/live/")]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(uploading, "_LOOK_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(uploading, "_REST_PER_WORK", -1)
    return Desk(tmp_path)


def test_a_file_counts_when_two_looks_have_seen_it_the_same(desk: Desk) -> None:
    (desk.out / "x").write_text("1")
    assert desk.look() == []
    (desk.out / "x").write_text("12")
    assert desk.look() == []
    assert desk.look() == ["x"]
    (desk.out / "x").write_text("123")
    assert [desk.look(), desk.store.read_text("s3://bucket/live/x")] == [["x"], "12"]
    assert [desk.look(), desk.store.read_text("s3://bucket/live/x")] == [["x"], "123"]


def test_a_file_that_grows_while_it_is_copied_waits(desk: Desk) -> None:
    path = desk.out / "x"
    path.write_text("1")
    with open(path, "rb") as file:
        assert not desk.store.put_unchanged(file.fileno(), "s3://bucket/live/x", lambda: False)
    assert desk.look() == []
    assert os.listdir(desk.store.root / ".incoming") == []


def test_links_pipes_and_what_is_behind_them_are_left_alone(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("key")
    os.symlink(tmp_path / "secret", desk.out / "folder")
    os.symlink(tmp_path / "secret/key", desk.out / "file")
    os.mkfifo(desk.out / "pipe")
    (desk.out / "deep").mkdir()
    (desk.out / "deep/x").write_text("x")
    assert [desk.look(), desk.look()] == [[], ["deep/x"]]
    (desk.out / "deep/x").unlink()
    (desk.out / "deep").rmdir()
    os.symlink(tmp_path / "secret", desk.out / "deep")
    assert [desk.look(), desk.look()] == [["deep/x"], ["deep/x"]]


def test_an_output_folder_that_became_a_link_is_not_followed(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/key").write_text("key")
    desk.out.rmdir()
    os.symlink(tmp_path / "secret", desk.out)
    assert [desk.look(), desk.look()] == [[], []]


def test_a_look_ends_with_the_time_of_its_job(desk: Desk) -> None:
    (desk.out / "x").write_text("x")
    assert desk.look() == []
    assert desk.look(seconds_left=0.0) == []
    assert desk.look() == ["x"]


def test_what_the_store_cannot_keep_now_is_left_to_the_end_of_the_job(desk: Desk) -> None:
    (desk.out / "a").write_text("1")
    assert [desk.look(), desk.look()] == [[], ["a"]]
    (desk.out / "a").unlink()
    (desk.out / "a").mkdir()
    (desk.out / "a/x").write_text("2")
    (desk.out / "b").write_text("3")
    assert [desk.look(), desk.look()] == [["a"], ["a", "b"]]
