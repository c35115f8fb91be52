"""Spot training that is interrupted: what is kept, what starts again, and what ends it for good."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from engines.place import Meeting, Place, Watcher, definition

from dagwright.definition.graph import read_definition
from dagwright.engines.engine import Start
from dagwright.engines.execution import Execution
from dagwright.engines.local.checkpoints import stamps
from dagwright.engines.local.job import Host, Output
from dagwright.engines.local.publishing import keep_checkpoints
from dagwright.engines.local.store import Store
from dagwright.errors import DefinitionError

# Writes one file a run, by rename, until there are as many as LAST says; a run that is not the last waits for its end.
SCRIPT = """
import signal
found = sorted(os.listdir(ML + "/checkpoints"))
print("began with", found, flush=True)
def checkpoint(name, text="x"):
    open(f"{ML}/checkpoints/{name}.part", "w").write(text)
    os.rename(f"{ML}/checkpoints/{name}.part", f"{ML}/checkpoints/{name}")
checkpoint(f"epoch-{len(found) + 1}")
if len(found) + 1 < int(os.environ["LAST"]):
    signal.pause()
open(ML + "/model/m", "w").write("m")
"""


def spot(
    place: Place, script: str = SCRIPT, last: int = 1, channels: Mapping[str, str] | None = None, **members: Any
) -> dict[str, Any]:
    members = {
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
        **members,
    }
    variables = {"LAST": str(last), **members.pop("variables", {})}
    return place.training("T", script, channels, variables=variables, **members)


def run_interrupted(place: Place, step: Mapping[str, Any], *names: str, watcher: Watcher | None = None) -> Execution:
    place.watcher = watcher or Watcher()
    graph = read_definition(definition(step))
    return place.engine.run(Start("p", graph, interruptions=names or ("T",)), place.watcher)


def phases(place: Place, execution: Execution) -> list[str]:
    return [phase["Status"] for phase in place.output(execution, "T")["SecondaryStatusTransitions"]]


BEGUN = ["Starting", "Downloading", "Training"]


def test_an_interrupted_job_goes_on_from_its_checkpoints(place: Place) -> None:
    execution = run_interrupted(place, spot(place, last=2))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.keys("checkpoints") == ["checkpoints/epoch-1", "checkpoints/epoch-2"]
    assert "T interrupted, goes on from 1 checkpoint file" in place.watcher.notes
    assert place.log(execution, "T").splitlines() == [
        "began with []",
        "---- interrupted, goes on from 1 checkpoint file ----",
        "began with ['epoch-1']",
    ]
    output = place.output(execution, "T")
    assert phases(place, execution) == [*BEGUN, "Interrupted", *BEGUN, "Uploading", "Completed"]
    assert (output["TrainingJobStatus"], output["SecondaryStatus"]) == ("Completed", "Completed")
    assert output["TrainingTimeInSeconds"] >= 0
    assert "BillableTimeInSeconds" not in output
    assert place.archive(output["ModelArtifacts"]["S3ModelArtifacts"]) == {"m": b"m"}
    assert execution.steps["T"].attempts == 1


def test_a_step_that_is_named_twice_is_interrupted_twice(place: Place) -> None:
    execution = run_interrupted(place, spot(place, last=3), "T", "T")
    assert execution.status == "Succeeded", execution.failure_reason
    said = [note for note in place.watcher.notes if "interrupted" in note]
    assert said == ["T interrupted, goes on from 1 checkpoint file", "T interrupted, goes on from 2 checkpoint files"]
    assert phases(place, execution).count("Interrupted") == 2


def test_nothing_but_inputs_and_checkpoints_outlives_an_interruption(place: Place) -> None:
    place.put("train/a.csv", "1")
    script = """
import signal, tempfile
paths = [tempfile.gettempdir() + "/t", *(f"{ML}/{name}" for name in ("model/m", "output/data/d", "input/data/train/b"))]
first = not os.listdir(ML + "/checkpoints")
print("sees", [os.path.exists(path) for path in paths], open(ML + "/input/data/train/a.csv").read(), flush=True)
for path in [*paths, ML + "/input/data/train/a.csv"]:
    open(path, "w").write(f"first: {first}")
open(ML + "/checkpoints/c", "w").write("1")
if first:
    signal.pause()
"""
    execution = run_interrupted(place, spot(place, script, channels={"train": "s3://bucket/train"}))
    assert execution.status == "Succeeded", place.log(execution, "T")
    log = place.log(execution, "T").splitlines()
    assert [log[0], log[-1]] == ["sees [False, False, False, False] 1"] * 2
    model = place.output(execution, "T")["ModelArtifacts"]["S3ModelArtifacts"]
    assert place.archive(model) == {"m": b"first: False"}


def test_a_job_may_save_a_last_checkpoint_when_it_is_told_to_end(place: Place) -> None:
    script = """
import signal
found = sorted(os.listdir(ML + "/checkpoints"))
def last(*_):
    open(ML + "/checkpoints/at-the-end", "w").write("x")
    sys.exit(0)
signal.signal(signal.SIGTERM, last)
if not found:
    open(ML + "/checkpoints/first", "w").write("x")
    signal.pause()
print("found", found)
"""
    execution = run_interrupted(place, spot(place, script))
    assert execution.status == "Succeeded", execution.failure_reason
    assert "found ['at-the-end', 'first']" in place.log(execution, "T")


def test_a_job_that_does_not_end_by_itself_is_killed_when_its_grace_is_over(place_with: Callable[..., Place]) -> None:
    place = place_with(stop_grace_seconds=0)
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SCRIPT
    execution = run_interrupted(place, spot(place, script, last=2))
    assert execution.status == "Succeeded", execution.failure_reason
    assert "T interrupted, goes on from 1 checkpoint file" in place.watcher.notes


def test_all_hosts_are_interrupted_and_an_old_copy_does_not_replace_a_new_checkpoint(place: Place) -> None:
    script = """
import signal
me = json.load(open(ML + "/input/config/resourceconfig.json"))["current_host"]
path = ML + "/checkpoints/state"
before = open(path).read() if os.path.exists(path) else ""
print(me, "reads", repr(before), flush=True)
if me == "algo-1":
    open(path + ".part", "w").write(before + "+")
    os.rename(path + ".part", path)
if len(before) < 2:
    signal.pause()
"""
    execution = run_interrupted(place, spot(place, script, count=2), "T", "T")
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("checkpoints/state") == "+++"
    for log in place.engine.logs(execution.steps["T"]):
        assert [*log.lines()][-1] == f"{log.host} reads '++'"


def test_a_checkpoint_that_the_job_removed_does_not_come_back(place: Place) -> None:
    script = SCRIPT.replace('open(ML + "/model', 'os.remove(ML + "/checkpoints/" + found[0])\nopen(ML + "/model')
    place.put("checkpoints/from-before", "x")
    execution = run_interrupted(place, spot(place, script, last=3))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.keys("checkpoints") == ["checkpoints/epoch-3", "checkpoints/from-before"]


def test_a_checkpoint_that_one_host_removed_does_not_come_back_from_another(place: Place) -> None:
    place.put("checkpoints/old", "x")
    script = """
me = json.load(open(ML + "/input/config/resourceconfig.json"))["current_host"]
if me == "algo-1":
    os.remove(ML + "/checkpoints/old")
"""
    assert place.run(spot(place, script, count=2)).status == "Succeeded"
    assert place.keys("checkpoints") == []


def test_checkpoints_of_another_name_that_begins_alike_are_not_this_jobs(place: Place) -> None:
    place.put("checkpoints-of-another/epoch-1", "x")
    execution = run_interrupted(place, spot(place, last=2))
    assert place.log(execution, "T").startswith("began with []")
    assert "T interrupted, goes on from 1 checkpoint file" in place.watcher.notes


def test_a_checkpoint_stays_while_a_host_has_its_own_of_that_name(tmp_path: Path) -> None:
    """Both hosts began with `last`; the second has replaced its own, which is uploaded; the first has removed it."""
    store, output = Store(tmp_path / "s3"), Output("/opt/ml/checkpoints", "s3://bucket/c", always=True, restored=True)
    hosts = [Host(name, tmp_path / name, tmp_path / "log") for name in ("algo-1", "algo-2")]
    for host in hosts:
        path = host.path("/opt/ml/checkpoints/last")
        path.parent.mkdir(parents=True)
        path.write_text("old")
        host.restored = {output.source: stamps(host, output.source)}
    hosts[0].path("/opt/ml/checkpoints/last").unlink()
    hosts[1].path("/opt/ml/checkpoints/last").write_text("newer")
    hosts[0].kept, hosts[1].kept = hosts[0].restored, {output.source: stamps(hosts[1], output.source)}
    store.put_bytes(b"newer", "s3://bucket/c/last")
    assert keep_checkpoints(output, hosts, store) == {"last"}
    assert store.read_text("s3://bucket/c/last") == "newer"


def test_a_checkpoint_that_is_there_already_interrupts_nobody(place: Place) -> None:
    place.put("checkpoints/epoch-1", "x")
    script = "print(os.listdir(ML + '/checkpoints'))"
    execution = run_interrupted(place, spot(place, script))
    assert execution.status == "Succeeded", execution.failure_reason
    assert phases(place, execution) == [*BEGUN, "Uploading", "Completed"]
    said = "T: was not interrupted: it ended before it had been seen to write a further checkpoint file"
    assert said in place.watcher.notes


def test_fewer_interruptions_than_asked_for_are_said(place: Place) -> None:
    script = SCRIPT.replace("checkpoint(f", "len(found) or checkpoint(f")
    execution = run_interrupted(place, spot(place, script, last=2), "T", "T", "T")
    assert execution.status == "Succeeded", execution.failure_reason
    assert any("T: was interrupted 1 of 3 times: it ended before" in note for note in place.watcher.notes)


def test_a_step_that_did_not_run_was_not_interrupted(place: Place) -> None:
    step = {**spot(place), "DependsOn": ["Broken"]}
    graph = read_definition(definition(place.processing("Broken", "sys.exit(1)"), step))
    watcher = Watcher()
    assert place.engine.run(Start("p", graph, interruptions=("T",)), watcher).status == "Failed"
    assert watcher.notes[-1] == "T: was not interrupted: it did not run"


def test_a_failure_before_the_interruption_is_a_failure(place: Place) -> None:
    execution = run_interrupted(place, spot(place, "sys.exit('broken')"))
    assert execution.steps["T"].failure_reason == "AlgorithmError: broken, exit code 1"
    assert any("T: was not interrupted" in note for note in place.watcher.notes)


def test_a_failure_after_the_interruption_is_a_failure_and_keeps_the_checkpoints(place: Place) -> None:
    script = SCRIPT.replace("checkpoint(f", "if found: sys.exit('cannot read it')\ncheckpoint(f")
    execution = run_interrupted(place, spot(place, script, last=2))
    assert execution.steps["T"].failure_reason == "AlgorithmError: cannot read it, exit code 1"
    assert phases(place, execution) == [*BEGUN, "Interrupted", *BEGUN, "Uploading", "Failed"]
    assert place.keys("checkpoints") == ["checkpoints/epoch-1"]


def test_a_restart_that_fails_is_a_failure_and_leaves_nothing_behind(place: Place) -> None:
    place.put("train/a.csv", "1")
    step = spot(place, last=2, channels={"train": "s3://bucket/train"})

    class Thief(Watcher):
        def noted(self, line: str) -> None:
            super().noted(line)
            if "goes on" in line:
                place.engine.home.store.remove("s3://bucket/train/a.csv")

    execution = run_interrupted(place, step, watcher=Thief())
    assert "Input 'train' finds no object at s3://bucket/train" in execution.steps["T"].failure_reason
    assert place.keys("checkpoints") == ["checkpoints/epoch-1"]
    assert list((place.folder / ".dagwright" / "jobs").iterdir()) == []


def test_a_run_that_is_stopped_during_a_restart_starts_nothing_again(place: Place) -> None:
    class Impatient(Watcher):
        def noted(self, line: str) -> None:
            super().noted(line)
            if "goes on" in line:
                os.kill(os.getpid(), signal.SIGTERM)
                stopped.wait(10)
            if line.startswith("stopping"):
                stopped.set()

    stopped = threading.Event()
    execution = run_interrupted(place, spot(place, last=2), watcher=Impatient())
    assert (execution.status, execution.steps["T"].status) == ("Stopped", "Stopped")
    assert place.log(execution, "T").count("began with") == 1
    assert place.keys("checkpoints") == ["checkpoints/epoch-1"]
    assert list((place.folder / ".dagwright" / "jobs").iterdir()) == []


# A TERM that comes before the wait for it is not lost: it is blocked from the start.
ASKED = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n" + SCRIPT.replace(
    "signal.pause()", "signal.sigwait({signal.SIGTERM}); meet(); sys.exit(0)"
)


def test_a_run_that_is_stopped_while_a_job_has_its_grace_starts_nothing_again(
    place: Place, meeting: Callable[[int], Meeting]
) -> None:
    door = meeting(1)

    def stop() -> None:
        if door.complete.wait(20):
            os.kill(os.getpid(), signal.SIGTERM)

    stopper = threading.Thread(target=stop)
    stopper.start()
    execution = run_interrupted(place, spot(place, ASKED, last=2, variables={"MEETING": door.port}))
    stopper.join()
    assert (execution.status, execution.steps["T"].status) == ("Stopped", "Stopped")
    assert phases(place, execution) == [*BEGUN, "Uploading", "Stopped"]
    assert place.keys("checkpoints") == ["checkpoints/epoch-1"]


@pytest.mark.parametrize(
    ("limits", "secondary", "said"),
    [
        ((1, 120), "MaxRuntimeExceeded", "MaxRuntimeInSeconds of 1"),
        ((60, 1), "MaxWaitTimeExceeded", "MaxWaitTimeInSeconds of 1"),
    ],
)
def test_time_is_counted_over_all_runs(place: Place, limits: tuple[int, int], secondary: str, said: str) -> None:
    stopping = dict(zip(("MaxRuntimeInSeconds", "MaxWaitTimeInSeconds"), limits, strict=True))
    execution = run_interrupted(place, spot(place, last=9, StoppingCondition=stopping))
    output = place.output(execution, "T")
    assert (output["TrainingJobStatus"], output["SecondaryStatus"]) == ("Stopped", secondary)
    assert execution.steps["T"].failure_reason == f"exceeded its {said} and was ended"


def test_time_that_is_over_during_the_grace_starts_nothing_again(place_with: Callable[..., Place]) -> None:
    place = place_with(stop_grace_seconds=2)
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SCRIPT
    limits = {"MaxRuntimeInSeconds": 1, "MaxWaitTimeInSeconds": 120}
    execution = run_interrupted(place, spot(place, script, last=2, StoppingCondition=limits))
    assert place.output(execution, "T")["SecondaryStatus"] == "MaxRuntimeExceeded"
    assert place.log(execution, "T").count("began with") == 1
    assert place.keys("checkpoints") == ["checkpoints/epoch-1"]


def test_what_cannot_be_interrupted_is_refused_before_anything_starts(place: Place) -> None:
    step = place.training("T", SCRIPT)
    other = place.processing("P", "pass")
    graph = read_definition(definition(step, other))
    with pytest.raises(DefinitionError) as refused:
        place.engine.run(Start("p", graph, interruptions=("T", "P", "Tt")), Watcher())
    for part in (
        "T: EnableManagedSpotTraining: it does not train on Spot instances",
        "add use_spot_instances=True and max_wait_in_seconds= to the step",
        "T: CheckpointConfig: it keeps no checkpoints",
        "add checkpoint_s3_uri= to the step",
        "P: it is a Processing step, and only Spot training is interrupted",
        "--interrupt Tt: there is no such step (did you mean 'T'?)",
    ):
        assert part in str(refused.value)
    assert place.engine.history() == []
