"""Jobs that are started again after they failed, on both ways a run here may take."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from engines.place import Place, Watcher, definition, fail
from engines.test_failures import run_failing
from engines.test_machine_run import as_machines

from dagwright.definition.graph import Step, read_definition
from dagwright.engines.engine import Start
from dagwright.engines.execution import FAILED, SUCCEEDED, Rest, StepRun
from dagwright.engines.local import run as local_run
from dagwright.engines.local.attempts import Attempts
from dagwright.engines.local.bench import StepResult
from dagwright.engines.local.steps import KINDS

ROOT = Path(__file__).parents[2]
NONE_LEFT = "CapacityError: none left"


def policy(kind: str, attempts: int, **more: Any) -> dict[str, Any]:
    return {"ExceptionType": [kind], "IntervalSeconds": 1, "BackoffRate": 3.0, "MaxAttempts": attempts, **more}


def step(*policies: dict[str, Any], kind: str = "Training") -> Step:
    definition = {"Steps": [{"Name": "A", "Type": kind, "Arguments": {}, "RetryPolicies": [*policies]}]}
    return read_definition({"Version": "2020-12-01", **definition}).steps["A"]


class Clock:
    """Time that passes when somebody waits: `after` calls at once, in a thread of its own, as a timer would."""

    def __init__(self) -> None:
        self.time = 0.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.time

    def after(self, seconds: float, function: Callable[[], None]) -> threading.Timer:
        self.waits.append(seconds)
        self.time += seconds
        return threading.Timer(0, function)


def rests(attempts: Attempts, one: Step, *reasons: str) -> list[Any]:
    """After each of these failures: (seconds, number, most), or why there is no further attempt."""
    said: list[Any] = []
    for number, reason in enumerate(reasons, 1):
        found = attempts.after(one, StepResult(FAILED, reason), number)
        said.append((found.seconds, found.number, found.most) if isinstance(found, Rest) else found)
    return said


def test_every_policy_counts_its_own_attempts() -> None:
    one = step(policy("SageMaker.CAPACITY_ERROR", 2), policy("SageMaker.JOB_INTERNAL_ERROR", 1))
    assert rests(Attempts(), one, NONE_LEFT, "InternalServerError: sorry", NONE_LEFT, NONE_LEFT) == [
        (1, 2, 3),
        (1, 3, 3),
        (3, 4, 4),
        "all 2 further attempts have been made (SageMaker.CAPACITY_ERROR)",
    ]
    assert Attempts().after(one, StepResult(SUCCEEDED), 1) == ""


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("AlgorithmError: CapacityError, exit code 3", "no policy covers AlgorithmError, exit code 3"),
        ("AlgorithmError: it says exit code 7, exit code 3; a hint", "no policy covers AlgorithmError, exit code 3"),
        ("ClientError: no data", "no policy covers ClientError"),
        ("InternalServerError: sorry", "no policy covers InternalServerError"),
        ("something else", "no policy covers this failure"),
    ],
)
def test_what_no_policy_covers_is_named(reason: str, said: str) -> None:
    assert rests(Attempts(), step(policy("SageMaker.CAPACITY_ERROR", 2)), reason) == [said]
    assert rests(Attempts(), step(), reason) == [""]  # nobody has asked for more attempts


def test_throttling_and_faults_are_tried_again_without_a_policy_and_a_used_up_quota_is_not() -> None:
    throttled, fault = "ThrottlingException: Rate exceeded", "InternalFailure: unknown"
    said = rests(Attempts(), step(), *[throttled, fault] * 4, throttled)
    assert [rest[0] for rest in said[:-1]] == [3, 6, 12, 24, 45, 45, 45, 45]
    assert said[-1] == "all 8 further attempts have been made (Step.THROTTLING)"
    assert rests(Attempts(), step(), "ResourceLimitExceeded: too many") == [""]
    named = step(policy("SageMaker.RESOURCE_LIMIT", 1), policy("Step.THROTTLING", 1))
    assert rests(Attempts(), named, "ResourceLimitExceeded: too many", throttled, throttled, fault) == [
        (1, 2, 2),
        (1, 3, 3),
        "all 1 further attempts have been made (Step.THROTTLING)",
        (3, 5, 12),
    ]


def test_a_call_that_has_gone_well_is_forgotten() -> None:
    one = step(policy("Step.THROTTLING", 1), policy("SageMaker.CAPACITY_ERROR", 5))
    said = rests(Attempts(), one, "ThrottlingException: no", NONE_LEFT, "ThrottlingException: no")
    assert [rest[1] for rest in said] == [2, 3, 4]


def test_a_policy_without_an_end_means_five_attempts() -> None:
    endless = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"]}
    said = rests(Attempts(), step(endless), *[NONE_LEFT] * 6)
    assert said == [*((2**n, n + 2, 6) for n in range(5)), said[-1]]
    assert said[-1].startswith("all 5 further attempts")


def test_an_end_in_time_counts_from_the_first_start() -> None:
    clock = Clock()
    attempts, one = Attempts(clock.now), step(policy("SageMaker.CAPACITY_ERROR", 0, MaxAttempts=None, ExpireAfterMin=1))
    attempts.begin(one)
    assert rests(attempts, one, NONE_LEFT) == [(1, 2, 0)]
    clock.time = 50
    attempts.begin(one)
    assert rests(attempts, one, NONE_LEFT, NONE_LEFT) == [
        (3, 2, 0),
        (9, 3, 0),
    ]
    clock.time = 55  # the next wait, of 27 s, would end after the minute
    assert rests(attempts, one, NONE_LEFT) == ["the 1 min that its policy gives it are over (SageMaker.CAPACITY_ERROR)"]


def test_the_first_attempt_after_a_failure_within_the_time_may_begin_later() -> None:
    clock = Clock()
    again = policy("SageMaker.CAPACITY_ERROR", 0, MaxAttempts=None, ExpireAfterMin=1, IntervalSeconds=600)
    attempts = Attempts(clock.now)
    attempts.begin(step(again))
    assert rests(attempts, step(again), NONE_LEFT) == [(600, 2, 0)]
    clock.time = 600
    assert rests(attempts, step(again), NONE_LEFT)[0].startswith("the 1 min")


def test_a_tuning_job_is_not_started_again_after_an_internal_error() -> None:
    one = step(policy("SageMaker.JOB_INTERNAL_ERROR", 2), kind="Tuning")
    (why,) = rests(Attempts(), one, "InternalServerError: sorry")
    assert why.startswith("a tuning job tries its own jobs again")


@pytest.fixture(params=["local", "machine"])
def either(request: pytest.FixtureRequest, place: Place) -> Place:
    return as_machines(place) if request.param == "machine" else place


@pytest.fixture
def stumbling(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Processing jobs fail for these reasons, one after the other, before they run."""
    reasons: list[str] = []
    run: Callable[..., StepResult] = KINDS["Processing"].run

    def stumble(*arguments: Any) -> StepResult:
        return StepResult(FAILED, reasons.pop(0)) if reasons else run(*arguments)

    monkeypatch.setitem(KINDS, "Processing", replace(KINDS["Processing"], run=stumble))
    return reasons


def test_a_job_that_found_no_machine_starts_again(either: Place, stumbling: list[str]) -> None:
    stumbling += [NONE_LEFT, NONE_LEFT]
    policies = [policy("SageMaker.CAPACITY_ERROR", 2, BackoffRate=1.0)]
    first = either.writing("First", "write('seen', {})", RetryPolicies=policies)
    execution = either.run(first, either.writing("Second", "pass", depends_on=["First"]))
    assert {name: (run.status, run.attempts) for name, run in execution.steps.items()} == {
        "First": ("Succeeded", 3),
        "Second": ("Succeeded", 1),
    }
    assert either.engine.describe() == execution
    tries = execution.steps["First"].tries
    assert [(attempt.number, attempt.status, attempt.failure_reason) for attempt in tries] == [
        (1, "Failed", NONE_LEFT),
        (2, "Failed", NONE_LEFT),
        (3, "Succeeded", ""),
    ]
    assert len({attempt.job for attempt in tries}) == 3
    assert all(before.ended <= after.started for before, after in pairwise(tries))
    assert execution.steps["First"].started == tries[0].started
    assert [(rest.seconds, rest.number, rest.most, rest.kind) for rest in either.watcher.rests] == [
        (1, 2, 3, "SageMaker.CAPACITY_ERROR"),
        (1, 3, 3, "SageMaker.CAPACITY_ERROR"),
    ]
    assert either.watcher.left_out == []


def test_the_last_failure_is_the_step_s(either: Place, stumbling: list[str]) -> None:
    stumbling += [NONE_LEFT, "AlgorithmError: boom"]
    policies = [policy("SageMaker.CAPACITY_ERROR", 5)]
    execution = either.run(either.writing("First", "pass", RetryPolicies=policies))
    assert (execution.steps["First"].failure_reason, execution.steps["First"].attempts) == ("AlgorithmError: boom", 2)
    assert execution.status == "Failed"
    assert "First is not tried again: no policy covers AlgorithmError" in either.watcher.notes


def test_what_rests_between_two_attempts_is_stopped_at_once(
    place: Place, stumbling: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stumbling += [NONE_LEFT]
    resting = local_run.Run._rest_or_finish

    def stop_then(run: local_run.Run, step: Step, result: StepResult) -> None:
        resting(run, step, result)
        run.events.put(local_run.STOP)

    monkeypatch.setattr(local_run.Run, "_rest_or_finish", stop_then)
    policies = [policy("SageMaker.CAPACITY_ERROR", 1, IntervalSeconds=3600)]
    execution = place.run(place.writing("First", "pass", RetryPolicies=policies))
    assert execution.status == "Stopped"
    (attempt,) = execution.steps["First"].tries
    assert execution.steps["First"].failure_reason == attempt.failure_reason == NONE_LEFT
    assert place.engine.describe() == execution


class Stopping(Watcher):
    """Asks the run to stop as soon as a step rests."""

    def changed(self, step: StepRun) -> None:
        super().changed(step)
        if step.rest:
            signal.raise_signal(signal.SIGTERM)


def test_stopping_in_the_middle_of_a_rest(either: Place, stumbling: list[str]) -> None:
    stumbling += [NONE_LEFT]
    policies = [policy("SageMaker.CAPACITY_ERROR", 1, IntervalSeconds=3600)]
    graph = read_definition(definition(either.writing("First", "pass", RetryPolicies=policies)))
    execution = either.engine.run(Start("p", graph), Stopping())
    assert execution.status == "Stopped"
    run = execution.steps["First"]
    assert (run.status, run.failure_reason, len(run.tries)) == ("Failed", NONE_LEFT, 1)
    assert either.engine.describe() == execution


def test_nothing_is_tried_again_after_a_fail_step(place: Place, stumbling: list[str]) -> None:
    """It is reached while the other step rests, which ends as its last attempt did."""
    stumbling += [NONE_LEFT]
    policies = [policy("SageMaker.CAPACITY_ERROR", 1, IntervalSeconds=3600)]
    resting = place.writing("First", "pass", RetryPolicies=policies)
    place.put("raw/a", "1")
    train = place.training("Train", "open(ML + '/model/m', 'w').write('1')", {"in": "s3://bucket/raw"})
    end = fail("Stop", "enough", depends_on=["Train"])
    execution = place.run(resting, train, end)
    assert {name: (run.status, run.failure_reason) for name, run in execution.steps.items()} == {
        "First": ("Failed", NONE_LEFT),
        "Train": ("Succeeded", ""),
        "Stop": ("Failed", "enough"),
    }


@pytest.mark.parametrize("made", [lambda place: place, as_machines], ids=["local", "machine"])
def test_a_step_that_rests_leaves_its_place_to_others(
    place_with: Callable[..., Place], made: Callable[[Place], Place]
) -> None:
    place = made(place_with(max_parallel=1))
    policies = [policy("SageMaker.CAPACITY_ERROR", 1, IntervalSeconds=1)]
    first = place.writing("First", "pass", RetryPolicies=policies)
    execution = run_failing(place, "First=CAPACITY_ERROR", steps=[first, place.writing("Second", "pass")])
    assert execution.status == "Succeeded"
    assert execution.steps["Second"].started <= execution.steps["First"].tries[1].started


KILLED = """
import sys
sys.path[:0] = {path}
from dataclasses import replace
from pathlib import Path
from engines.place import Place
from engines.test_attempts import policy
from dagwright.definition.graph import read_definition
from dagwright.engines.engine import Start
from engines.place import Watcher, definition
place = Place(Path({folder!r}), sandbox="paths")
class Telling(Watcher):
    def changed(self, step):
        if step.rest:
            print("rests", flush=True)
step = place.writing("First", "pass", RetryPolicies=[policy("SageMaker.CAPACITY_ERROR", 3, IntervalSeconds=3600)])
place.engine.run(Start("p", read_definition(definition(step)), failures=("First=CAPACITY_ERROR",)), Telling())
"""


def test_a_run_that_is_killed_in_the_middle_of_a_rest(plain: Place) -> None:
    program = KILLED.format(path=[str(ROOT), str(ROOT / "tests")], folder=str(plain.folder))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "rests\n"
        meanwhile = plain.engine.describe().steps["First"]
        assert (meanwhile.status, [attempt.status for attempt in meanwhile.tries]) == ("Executing", ["Failed"])
        process.kill()
    run = plain.engine.describe().steps["First"]
    assert run.status == "Failed"
    assert "killed" in run.failure_reason
    (attempt,) = run.tries
    assert attempt.failure_reason.startswith("CapacityError: ")


def test_back_off_is_waited_as_the_policy_says(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(local_run, "Run", partial(local_run.Run, after=clock.after, attempts=Attempts(clock.now)))
    monkeypatch.setattr("dagwright.engines.local.engine.Run", local_run.Run)
    policies = [policy("SageMaker.CAPACITY_ERROR", 3, IntervalSeconds=100)]
    first = place.writing("First", "pass", RetryPolicies=policies)
    execution = run_failing(place, *["First=CAPACITY_ERROR"] * 3, steps=[first])
    assert execution.status == "Succeeded"
    assert clock.waits == [100, 300, 900]
