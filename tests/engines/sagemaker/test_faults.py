"""Each call of an upsert fails once, and of each that writes the answer is lost once: the old pipeline still stands,
the second run completes, the third has nothing to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from engines.aws.faults import fails_once_then_completes, faults
from engines.sagemaker.account import Account
from engines.sagemaker.world import NIGHTLY, OWNER, text, wanted

from dagwright.engines.aws.clients import Clients
from dagwright.engines.aws.wanted import WantedSchedule
from dagwright.engines.sagemaker.pipelines import WantedPipeline
from dagwright.errors import AWSError

if TYPE_CHECKING:
    from aws import AWS

_LATER = WantedSchedule("nightly", {**NIGHTLY.members, "ScheduleExpression": "cron(0 3 * * ? *)"})
_WEEKLY, _DAILY = (WantedSchedule(name, NIGHTLY.members) for name in ("weekly", "daily"))


def _states(account: Account) -> tuple[WantedPipeline, WantedPipeline]:
    """Two pipelines that differ in everything: definition, tags, code, and schedules to add, to change, to delete."""
    one = wanted(text=text("A"), schedules=(NIGHTLY, _WEEKLY), code=account.code("1"))
    tags = {**one.tags, "Team": "new"}
    other = wanted(text=text("B"), schedules=(_LATER, _DAILY), code=account.code("2"), tags=tags, description="new")
    return one, other


def _stands(account: Account, *states: WantedPipeline) -> bool:
    """Whether the deployed pipeline is one of these, with its code, and whatever starts it starts it."""
    found = account.described()
    matching = [state for state in states if json.loads(state.text) == json.loads(found["PipelineDefinition"])]
    own = [one for name, one in account.schedules().items() if name.startswith(f"{found['PipelineName']}.")]
    assert all(one["Target"]["Arn"] == found["PipelineArn"] for one in own)
    assert OWNER.owns(account.tags())
    return bool(matching) and all(_is_there(account, one.uri) for one in matching[0].code)


def _is_there(account: Account, uri: str) -> bool:
    key = uri.removeprefix("s3://bucket/")
    listed = account.aws.client("s3").list_objects_v2(Bucket="bucket", Prefix=key)
    return bool(listed["KeyCount"])


@pytest.mark.parametrize("after", [False, True])
def test_a_change_survives_a_failure_of_each_call(aws: AWS, after: bool) -> None:
    account = Account(aws)
    one, other = _states(account)
    account.upsert(one)
    account.upsert(other, prune=True)
    account.upsert(one, prune=True)
    aws.calls.clear()
    account.upsert(other, prune=True)
    operations = [*aws.operations]
    assert {"UpdatePipeline", "AddTags", "UpdateSchedule", "CreateSchedule", "DeleteSchedule"} <= {*operations}
    for fault in faults(operations, after=after):
        fails_once_then_completes(account, one, fault, lambda: _stands(account, one, other), after=after)  # noqa: B023
        one, other = other, one


@pytest.mark.parametrize("after", [False, True])
def test_a_first_upsert_survives_a_failure_of_each_call(aws: AWS, after: bool) -> None:
    account = Account(aws)
    new = wanted(schedules=(NIGHTLY,), code=account.code("1"))
    account.upsert(new)
    operations = aws.operations
    assert {"PutObject", "CreatePipeline", "CreateScheduleGroup", "CreateSchedule"} <= {*operations}
    for fault in faults([*operations], after=after):
        aws.reset()
        account = Account(aws)
        fails_once_then_completes(account, new, fault, lambda: True, after=after)


def test_a_prune_survives_a_failure_of_each_call(aws: AWS) -> None:
    old = wanted(name="old", deployed_name="rc-churn-old", tags=OWNER.tags("old"), schedules=(NIGHTLY, _WEEKLY))
    account = Account(aws)
    account.upsert(wanted(), old)
    aws.calls.clear()
    account.upsert(wanted(), complete=True, prune=True)
    operations = aws.operations
    assert operations[-3:] == ["DeleteSchedule", "DeleteSchedule", "DeletePipeline"]
    for kind, skipped in faults(operations, after=False):
        account.upsert(wanted(), old)
        aws.fail(kind, skipped=skipped)
        with pytest.raises(AWSError):
            account.upsert(wanted(), complete=True, prune=True)
        assert _stands(account, wanted())
        account.upsert(wanted(), complete=True, prune=True)
        assert account.upsert(wanted(), complete=True, prune=True) == []
        assert [one["PipelineName"] for one in aws.client("sagemaker").list_pipelines()["PipelineSummaries"]] == [
            "rc-churn-training"
        ]


def test_a_throttle_that_passes_is_not_noticed(aws: AWS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    account = Account(aws)
    aws.fail("throttled", "CreatePipeline")
    assert account.upsert(wanted()) == ["CreatePipeline"]
    first, second = aws.of("CreatePipeline")
    assert first["ClientRequestToken"] == second["ClientRequestToken"]


def test_a_throttle_that_stays_is_said_after_all_attempts(aws: AWS, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    account = Account(aws)
    aws.fail("throttled", "CreatePipeline", times=9)
    with pytest.raises(AWSError, match=r"rc-churn-training could not be created.*ThrottlingException") as caught:
        account.upsert(wanted())
    assert "try again in a minute" in caught.value.hint
    assert len(aws.of("CreatePipeline")) == 2


def test_without_botocores_own_variables_there_are_ten_attempts(aws: AWS, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"):
        monkeypatch.delenv(name)
    clients = Clients("us-east-1")
    assert clients("scheduler").meta.config.retries == {"mode": "adaptive", "total_max_attempts": 10}
    assert clients("sts").meta.config.retries["total_max_attempts"] == 3


@pytest.mark.parametrize(
    ("kind", "operation", "sentence"),
    [
        (
            "denied",
            "DescribePipeline",
            r"The pipeline rc-churn-training cannot be described: .* \(AccessDeniedException\)",
        ),
        ("denied", "HeadObject", r"Whether s3://bucket/code/1.py exists cannot be seen: .*403"),
        ("reset", "ListSchedules", r"The schedules of the group rc-churn cannot be listed: Connection was closed"),
        ("broken", "ListTags", r"The tags of arn:.* cannot be listed"),
    ],
)
def test_what_failed_is_said_with_what_to_do(aws: AWS, kind: str, operation: str, sentence: str) -> None:
    account = Account(aws)
    one = wanted(code=account.code("1"))
    account.upsert(one)
    aws.fail(kind, operation)
    with pytest.raises(AWSError, match=sentence) as caught:
        account.plan(one)
    assert caught.value.hint or kind == "broken"
