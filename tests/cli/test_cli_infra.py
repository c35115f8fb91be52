"""`infra` and `render --target infra`, as people and programs see them."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cli.deploying import Site, site
from stacks.cloudformation import CHANGED, CloudFormation, Hands, ScriptedClients, change, detail, happens

from dagwright.cli.plan_text import LONGEST_COMMENT
from dagwright.engines.aws.ownership import Owner
from dagwright.stacks.wanted import Asset, Find, InfraStack

__all__ = ["site"]

# The stack of these tests has a bucket of its own, which no role of the project knows.
pytestmark = pytest.mark.foreign("arn:aws:s3:::acme-sm-rc-churn-new*")

NAME = "acme-sm-rc-churn-dev"
BUCKET = "acme-sm-rc-churn-new"
KEY = {"Description": "jobs", "Enabled": True, "KeyPolicy": {"Version": "2012-10-17", "Statement": []}}
RESOURCES: dict[str, Any] = {
    "Key": {"Type": "AWS::KMS::Key", "Properties": KEY},
    "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": BUCKET}},
    "Topic": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "rc-churn-dev"}},
}
TEMPLATE = {
    "Resources": RESOURCES,
    "Outputs": {"KeyArn": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}}, "Topic": {"Value": {"Ref": "Topic"}}},
}
STACK = InfraStack(
    name=NAME,
    owner=Owner("rc-churn", "dev"),
    account_id="123456789012",
    region="us-east-1",
    template=TEMPLATE,
    bucket=BUCKET,
    key_prefix="code/infra",
    ground={"Resources": {name: RESOURCES[name] for name in ("Key", "Bucket")}},
    assets=(Asset("code/trigger/0a1b.zip", b"a zip"),),
    protected=frozenset({"Key", "Bucket"}),
)


@pytest.fixture
def want(monkeypatch: pytest.MonkeyPatch) -> Callable[[InfraStack], None]:
    """What the project's stack is, from now on."""

    def wanted(stack: InfraStack) -> None:
        def stack_of(arguments: Namespace) -> InfraStack:
            return stack

        monkeypatch.setattr("dagwright.cli.infra_stack.wanted_stack", stack_of)
        monkeypatch.setattr("dagwright.cli.infra_stack.known_stack", stack_of)

    wanted(STACK)
    return wanted


@pytest.fixture
def scripted(site: Site, want: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., CloudFormation]:
    """A CloudFormation in the place of the account's, in which the stack is already there."""

    def script(**members: Any) -> CloudFormation:
        cloudformation = CloudFormation("UPDATE_COMPLETE", **members)
        monkeypatch.setattr("dagwright.cli.infra.Clients", lambda _: ScriptedClients(cloudformation))
        monkeypatch.setattr("dagwright.cli.infra.Clock", lambda: Hands().clock)
        want(replace(STACK, ground=None, assets=()))
        return cloudformation

    return script


def test_the_template_is_rendered(site: Site, want: Any) -> None:
    said = site("render", "--target", "infra")
    assert said.code == 0
    assert said.out == STACK.text
    assert json.loads(said.out) == TEMPLATE
    out = site.folder / "infra.json"
    assert site("render", "--target", "infra", "--out", str(out)).out == ""
    assert out.read_text(encoding="utf-8") == STACK.text
    assert site.aws.operations == []


@pytest.mark.parametrize("words", [("render", "--target", "infra"), ("infra", "plan"), ("infra", "drift")])
def test_there_is_none_on_this_machine(site: Site, words: tuple[str, ...]) -> None:
    said = site(*words, env="local")
    assert (said.code, "--env dev, staging or production" in said.err) == (64, True)


def test_the_template_is_of_no_pipeline(site: Site, want: Any) -> None:
    assert site("render", "training", "--target", "infra").code == 64


@pytest.mark.parametrize("target", ["sagemaker", "trigger"])
def test_a_pipeline_has_no_replica(site: Site, target: str) -> None:
    said = site("render", "training", "--target", target, "--replica")
    assert (said.code, "--replica is of --target infra" in said.err) == (64, True)


def test_a_plan_that_is_not_there_is_missed_before_anybody_signs_in(site: Site) -> None:
    said = site("infra", "upsert", "--plan", "nofile")
    assert (said.code, "nofile cannot be read" in said.err) == (1, True)
    assert site.aws.operations == []


def test_the_replica_is_rendered_whatever_the_pipelines_are(site: Site) -> None:
    """It is what one restores from: no pipeline has to be sound for that."""
    rendered = site("render", "--target", "infra", "--replica", env="production").out
    site.edit("pipelines/training.py", "from __future__", "this is no Python\nfrom __future__")
    assert site("render", "--target", "infra", env="production").code == 1
    said = site("render", "--target", "infra", "--replica", env="production")
    assert (said.code, said.out) == (0, rendered), said.err


def test_what_is_there_already_and_what_is_an_administrators_is_said(site: Site, want: Any, scripted: Any) -> None:
    scripted(changes=[change("Import", "Bucket", PhysicalResourceId=BUCKET), change("Modify", "Topic")])
    want(replace(STACK, ground=None, assets=(), reserved=frozenset({"Topic"})))
    lines = site("infra", "plan").out.splitlines()
    assert [line.split("  ")[0] for line in lines[2:4]] == ["+ Bucket", "~ Topic"]
    assert lines[2].endswith("is there already, and is taken over")
    assert lines[3].endswith("an administrator's to change")
    assert lines[-1] == "1 to take over, 1 to change"


def test_a_stack_from_nothing_to_nothing_to_do(site: Site, want: Any) -> None:
    said = site("infra", "plan")
    assert said.code == 2, said.err
    assert said.out.splitlines() == [
        f"dev: account 123456789012, us-east-1, stack {NAME}",
        "",
        f"! unless {BUCKET} is there, it is made in two steps: first Key, Bucket, then all",
        "+ Key     AWS::KMS::Key",
        "+ Bucket  AWS::S3::Bucket",
        "+ Topic   AWS::SNS::Topic",
        "",
        "3 to create",
    ]
    assert site.aws.operations == ["GetCallerIdentity", "DescribeStacks"]
    said = site("infra", "upsert")
    assert said.code == 0, said.err
    for part in (
        "first of two: the bucket that the rest goes through (2 resources)",
        f"{NAME} create complete",
        f"uploaded s3://{BUCKET}/code/trigger/0a1b.zip",
        "config/outputs/dev.json has changed; commit it",
        "key: (nothing) -> arn:aws:kms:us-east-1:123456789012:key/",
        f"{NAME} is UPDATE_COMPLETE",
    ):
        assert part in " ".join(said.out.split())
    assert site.aws.operations.count("ExecuteChangeSet") == 2
    outputs = (site.folder / "config/outputs/dev.json").read_text(encoding="utf-8")
    assert [*json.loads(outputs)] == ["key"]
    said = site("infra", "upsert")
    assert (said.code, said.out) == (0, f"{NAME}: nothing to change\n{NAME} is UPDATE_COMPLETE\n")
    assert site.aws.writes == ["CreateChangeSet", "DeleteChangeSet"]
    said = site("infra", "plan")
    assert (said.code, said.out.splitlines()[-1]) == (0, "nothing to change")


def test_a_change_is_saved_read_and_carried_out(site: Site, want: Any) -> None:
    site("infra", "upsert")
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "rc-churn-dev"}}
    want(replace(STACK, template=TEMPLATE | {"Resources": RESOURCES | {"Queue": queue}}))
    plan = str(site.folder / "plan.json")
    said = site("infra", "plan", "--out", plan)
    assert (said.code, "+ Queue  AWS::SQS::Queue" in said.out) == (2, True)
    assert "ExecuteChangeSet" not in site.aws.operations
    said = site("infra", "upsert", "--plan", plan, "--json")
    assert said.code == 0, said.err
    assert said.json["change_sets"] == [said.json["change_set"]]
    assert said.json["stack_status"] == "UPDATE_COMPLETE"
    assert [one["logical_id"] for one in said.json["changes"]] == ["Queue"]
    assert "update complete" in said.err
    said = site("infra", "upsert", "--plan", plan)
    assert (said.code, site.aws.writes) == (1, [])
    assert "its change set cannot be executed any more: it is EXECUTE_COMPLETE" in said.err
    assert site("infra", "upsert", "--plan", str(site.folder / "deploy.py")).code == 1


def test_the_outputs_are_printed_and_written(site: Site, want: Any) -> None:
    said = site("infra", "outputs")
    assert (said.code, "infra upsert --env dev" in said.err) == (1, True)
    site("infra", "upsert")
    path = site.folder / "config/outputs/dev.json"
    written = path.read_text(encoding="utf-8")
    path.unlink()
    said = site("infra", "outputs")
    assert said.out.splitlines()[:2] == [
        f"KeyArn  {json.loads(written)['key']}",
        "Topic   arn:aws:sns:us-east-1:123456789012:rc-churn-dev",
    ]
    assert path.read_text(encoding="utf-8") == written
    said = site("infra", "outputs", "--json")
    assert said.json["outputs"] == json.loads(written)
    assert [*said.json["stack_outputs"]] == ["KeyArn", "Topic"]
    assert site("infra", "outputs").out.endswith("config/outputs/dev.json says so already\n")
    assert site.aws.writes == []


def test_what_is_looked_for_and_not_there_is_said_before_anything_is_made(site: Site, want: Any) -> None:
    want(replace(STACK, find=Find(subnets={"Tier": "private"})))
    said = site("infra", "upsert")
    assert said.code == 1
    assert "infra.find.subnets: nothing has the tag Tier=private" in said.err
    assert site.aws.writes == []


def test_credentials_of_another_account_are_refused_first(site: Site, want: Any) -> None:
    want(replace(STACK, account_id="444455556666"))
    said = site("infra", "upsert")
    assert (said.code, site.aws.operations) == (1, ["GetCallerIdentity"])


CHANGES = [
    change("Modify", "Topic", PhysicalResourceId="arn:t", Details=[detail("DisplayName", '"a"', '"b"')]),
    change("Remove", "Old", PhysicalResourceId="old"),
    change(
        "Modify",
        "Bucket",
        PhysicalResourceId=BUCKET,
        Replacement="True",
        PolicyAction="ReplaceAndRetain",
        Details=[
            detail("BucketName", '"a"', f'"{BUCKET}"', "Always"),
            detail("Kms", None, None, Evaluation="Dynamic", CausingEntity="Key.Arn"),
        ],
    ),
    change("Modify", "ExecutionRole", Replacement="Conditional"),
]


def test_a_plan_shows_each_property_and_what_is_replaced(site: Site, scripted: Any) -> None:
    cloudformation = scripted(changes=CHANGES, more={"DriftInformation": {"StackDriftStatus": "DRIFTED"}})
    said = site("infra", "plan")
    assert said.code == 1, "upsert refuses it"
    lines = [line.strip() for line in said.out.splitlines()]
    for line in (
        f"! Bucket  AWS::S3::Bucket  {BUCKET}  is replaced by a new one",
        f'! BucketName  "a" -> "{BUCKET}"  takes a new one',
        "~ Kms         (known when Key.Arn is made)",
        "! upsert refuses (always): this AWS::S3::Bucket holds data and would be replaced, because of BucketName",
        '~ DisplayName  "a" -> "b"',
        "1 to change, 2 to replace, 1 to remove; upsert refuses 1 of it",
        "! it has drifted; --drift looks again",
    ):
        assert line in lines, said.out
    assert any(line.startswith("- Old ") and line.endswith("is deleted") for line in lines)
    assert cloudformation.writes == []
    said = site("infra", "upsert")
    assert (said.code, cloudformation.writes) == (1, [])
    assert "Bucket: this AWS::S3::Bucket holds data" in said.err


def test_a_plan_as_json_and_as_a_comment(site: Site, scripted: Any) -> None:
    scripted(changes=CHANGES[:1])
    said = site("infra", "plan", "--json")
    assert said.code == 2
    assert said.json["changes"][0]["properties"] == [
        {"path": "DisplayName", "before": '"a"', "after": '"b"', "requires_recreation": "Never"}
    ]
    said = site("infra", "plan", "--markdown")
    assert said.out.startswith(
        f"**dev: account 123456789012, us-east-1, stack {NAME}**: 1 to change\n\n```diff\n! Topic"
    )
    scripted(changes=[change("Add", f"Queue{number}", PhysicalResourceId="x" * 100) for number in range(900)])
    said = site("infra", "plan", "--markdown")
    assert len(said.out) <= LONGEST_COMMENT
    assert "more lines" in said.out


def test_drift_is_shown_by_itself_and_with_the_plan(site: Site, scripted: Any) -> None:
    difference = {
        "PropertyPath": "/DisplayName",
        "ExpectedValue": "jobs",
        "ActualValue": "by hand",
        "DifferenceType": "NOT_EQUAL",
    }
    one = {
        "StackId": "s",
        "LogicalResourceId": "Topic",
        "PhysicalResourceId": "arn:t",
        "ResourceType": "AWS::SNS::Topic",
        "StackResourceDriftStatus": "MODIFIED",
        "Timestamp": "2026-11-22T10:00:00Z",
        "PropertyDifferences": [difference],
    }
    scripted(drift=[one])
    said = site("infra", "drift")
    assert said.code == 2
    assert said.out.splitlines() == [
        f"dev: stack {NAME}",
        "",
        "~ Topic  AWS::SNS::Topic  arn:t  was changed past the stack",
        '    ~ DisplayName  "jobs" -> "by hand"',
        "",
        "1 drifted",
    ]
    assert f"{NAME} is compared" in said.err
    assert site("infra", "drift", "--json").json["resources"][0]["differences"][0]["actual"] == "by hand"
    said = site("infra", "plan", "--drift")
    assert '~ DisplayName  "jobs" -> "by hand"' in said.out
    scripted()
    said = site("infra", "drift")
    assert (said.code, said.out.splitlines()[-1]) == (0, "nothing drifted")


def test_a_failed_deployment_says_what_failed_first(site: Site, scripted: Any) -> None:
    story = [
        CHANGED[0],
        happens("Topic", "UPDATE_FAILED", "Rate exceeded"),
        happens("stack", "UPDATE_ROLLBACK_COMPLETE"),
    ]
    scripted(changes=CHANGES[:1], stories=[story])
    said = site("infra", "upsert")
    assert said.code == 1
    assert "update failed  Rate exceeded" in said.out
    assert f"Changing {NAME} failed, and {NAME} is UPDATE_ROLLBACK_COMPLETE. What failed first:" in said.err
    assert "Topic (AWS::SNS::Topic): topic: Rate exceeded (AWS slows this account down" in said.err
    assert not (site.folder / "config/outputs/dev.json").exists()
