from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from dagwright.definition.caching import (
    REQUEST_MEMBERS,
    compared_members,
    differences,
    read_cache_config,
    told,
)
from dagwright.definition.durations import moment_after
from dagwright.shapes import model

REQUESTS = {
    "Processing": "CreateProcessingJobRequest",
    "Training": "CreateTrainingJobRequest",
    "Tuning": "CreateHyperParameterTuningJobRequest",
    "Transform": "CreateTransformJobRequest",
    "AutoML": "CreateAutoMLJobRequest",
    "QualityCheck": "CreateProcessingJobRequest",
    "ClarifyCheck": "CreateProcessingJobRequest",
}
NOON = datetime(2026, 1, 31, 12)


@pytest.mark.parametrize("step_type", REQUESTS)
def test_what_is_compared_are_members_that_aws_knows(step_type: str) -> None:
    for path in REQUEST_MEMBERS[step_type]:
        shape = model("sagemaker")[REQUESTS[step_type]]
        for name in path.split("."):
            assert name in shape["members"], path
            shape = model("sagemaker")[shape["members"][name]["shape"]]


def test_of_a_request_only_what_counts_is_left() -> None:
    request = {"HyperParameters": {"a": "1"}, "RoleArn": "r", "ResourceConfig": {}, "Environment": None}
    assert compared_members("Training", request, {"SkipCheck": True}) == {"HyperParameters": {"a": "1"}}
    nested = {"TrainingJobDefinition": {"StaticHyperParameters": {"a": "1"}, "RoleArn": "r"}}
    assert compared_members("Tuning", nested, {}) == {"TrainingJobDefinition.StaticHyperParameters": {"a": "1"}}
    assert compared_members("QualityCheck", {}, {"SkipCheck": True, "FailOnViolation": True}) == {"SkipCheck": True}


def channel(name: str, uri: str) -> dict[str, Any]:
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3Uri": uri}}}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"HyperParameters": {"a": "1"}}, {"HyperParameters": {"a": "2"}}, [("HyperParameters.a", "1 → 2")]),
        ({}, {"Environment": {"A": "1"}}, [("Environment", 'nothing → {"A": "1"}')]),
        (
            {"InputDataConfig": [channel("x", "s3://a/x"), channel("y", "s3://a/y")]},
            {"InputDataConfig": [channel("x", "s3://a/x"), channel("y", "s3://b/y")]},
            [("InputDataConfig[y].DataSource.S3DataSource.S3Uri", "s3://a/y → s3://b/y")],
        ),
        (
            {"TrainingJobDefinition.InputDataConfig": [channel("x", "1")]},
            {"TrainingJobDefinition.InputDataConfig": [channel("x", "2")]},
            [("TrainingJobDefinition.InputDataConfig[x].DataSource.S3DataSource.S3Uri", "1 → 2")],
        ),
        ({"A": 1}, {"A": 1}, []),
    ],
)
def test_what_differs_is_told_by_its_path(old: Any, new: Any, said: list[tuple[str, str]]) -> None:
    assert [told(change) for change in differences(old, new)] == said


def test_long_values_are_told_by_where_they_part() -> None:
    old, new = ({"ModelName": f"{'x' * 100}{end}{'y' * 100}"} for end in "ab")
    (change,) = differences(old, new)
    where, how = told(change)
    before, after = how.split(" → ")
    assert (where, before[:14], after[:14]) == ("ModelName", f"…{'x' * 12}a", f"…{'x' * 12}b")
    assert len(how) < 130


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("P30D", timedelta(days=30)),
        ("30d", timedelta(days=30)),
        ("p4dT12h", timedelta(days=4, hours=12)),
        ("T16m", timedelta(minutes=16)),
        ("P2W", timedelta(weeks=2)),
        ("P1M", datetime(2026, 2, 28, 12) - NOON),
        ("5y", datetime(2031, 1, 31, 12) - NOON),
    ],
)
def test_durations_in_every_form(text: str, after: timedelta) -> None:
    assert moment_after(NOON, text) == NOON + after


@pytest.mark.parametrize("text", ["", "P", "PT", "30", "soon", "P1H", "-P1D", "P1.5D"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        moment_after(NOON, text)


def test_a_duration_beyond_the_calendar_never_ends() -> None:
    assert moment_after(NOON, "P999999999Y") == datetime.max
    assert moment_after(NOON, "P999999999D") == datetime.max


@pytest.mark.parametrize("config", [None, True, [], {}, {"Enabled": "true"}, {"Enabled": False, "ExpireAfter": "P1D"}])
def test_all_but_true_is_off(config: Any) -> None:
    assert not read_cache_config(config).is_enabled
