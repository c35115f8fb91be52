"""Spot instances."""

from __future__ import annotations

from definition.rules.samples import found, get, parameter, processing, training

from dagwright.definition.rules.spot import spot_problems


def test_spot_with_checkpoints_and_time_to_wait_is_fine() -> None:
    spot = {"EnableManagedSpotTraining": True, "CheckpointConfig": {"S3Uri": "s3://a/b"}}
    for wait in (3600, 7200, get("Parameters.Wait")):
        job = training(**spot, StoppingCondition={"MaxWaitTimeInSeconds": wait})
        assert found(spot_problems, job, parameters=[parameter("Wait", "Integer")]) == []
    assert found(spot_problems, training(EnableManagedSpotTraining=False), training()) == []


def test_spot_is_judged_with_the_defaults() -> None:
    job = training(EnableManagedSpotTraining=get("Parameters.Spot"))
    on = [parameter("Spot", "Boolean", DefaultValue=True)]
    assert [code for code, _ in found(spot_problems, job, parameters=on)] == [
        "spot-without-checkpoint",
        "bad-spot-wait",
    ]
    assert found(spot_problems, job, parameters=[parameter("Spot", "Boolean")]) == []


def test_a_variable_that_is_called_like_the_switch_is_no_request_for_spot() -> None:
    assert found(spot_problems, processing(Environment={"EnableManagedSpotTraining": "true"})) == []
