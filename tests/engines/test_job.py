"""Time limits and stopping: nothing of a job survives it."""

from __future__ import annotations

from collections.abc import Callable

from engines.place import Meeting, Place

from dagwright.engines.local.environments import Environments
from dagwright.engines.local.job_run import JobRun, Workshop
from dagwright.engines.local.launcher import Launcher
from dagwright.engines.local.processing import processing_job

# A grandchild in a session of its own that ignores TERM, like its parent; both hold on to a door of the test.
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
doors = socket.create_connection(("127.0.0.1", int(os.environ["MEETING"])))
signal.pause()
while True:
    signal.pause()
"""


def everyone_is_gone(meeting: Meeting) -> bool:
    """Each guest's connection has ended: the kernel closes it with the last process that holds it."""
    for guest in meeting.guests:
        guest.settimeout(20)
        if guest.recv(1) != b"":
            return False
    return True


def test_a_time_limit_ends_what_ignores_it_and_all_its_descendants(
    place_with: Callable[..., Place], each_way: str, meeting: Callable[[int], Meeting]
) -> None:
    place, door = place_with(sandbox=each_way, stop_grace_seconds=0), meeting(3)
    execution = place.run(place.writing("P", STUBBORN, limit=1, variables={"MEETING": door.port}))
    assert execution.failure_reason == "step 'P' failed: exceeded its MaxRuntimeInSeconds of 1 and was ended"
    assert door.complete.is_set()
    assert everyone_is_gone(door)
    assert place.output(execution, "P")["ProcessingJobStatus"] == "Failed"


def test_a_training_job_past_its_limit_is_stopped_as_the_service_says(place: Place) -> None:
    script = """
import signal
signal.signal(signal.SIGTERM, lambda *_: (print("saving"), sys.exit(0)))
signal.pause()
"""
    step = place.training("T", script, StoppingCondition={"MaxRuntimeInSeconds": 1})
    execution = place.run(step)
    output = place.output(execution, "T")
    assert (output["TrainingJobStatus"], output["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert "saving" in place.log(execution, "T"), "TERM comes before KILL"
    assert execution.status == "Failed"


def test_what_a_job_leaves_in_the_background_ends_with_it(
    place_with: Callable[..., Place], each_way: str, meeting: Callable[[int], Meeting]
) -> None:
    script = """
ready, done = os.pipe()
if os.fork() == 0:
    os.setsid()
    door = socket.create_connection(("127.0.0.1", int(os.environ["MEETING"])))
    os.write(done, b".")
    import signal
    while True:
        signal.pause()
os.read(ready, 1)
"""
    place, door = place_with(sandbox=each_way), meeting(1)
    assert place.run(place.processing("P", script, variables={"MEETING": door.port})).status == "Succeeded"
    assert door.complete.wait(10)
    assert everyone_is_gone(door)


def test_a_job_that_is_stopped_while_its_inputs_are_staged_never_starts(place: Place) -> None:
    home = place.engine.home
    step = place.writing("P", "write('ran', 'ran')")
    with Launcher() as launcher:
        workshop = Workshop(home.store, launcher, home.jobs("x"), home.logs, lambda folder: None)
        environment = Environments(home.environments, (), place.folder).of("")
        run = JobRun(processing_job("job", "arn", step["Arguments"]), environment, workshop)
        run.stop()
        ending = run.run()
    assert (ending.outcome, ending.reason) == ("Stopped", "stopped before it started")
    assert place.keys("P") == []
    assert not run.folder.exists()


def test_inputs_that_meet_in_one_folder_never_write_into_an_object(place_with: Callable[..., Place]) -> None:
    place = place_with(copy_below_mib=0)
    first, second = place.put("first/x", "first"), place.put("second/x", "second")
    inputs = {
        "in": {"S3Uri": "s3://bucket/first", "LocalPath": "/opt/ml/processing/both"},
        "more": {"S3Uri": "s3://bucket/second", "LocalPath": "/opt/ml/processing/both"},
    }
    place.run(place.writing("P", "write('x', open(ML + '/processing/both/x').read())", inputs=inputs))
    assert [place.text("first/x"), place.text("second/x"), place.text("P/x")] == ["first", "second", "second"]
    assert first != second


def test_no_number_of_seconds_is_too_large(place_with: Callable[..., Place]) -> None:
    place = place_with(stop_grace_seconds=10**400)
    patient = place.processing("Patient", "pass", limit=10**400)
    ended = place.processing("Ended", "import signal; signal.pause()", limit=1)
    execution = place.run(patient, ended)
    assert execution.steps["Patient"].status == "Succeeded", execution.failure_reason
    assert execution.steps["Ended"].failure_reason == "exceeded its MaxRuntimeInSeconds of 1 and was ended"


def test_jobs_beside_each_other_have_networks_of_their_own(sandboxed: Place) -> None:
    script = "write('hosts', open('/etc/hosts').read().split('\\t')[-2].split()[-1])"
    assert sandboxed.run(*(sandboxed.writing(name, script) for name in "ABC")).status == "Succeeded"
    assert len({sandboxed.text(f"{name}/hosts") for name in "ABC"}) == 3
