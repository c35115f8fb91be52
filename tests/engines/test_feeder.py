"""Pipe mode: what comes out of the FIFOs of real jobs, and that nothing of it stays when a job is over."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import signal
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from engines.place import Meeting, Place

from dagwright.engines.local import streams
from dagwright.engines.local.feeder import Feeder, Fifo
from dagwright.engines.local.job import Host, Input, Job, JobEnding, Pipe
from dagwright.engines.local.store import Store
from dagwright.errors import ExecutionError

PIPE = {"InputMode": "Pipe"}
# `epochs` of the channel `train`, each read from its FIFO
READ = """
DATA = ML + "/input/data"
def epochs(count, channel="train"):
    return [open(f"{DATA}/{channel}_{epoch}", "rb").read() for epoch in range(count)]
def leave(value):
    json.dump(value, open(ML + "/model/seen.json", "w"))
"""


@pytest.fixture(autouse=True)
def _nothing_stays() -> Iterator[None]:
    """No thread and no file of a feeder outlives its job."""
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    yield
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("fifo")] == []
    if before:  # the record may have been opened meanwhile
        pipes = [end for end in os.listdir("/proc/self/fd") if _is_fifo(end)]
        assert pipes == []


def _is_fifo(descriptor: str) -> bool:
    try:
        return "/fifos/" in os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return False


def trained(place: Place, script: str, channel: dict[str, Any], **given: Any) -> Any:
    """What the script left, run on a channel `train` in Pipe mode."""
    execution = place.run(place.training("T", READ + script, {"train": {**PIPE, **channel}}, **given))
    assert execution.status == "Succeeded", execution.failure_reason
    return json.loads(place.archive(place.output(execution, "T")["ModelArtifacts"]["S3ModelArtifacts"])["seen.json"])


def test_every_epoch_streams_the_objects_one_after_another(place: Place) -> None:
    for key in ("train/b.csv", "train/a.csv", "train/deep/c.csv"):
        place.put(key, f"{key}\n")
    script = """
seen = [data.decode() for data in epochs(3)]
config = json.load(open(ML + "/input/config/inputdataconfig.json"))["train"]
leave([seen, config["TrainingInputMode"], os.path.exists(DATA + "/train")])
"""
    seen, mode, folder = trained(place, script, {"S3Uri": "s3://bucket/train"})
    assert seen == ["train/a.csv\ntrain/b.csv\ntrain/deep/c.csv\n"] * 3
    assert (mode, folder) == ("Pipe", False)


def test_what_is_larger_than_any_buffer_arrives_whole(place: Place) -> None:
    content = os.urandom(3_000_001)
    place.put("train/x", content)
    script = "import hashlib; leave([hashlib.sha256(data).hexdigest() for data in epochs(2)])"
    import hashlib

    assert trained(place, script, {"S3Uri": "s3://bucket/train"}) == [hashlib.sha256(content).hexdigest()] * 2


def test_a_fifo_is_read_once_and_the_next_epoch_follows_an_early_leave(place: Place) -> None:
    place.put("train/x", b"0123456789" * 1_000_000)
    script = """
with open(DATA + "/train_0", "rb") as fifo:
    first = fifo.read(10).decode()
try:
    open(DATA + "/train_0")
    again = "opened"
except FileNotFoundError:
    again = "gone"
leave([first, again, len(open(DATA + "/train_1", "rb").read())])
"""
    assert trained(place, script, {"S3Uri": "s3://bucket/train"}) == ["0123456789", "gone", 10_000_000]


def test_gzip_is_unpacked_and_records_are_wrapped(place: Place) -> None:
    place.put("train/a", gzip.compress(b"first") + gzip.compress(b" member"))
    place.put("train/b", gzip.compress(b""))
    place.put("train/c", gzip.compress(b"1234"))
    channel = {"S3Uri": "s3://bucket/train", "CompressionType": "Gzip"}
    assert trained(place, "leave(epochs(1)[0].decode())", channel) == "first member1234"
    wrapped = bytes.fromhex(trained(place, "leave(epochs(1)[0].hex())", {**channel, "RecordWrapperType": "RecordIO"}))
    assert records(wrapped) == [b"first member", b"", b"1234"]


def records(data: bytes) -> list[bytes]:
    """The content of RecordIO records, read by the format's definition."""
    found = []
    while data:
        magic, length = struct.unpack_from("<II", data)
        assert magic == 0xCED7230A
        assert length >> 29 == 0
        found.append(data[8 : 8 + length])
        end = 8 + (length + 3) // 4 * 4
        assert not any(data[8 + length : end])
        data = data[end:]
    return found


def test_objects_are_shuffled_by_the_seed_anew_each_epoch(place: Place) -> None:
    for number in range(30):
        place.put(f"train/{number:02}", f"{number:02} ")
    channel = {"S3Uri": "s3://bucket/train", "ShuffleConfig": {"Seed": 3}}
    script = "leave([data.decode().split() for data in epochs(2)])"
    first = trained(place, script, channel)
    assert first == trained(place, script, channel)
    assert first[0] != first[1]
    assert sorted(first[0]) == sorted(first[1]) == [f"{number:02}" for number in range(30)]
    assert trained(place, script, channel | {"ShuffleConfig": {"Seed": 4}}) != first


@pytest.mark.parametrize(("objects", "hosts"), [(7, 3), (2, 4)])
@pytest.mark.parametrize("seed", [None, 5])
def test_shards_are_streamed_each_object_once(place: Place, objects: int, hosts: int, seed: int | None) -> None:
    for number in range(objects):
        place.put(f"train/{number}", f"{number} ")
    channel: dict[str, Any] = {"S3Uri": "s3://bucket/train", "S3DataDistributionType": "ShardedByS3Key", **PIPE}
    if seed is not None:
        channel["ShuffleConfig"] = {"Seed": seed}
    script = """
host = json.load(open(ML + "/input/config/resourceconfig.json"))["current_host"]
json.dump([data.decode().split() for data in epochs(2)], open(ML + "/model/" + host, "w"))
"""
    execution = place.run(place.training("T", READ + script, {"train": channel}, count=hosts))
    assert execution.status == "Succeeded", execution.failure_reason
    model = place.archive(place.output(execution, "T")["ModelArtifacts"]["S3ModelArtifacts"])
    shares = [json.loads(model[f"algo-{number + 1}"]) for number in range(hosts)]
    for epoch in range(2):
        found = sorted(name for share in shares for name in share[epoch])
        assert found == [str(number) for number in range(objects)]
        assert max(len(share[epoch]) for share in shares) - min(len(share[epoch]) for share in shares) <= 1


def test_a_processing_job_reads_its_inputs_from_fifos_too(place: Place) -> None:
    place.put("raw/a", gzip.compress(b"a"))
    place.put("raw/b", gzip.compress(b"b"))
    place.put("more/x", b"x" * 100_000)
    script = """
write("raw", open(ML + "/processing/in/raw_0").read())
write("more", str(len(open(ML + "/processing/in/more_0").read())))
"""
    streamed = {"S3InputMode": "Pipe"}
    inputs = {
        "in/raw": {"S3Uri": "s3://bucket/raw", "S3CompressionType": "Gzip", **streamed},
        "in/more": {"S3Uri": "s3://bucket/more/x", "LocalPath": "/opt/ml/processing/in/more/", **streamed},
    }
    execution = place.run(place.writing("P", script, inputs=inputs))
    assert execution.status == "Succeeded", execution.failure_reason
    assert (place.text("P/raw"), place.text("P/more")) == ("ab", "100000")
    assert not any("Pipe mode" in note for note in place.watcher.notes)


@pytest.mark.parametrize("script", ["open(ML + '/processing/in/data.csv')", "os.listdir(ML + '/processing/in')"])
def test_who_looks_for_a_file_is_told_why_there_is_none(place: Place, script: str) -> None:
    place.put("raw/data.csv", "1")
    inputs = {"in": {"S3Uri": "s3://bucket/raw", "S3InputMode": "Pipe"}}
    execution = place.run(place.processing("P", script, inputs=inputs))
    reason = execution.steps["P"].failure_reason
    assert reason.startswith("AlgorithmError: ")
    assert "No such file or directory" in reason
    assert "input 'in' is in Pipe mode: its data comes through the FIFO /opt/ml/processing/in_0" in reason
    assert place.output(execution, "P")["FailureReason"] == reason


def test_a_fifo_that_nobody_opens_is_noted_after_a_success(place: Place) -> None:
    place.put("train/x", "1")
    place.run(place.training("T", "pass", {"train": {"S3Uri": "s3://bucket/train", **PIPE}}))
    assert any(
        note.startswith("T: input 'train' is in Pipe mode") and "/opt/ml/input/data/train_0" in note
        for note in place.watcher.notes
    )


def test_data_that_cannot_be_unpacked_end_the_job_before_it_takes_a_part_for_all(place: Place) -> None:
    place.put("train/a", gzip.compress(b"fine"))
    place.put("train/b", gzip.compress(b"x" * 100)[:-9])
    channel = {"S3Uri": "s3://bucket/train", "CompressionType": "Gzip", **PIPE}
    execution = place.run(place.training("T", READ + "leave(epochs(1)[0].decode())", {"train": channel}))
    reason = execution.steps["T"].failure_reason
    assert reason.startswith("ClientError: Input 'train' is to be unpacked, and s3://bucket/train/b is no whole gzip")
    assert place.keys("models") == []


BLOCKED = {
    "never opened": "meet(); __import__('signal').pause()",
    "opened and not read": "fifo = open(ML + '/processing/in_0'); meet(); __import__('signal').pause()",
    "read in part": "open(ML + '/processing/in_0').read(10); meet(); __import__('signal').pause()",
    "replaced": "os.unlink(ML + '/processing/in_0'); os.symlink('/etc/passwd', ML + '/processing/in_0'); meet(); "
    "__import__('signal').pause()",
}


@pytest.mark.parametrize("case", BLOCKED)
@pytest.mark.parametrize("ends", ["stopped", "out of time"])
def test_a_job_that_does_not_read_ends_like_any_other(
    place: Place, meeting: Callable[[int], Meeting], case: str, ends: str
) -> None:
    place.put("raw/x", b"x" * 5_000_000)
    door = meeting(1)

    def stop() -> None:
        if door.complete.wait(20) and ends == "stopped":
            os.kill(os.getpid(), signal.SIGTERM)

    stopper = threading.Thread(target=stop)
    stopper.start()
    inputs = {"in": {"S3Uri": "s3://bucket/raw", "S3InputMode": "Pipe"}}
    limit = 60 if ends == "stopped" else 1
    step = place.processing("P", BLOCKED[case], inputs=inputs, variables={"MEETING": door.port}, limit=limit)
    execution = place.run(step)
    stopper.join()
    assert execution.status == ("Stopped" if ends == "stopped" else "Failed")
    never = "which the program never opened" in execution.steps["P"].failure_reason
    assert never == (ends == "out of time" and case in ("never opened", "replaced"))


def test_many_fifos_at_once(place: Place) -> None:
    for number in range(20):
        place.put(f"c{number}/x", f"{number}")
    script = "leave([epochs(2, f'c{number}')[1].decode() for number in reversed(range(20))])"
    channels = {f"c{number}": {"S3Uri": f"s3://bucket/c{number}", **PIPE} for number in range(20)}
    execution = place.run(place.training("T", READ + script, channels, count=3))
    assert execution.status == "Succeeded", execution.failure_reason
    model = place.archive(place.output(execution, "T")["ModelArtifacts"]["S3ModelArtifacts"])
    assert json.loads(model["seen.json"]) == [str(number) for number in reversed(range(20))]


def test_without_sandboxes_a_fifo_is_where_the_arguments_say(plain: Place) -> None:
    plain.put("raw/x", "data")
    inputs = {"in": {"S3Uri": "s3://bucket/raw", "S3InputMode": "Pipe"}}
    execution = plain.run(plain.writing("P", "write('x', open(ML + '/processing/in_0').read())", inputs=inputs))
    assert (execution.status, plain.text("P/x")) == ("Succeeded", "data")


def test_a_record_that_is_too_long_is_refused_before_all_of_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_RECORD_BYTES", 1000)
    store = Store(tmp_path / "s3")
    store.put_bytes(gzip.compress(b"x" * 5_000_000)[:-4], "s3://bucket/bomb")
    given = Input("in", "s3://bucket/bomb", "/opt/ml/input/data/in", pipe=Pipe(gzip=True, recordio=True))
    (stream,) = streams.streams_of(given, store, 1)
    with pytest.raises(ExecutionError, match="one has more than the 1000 bytes"):
        next(stream.pieces(0))


def feeding(folder: Path, *targets: str) -> tuple[Feeder, Host]:
    """A feeder of streamed inputs at these places, and its only host."""
    store = Store(folder / "s3")
    store.put_bytes(b"x", "s3://bucket/x")
    inputs = tuple(Input(f"in{number}", "s3://bucket/x", target, pipe=Pipe()) for number, target in enumerate(targets))
    host = Host("algo-1", folder / "host", folder / "log")
    return Feeder(Job("job", "", (), lambda _: {}, ("algo-1",), lambda _: {}, inputs=inputs), [host], store), host


def test_a_fifo_that_finds_its_place_taken_says_so_and_nobody_is_told_to_open_it(tmp_path: Path) -> None:
    feeder, _ = feeding(tmp_path, "/opt/ml/a", "/opt/ml/a")
    with pytest.raises(ExecutionError, match="'in1' cannot be streamed: there is something at /opt/ml/a_0 already"):
        feeder.__enter__()
    assert feeder.explain(JobEnding("Failed", "why")).reason == "why"


def test_a_job_that_removes_our_names_of_the_fifos_ends_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = threading.Semaphore(0)
    held = Fifo._held

    def told(fifo: Fifo, epoch: int) -> str:
        name = held(fifo, epoch)
        waiting.release()
        return name

    monkeypatch.setattr(Fifo, "_held", told)
    feeder, host = feeding(tmp_path, "/opt/ml/a", "/opt/ml/b")
    with feeder:
        assert [waiting.acquire(timeout=20), waiting.acquire(timeout=20)] == [True, True]
        host.path("/opt/ml/a_0").chmod(0)
        shutil.rmtree(host.folder / "fifos")


def test_a_feeder_holds_no_more_than_a_piece_in_memory(tmp_path: Path) -> None:
    """200 MB through a FIFO, read here: what Python holds meanwhile stays below 8 MiB."""
    import tracemalloc

    store = Store(tmp_path / "s3")
    path = store.path("s3://bucket/big")
    path.parent.mkdir(parents=True)
    with open(path, "wb") as file:
        file.truncate(200_000_000)
    host = Host("algo-1", tmp_path / "host", tmp_path / "log")
    given = Input("in", "s3://bucket/big", "/opt/ml/processing/in", pipe=Pipe())
    job = Job("job", "", (), lambda _: {}, ("algo-1",), lambda _: {}, inputs=(given,))
    tracemalloc.start()
    with Feeder(job, [host], store) as feeder:
        with open(host.path("/opt/ml/processing/in_0"), "rb", buffering=0) as fifo:
            count = 0
            while piece := fifo.read(1 << 16):
                count += len(piece)
        assert count == 200_000_000
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
        assert feeder.explain(JobEnding("Completed")).notes == ()
    tracemalloc.stop()
