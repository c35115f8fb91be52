"""An upsert against moto's AWS: what is called, in which order, and what is there afterwards."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from engines.sagemaker.account import Account
from engines.sagemaker.world import NIGHTLY, OWNER, ROLE, text, wanted
from pages import page

from dagwright.engines.aws.clients import check_account
from dagwright.engines.aws.ownership import Owner
from dagwright.engines.aws.wanted import WantedSchedule
from dagwright.errors import AWSError, UserError

if TYPE_CHECKING:
    from aws import AWS


@pytest.fixture
def account(aws: AWS) -> Account:
    return Account(aws)


def test_a_first_upsert_makes_everything_in_order(account: Account) -> None:
    done = account.upsert(wanted(schedules=(NIGHTLY,), code=account.code("1"), description="d", max_parallel_steps=3))
    assert done == ["PutObject", "CreatePipeline", "CreateScheduleGroup", "CreateSchedule"]
    assert account.aws.writes == done
    found = account.described()
    assert json.loads(found["PipelineDefinition"]) == json.loads(text("A"))
    assert (found["RoleArn"], found["PipelineDescription"]) == (ROLE, "d")
    assert found["ParallelismConfiguration"] == {"MaxParallelExecutionSteps": 3}
    assert account.tags() == {"Team": "rc", **OWNER.tags("training")}
    schedule = account.schedules()["rc-churn-training.nightly"]
    assert schedule["Target"]["Arn"] == found["PipelineArn"]
    assert schedule["Description"] == "(dagwright:project=rc-churn dagwright:environment=dev)"
    (group,) = account.aws.of("CreateScheduleGroup")
    assert {"Key": "dagwright:project", "Value": "rc-churn"} in group["Tags"]


def test_a_second_upsert_writes_nothing(account: Account) -> None:
    one = wanted(schedules=(NIGHTLY,), code=account.code("1"), description="d")
    account.upsert(one)
    account.aws.calls.clear()
    assert account.upsert(one) == []
    assert account.aws.writes == []
    assert not account.plan(one).has_changes


def test_each_change_is_one_call(account: Account) -> None:
    account.upsert(wanted(schedules=(NIGHTLY,), code=account.code("1")))
    later = WantedSchedule("nightly", {**NIGHTLY.members, "ScheduleExpression": "cron(0 3 * * ? *)"})
    steps: list[tuple[dict[str, Any], list[str]]] = [
        ({"text": text("B")}, ["UpdatePipeline"]),
        ({"text": text("B"), "description": "new"}, ["UpdatePipeline"]),
        ({"text": text("B"), "code": account.code("2")}, ["PutObject"]),
        ({"text": text("B"), "tags": {**wanted().tags, "Team": "new"}}, ["AddTags"]),
        ({"text": text("B"), "schedules": (later,)}, ["UpdateSchedule"]),
        (
            {"text": text("C"), "schedules": (later, WantedSchedule("weekly", NIGHTLY.members))},
            ["UpdatePipeline", "CreateSchedule"],
        ),
    ]
    kept: dict[str, Any] = {"schedules": (NIGHTLY,), "code": account.code("1")}
    for changes, expected in steps:
        kept |= changes
        assert account.upsert(wanted(**kept)) == expected, changes
        assert account.upsert(wanted(**kept)) == []


def test_the_token_of_a_create_is_made_of_its_content(account: Account) -> None:
    account.upsert(wanted())
    (first,) = account.aws.of("CreatePipeline")
    assert first["ClientRequestToken"] == wanted().fingerprint
    assert len(first["ClientRequestToken"]) == 64


def test_tokens_of_schedules_are_new_with_every_call(account: Account) -> None:
    later = WantedSchedule("nightly", {**NIGHTLY.members, "State": "DISABLED"})
    for schedule in (NIGHTLY, later, NIGHTLY, later):
        account.upsert(wanted(schedules=(schedule,)))
    tokens = [call["ClientToken"] for call in account.aws.of("UpdateSchedule")]
    assert len(set(tokens)) == 3, "the way back to an earlier schedule is no repetition"


def test_a_large_definition_goes_through_s3_once(account: Account) -> None:
    names = [f"Step{number:060}" for number in range(1200)]
    assert account.upsert(wanted(text=text(*names))) == ["PutObject", "CreatePipeline"]
    (request,) = account.aws.of("CreatePipeline")
    assert "PipelineDefinition" not in request
    location = request["PipelineDefinitionS3Location"]
    assert location["ObjectKey"].startswith("pipelines/rc-churn-training/")
    assert len(json.loads(account.described()["PipelineDefinition"])["Steps"]) == 1200
    assert account.upsert(wanted(text=text(*names))) == []
    assert account.upsert(wanted(text=text(*names, "More"))) == ["PutObject", "UpdatePipeline"]
    assert account.upsert(wanted(text=text(*names))) == ["UpdatePipeline"], "its definition is there already"


def test_objects_are_encrypted_with_the_projects_key(account: Account) -> None:
    account.upsert(wanted(code=account.code("1")))
    head = account.aws.client("s3").head_object(Bucket="bucket", Key="code/1.py")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/key")


@pytest.mark.parametrize("count", [5, 200])
def test_an_unchanged_pipeline_takes_the_same_calls_however_many_steps_it_has(account: Account, count: int) -> None:
    one = wanted(text=text(*(f"S{number}" for number in range(count))), schedules=(NIGHTLY,), code=account.code("1"))
    account.upsert(one)
    account.aws.calls.clear()
    assert not account.plan(one).has_changes
    assert account.aws.operations == ["ListSchedules", "GetSchedule", "DescribePipeline", "ListTags", "HeadObject"]


# --- somebody else --------------------------------------------------------------------------------------------------


def _definition(account: Account) -> None:
    account.aws.client("sagemaker").update_pipeline(
        PipelineName="rc-churn-training", PipelineDefinition=text("Foreign")
    )


def _tags(account: Account) -> None:
    account.aws.client("sagemaker").add_tags(
        ResourceArn=account.described()["PipelineArn"], Tags=[{"Key": "Foreign", "Value": "x"}]
    )


def _schedule(account: Account) -> None:
    found = account.schedules()["rc-churn-training.nightly"]
    members = {key: found[key] for key in ("ScheduleExpression", "FlexibleTimeWindow", "Target", "Description")}
    account.aws.client("scheduler").update_schedule(
        Name="rc-churn-training.nightly", GroupName="rc-churn", State="DISABLED", **members
    )


def _gone(account: Account) -> None:
    account.aws.client("sagemaker").delete_pipeline(PipelineName="rc-churn-training")


@pytest.mark.parametrize("meddle", [_definition, _tags, _schedule, _gone])
def test_a_change_between_plan_and_upsert_is_noticed_and_left_alone(
    account: Account, meddle: Callable[[Account], None]
) -> None:
    account.upsert(wanted(schedules=(NIGHTLY,)))
    changed = wanted(text=text("B"), schedules=(NIGHTLY,))
    plan = account.plan(changed)
    meddle(account)
    account.aws.calls.clear()
    with pytest.raises(AWSError, match="has changed on AWS since it was compared"):
        account.carry_out(plan, changed)
    assert account.aws.writes == []


def test_a_pipeline_that_appears_between_plan_and_upsert_is_left_alone(account: Account) -> None:
    plan = account.plan(wanted())
    account.aws.client("sagemaker").create_pipeline(
        PipelineName="rc-churn-training", PipelineDefinition=text("Foreign"), ClientRequestToken="x" * 32, RoleArn=ROLE
    )
    with pytest.raises(AWSError, match="has changed on AWS"):
        account.carry_out(plan, wanted())
    assert "Foreign" in account.described()["PipelineDefinition"]


def test_adopting_keeps_the_tags_that_were_there(account: Account) -> None:
    account.aws.client("sagemaker").create_pipeline(
        PipelineName="rc-churn-training",
        PipelineDefinition=text("A"),
        ClientRequestToken="x" * 32,
        RoleArn=ROLE,
        Tags=[{"Key": "made-by", "Value": "the SDK"}],
    )
    plan = account.plan(wanted())
    assert plan.pipelines[0].adopts
    assert account.carry_out(plan, wanted()) == ["AddTags"]
    assert account.tags() == {"made-by": "the SDK", **wanted().tags}
    assert not account.plan(wanted()).has_changes


# --- prune ----------------------------------------------------------------------------------------------------------


def test_what_is_not_defined_any_more_is_deleted_with_prune_only(account: Account) -> None:
    old = wanted(name="old", deployed_name="rc-churn-old", tags=OWNER.tags("old"), schedules=(NIGHTLY,))
    others = Owner("rc-churn", "staging").tags("other")
    other = wanted(name="other", deployed_name="rc-churn-other", tags=others)
    nobodys = wanted(name="free", deployed_name="rc-churn-free", tags={})
    account.upsert(wanted(), old)
    account.upsert(other)
    account.upsert(nobodys)
    assert account.upsert(wanted(), complete=True) == []
    assert account.upsert(wanted(), prune=True) == [], "one pipeline alone says nothing of the others"
    account.aws.calls.clear()
    assert account.upsert(wanted(), complete=True, prune=True) == ["DeleteSchedule", "DeletePipeline"]
    assert account.aws.writes == ["DeleteSchedule", "DeletePipeline"]
    names = account.aws.client("sagemaker").list_pipelines()["PipelineSummaries"]
    assert {one["PipelineName"] for one in names} == {"rc-churn-training", "rc-churn-other", "rc-churn-free"}
    assert account.upsert(wanted(), complete=True, prune=True) == []


def test_a_schedule_that_is_no_longer_declared_is_switched_off_then_pruned(account: Account) -> None:
    weekly = WantedSchedule("weekly", NIGHTLY.members)
    account.upsert(wanted(schedules=(NIGHTLY, weekly)))
    assert account.upsert(wanted(schedules=(weekly,))) == ["UpdateSchedule"]
    found = account.schedules()["rc-churn-training.nightly"]
    assert (found["State"], found["ScheduleExpression"]) == ("DISABLED", "cron(0 2 * * ? *)")
    assert account.upsert(wanted(schedules=(weekly,))) == []
    assert account.upsert(wanted(schedules=(weekly,)), prune=True) == ["DeleteSchedule"]
    assert account.upsert(wanted(schedules=(weekly, NIGHTLY))) == ["CreateSchedule"]
    assert account.upsert(wanted(schedules=(NIGHTLY,)), prune=True) == ["DeleteSchedule"], "not switched off first"


def test_a_declared_schedule_that_was_switched_off_by_hand_is_switched_on(account: Account) -> None:
    account.upsert(wanted(schedules=(NIGHTLY,)))
    _schedule(account)
    assert account.upsert(wanted(schedules=(NIGHTLY,))) == ["UpdateSchedule"]
    assert account.schedules()["rc-churn-training.nightly"]["State"] == "ENABLED"


def test_what_changed_since_the_plan_is_not_deleted(account: Account) -> None:
    old = wanted(name="old", deployed_name="rc-churn-old", tags=OWNER.tags("old"))
    account.upsert(wanted(), old)
    plan = account.plan(wanted(), complete=True)
    account.aws.client("sagemaker").update_pipeline(PipelineName="rc-churn-old", PipelineDefinition=text("Used again"))
    with pytest.raises(AWSError, match="rc-churn-old has changed on AWS"):
        account.carry_out(plan, wanted(), prune=True)
    account.aws.client("sagemaker").delete_pipeline(PipelineName="rc-churn-old")
    assert account.carry_out(plan, wanted(), prune=True) == [], "gone by other hands"


def test_what_another_project_took_over_while_we_looked_is_not_deleted(account: Account) -> None:
    old = wanted(name="old", deployed_name="rc-churn-old", tags=OWNER.tags("old"))
    account.upsert(wanted(), old)
    plan = account.plan(wanted(), complete=True)
    arn = account.described("rc-churn-old")["PipelineArn"]
    taken = [{"Key": key, "Value": value} for key, value in Owner("rc-other", "dev").tags("old").items()]
    account.aws.client("sagemaker").add_tags(ResourceArn=arn, Tags=taken)
    seen = account.remote.pipeline("rc-churn-old").fingerprint
    between = replace(plan, orphans=(replace(plan.orphans[0], seen=seen),))
    with pytest.raises(AWSError, match="rc-churn-old has changed on AWS"):
        account.carry_out(between, wanted(), prune=True)
    assert account.described("rc-churn-old")


def test_a_schedule_that_has_begun_long_ago_can_be_made_changed_and_switched_off(account: Account) -> None:
    start = datetime(2020, 1, 1, tzinfo=timezone.utc)  # the service refuses one that is more than 5 minutes back
    early = WantedSchedule("early", {**NIGHTLY.members, "StartDate": start})
    account.upsert(wanted(schedules=(early,)))
    assert not account.plan(wanted(schedules=(early,))).has_changes
    later = WantedSchedule("early", {**early.members, "ScheduleExpression": "cron(0 3 * * ? *)"})
    assert account.upsert(wanted(schedules=(later,))) == ["UpdateSchedule"]
    assert account.upsert(wanted()) == ["UpdateSchedule"]
    assert all(asked.get("StartDate") is None for asked in account.aws.of("UpdateSchedule"))


@pytest.mark.foreign("pipeline/SomeSdkPipeline")
def test_a_pipeline_under_our_role_is_found_by_its_tags_whatever_its_name(account: Account) -> None:
    own = wanted(name="sdk", deployed_name="SomeSdkPipeline", tags=OWNER.tags("sdk"))
    account.upsert(own)
    assert [orphan.name for orphan in account.plan(complete=True).orphans] == ["SomeSdkPipeline"]


# --- whose credentials ----------------------------------------------------------------------------------------------


def test_credentials_of_another_account_are_refused_first(account: Account) -> None:
    check_account(account.clients, "123456789012", "dev")
    with pytest.raises(UserError, match=r"of the account 123456789012, and production is in the account 444455556666"):
        check_account(account.clients, "444455556666", "production")


def test_the_permissions_that_the_page_lists_are_those_that_are_needed(account: Account) -> None:
    listed = set(re.findall(r"`((?:sts|sagemaker|scheduler|s3):[A-Za-z]+)`", page("deploying")))
    old = wanted(name="old", deployed_name="rc-churn-old", tags=OWNER.tags("old"), schedules=(NIGHTLY,))
    check_account(account.clients, "123456789012", "dev")
    account.upsert(wanted(schedules=(NIGHTLY,), code=account.code("1")), old)
    later = WantedSchedule("nightly", {**NIGHTLY.members, "State": "DISABLED"})
    new = wanted(schedules=(later,), text=text("B"), tags={**wanted().tags, "Team": "new"})
    account.upsert(new, complete=True, prune=True)
    called = {"HeadObject": "GetObject"}
    needed = {f"{call.service}:{called.get(call.operation, call.operation)}" for call in account.aws.calls}
    # S3 says "not there" only to who may list, and tags at a group's creation are a permission of their own
    assert listed - {"sagemaker:StartPipelineExecution"} == needed | {"s3:ListBucket", "scheduler:TagResource"}
