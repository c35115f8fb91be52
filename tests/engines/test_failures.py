"""Failures on purpose: what each comes to on both ways a run here may take, and words that are refused."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pytest
from engines.place import Place, Watcher, condition, definition, equals
from engines.test_machine_run import as_machines

from dagwright.definition.graph import read_definition
from dagwright.engines.engine import Start
from dagwright.engines.execution import Execution
from dagwright.engines.local import engine
from dagwright.engines.local import run as local_run
from dagwright.engines.stepfunctions.interpreter.running import Interrupt
from dagwright.errors import DefinitionError


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the next attempt."""
    at_once = partial(local_run.Run, after=lambda seconds, function: threading.Timer(0, function))
    monkeypatch.setattr(engine, "Run", at_once)
    monkeypatch.setattr(Interrupt, "wait", lambda self, seconds: None)


def run_failing(place: Place, *words: str, steps: Sequence[Mapping[str, Any]]) -> Execution:
    place.watcher = Watcher()
    return place.engine.run(Start("p", read_definition(definition(*steps)), failures=words), place.watcher)


def policy(*kinds: str, attempts: int = 3) -> dict[str, Any]:
    return {"ExceptionType": [*kinds], "IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": attempts}


def outcome(execution: Execution) -> dict[str, Any]:
    return {
        name: [run.status, *((attempt.status, attempt.failure_reason, bool(attempt.job)) for attempt in run.tries)]
        for name, run in execution.steps.items()
    }


CAPACITY = policy("SageMaker.CAPACITY_ERROR")
CALLS = policy("Step.THROTTLING", "Step.SERVICE_FAULT")
LIMIT = policy("SageMaker.RESOURCE_LIMIT", attempts=1)
INTERNAL = policy("SageMaker.JOB_INTERNAL_ERROR", attempts=1)
CASES: dict[str, tuple[list[dict[str, Any]], list[str], int, str]] = {
    # policies, what fails, attempts in the end, how the reason begins if the step fails
    "a job without a machine": ([CAPACITY], ["CAPACITY_ERROR"], 2, ""),
    "the whole name": ([CAPACITY], ["SageMaker.CAPACITY_ERROR"], 2, ""),
    "no policy": ([], ["CAPACITY_ERROR"], 1, "CapacityError: Unable to provision"),
    "another policy": ([INTERNAL], ["CAPACITY_ERROR"], 1, "CapacityError: "),
    "too often": ([INTERNAL], ["JOB_INTERNAL_ERROR"] * 2, 2, "InternalServerError: We encountered"),
    "calls": ([CALLS], ["THROTTLING", "SERVICE_FAULT", "THROTTLING"], 4, ""),
    "calls, too often": ([CALLS], ["THROTTLING"] * 4, 4, "ThrottlingException: Rate exceeded"),
    "a quota": ([LIMIT], ["RESOURCE_LIMIT"], 2, ""),
    "a quota that stays used up": ([LIMIT], ["RESOURCE_LIMIT"] * 2, 2, "ResourceLimitExceeded: "),
    "a quota without a policy": ([CALLS], ["RESOURCE_LIMIT"], 1, "ResourceLimitExceeded: "),
    "one after the other": ([CAPACITY, LIMIT], ["RESOURCE_LIMIT", "CAPACITY_ERROR", "RESOURCE_LIMIT"], 4, ""),
    "the program": (
        [CAPACITY, CALLS],
        ["CAPACITY_ERROR", "exit=3"],
        2,
        "AlgorithmError: --fail First=exit=3, exit code 3",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_both_engines_do_the_same(place: Place, case: str) -> None:
    policies, kinds, attempts, reason = CASES[case]
    words = [f"First={kind}" for kind in kinds]
    steps = [place.writing("First", "write('done', '1')", RetryPolicies=policies)]
    steps.append(place.writing("Second", "pass", depends_on=["First"]))
    here = run_failing(place, *words, steps=steps)
    notes = [note for note in place.watcher.notes if "tried again" in note]
    rests = [(rest.number, rest.most, rest.kind) for rest in place.watcher.rests]
    run = here.steps["First"]
    assert (run.attempts, run.status) == (attempts, "Failed" if reason else "Succeeded")
    assert run.failure_reason.startswith(reason)
    assert ("Second" in here.steps) is not bool(reason)
    assert place.engine.describe() == here
    there = run_failing(as_machines(place), *words, steps=steps)
    assert outcome(there) == outcome(here)
    assert (there.status, there.failure_reason) == (here.status, here.failure_reason)
    assert [note for note in place.watcher.notes if "tried again" in note] == notes
    assert [(rest.number, rest.most, rest.kind) for rest in place.watcher.rests] == rests
    assert place.engine.describe() == there


def test_a_failed_attempt_has_a_job_of_its_own_that_says_why(place: Place) -> None:
    train = place.training("Train", "open(ML + '/model/m', 'w').write('1'); print('trained')")
    execution = run_failing(place, "Train=CAPACITY_ERROR", steps=[train])
    run = execution.steps["Train"]
    output = place.output(execution, "Train")
    assert (output["TrainingJobName"], output["TrainingJobStatus"]) == (run.job, "Failed")
    assert output["FailureReason"] == run.failure_reason
    assert run.failure_reason.endswith("(--fail)")
    assert run.metadata == {"TrainingJob": {"Arn": output["TrainingJobArn"]}}
    assert place.log(execution, "Train") == ""


def test_the_logs_of_every_attempt_stay(place: Place) -> None:
    script = "print('hello', flush=True); sys.exit(0)"
    first = place.processing("First", script, RetryPolicies=[CAPACITY])
    execution = run_failing(place, "First=CAPACITY_ERROR", steps=[first])
    assert place.log(execution, "First") == "hello\n"
    execution = run_failing(place, "First=exit=200", steps=[first])
    assert place.log(execution, "First") == "--fail First=exit=200\n"
    output = place.output(execution, "First")
    assert output["FailureReason"] == "AlgorithmError: --fail First=exit=200, exit code 200"
    assert place.keys("First") == []


def test_a_model_s_call_is_refused_and_made_again(place: Place) -> None:
    data = place.put("model.tar.gz", "x")
    container = {"Image": "registry/image:1", "ModelDataUrl": data}
    model = {"Name": "M", "Type": "Model", "Arguments": {"PrimaryContainer": container}, "RetryPolicies": [CALLS]}
    package = {"ModelPackageGroupName": "acme", "InferenceSpecification": {"Containers": [container]}}
    register = {"Name": "R", "Type": "RegisterModel", "Arguments": package, "RetryPolicies": [CALLS]}
    for each in (place, as_machines(place)):
        execution = run_failing(each, "M=THROTTLING", "R=SERVICE_FAULT", steps=[model, register])
        assert execution.status == "Succeeded"
        assert [run.attempts for run in execution.steps.values()] == [2, 2]


def test_what_did_not_come_about_is_said(place: Place) -> None:
    gate = condition("Gate", equals(1, 2), then=[place.writing("Never", "pass")])
    execution = run_failing(
        place, "Never=THROTTLING", "First=exit=1", "First=exit=2", steps=[place.writing("First", "pass"), gate]
    )
    assert execution.status == "Failed"
    assert [note for note in place.watcher.notes if "come about" in note] == [
        "Never: --fail Never=THROTTLING did not come about: it did not run",
        "First: --fail First=exit=2 did not come about: it was not started so often",
    ]


def test_words_that_cannot_be_followed_are_problems_before_anything_starts(place: Place) -> None:
    model = {"Name": "M", "Type": "Model", "Arguments": {"PrimaryContainer": {"Image": "i"}}}
    words = (
        "First=CAPACITY_EROR", "First=exit=0", "First=exit=256", "First", "Frist=THROTTLING", "M=CAPACITY_ERROR",
        "M=exit=1", "Gate=THROTTLING",
    )  # fmt: skip
    with pytest.raises(DefinitionError) as caught:
        run_failing(place, *words, steps=[place.writing("First", "pass"), model, condition("Gate", equals(1, 1))])
    told = [str(problem) for problem in caught.value.problems if problem.code == "cannot-fail"]
    known = "CAPACITY_ERROR, JOB_INTERNAL_ERROR"
    assert told[:3] == [
        "--fail First=CAPACITY_EROR: it is not STEP=TYPE or STEP=exit=N (did you mean 'CAPACITY_ERROR'?)",
        "--fail First=exit=0: it is not STEP=TYPE or STEP=exit=N (exit=N with a number from 1 to 255)",
        "--fail First=exit=256: it is not STEP=TYPE or STEP=exit=N (exit=N with a number from 1 to 255)",
    ]
    assert told[3].startswith("--fail First: it is not STEP=TYPE or STEP=exit=N (")
    assert known in told[3]
    assert told[4:] == [
        "--fail Frist=THROTTLING: there is no such step (did you mean 'First'?)",
        "M: --fail M=CAPACITY_ERROR: a Model step starts no job that could fail so; "
        "it takes THROTTLING and SERVICE_FAULT",
        "M: --fail M=exit=1: a Model step has no program of its own that could exit",
        "Gate: --fail Gate=THROTTLING: no retry policy is about a Condition step",
    ]
    assert place.engine.history() == []
