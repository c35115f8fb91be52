"""Each call of an upsert of machines fails once, and of each that writes the answer is lost once: the old machine still
stands, the second run completes, the third has nothing to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from engines.aws.faults import fails_once_then_completes, faults
from engines.sagemaker.world import OWNER
from engines.stepfunctions.machines import ARN, NAME, NIGHTLY, Account, wanted

from dagwright.engines.aws.wanted import WantedSchedule
from dagwright.engines.stepfunctions.state_machines import WantedMachine
from dagwright.errors import AWSError

if TYPE_CHECKING:
    from aws import AWS

_LATER = WantedSchedule("nightly", {**NIGHTLY.members, "ScheduleExpression": "cron(0 3 * * ? *)"})
_WEEKLY, _DAILY = (WantedSchedule(name, NIGHTLY.members) for name in ("weekly", "daily"))


def _stands(account: Account, *states: WantedMachine) -> bool:
    """Whether the deployed machine is one of these, and whatever starts it starts it."""
    found = json.loads(account.described()["definition"])
    own = [one for name, one in account.schedules().items() if name.startswith(f"{NAME}.")]
    assert all(one["Target"]["Arn"] == ARN for one in own)
    assert OWNER.owns(account.tags())
    return any(json.loads(state.machine) == found for state in states)


@pytest.mark.parametrize("after", [False, True])
def test_a_change_survives_a_failure_of_each_call(aws: AWS, after: bool) -> None:
    account = Account(aws)
    one = wanted("A", schedules=(NIGHTLY, _WEEKLY))
    other = wanted("B", schedules=(_LATER, _DAILY), tags={**one.tags, "Team": "new"})
    for state in (one, other, one):
        account.upsert(state, prune=True)
    aws.calls.clear()
    account.upsert(other, prune=True)
    operations = [*aws.operations]
    assert {"UpdateStateMachine", "TagResource", "UpdateSchedule", "CreateSchedule", "DeleteSchedule"} <= {*operations}
    for fault in faults(operations, after=after):
        fails_once_then_completes(account, one, fault, lambda: _stands(account, one, other), after=after)  # noqa: B023
        one, other = other, one


@pytest.mark.parametrize("after", [False, True])
def test_a_first_upsert_survives_a_failure_of_each_call(aws: AWS, after: bool) -> None:
    account = Account(aws)
    new = wanted(schedules=(NIGHTLY,))
    account.upsert(new)
    operations = [*aws.operations]
    assert {"PutObject", "CreateStateMachine", "CreateScheduleGroup", "CreateSchedule"} <= {*operations}
    for fault in faults(operations, after=after):
        aws.reset()
        account = Account(aws)
        fails_once_then_completes(account, new, fault, lambda: True, after=after)


def test_a_prune_survives_a_failure_of_each_call(aws: AWS) -> None:
    old = wanted(name="old", schedules=(NIGHTLY, _WEEKLY))
    account = Account(aws)
    account.upsert(wanted(), old)
    aws.calls.clear()
    account.upsert(wanted(), complete=True, prune=True)
    operations = [*aws.operations]
    assert operations[-3:] == ["DeleteSchedule", "DeleteSchedule", "DeleteStateMachine"]
    for kind, skipped in faults(operations, after=False):
        account.upsert(wanted(), old)
        aws.fail(kind, skipped=skipped)
        with pytest.raises(AWSError):
            account.upsert(wanted(), complete=True, prune=True)
        assert _stands(account, wanted())
        account.upsert(wanted(), complete=True, prune=True)
        assert account.upsert(wanted(), complete=True, prune=True) == []
        assert account.names() == ["rc-churn-training"]
