"""State machines: what differs between a wanted one and a deployed one, and what an upsert calls, in which order."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from engines.sagemaker.world import OWNER, text
from engines.stepfunctions.machines import ARN, GROUP, NAME, NIGHTLY, ROLE, Account, machine, wanted
from pages import page

from dagwright.engines.aws.clients import check_account
from dagwright.engines.aws.ownership import Owner
from dagwright.engines.aws.saved_plan import refuse_if_moved
from dagwright.engines.aws.upsert import refuse_others
from dagwright.engines.aws.wanted import WantedObject, WantedSchedule
from dagwright.engines.stepfunctions.state_machines import comparable, source_in
from dagwright.errors import AWSError, UserError

if TYPE_CHECKING:
    from aws import AWS


@pytest.fixture
def account(aws: AWS) -> Account:
    return Account(aws)


def test_a_first_upsert_makes_everything_in_order(account: Account) -> None:
    script = WantedObject("s3://bucket/code/1.py", lambda: b"1", "scripts/1.py")
    done = account.upsert(wanted(schedules=(NIGHTLY,), code=(script,), commit="abc"))
    assert done == ["PutObject", "PutObject", "CreateStateMachine", "CreateScheduleGroup", "CreateSchedule"]
    assert account.aws.writes == done
    (request,) = account.aws.of("CreateStateMachine")
    assert request["publish"] is True
    assert request["versionDescription"] == "commit abc"
    assert request["tracingConfiguration"] == {"enabled": True}
    assert request["loggingConfiguration"] == {
        "level": "ERROR",
        "includeExecutionData": False,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": f"{GROUP}:*"}}],
    }
    assert account.described()["roleArn"] == ROLE
    assert account.tags() == {"Team": "rc", **OWNER.tags("training")}
    target = account.schedules()[f"{NAME}.nightly"]["Target"]
    assert (target["Arn"], target["Input"]) == (ARN, '{"Trees": 7}')


def test_the_definition_lies_where_the_machine_says(account: Account) -> None:
    account.upsert(wanted("A", "B"))
    source = source_in(json.loads(account.described()["definition"])["Comment"])
    key = source.removeprefix("s3://bucket/")
    stored = account.aws.client("s3").get_object(Bucket="bucket", Key=key)["Body"].read()
    assert stored.decode() == text("A", "B")


def test_a_second_upsert_writes_nothing_whatever_the_commit(account: Account) -> None:
    account.upsert(wanted(schedules=(NIGHTLY,), commit="abc"))
    account.aws.calls.clear()
    assert account.upsert(wanted(schedules=(NIGHTLY,), commit="def")) == []
    assert account.aws.operations == [
        "ListSchedules", "GetSchedule", "DescribeStateMachine", "ListTagsForResource", "HeadObject",
    ]  # fmt: skip


@pytest.mark.foreign("role/SageMaker-Rc-Churn-StepFunctionsRole2")
def test_each_change_is_one_call(account: Account) -> None:
    account.upsert(wanted(schedules=(NIGHTLY,)))
    later = WantedSchedule("nightly", {**NIGHTLY.members, "ScheduleExpression": "cron(0 3 * * ? *)"})
    kept: dict[str, Any] = {"schedules": (NIGHTLY,)}
    changes: list[tuple[dict[str, Any], list[str]]] = [
        ({"role": f"{ROLE}2"}, ["UpdateStateMachine"]),
        ({"log_group": f"{GROUP}-other"}, ["UpdateStateMachine"]),
        ({"states": {"Comment": "new"}}, ["UpdateStateMachine"]),
        ({"tags": {**wanted().tags, "Team": "new"}}, ["TagResource"]),
        ({"schedules": (later,)}, ["UpdateSchedule"]),
        ({"text": text("A", "B")}, ["PutObject", "UpdateStateMachine"]),
        ({"text": text("A")}, ["UpdateStateMachine"]),
    ]
    for change, expected in changes:
        kept |= change
        assert account.upsert(wanted(**kept)) == expected, change
        assert account.upsert(wanted(**kept)) == []
    assert all(asked["publish"] for asked in account.aws.of("UpdateStateMachine"))


def test_the_version_that_an_update_made_is_said(account: Account) -> None:
    account.upsert(wanted())
    done = account.service.update(wanted("B"), None)
    assert done.as_json() == {
        "operation": "UpdateStateMachine", "name": NAME, "Arn": ARN, "stateMachineVersionArn": f"{ARN}:2",
    }  # fmt: skip


# --- what differs ---------------------------------------------------------------------------------------------------


def test_the_pipeline_is_compared_step_by_step(account: Account) -> None:
    account.upsert(wanted("A", "B"))
    (plan,) = account.plan(wanted("A", "C")).pipelines
    assert plan.action == "update"
    assert [(one.kind, one.name) for one in plan.definition.steps] == [("added", "C"), ("removed", "B")]
    assert plan.losses


def test_what_somebody_changed_in_the_console_is_said_by_state_and_without_its_value(account: Account) -> None:
    account.upsert(wanted("A", "B"))
    found = json.loads(account.described()["definition"])
    found["States"]["B"]["Result"] = {"password": "correct horse"}
    account.states.update_state_machine(stateMachineArn=ARN, definition=json.dumps(found))
    plan = account.plan(wanted("A", "B"))
    (step,) = plan.pipelines[0].definition.steps
    assert (step.kind, step.name) == ("changed", "B")
    assert [(one.kind, one.path) for one in step.fields] == [("removed", "States[B].Result")]
    assert "correct horse" not in json.dumps(plan.as_json())
    assert account.upsert(wanted("A", "B")) == ["UpdateStateMachine"]


def test_a_setting_that_was_changed_by_hand_is_set_again(account: Account) -> None:
    account.upsert(wanted())
    account.states.update_state_machine(
        stateMachineArn=ARN, loggingConfiguration={"level": "OFF"}, tracingConfiguration={"enabled": False}
    )
    (plan,) = account.plan(wanted()).pipelines
    assert {"loggingConfiguration.level", "tracingConfiguration.enabled"} <= {one.path for one in plan.settings}
    assert account.upsert(wanted()) == ["UpdateStateMachine"]
    assert not account.plan(wanted()).has_changes


def test_without_its_definition_a_machine_is_compared_state_by_state(account: Account) -> None:
    one = wanted("A", "B")
    account.upsert(one)
    key = one.code[0].uri.removeprefix("s3://bucket/")
    account.aws.client("s3").delete_object(Bucket="bucket", Key=key)
    (same,) = account.plan(one).pipelines
    assert same.action == "keep"
    assert [missing.uri for missing in same.code] == [one.code[0].uri], "it is put there again"
    (other,) = account.plan(wanted("A", "B", states={"Comment": "new"}, text=text("B", "A"))).pipelines
    assert [step.name for step in other.definition.steps] == ["B", "A"]


@pytest.mark.parametrize("definition", ["not json", "[]", '{"StartAt": "X", "States": {"X": {"Type": "Succeed"}}}'])
def test_a_machine_of_others_is_replaced_when_it_is_taken_over(account: Account, definition: str) -> None:
    account.states.create_state_machine(name=NAME, definition=definition, roleArn=ROLE)
    plan = account.plan(wanted())
    assert plan.pipelines[0].adopts
    with pytest.raises(UserError, match=f"the state machine {NAME} is on AWS already"):
        refuse_others(plan, adopting=False)
    account.carry_out(plan, wanted())
    assert not account.plan(wanted()).has_changes


def test_a_comparable_machine_has_of_its_comment_only_where_it_came_from() -> None:
    one, other = (machine("A", comment=f"x, commit {commit}, s3://b/d.json") for commit in ("1", "2"))
    assert comparable(one) == comparable(other)
    assert comparable(one)["Comment"] == "s3://b/d.json"
    assert comparable(machine("A", comment="x, s3://b/e.json")) != comparable(one)
    assert source_in("x, s3://b/d.json, goes on from arn:x") == "s3://b/d.json"
    assert source_in(None) == source_in("by hand") == ""


# --- somebody else --------------------------------------------------------------------------------------------------


def _definition(account: Account) -> None:
    account.states.update_state_machine(stateMachineArn=ARN, definition=machine("Foreign"))


def _tags(account: Account) -> None:
    account.states.tag_resource(resourceArn=ARN, tags=[{"key": "Foreign", "value": "x"}])


def _gone(account: Account) -> None:
    account.states.delete_state_machine(stateMachineArn=ARN)


@pytest.mark.parametrize("meddle", [_definition, _tags, _gone])
def test_a_change_between_plan_and_upsert_is_noticed_and_left_alone(
    account: Account, meddle: Callable[[Account], None]
) -> None:
    account.upsert(wanted())
    changed = wanted(states={"Comment": "new"})
    plan = account.plan(changed)
    meddle(account)
    account.aws.calls.clear()
    with pytest.raises(AWSError, match="has changed on AWS since it was compared"):
        account.carry_out(plan, changed)
    assert account.aws.writes == []


def test_a_saved_plan_of_the_other_engine_does_not_hold(account: Account) -> None:
    plan = account.plan(wanted())
    refuse_if_moved(json.dumps(plan.as_json()), plan)
    with pytest.raises(UserError) as caught:
        refuse_if_moved(json.dumps({**plan.as_json(), "engine": "sagemaker"}), plan)
    assert [problem.code for problem in caught.value.problems] == ["other-place"]


def test_what_is_not_defined_any_more_is_deleted_with_prune_only(account: Account) -> None:
    old = wanted(name="old", schedules=(WantedSchedule("nightly", NIGHTLY.members),))
    account.upsert(wanted(), old)
    foreign = Owner("rc-churn", "staging").tags("foreign")
    account.upsert(wanted(name="foreign", tags=foreign))
    account.upsert(wanted(name="rest", tags=OWNER.tags("rest:training")))
    account.upsert(wanted(name="part", tags=OWNER.tags("part:training")))
    plan = account.plan(wanted(), complete=True)
    assert [(one.kind, one.name) for one in plan.orphans] == [("state machine", "rc-churn-old")]
    assert account.upsert(wanted(), complete=True) == []
    assert account.upsert(wanted(), complete=True, prune=True) == ["DeleteSchedule", "DeleteStateMachine"]
    assert sorted(account.names()) == ["rc-churn-foreign", "rc-churn-part", "rc-churn-rest", NAME]


def test_a_log_group_that_is_missing_is_said_with_what_to_do(account: Account, scripted: Any) -> None:
    scripted.refuse("CreateStateMachine", "InvalidLoggingConfiguration", "Log Destination is not accessible")
    with pytest.raises(AWSError, match="could not be created: Log Destination") as caught:
        account.upsert(wanted())
    assert "state_machines.log_group" in caught.value.hint


def test_one_that_is_being_deleted_is_gone(account: Account, scripted: Any) -> None:
    account.upsert(wanted())
    described = {**account.described(), "status": "DELETING"}
    scripted.answer(
        "DescribeStateMachine", {key: described[key] for key in ("stateMachineArn", "name", "definition", "status")}
        | {"roleArn": ROLE, "type": "STANDARD", "creationDate": 1}
    )  # fmt: skip
    assert account.plan(wanted()).pipelines[0].action == "create"


def test_the_permissions_that_the_page_lists_are_those_that_are_needed(account: Account) -> None:
    before, _, _ = page("state-machines").partition("| for | on | actions |")
    listed = set(re.findall(r"`((?:sts|states|scheduler|s3):[A-Za-z]+)`", before))
    old = wanted(name="old", schedules=(NIGHTLY,))
    check_account(account.clients, "123456789012", "dev")
    account.upsert(wanted(schedules=(NIGHTLY,)), old)
    later = WantedSchedule("nightly", {**NIGHTLY.members, "State": "DISABLED"})
    new = wanted("B", schedules=(later,), tags={**wanted().tags, "Team": "new"})
    account.upsert(new, complete=True, prune=True)
    called = {"HeadObject": "GetObject"}
    needed = {f"{call.service}:{called.get(call.operation, call.operation)}" for call in account.aws.calls}
    # publish=True and tags at creation are permissions of their own; S3 says "not there" only to who may list
    own = {"s3:ListBucket", "scheduler:TagResource", "states:PublishStateMachineVersion"}
    assert listed == needed | own
