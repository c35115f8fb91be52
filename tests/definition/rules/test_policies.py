"""Caching, retries and the endings that release a step."""

from __future__ import annotations

from typing import Any

import pytest
from definition.rules.samples import found, function, graph_of, model, processing

from dagwright.definition.rules.policies import cache_problems, retry_problems, trigger_problems


def duration(text: Any) -> list[tuple[str, str]]:
    problems = cache_problems(graph_of({**processing(), "CacheConfig": {"Enabled": True, "ExpireAfter": text}}))
    return [(problem.code, problem.hint) for problem in problems]


@pytest.mark.parametrize("text", ["P30D", "PT1H", "P4DT12H", "P1Y2M3W4DT5H6M", "P2W", "PT90M", "P0D"])
def test_iso_8601_durations_are_durations(text: str) -> None:
    assert duration(text) == []


@pytest.mark.parametrize(
    ("text", "strict"),
    [
        *(("30d", "P30D"), ("p30d", "P30D"), ("P30d", "P30D"), ("5y", "P5Y")),
        *(("T12H", "PT12H"), ("T16m", "PT16M"), ("pt1h", "PT1H"), ("30dT5h", "P30DT5H")),
    ],
)
def test_what_works_without_being_iso_8601_is_written_strictly_in_the_hint(text: str, strict: str) -> None:
    assert duration(text) == [("lenient-duration", f"write {strict}")]


@pytest.mark.parametrize(
    "text",
    ["", "P", "PT", "T", "P30", "30", "30 days", "12H", "PT30S", "P1.5D", "-P1D", "P1D ", "P1DT", 30, True, ["P"]],
)
def test_what_is_no_duration_is_refused(text: Any) -> None:
    assert [code for code, _ in duration(text)] == ["bad-duration"]


def test_a_cache_that_is_switched_off_or_has_no_end_is_fine() -> None:
    for config in ({"Enabled": False}, {"Enabled": True}, {"Enabled": False, "ExpireAfter": "P1D"}, None):
        assert found(cache_problems, {**processing(), "CacheConfig": config}) == []


def retries(policy: Any, step: Any = None) -> list[tuple[str, str]]:
    return found(retry_problems, {**(step or processing()), "RetryPolicies": policy})


def test_policies_that_the_service_takes() -> None:
    every = ["Step.SERVICE_FAULT", "Step.THROTTLING", "SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR"]
    assert retries([{"ExceptionType": every, "MaxAttempts": 20}]) == []
    assert retries([{"ExceptionType": ["SageMaker.RESOURCE_LIMIT"], "ExpireAfterMin": 14400, "BackoffRate": 1.5}]) == []
    assert retries([{"ExceptionType": every[:2], "MaxAttempts": 1, "IntervalSeconds": 0.5}], model()) == []
    assert retries([]) == retries(None) == []


@pytest.mark.parametrize(
    ("member", "value"),
    [
        *[("MaxAttempts", value) for value in (0, 21, -1, 1.5, "3", True, [])],
        *[("BackoffRate", value) for value in (0, -1, "2", True)],
        *[("IntervalSeconds", value) for value in (0, -1, "1", {})],
    ],
)
def test_numbers_out_of_range_are_refused(member: str, value: Any) -> None:
    policy = {"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 3, member: value}
    assert retries([policy]) == [("bad-retry-policy", f"RetryPolicies[0].{member}")]


def test_minutes_out_of_range_are_refused() -> None:
    policy = {"ExceptionType": ["Step.THROTTLING"], "ExpireAfterMin": 14401}
    assert retries([policy]) == [("bad-retry-policy", "RetryPolicies[0].ExpireAfterMin")]


def test_every_failure_of_a_list_is_looked_at() -> None:
    policy = {"ExceptionType": ["Step.THROTTLING", "Emr.RESOURCE_LIMIT", 1, {}], "MaxAttempts": 3}
    places = [field for _, field in retries([policy])]
    assert places == [f"RetryPolicies[0].ExceptionType[{index}]" for index in (1, 2, 3)]


def test_endings_of_the_sdk_are_endings() -> None:
    waits: list[Any] = [
        "A",
        *({"Step": "A", "Trigger": ending} for ending in ("Completed", "Failed", "Stopped", "Any")),
    ]
    assert found(trigger_problems, function("A"), function("B", waits)) == []
    assert found(trigger_problems, function("A"), function("B", [{"Step": "A", "Trigger": "failed"}])) == [
        ("bad-trigger", "DependsOn[0].Trigger")
    ]
    assert found(trigger_problems, function("B", "A"), function("C", [1, {"Trigger": 1}])) == []
