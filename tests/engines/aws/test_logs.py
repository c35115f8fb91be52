"""Logs of jobs in CloudWatch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from aws import AWS
from scripted import DENIED, Scripted, job_name, sagemaker_arn

from dagwright.engines.aws.clients import Clients
from dagwright.engines.aws.logs import LogStream, logs_of
from dagwright.engines.aws.made import DESCRIPTIONS, made_by
from dagwright.errors import AWSError


@pytest.fixture
def service(aws: AWS) -> Iterator[Scripted]:
    with Scripted(aws) as scripted:
        yield scripted


def logs(step: str, kind: str = "processing") -> list[LogStream]:
    metadata = {f"{kind.title()}Job": {"Arn": sagemaker_arn(f"{kind}-job/{job_name(step)}")}}
    made = made_by(metadata)
    assert made is not None
    return logs_of(Clients("us-east-1"), made)


def test_each_host_has_its_own(service: Scripted) -> None:
    for number in (1, 2, 10):
        service.log("Prepare", f"algo-{number}", f"host {number}", "done")
    service.log("Prepare2", "algo-1", "another job, whose name begins the same way")
    found = logs("Prepare")
    assert [log.host for log in found] == ["algo-1", "algo-2", "algo-10"]
    assert [list(log.lines()) for log in found] == [[f"host {number}", "done"] for number in (1, 2, 10)]
    assert found[0].address.startswith(f"/aws/sagemaker/ProcessingJobs/{job_name('Prepare')}/algo-1-")


@pytest.mark.parametrize(("kind", "host"), [("training", "algo-1"), ("transform", "i-0123456789abcdef0")])
def test_each_kind_of_job_has_its_group(service: Scripted, kind: str, host: str) -> None:
    service.log("Step", host, "a line", kind=kind)
    (log,) = logs("Step", kind)
    assert (log.host, list(log.lines())) == (host, ["a line"])


def test_a_host_that_was_started_again_has_a_log_for_each_time(service: Scripted) -> None:
    service.log("Train", "algo-1", "first", kind="training", started=1795262400)
    service.log("Train", "algo-1", "again", kind="training", started=1795262900)
    assert [log.host for log in logs("Train", "training")] == ["algo-1-1795262400", "algo-1-1795262900"]


def test_a_job_without_streams_and_a_group_that_is_not_there_yet_are_no_errors(service: Scripted) -> None:
    assert logs("Early") == []
    service.log("Other", "algo-1", "the group is there now")
    assert logs("Early") == []


def test_the_last_lines(service: Scripted) -> None:
    service.log("Prepare", "algo-1", *(f"line {number}" for number in range(30)))
    (log,) = logs("Prepare")
    assert list(log.lines(3)) == ["line 27", "line 28", "line 29"]
    (log,) = logs("Prepare")
    assert len(list(log.lines(100))) == 30


def test_asked_again_it_says_what_is_new(service: Scripted) -> None:
    service.log("Prepare", "algo-1", "one", "two")
    (log,) = logs("Prepare")
    assert list(log.lines(1)) == ["two"]
    assert list(log.lines()) == []
    service.log("Prepare", "algo-1", "three")
    assert list(log.lines()) == ["three"]


def test_the_end_is_a_token_that_stays_the_same_and_not_an_empty_page(service: Scripted) -> None:
    pages: dict[str, tuple[list[str], str]] = {
        "": (["one"], "f/1"),
        "f/1": ([], "f/2"),
        "f/2": (["two\nthree"], "f/3"),
        "f/3": ([], "f/3"),
    }

    def page(asked: Any) -> dict[str, Any]:
        lines, forward = pages[asked.get("nextToken", "")]
        return {
            "events": [{"message": line, "timestamp": 1} for line in lines],
            "nextForwardToken": forward,
            "nextBackwardToken": "b/0",
        }

    service.answers["GetLogEvents"] = page
    log = LogStream(Clients("us-east-1"), "/aws/sagemaker/TrainingJobs", "job/algo-1-1795262400", "algo-1")
    assert list(log.lines()) == ["one", "two", "three"]
    pages["f/3"] = (["four"], "f/4")
    pages["f/4"] = ([], "f/4")
    assert list(log.lines()) == ["four"]


def test_the_last_lines_are_looked_for_page_by_page(service: Scripted) -> None:
    pages = {"": ([], "b/1"), "b/1": (["three"], "b/2"), "b/2": (["one", "two"], "b/3"), "b/3": ([], "b/3")}

    def page(asked: Any) -> dict[str, Any]:
        assert asked["startFromHead"] is False
        lines, backward = pages[asked.get("nextToken", "")]
        events = [{"message": line, "timestamp": 1} for line in lines]
        return {"events": events, "nextForwardToken": "f/9", "nextBackwardToken": backward}

    service.answers["GetLogEvents"] = page
    for count, lines in ((2, ["two", "three"]), (5, ["one", "two", "three"])):
        log = LogStream(Clients("us-east-1"), "/aws/sagemaker/TrainingJobs", "job/algo-1-1795262400", "algo-1")
        assert list(log.lines(count)) == lines


def test_what_may_not_be_read_is_said(service: Scripted) -> None:
    service.answers["DescribeLogStreams"] = lambda _: DENIED
    with pytest.raises(AWSError, match="The logs in /aws/sagemaker/ProcessingJobs cannot be listed") as caught:
        logs("Prepare")
    assert "permission" in caught.value.hint


def test_what_a_step_made_can_be_described_by_the_call_of_the_table() -> None:
    client = Clients("us-east-1")("sagemaker")
    for kind in DESCRIPTIONS.values():
        operation = client.meta.method_to_api_mapping[kind.operation]
        assert client.meta.service_model.operation_model(operation).input_shape.required_members == [kind.argument]


@pytest.mark.parametrize(
    ("metadata", "name"),
    [
        ({"TrainingJob": {"Arn": sagemaker_arn("training-job/t-1")}}, "t-1"),
        ({"TuningJob": {"Arn": sagemaker_arn("hyper-parameter-tuning-job/h")}}, "h"),
        ({"RegisterModel": {"Arn": sagemaker_arn("model-package/group/3")}}, "group/3"),
        ({"QualityCheck": {"CheckType": "x", "CheckJobArn": sagemaker_arn("processing-job/check")}}, "check"),
        ({"Lambda": {"Arn": "arn:aws:lambda:us-east-1:123456789012:function:f"}}, None),
        ({"BedrockModelImport": {"Arn": "arn:aws:bedrock:us-east-1:123456789012:model/x"}}, None),
        ({"Condition": {"Outcome": "True"}}, None),
        ({}, None),
    ],
)
def test_what_a_step_made_is_read_from_its_metadata(metadata: dict[str, Any], name: str | None) -> None:
    made = made_by(metadata)
    assert (made.name if made else None) == name
