"""What is tried again, and how often."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from dagwright.definition.graph import Step, read_definition
from dagwright.definition.retries import Again, loops_of
from dagwright.engines.stepfunctions.compiler.loops import rules
from dagwright.engines.stepfunctions.compiler.retries import Retry, retries_of

SAGEMAKER = "SageMaker.AmazonSageMakerException"
NEVER = ("States.ALL", "States.TaskFailed", "States.Timeout")


def step(kind: str = "Training", *policies: dict[str, Any]) -> Step:
    raw = {"Name": "S", "Type": kind, "Arguments": {}, "RetryPolicies": list(policies)}
    return read_definition({"Version": "2020-12-01", "Steps": [raw]}).steps["S"]


def policy(*kinds: str, **members: Any) -> dict[str, Any]:
    numbers = {"BackoffRate": 2.0, "IntervalSeconds": 10}
    return {"ExceptionType": [*kinds], **numbers, **(members or {"MaxAttempts": 4})}


@pytest.mark.parametrize("kind", ["Training", "RegisterModel", "Lambda", "Callback", "EMR", "EMRServerless"])
def test_throttling_and_faults_are_always_tried_again(kind: str) -> None:
    (retry,) = retries_of(step(kind))
    assert sum(min(3 * 2**attempt, 45) for attempt in range(retry.max_attempts)) > 180
    assert retry.as_asl() == {
        "ErrorEquals": [*retry.errors],
        "IntervalSeconds": 3,
        "MaxAttempts": 8,
        "BackoffRate": 2.0,
        "MaxDelaySeconds": 45,
        "JitterStrategy": "FULL",
    }


def test_a_used_up_quota_is_tried_again_only_by_a_policy() -> None:
    assert not any("ResourceLimit" in error for retry in retries_of(step()) for error in retry.errors)
    first, _ = retries_of(step("Training", policy("SageMaker.RESOURCE_LIMIT")))
    assert first.as_asl() == {
        "ErrorEquals": ["SageMaker.ResourceLimitExceededException", "SageMaker.ResourceLimitExceeded"],
        "IntervalSeconds": 10,
        "MaxAttempts": 4,
        "BackoffRate": 2.0,
    }


def test_a_policy_takes_the_place_of_what_is_always_done() -> None:
    only = retries_of(step("Training", policy("Step.THROTTLING", "Step.SERVICE_FAULT", MaxAttempts=1)))
    assert [retry.max_attempts for retry in only] == [1]
    first, rest = retries_of(step("Training", policy("Step.THROTTLING", MaxAttempts=1)))
    assert SAGEMAKER in first.errors
    assert "SageMaker.InternalFailureException" in rest.errors
    assert not set(first.errors) & set(rest.errors)


def test_the_first_policy_of_an_error_holds() -> None:
    policies = policy("Step.THROTTLING", MaxAttempts=2), policy("Step.SERVICE_FAULT", MaxAttempts=7)
    found = {error: retry.max_attempts for retry in retries_of(step("Training", *policies)) for error in retry.errors}
    assert found[SAGEMAKER] == 2
    assert found["SageMaker.ServiceUnavailableException"] == 7


@pytest.mark.parametrize(
    ("members", "attempts"),
    [
        ({"ExpireAfterMin": 1, "IntervalSeconds": 10, "BackoffRate": 1.0}, 6),
        ({"ExpireAfterMin": 1, "IntervalSeconds": 1, "BackoffRate": 2.0}, 5),  # 1 + 2 + 4 + 8 + 16
        ({"ExpireAfterMin": 1, "IntervalSeconds": 600}, 1),
        ({"ExpireAfterMin": 14_400, "IntervalSeconds": 1, "BackoffRate": 1.0}, 200),
    ],
)
def test_a_time_to_give_up_is_counted_in_attempts(members: dict[str, Any], attempts: int) -> None:
    found = retries_of(step("Training", policy("SageMaker.RESOURCE_LIMIT", **members)))
    assert found[0].max_attempts == attempts


def test_numbers_are_made_such_as_the_language_takes() -> None:
    found = retries_of(
        step("Training", policy("SageMaker.RESOURCE_LIMIT", IntervalSeconds=0.2, BackoffRate=0.5, MaxAttempts=3))
    )
    assert (found[0].interval_seconds, found[0].backoff_rate) == (1, 1.0)


def test_failed_jobs_are_started_again_where_a_policy_says_so() -> None:
    assert loops_of(step()) == ()
    policies = (
        policy("SageMaker.CAPACITY_ERROR", "Step.THROTTLING"),
        policy("SageMaker.JOB_INTERNAL_ERROR", MaxAttempts=2),
    )
    assert loops_of(step("Training", *policies)) == (
        Again(("CapacityError",), 4, 10, 2.0),
        Again(("InternalServerError",), 2, 10, 2.0),
    )


def test_a_tuning_job_tries_its_own_jobs_again() -> None:
    both = policy("SageMaker.CAPACITY_ERROR", "SageMaker.JOB_INTERNAL_ERROR")
    assert [again.reasons for again in loops_of(step("Tuning", both))] == [("CapacityError",)]
    assert loops_of(step("Model", both)) == ()


@pytest.mark.parametrize(
    ("reason", "matches"),
    [
        ("CapacityError: Unable to provision requested ML compute capacity.", True),
        ("AlgorithmError: CapacityError: it says", False),
        ('AlgorithmError: \\"FailureReason\\":\\"CapacityError', False),
        ("ClientError: no such image", False),
    ],
)
def test_only_the_beginning_of_the_reason_counts(reason: str, matches: bool) -> None:
    (rule,) = rules([Again(("CapacityError",), 1, 1, 1.0)], ["attempts"], "seconds", "wait")
    pattern = rule["And"][0]["StringMatches"]
    cause = f'{{"TrainingJobName":"t","FailureReason":"{reason}","TrainingJobStatus":"Failed"}}'
    assert fnmatchcase(cause, pattern) == matches


def test_nothing_is_tried_again_under_a_name_that_an_algorithm_s_error_has() -> None:
    kinds = ("Step.THROTTLING", "Step.SERVICE_FAULT", "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT")
    for kind in ("Processing", "Training", "Transform", "Tuning", "Model", "Lambda", "EMR"):
        for retry in retries_of(step(kind, policy(*kinds))):
            assert not set(retry.errors) & set(NEVER)
        for again in loops_of(step(kind, policy(*kinds))):
            assert "AlgorithmError" not in again.reasons


def test_an_entry_without_limits_says_only_what_it_has() -> None:
    assert Retry(("E",), 1, 2, 1.5).as_asl().keys() == {"ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate"}
