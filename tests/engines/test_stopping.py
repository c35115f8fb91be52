"""Runs in processes of their own that are stopped, interrupted or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from engines.place import Meeting, Place, Watcher, definition

from dagwright.definition.graph import read_definition
from dagwright.engines.engine import Start
from dagwright.engines.execution import Execution
from dagwright.engines.local.run import stopping_signals
from dagwright.errors import UsageError

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
sys.path[:0] = {path}
from pathlib import Path
from engines.place import Place
place = Place(Path({folder!r}), sandbox={sandbox!r})
script = "if os.fork() == 0: os.setsid()\\nmeet()\\nmeet()"
steps = [place.writing(name, script, variables={{"MEETING": {port!r}}}) for name in "AB"]
steps.append(place.processing("Later", "pass", depends_on=["A"]))
execution = place.run(*steps)
print(execution.status, sorted((step.name, step.status) for step in execution.steps.values()))
"""


@pytest.fixture
def running(place: Place, meeting: Callable[[int], Meeting]) -> tuple[Place, Meeting, subprocess.Popen[str]]:
    """A run of two jobs, each of two processes that wait at the door, in a process of its own."""
    door = meeting(4)
    path = [str(ROOT), str(ROOT / "tests")]
    program = PROGRAM.format(path=path, folder=str(place.folder), sandbox=place.settings.sandbox, port=door.port)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert door.complete.wait(30)
    return place, door, process


def assert_everything_is_gone(place: Place, door: Meeting) -> None:
    for guest in door.guests:
        guest.settimeout(20)
        assert guest.recv(1) == b""  # the kernel says so when the last process that held it has gone
    assert list((place.folder / ".dagwright" / "jobs").iterdir()) == []
    assert list((place.folder / ".dagwright" / "runs").iterdir()) == []
    assert str(place.folder) not in Path("/proc/self/mountinfo").read_text()
    assert place.keys("A") == []


STOPPED = "Stopped [('A', 'Stopped'), ('B', 'Stopped')]\n"


def test_another_process_stops_a_run(running: tuple[Place, Meeting, subprocess.Popen[str]]) -> None:
    place, door, process = running
    execution = place.engine.stop("", timeout_seconds=30)
    assert process.communicate()[0] == STOPPED
    assert (execution.status, {step.status for step in execution.steps.values()}) == ("Stopped", {"Stopped"})
    assert_everything_is_gone(place, door)
    with pytest.raises(UsageError, match=f"Execution {execution.id} is not running: it is Stopped"):
        place.engine.stop(execution.id)


def test_an_interrupt_from_the_keyboard_stops_a_run(running: tuple[Place, Meeting, subprocess.Popen[str]]) -> None:
    place, door, process = running
    assert place.engine.describe().status == "Executing"
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    assert process.communicate()[0] == STOPPED
    assert process.returncode == 0
    assert place.engine.describe().status == "Stopped"
    assert_everything_is_gone(place, door)


def test_a_killed_run_leaves_no_process_and_the_next_command_settles_it(
    running: tuple[Place, Meeting, subprocess.Popen[str]],
) -> None:
    place, door, process = running
    process.kill()
    process.communicate()
    for guest in door.guests:
        guest.settimeout(20)
        assert guest.recv(1) == b""
    execution = place.engine.describe()
    assert execution.status == "Failed"
    assert "it was killed, or the machine went down" in execution.failure_reason
    assert {step.status for step in execution.steps.values()} == {"Failed"}
    assert_everything_is_gone(place, door)
    assert place.run(place.processing("P", "pass")).status == "Succeeded"


def test_a_run_that_is_killed_before_its_record_begins_is_settled_too(place: Place) -> None:
    home = place.engine.home
    (home.path / "runs").mkdir(parents=True)
    (home.path / "runs" / "abc").write_text(str(os.getpid()))
    home.jobs("abc").mkdir(parents=True)
    assert place.engine.history() == []
    assert not home.jobs("abc").exists()
    assert list((home.path / "runs").iterdir()) == []


def test_a_run_that_was_stopped_before_its_first_step_starts_none(place: Place) -> None:
    class Impatient(Watcher):
        def started(self, execution: Execution, waiting: Mapping[str, tuple[str, ...]]) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    graph = read_definition(definition(place.processing("P", "pass")))
    execution = place.engine.run(Start("p", graph), Impatient())
    assert (execution.status, execution.steps) == ("Stopped", {})


@pytest.mark.parametrize(("before", "heard"), [(signal.SIG_DFL, True), (signal.SIG_IGN, False)])
def test_a_terminal_that_goes_away_stops_a_run_unless_that_is_ignored(before: signal.Handlers, heard: bool) -> None:
    outside = signal.signal(signal.SIGHUP, before)
    try:
        with stopping_signals() as events:
            os.kill(os.getpid(), signal.SIGHUP)
            assert events.empty() is not heard
        assert signal.getsignal(signal.SIGHUP) is before
    finally:
        signal.signal(signal.SIGHUP, outside)
