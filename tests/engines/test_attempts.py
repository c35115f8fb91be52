"""Jobs that are started again after they failed, on both ways a run here may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from engines.place import Place
from engines.test_machine_run import as_machines

from dagwright.definition.graph import Step, read_definition
from dagwright.engines.execution import FAILED, SUCCEEDED
from dagwright.engines.local import run as local_run
from dagwright.engines.local.attempts import Attempts
from dagwright.engines.local.bench import StepResult
from dagwright.engines.local.steps import KINDS

NONE_LEFT = "CapacityError: none left"


def policy(kind: str, attempts: int, **more: Any) -> dict[str, Any]:
    return {"ExceptionType": [kind], "IntervalSeconds": 1, "BackoffRate": 3.0, "MaxAttempts": attempts, **more}


def step(*policies: dict[str, Any]) -> Step:
    definition = {"Steps": [{"Name": "A", "Type": "Training", "Arguments": {}, "RetryPolicies": [*policies]}]}
    return read_definition({"Version": "2020-12-01", **definition}).steps["A"]


def test_every_policy_counts_its_own_attempts() -> None:
    attempts = Attempts()
    one = step(policy("SageMaker.CAPACITY_ERROR", 2), policy("SageMaker.JOB_INTERNAL_ERROR", 1))
    reasons = [NONE_LEFT, "InternalServerError: sorry", NONE_LEFT, NONE_LEFT]
    assert [attempts.wait_after(one, StepResult(FAILED, reason)) for reason in reasons] == [1, 1, 3, None]
    assert attempts.wait_after(one, StepResult(FAILED, "AlgorithmError: CapacityError")) is None
    assert attempts.wait_after(one, StepResult(SUCCEEDED)) is None


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
    assert either.engine.describe().steps["First"].attempts == 3
    assert [note for note in either.watcher.notes if "another attempt" in note] == [
        f"First: {NONE_LEFT}; another attempt follows"
    ] * 2
    assert either.watcher.left_out == []


def test_the_last_failure_is_the_step_s(either: Place, stumbling: list[str]) -> None:
    stumbling += [NONE_LEFT, "AlgorithmError: boom"]
    policies = [policy("SageMaker.CAPACITY_ERROR", 5)]
    execution = either.run(either.writing("First", "pass", RetryPolicies=policies))
    assert (execution.steps["First"].failure_reason, execution.steps["First"].attempts) == ("AlgorithmError: boom", 2)
    assert execution.status == "Failed"


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
    assert execution.steps["First"].failure_reason == NONE_LEFT
