"""The plan: what is wanted against a world that the test declares; nothing here talks to anything."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from engines.sagemaker.world import ARN, DESTINATION, NIGHTLY, OWNER, ROLE, World, deployed, text, wanted

from dagwright.engines.aws.ownership import Owner
from dagwright.engines.aws.plan import Plan, make_plan
from dagwright.engines.aws.remote import Deployed
from dagwright.engines.aws.saved_plan import refuse_if_moved
from dagwright.engines.aws.schedules import is_over, request, switched_off
from dagwright.engines.aws.upsert import refuse_others
from dagwright.engines.aws.wanted import WantedObject, WantedSchedule
from dagwright.engines.sagemaker.pipelines import WantedPipeline
from dagwright.errors import UserError


def plan_for(one: WantedPipeline, found: Deployed | None = None, **world: Any) -> Plan:
    pipelines = {found.name: found} if found else {}
    return make_plan([one], DESTINATION, World(pipelines, **world), complete=False)


def test_an_empty_account_gets_everything() -> None:
    one = wanted(schedules=(NIGHTLY,), code=(WantedObject("s3://bucket/code/x.py", bytes),), description="d")
    plan = plan_for(one, group=False)
    (pipeline,) = plan.pipelines
    assert pipeline.action == "create"
    assert [step.name for step in pipeline.definition.steps] == ["A"]
    assert [schedule.action for schedule in pipeline.schedules] == ["create"]
    assert [missing.uri for missing in pipeline.code] == ["s3://bucket/code/x.py"]
    assert plan.new_group == "rc-churn"
    assert plan.has_changes


def test_what_is_deployed_as_it_is_wanted_is_left_alone() -> None:
    one = wanted(schedules=(NIGHTLY,), code=(WantedObject("s3://bucket/code/x.py", bytes),), description="d")
    plan = plan_for(one, deployed(one), objects=("s3://bucket/code/x.py",))
    assert not plan.has_changes
    assert plan.pipelines[0].action == "keep"
    assert plan.as_json()["pipelines"] == [
        {
            "name": "training",
            "deployed_name": "rc-churn-training",
            "arn": ARN,
            "action": "keep",
            "wanted": one.fingerprint_in(DESTINATION),
            "seen": deployed(one).fingerprint,
        }
    ]


def test_another_spelling_of_the_same_definition_is_no_change() -> None:
    one = wanted()
    spelled = json.dumps({**json.loads(one.text), "Metadata": {}, "MlflowConfig": None}, indent=4, sort_keys=True)
    assert not plan_for(one, deployed(one, text=spelled)).has_changes


def test_every_part_that_differs_is_said() -> None:
    before = deployed(wanted(description="old", max_parallel_steps=2, role="arn:aws:iam::123456789012:role/other"))
    before = replace(before, tags={**before.tags, "Team": "other", "Foreign": "x"})
    plan = plan_for(wanted(description="new", max_parallel_steps=3, text=text("B")), before)
    (pipeline,) = plan.pipelines
    assert [(one.kind, one.name) for one in pipeline.definition.steps] == [("added", "B"), ("removed", "A")]
    assert [(one.path, one.old, one.new) for one in pipeline.settings] == [
        ("RoleArn", "arn:aws:iam::123456789012:role/other", ROLE),
        ("PipelineDescription", "old", "new"),
        ("MaxParallelExecutionSteps", 2, 3),
    ]
    assert [(one.path, one.old, one.new) for one in pipeline.tags] == [("Team", "other", "rc")], "Foreign stays"


def test_what_the_code_does_not_say_stays_as_it_is() -> None:
    before = deployed(wanted(description="by hand", max_parallel_steps=9))
    assert not plan_for(wanted(), before).has_changes


def test_tags_alone_need_no_new_version() -> None:
    one = wanted()
    (pipeline,) = plan_for(one, deployed(one, tags=OWNER.tags("training"))).pipelines
    assert pipeline.action == "keep"
    assert pipeline.has_changes


def test_a_definition_that_cannot_be_read_is_replaced() -> None:
    one = wanted()
    (pipeline,) = plan_for(one, deployed(one, text="not json")).pipelines
    assert pipeline.action == "update"


def test_a_large_definition_goes_to_s3_under_its_hash() -> None:
    one = wanted(text=text(*(f"Step{number:060}" for number in range(1200))))
    stored = one.stored_definition(DESTINATION)
    assert stored is not None
    assert stored.uri.startswith("s3://bucket/pipelines/rc-churn-training/")
    assert [missing.uri for missing in plan_for(one).pipelines[0].code] == [stored.uri]
    assert not plan_for(one, deployed(one)).pipelines[0].code, "nothing to do: it is not even looked for"
    assert wanted().stored_definition(DESTINATION) is None


# --- whose it is --------------------------------------------------------------------------------------------------


def test_nobodys_pipeline_is_adopted_only_by_a_plan_that_was_saved() -> None:
    one = wanted()
    plan = plan_for(one, deployed(one, tags={"made-by": "hand"}))
    assert plan.pipelines[0].adopts
    with pytest.raises(UserError, match="nothing says that it is this project's"):
        refuse_others(plan, adopting=False)
    refuse_others(plan, adopting=True)


@pytest.mark.parametrize("other", [Owner("rc-churn", "staging"), Owner("rc-fraud", "dev")])
def test_anothers_pipeline_is_never_touched(other: Owner) -> None:
    one = wanted()
    plan = plan_for(one, deployed(one, tags=other.tags("training")))
    with pytest.raises(UserError, match=f"belongs to {other.project} in {other.environment}"):
        refuse_others(plan, adopting=True)


def test_what_is_owned_and_not_defined_any_more_is_listed() -> None:
    one = wanted()
    old = wanted(deployed_name="rc-churn-old", schedules=(NIGHTLY,))
    foreign = deployed(wanted(deployed_name="rc-churn-foreign"), tags=Owner("rc-churn", "staging").tags("foreign"))
    found = (deployed(one), replace(deployed(old), arn="arn:old"), foreign)
    plan = make_plan([one], DESTINATION, World({each.name: each for each in found}), complete=True)
    assert [(orphan.kind, orphan.name, orphan.starts) for orphan in plan.orphans] == [
        ("pipeline", "rc-churn-old", ("cron(0 2 * * ? *) UTC",))
    ]
    assert not plan.has_changes, "without --prune an upsert does nothing"
    assert not make_plan([one], DESTINATION, World({each.name: each for each in found}), complete=False).orphans


# --- schedules ----------------------------------------------------------------------------------------------------


def test_a_schedule_that_is_no_longer_declared_is_switched_off_and_listed() -> None:
    before = deployed(wanted(schedules=(NIGHTLY,)))
    plan = plan_for(wanted(), before)
    (schedule,) = plan.pipelines[0].schedules
    assert (schedule.name, schedule.action) == ("rc-churn-training.nightly", "disable")
    assert [(one.path, one.old, one.new) for one in schedule.fields] == [("State", "ENABLED", "DISABLED")]
    assert [(orphan.kind, orphan.name) for orphan in plan.orphans] == [("schedule", "rc-churn-training.nightly")]

    name, members = next(iter(before.schedules.items()))
    off = plan_for(wanted(), replace(before, schedules={name: {**members, "State": "DISABLED"}}))
    assert not off.has_changes
    assert [orphan.name for orphan in off.orphans] == [name]


def test_a_schedule_that_somebody_else_made_is_left_alone_and_told_of() -> None:
    before = deployed(
        wanted(), schedules={"rc-churn-training.mine": {"ScheduleExpression": "rate(1 hour)", "State": "ENABLED"}}
    )
    plan = plan_for(wanted(), before)
    assert not plan.has_changes
    assert not plan.orphans
    assert plan.pipelines[0].notes == (
        "the schedule rc-churn-training.mine (rate(1 hour)) is not ours and stays as it is",
    )


def test_each_member_of_a_schedule_is_compared() -> None:
    members = {
        **NIGHTLY.members,
        "State": "DISABLED",
        "Target": {
            **NIGHTLY.members["Target"],
            "SageMakerPipelineParameters": {"PipelineParameterList": [{"Name": "Seed", "Value": "7"}]},
        },
    }
    before = deployed(wanted(schedules=(NIGHTLY,)))
    (schedule,) = plan_for(wanted(schedules=(WantedSchedule("nightly", members),)), before).pipelines[0].schedules
    assert schedule.action == "update"
    assert [one.path for one in schedule.fields] == ["State", "Target.SageMakerPipelineParameters"]


def test_what_aws_adds_to_a_schedule_is_no_change() -> None:
    one = wanted(schedules=(NIGHTLY,))
    found = deployed(one)
    name, members = next(iter(found.schedules.items()))
    added = {
        "Arn": "arn:x",
        "Name": name,
        "GroupName": "rc-churn",
        "CreationDate": "2026-01-01",
        "LastModificationDate": "2026-01-02",
        "ActionAfterCompletion": "NONE",
        "Target": {**members["Target"], "SageMakerPipelineParameters": {"PipelineParameterList": []}},
    }
    assert not plan_for(one, replace(found, schedules={name: {**members, **added}})).has_changes


def test_the_projects_queue_is_told_unless_the_schedule_names_another() -> None:
    queue, other = (f"arn:aws:sqs:us-east-1:123456789012:{name}" for name in ("dlq", "other"))
    destination = replace(DESTINATION, dead_letter_queue=queue)
    assert request(NIGHTLY, ARN, destination)["Target"]["DeadLetterConfig"] == {"Arn": queue}
    own = {**NIGHTLY.members, "Target": {**NIGHTLY.members["Target"], "DeadLetterConfig": {"Arn": other}}}
    assert request(WantedSchedule("x", own), ARN, destination)["Target"]["DeadLetterConfig"] == {"Arn": other}


# --- saved --------------------------------------------------------------------------------------------------------


def saved(plan: Plan) -> str:
    return json.dumps(plan.as_json())


def test_a_saved_plan_holds_as_long_as_nothing_moves() -> None:
    refuse_if_moved(saved(plan_for(wanted())), plan_for(wanted()))


def problems(then: Plan | str, now: Plan) -> list[str]:
    with pytest.raises(UserError, match="does not hold") as caught:
        refuse_if_moved(then if isinstance(then, str) else saved(then), now)
    return [problem.code for problem in caught.value.problems]


def test_a_saved_plan_is_refused_when_anything_moved() -> None:
    one = wanted()
    then = plan_for(one, deployed(one))
    assert problems(then, plan_for(wanted(text=text("B")), deployed(one))) == ["definition-moved"]
    for change in (
        {"text": text("C")},
        {"role": "other"},
        {"tags": {}},
        {"description": "x"},
        {"max_parallel_steps": 1},
    ):
        assert problems(then, plan_for(one, deployed(wanted(**change)))) == ["aws-moved"], change
    assert problems(then, plan_for(one)) == ["aws-moved"], "it has gone"
    schedules = {"rc-churn-training.x": {"ScheduleExpression": "rate(1 hour)"}}
    assert problems(then, plan_for(one, deployed(one, schedules=schedules))) == ["aws-moved"]


def test_a_saved_plan_is_refused_for_another_place_or_other_pipelines() -> None:
    one = wanted()
    then = plan_for(one)
    other = wanted(name="other", deployed_name="rc-churn-other")
    assert problems(then, plan_for(other)) == ["other-pipelines", "other-pipelines"]
    elsewhere = replace(DESTINATION, owner=Owner("rc-churn", "staging"), region="eu-west-1")
    now = replace(then, destination=elsewhere)
    assert problems(then, now) == ["other-place", "other-place"]
    before = deployed(wanted(schedules=(NIGHTLY,)))
    assert "orphans-moved" in problems(plan_for(one, deployed(one)), plan_for(one, before))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"pipelines": 3}',
        "[" * 100_000,
        '{"pipelines": [], "version": 99}',
        '{"pipelines": [null], "version": 1}',
        '{"pipelines": [], "prune": null, "version": 1}',
        '{"pipelines": [{"deployed_name": ["a"]}], "prune": [{"name": ["b"]}], "version": 1}',
    ],
)
def test_a_file_that_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        refuse_if_moved(text, plan_for(wanted()))


def test_a_saved_plan_is_refused_when_the_role_of_the_schedules_is_another() -> None:
    one = wanted(schedules=(NIGHTLY,))
    saved = json.dumps(plan_for(one, deployed(wanted(role="old"))).as_json())
    moved = replace(DESTINATION, scheduler_role="arn:aws:iam::123456789012:role/other")
    fresh = make_plan([one], moved, World({one.deployed_name: deployed(wanted(role="old"))}), complete=False)
    with pytest.raises(UserError, match="has changed here since"):
        refuse_if_moved(saved, fresh)


def with_dates(name: str, expression: str, **dates: datetime) -> WantedSchedule:
    return WantedSchedule(name, {**NIGHTLY.members, "ScheduleExpression": expression, **dates})


PAST, FUTURE = datetime(2020, 1, 1, tzinfo=timezone.utc), datetime(2199, 1, 1, tzinfo=timezone.utc)
OVER = [("at(2020-01-01T00:00:00)", {}), ("rate(1 hour)", {"EndDate": PAST})]


def test_a_start_that_has_passed_is_not_said_and_no_change() -> None:
    for date, said in ((PAST, False), (FUTURE, True)):
        schedule = with_dates("hourly", "rate(1 hour)", StartDate=date)
        assert ("StartDate" in request(schedule, ARN, DESTINATION)) is said
        assert ("StartDate" in switched_off({**schedule.members, "StartDate": date})) is said
    one = wanted(schedules=(with_dates("hourly", "rate(1 hour)", StartDate=PAST),))
    name = "rc-churn-training.hourly"
    found = deployed(one)
    had = replace(found, schedules={name: {**found.schedules[name], "StartDate": PAST}})
    assert not plan_for(one, found).has_changes
    assert not plan_for(one, had).has_changes


@pytest.mark.parametrize(("expression", "dates"), OVER)
def test_a_schedule_that_starts_nothing_any_more_is_neither_made_nor_changed_nor_switched_off(
    expression: str, dates: dict[str, datetime]
) -> None:
    one = wanted(schedules=(with_dates("once", expression, **dates),))
    plan = plan_for(one, deployed(wanted()))
    assert not plan.has_changes
    assert "would start nothing any more" in plan.pipelines[0].notes[0]
    changed = wanted(schedules=(WantedSchedule("once", {**one.schedules[0].members, "Description": "new"}),))
    assert not plan_for(changed, deployed(one)).has_changes
    assert not plan_for(wanted(), deployed(one)).has_changes
    assert plan_for(one, deployed(wanted(schedules=(WantedSchedule("once", NIGHTLY.members),)))).has_changes


def test_a_time_that_is_to_come_is_one_whatever_the_zone() -> None:
    zone = {"ScheduleExpressionTimezone": "Asia/Shanghai"}
    assert not is_over({"ScheduleExpression": "at(2199-01-01T00:00:00)", **zone})
    assert is_over({"ScheduleExpression": "at(2020-01-01T00:00:00)", **zone})
    assert not is_over({"ScheduleExpression": "at(2020-01-01T00:00:00)", "ScheduleExpressionTimezone": "No/Where"})
    assert not is_over({"ScheduleExpression": "at(soon)"})
