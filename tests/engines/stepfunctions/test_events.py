"""Reading a history: whole once, then only what is new."""

from __future__ import annotations

from typing import Any

from aws import AWS
from engines.stepfunctions.histories import Told

from dagwright.engines.aws.clients import Clients
from dagwright.engines.stepfunctions.events import Histories, json_object

ARN = "arn:aws:states:us-east-1:123456789012:execution:rc-churn-training-dev:20261121T120000-0a1b2c3d"


def serve(scripted: Any, told: Told, size: int) -> None:
    """Pages of so many events, the newest first."""

    def page(asked: Any) -> Any:
        assert asked["reverseOrder"] is True
        start = int(asked.get("nextToken", "0"))
        events = told.events[::-1][start : start + size]
        more = {"nextToken": str(start + size)} if start + size < len(told.events) else {}
        return {"events": events, **more}

    scripted.answers["GetExecutionHistory"] = page


def test_all_pages_once_and_then_only_what_is_new(aws: AWS, scripted: Any) -> None:
    told = Told()
    for name in ("A", "B", "C"):
        told.job(name)
    serve(scripted, told, size=4)
    histories = Histories(Clients("us-east-1"))
    assert [event.id for event in histories.of(ARN)] == [*range(1, told.last + 1)]
    assert len(aws.of("GetExecutionHistory")) == 5
    aws.calls.clear()
    told.enter("D")
    events = histories.of(ARN)
    assert [event.id for event in events] == [*range(1, told.last + 1)]
    assert (events[-1].state, events[-1].type, events[-1].before) == ("D", "TaskStateEntered", told.last - 1)
    assert len(aws.of("GetExecutionHistory")) == 1


def test_an_input_is_not_kept(aws: AWS, scripted: Any) -> None:
    told = Told()
    told.enter("A")
    serve(scripted, told, size=9)
    assert [dict(event.details) for event in Histories(Clients("us-east-1")).of(ARN)] == [{}, {}]


def test_a_text_that_is_no_object_is_an_empty_one() -> None:
    for text in (None, 3, "", "3", "[1]", "{", "[" * 100_000):
        assert json_object(text) == {}
    assert json_object('{"a": 1}') == {"a": 1}
