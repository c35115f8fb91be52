"""What a plan says: from the template alone, from a change set of many pages, and saved."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from stacks.cloudformation import (
    CHANGED,
    MADE,
    NAME,
    TEMPLATE,
    CloudFormation,
    Hands,
    ScriptedClients,
    Witness,
    change,
    detail,
    wanted,
)

from dagwright.engines.aws.ownership import Owner
from dagwright.errors import AWSError, UserError
from dagwright.stacks.changes import PropertyChange, ResourceChange
from dagwright.stacks.drift import detect_drift
from dagwright.stacks.plan import StackPlan, make_plan
from dagwright.stacks.saved_plan import open_plan
from dagwright.stacks.upsert import Upsert
from dagwright.stacks.wanted import Asset, InfraStack

TOPIC = change("Modify", "Topic", Details=[detail("DisplayName", '"a"', '"b"')])
NOTHING = "The submitted information didn't contain changes. Submit different information to create a change set."


def plan_of(cloudformation: CloudFormation, stack: InfraStack | None = None, *, keep: bool = False) -> StackPlan:
    return make_plan(stack or wanted(), ScriptedClients(cloudformation), Hands().clock, keep=keep)


@pytest.mark.parametrize("status", ["", "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_of_a_stack_that_is_not_there_the_plan_is_the_template(status: str) -> None:
    cloudformation = CloudFormation(status)
    plan = plan_of(cloudformation)
    assert [one.logical_id for one in plan.changes] == [*TEMPLATE["Resources"]]
    assert all(one.is_addition for one in plan.changes)
    assert plan.has_changes
    assert cloudformation.operations == ["DescribeStacks"], "nothing was written to find that out"


def test_of_one_that_is_there_it_is_a_change_set_which_is_deleted_again() -> None:
    cloudformation = CloudFormation(
        "CREATE_COMPLETE", changes=[TOPIC, change("Add", "Queue"), change("Remove", "Old")], page=1
    )
    plan = plan_of(cloudformation)
    assert [(one.action, one.logical_id) for one in plan.changes] == [
        ("Remove", "Old"),
        ("Add", "Queue"),
        ("Modify", "Topic"),
    ]
    assert plan.changes[2].properties == (PropertyChange("DisplayName", '"a"', '"b"'),)
    assert plan.has_changes
    assert not cloudformation.change_sets
    assert cloudformation.of("CreateChangeSet")[0]["IncludeNestedStacks"] is False
    assert all(one["IncludePropertyValues"] for one in cloudformation.of("DescribeChangeSet")[-3:])
    assert cloudformation.writes == []


def test_nothing_to_change() -> None:
    for reason in (NOTHING, "No updates are to be performed."):
        cloudformation = CloudFormation("UPDATE_COMPLETE", refuses=reason)
        plan = plan_of(cloudformation, keep=True)
        assert (plan.has_changes, plan.changes, plan.change_set) == (False, (), None)
        assert not cloudformation.change_sets


def test_outputs_alone_are_a_change() -> None:
    assert plan_of(CloudFormation("UPDATE_COMPLETE")).has_changes


def test_a_property_that_is_told_twice_is_one_with_all_that_is_known_of_it() -> None:
    dynamic = detail("KmsKeyId", None, None, "Conditionally", Evaluation="Dynamic", CausingEntity="Key.Arn")
    target = {"Attribute": "Tags"}
    details = [dynamic, detail("KmsKeyId", '"k"', None), {"Target": target, "Evaluation": "Static"}]
    again = change("Modify", "Topic", Details=[dynamic, detail("KmsKeyId", '"k"', '"l"', "Always")])
    (one, other) = plan_of(
        CloudFormation("UPDATE_COMPLETE", changes=[change("Modify", "Topic", Details=details), again])
    ).changes
    assert one.properties == (
        PropertyChange("KmsKeyId", '"k"', None, "Conditionally", "Key.Arn"),
        PropertyChange("Tags"),
    )
    assert other.properties == (PropertyChange("KmsKeyId", '"k"', '"l"', "Always"),)


def test_a_kind_of_change_that_is_new_is_shown_as_one() -> None:
    plan = plan_of(CloudFormation("UPDATE_COMPLETE", changes=[change("Dynamic", "Topic"), {"Type": "Resource"}]))
    assert plan.changes == (ResourceChange("Dynamic", "Topic", "AWS::SNS::Topic"),)


def test_a_stack_that_somebody_is_at_cannot_be_planned() -> None:
    with pytest.raises(AWSError, match="UPDATE_IN_PROGRESS: somebody is at it"):
        plan_of(CloudFormation("UPDATE_IN_PROGRESS"))


def saved(cloudformation: CloudFormation, stack: InfraStack | None = None) -> str:
    return json.dumps(plan_of(cloudformation, stack, keep=True).as_json())


def opened(text: str, cloudformation: CloudFormation, stack: InfraStack | None = None) -> StackPlan:
    return open_plan(text, stack or wanted(), ScriptedClients(cloudformation), Hands().clock)


def test_a_saved_plan_is_the_one_that_is_carried_out() -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE", changes=[TOPIC], stories=[[*CHANGED]])
    text = saved(cloudformation)
    (arn,) = cloudformation.change_sets
    plan = opened(text, cloudformation)
    Upsert(wanted(), ScriptedClients(cloudformation), Hands().clock, Witness()).run(plan)
    assert [one["ChangeSetName"] for one in cloudformation.of("ExecuteChangeSet")] == [arn]
    assert len(cloudformation.of("CreateChangeSet")) == 1
    with pytest.raises(UserError, match="has been changed on AWS since"):
        opened(text, cloudformation)


def test_a_saved_plan_of_a_new_stack_makes_it_as_long_as_it_is_not_there() -> None:
    cloudformation = CloudFormation(stories=[[*MADE]])
    text = saved(cloudformation)
    Upsert(wanted(), ScriptedClients(cloudformation), Hands().clock, Witness()).run(opened(text, cloudformation))
    assert cloudformation.status == "CREATE_COMPLETE"
    with pytest.raises(UserError, match="has been made or deleted since"):
        opened(text, cloudformation)


def test_a_saved_plan_of_nothing_does_nothing() -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE", refuses=NOTHING)
    plan = opened(saved(cloudformation), cloudformation)
    Upsert(wanted(), ScriptedClients(cloudformation), Hands().clock, Witness()).run(plan)
    assert cloudformation.writes == []


OTHERS: list[tuple[Callable[[], InfraStack], list[str]]] = [
    (
        lambda: wanted(owner=Owner("rc-churn", "staging"), region="eu-west-1"),
        ["environment dev, and this is staging", "region us-east-1"],
    ),
    (lambda: wanted(name="other"), [f"stack {NAME}, and this is other"]),
    (lambda: wanted(template={"Resources": {}}), ["the template here is another one"]),
    (
        lambda: wanted(tags={}, assets=(Asset("k", b""),)),
        ["the tags here are others", "the code of the stack's functions"],
    ),
]


@pytest.mark.parametrize(("other", "reasons"), OTHERS)
def test_a_saved_plan_that_is_for_something_else_says_what(other: Callable[[], InfraStack], reasons: list[str]) -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE", changes=[TOPIC])
    text = saved(cloudformation)
    with pytest.raises(UserError, match="does not hold any more") as caught:
        opened(text, cloudformation, other())
    assert len(caught.value.problems) == len(reasons)
    for reason in reasons:
        assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (lambda one: next(iter(one.change_sets.values())).update(StackId="arn:of:another"), "is of another stack"),
        (lambda one: one.change_sets.clear(), "is not on AWS any more"),
        (lambda one: next(iter(one.change_sets.values())).update(ExecutionStatus="OBSOLETE"), "it is OBSOLETE"),
        (lambda one: setattr(one, "updated", 5), "changed on AWS since"),
        (lambda one: setattr(one, "status", ""), "made or deleted since"),
    ],
)
def test_a_saved_plan_that_aws_has_left_behind_is_refused(happens: Callable[[Any], None], reason: str) -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE", changes=[TOPIC])
    text = saved(cloudformation)
    happens(cloudformation)
    with pytest.raises(UserError, match="does not hold any more") as caught:
        opened(text, cloudformation)
    assert reason in str(caught.value)
    assert cloudformation.writes == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"version": 1, "pipelines": []}',
        '{"kind": "infra", "version": 0}',
        '{"kind": "infra", "version": 1}',
    ],
)
def test_what_is_no_saved_plan_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="saved plan"):
        opened(text, CloudFormation("UPDATE_COMPLETE"))


def drifted(logical_id: str, status: str, *differences: tuple[str, str, str, str]) -> dict[str, Any]:
    members = ("PropertyPath", "ExpectedValue", "ActualValue", "DifferenceType")
    return {
        "StackId": "s",
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": logical_id.lower(),
        "ResourceType": "AWS::S3::Bucket",
        "StackResourceDriftStatus": status,
        "Timestamp": "2026-11-22T10:00:00Z",
        "PropertyDifferences": [dict(zip(members, one, strict=True)) for one in differences],
    }


def test_drift_is_waited_for_and_told_property_by_property() -> None:
    found = [
        drifted("Bucket", "MODIFIED", ("/VersioningConfiguration/Status", "Enabled", "Suspended", "NOT_EQUAL")),
        drifted("Topic", "DELETED"),
        drifted("Role", "IN_SYNC"),
        drifted("Query", "NOT_CHECKED"),
    ]
    cloudformation, said = CloudFormation("UPDATE_COMPLETE", drift=found, page=2), []
    drift = detect_drift(ScriptedClients(cloudformation), NAME, Hands().clock, said.append)
    assert (drift.status, drift.has_drifted, drift.checked, drift.unchecked) == ("DRIFTED", True, 3, 1)
    assert [one.logical_id for one in drift.resources] == ["Bucket", "Topic"]
    (difference,) = drift.resources[0].differences
    assert vars(difference) == {
        "path": "VersioningConfiguration.Status",
        "kind": "NOT_EQUAL",
        "expected": "Enabled",
        "actual": "Suspended",
    }
    assert len(said) == 3, "that it begins, and twice that it goes on"
    assert cloudformation.writes == []
