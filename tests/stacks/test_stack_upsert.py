"""Deploying a stack: states, two phases, protection, failures, being interrupted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from stacks.cloudformation import (
    ARN,
    BUCKET,
    CHANGED,
    GROUND,
    MADE,
    NAME,
    OWNER,
    CloudFormation,
    Hands,
    ScriptedClients,
    Witness,
    change,
    detail,
    happens,
    wanted,
)

from dagwright.engines.aws.ownership import Owner
from dagwright.errors import AWSError, DagwrightError, UserError
from dagwright.shapes import model
from dagwright.stacks.plan import make_plan
from dagwright.stacks.remote import RemoteStack
from dagwright.stacks.upsert import Deployed, Upsert
from dagwright.stacks.wanted import Asset, InfraStack

if TYPE_CHECKING:
    from aws import AWS

ZIP = Asset("code/trigger/0a1b.zip", b"a zip")
NOTHING = "The submitted information didn't contain changes. Submit different information to create a change set."


def upsert(cloudformation: CloudFormation, stack: InfraStack | None = None, witness: Witness | None = None) -> Deployed:
    clients, observer = ScriptedClients(cloudformation), witness or Witness()
    return Upsert(stack or wanted(), clients, Hands().clock, observer).run()


def test_a_stack_that_is_not_there_is_made_with_one_change_set() -> None:
    cloudformation, witness = CloudFormation(stories=[[*MADE]]), Witness()
    deployed = upsert(cloudformation, witness=witness)
    assert len(deployed.change_sets) == 1
    (made,) = cloudformation.of("CreateChangeSet")
    assert made["ChangeSetType"] == "CREATE"
    assert made["Capabilities"] == ["CAPABILITY_NAMED_IAM"]
    assert made["TemplateBody"] == wanted().body
    assert {tag["Key"]: tag["Value"] for tag in made["Tags"]} == {"Team": "rc", **OWNER.stack_tags()}
    assert "RoleARN" not in made, "a service role would stay with the stack"
    assert made["ImportExistingResources"] is True
    assert [(one.logical_id, one.status) for one in witness.events] == [one[:2] for one in MADE]
    assert cloudformation.writes == ["ExecuteChangeSet"]


def test_nothing_to_do_is_nothing_done() -> None:
    cloudformation, witness = CloudFormation("UPDATE_COMPLETE", refuses=NOTHING), Witness()
    deployed = upsert(cloudformation, witness=witness)
    assert not deployed.plan.has_changes
    assert not witness.plans
    assert cloudformation.writes == []
    assert not cloudformation.change_sets, "the empty one is deleted"


def test_a_bucket_that_the_rest_goes_through_is_made_first(aws: AWS) -> None:
    cloudformation, witness = CloudFormation(stories=[[*MADE], [*CHANGED]]), Witness()
    cloudformation.at_each_look = lambda: _make_bucket(aws)
    stack = wanted(ground=GROUND, assets=(ZIP,))
    assert len(upsert(cloudformation, stack, witness).change_sets) == 2
    first, second = cloudformation.of("CreateChangeSet")
    assert first["ChangeSetType"] == "CREATE"
    assert '"Topic"' not in first["TemplateBody"]
    assert second["ChangeSetType"] == "UPDATE"
    assert second["TemplateBody"] == stack.body
    assert [note.partition(":")[0] for note in witness.notes] == ["first of two", "second of two", "uploaded s3"]
    assert aws.client("s3").get_object(Bucket=BUCKET, Key=ZIP.key)["Body"].read() == b"a zip"


def test_a_deployment_that_was_ended_between_the_two_goes_on(aws: AWS) -> None:
    """Ctrl-C while the bucket is made: it is made on; the next time only the rest is left."""
    cloudformation = CloudFormation(stories=[[*MADE], [*CHANGED]])
    stack = wanted(ground=GROUND, assets=(ZIP,))

    def interrupt() -> None:
        if cloudformation.waiting:
            raise KeyboardInterrupt

    cloudformation.at_each_look = interrupt
    with pytest.raises(DagwrightError, match="not watched any more") as caught:
        upsert(cloudformation, stack)
    assert "It goes on on AWS" in caught.value.hint
    with pytest.raises(AWSError, match="CREATE_IN_PROGRESS: somebody is at it"):
        upsert(cloudformation, stack)
    cloudformation.at_each_look, cloudformation.waiting, cloudformation.status = _nothing, [], "CREATE_COMPLETE"
    _make_bucket(aws)
    cloudformation.calls.clear()
    upsert(cloudformation, stack)
    assert [one["ChangeSetType"] for one in cloudformation.of("CreateChangeSet")] == ["UPDATE"]
    assert "PutObject" in aws.operations


def test_a_bucket_that_nobody_makes_is_missed(aws: AWS) -> None:
    cloudformation = CloudFormation()
    with pytest.raises(UserError, match=f"no bucket {BUCKET}") as caught:
        upsert(cloudformation, wanted(assets=(ZIP,)))
    assert "infra.bucket: create" in caught.value.hint
    assert cloudformation.writes == []
    assert aws.writes == []


def test_a_bucket_that_is_there_takes_one_change_set(aws: AWS) -> None:
    _make_bucket(aws)
    cloudformation = CloudFormation(stories=[[*MADE]])
    assert len(upsert(cloudformation, wanted(ground=GROUND, assets=(ZIP,))).change_sets) == 1


def test_a_long_template_goes_through_the_bucket(aws: AWS) -> None:
    _make_bucket(aws)
    topics = {f"Topic{number}": {"Type": "AWS::SNS::Topic"} for number in range(2000)}
    stack = wanted(template={"Resources": topics})
    cloudformation = CloudFormation(stories=[[*MADE]])
    upsert(cloudformation, stack)
    (made,) = cloudformation.of("CreateChangeSet")
    key = f"code/infra/{stack.template_hash}.json"
    assert made["TemplateURL"] == f"https://s3.us-east-1.amazonaws.com/{BUCKET}/{key}"
    assert "TemplateBody" not in made
    assert aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read() == stack.body.encode()


def test_a_template_longer_than_any_is_refused_before_anything_is_written(aws: AWS) -> None:
    _make_bucket(aws)
    cloudformation = CloudFormation()
    with pytest.raises(AWSError, match="CloudFormation takes 1048576"):
        upsert(cloudformation, wanted(template={"Resources": {"T": {"Type": "AWS::SNS::Topic", "D": "x" * (1 << 20)}}}))
    assert cloudformation.writes == []


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "ROLLBACK_COMPLETE", "CREATE_FAILED"])
def test_what_an_earlier_failure_left_is_deleted_first(status: str) -> None:
    cloudformation, witness = CloudFormation(status, stories=[[*MADE]]), Witness()
    upsert(cloudformation, witness=witness)
    assert witness.notes[0].startswith(f"{NAME} is {status}: ")
    assert cloudformation.writes == ["DeleteStack", "ExecuteChangeSet"]
    assert cloudformation.of("DeleteStack") == [{"StackName": ARN}]


def test_only_an_empty_stack_without_an_owner_is_taken_for_a_leftover() -> None:
    upsert(CloudFormation("REVIEW_IN_PROGRESS", tags={}, stories=[[*MADE]]))
    for status, tags in (("UPDATE_COMPLETE", {}), ("ROLLBACK_COMPLETE", Owner("rc-other", "dev").stack_tags())):
        cloudformation = CloudFormation(status, tags=tags)
        with pytest.raises(UserError, match="nothing was changed") as caught:
            upsert(cloudformation)
        assert "dagwright:project=rc-churn" in caught.value.hint
        assert cloudformation.operations == ["DescribeStacks"]


def test_every_status_means_one_thing() -> None:
    """Those that botocore knows; what it does not know yet is nothing to begin anything on."""
    meanings = {
        status: RemoteStack(NAME, "eu-west-1", ARN, status).state
        for status in model("cloudformation")["StackStatus"]["enum"]
    }
    assert {status for status, meaning in meanings.items() if meaning == "leftover"} == {
        "REVIEW_IN_PROGRESS",
        "ROLLBACK_COMPLETE",
        "CREATE_FAILED",
    }
    assert {status for status, meaning in meanings.items() if meaning == "stuck"} == {
        "ROLLBACK_FAILED",
        "DELETE_FAILED",
        "UPDATE_FAILED",
        "UPDATE_ROLLBACK_FAILED",
        "IMPORT_ROLLBACK_FAILED",
    }
    assert meanings["DELETE_COMPLETE"] == "absent"
    busy = {status for status, meaning in meanings.items() if meaning == "busy"}
    assert busy == {status for status in meanings if status.endswith("_IN_PROGRESS")} - {"REVIEW_IN_PROGRESS"}
    assert RemoteStack(NAME, "eu-west-1", ARN, "WHO_KNOWS").state == "stuck"


def test_what_is_stuck_says_what_to_do() -> None:
    with pytest.raises(AWSError, match="UPDATE_ROLLBACK_FAILED") as caught:
        upsert(CloudFormation("UPDATE_ROLLBACK_FAILED"))
    assert f"aws cloudformation continue-update-rollback --stack-name {NAME} --region us-east-1" in caught.value.hint


def test_a_failed_stack_is_explained_by_what_failed_first() -> None:
    reason = f"{BUCKET} already exists (Service: S3, Status Code: 409)"
    story = [
        happens("stack", "CREATE_IN_PROGRESS"),
        happens("Topic", "CREATE_IN_PROGRESS"),
        happens("ExecutionRole", "CREATE_FAILED", "Resource creation cancelled"),
        happens("Bucket", "CREATE_FAILED", reason),
        happens("Topic", "CREATE_FAILED", "Resource creation cancelled"),
        happens("stack", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Bucket, Topic]."),
        happens("Topic", "DELETE_FAILED", "another thing"),
        happens("stack", "ROLLBACK_COMPLETE"),
    ]
    with pytest.raises(
        AWSError, match=f"Making {NAME} failed, and {NAME} is ROLLBACK_COMPLETE; then also Topic"
    ) as caught:
        upsert(CloudFormation(stories=[story]))
    (problem,) = caught.value.problems
    assert (problem.step, problem.what) == ("Bucket (AWS::S3::Bucket)", reason)
    assert "infra.bucket: existing" in problem.hint
    assert "begins anew" in caught.value.hint


def test_a_failed_update_says_that_the_old_is_there_again() -> None:
    denied = "User: arn:aws:sts::123456789012:assumed-role/Ci/x is not authorized to perform: iam:PutRolePolicy on r"
    story = [
        happens("stack", "UPDATE_IN_PROGRESS"),
        happens("ExecutionRole", "UPDATE_FAILED", denied),
        happens("stack", "UPDATE_ROLLBACK_IN_PROGRESS"),
        happens("stack", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
        happens("stack", "UPDATE_ROLLBACK_COMPLETE"),
    ]
    cloudformation = CloudFormation("CREATE_COMPLETE", changes=[change("Modify", "ExecutionRole")], stories=[story])
    with pytest.raises(AWSError, match="is UPDATE_ROLLBACK_COMPLETE") as caught:
        upsert(cloudformation)
    assert "Allow iam:PutRolePolicy" in caught.value.problems[0].hint
    assert "What was there before is there again" in caught.value.hint


def test_without_a_failed_resource_the_stack_itself_says_why() -> None:
    story = [happens("stack", "CREATE_IN_PROGRESS"), happens("stack", "CREATE_FAILED", "Insufficient permissions")]
    with pytest.raises(AWSError, match="is CREATE_FAILED") as caught:
        upsert(CloudFormation(stories=[story]))
    assert caught.value.problems[0].what == "Insufficient permissions"


def test_a_template_that_is_refused_leaves_nothing_behind() -> None:
    early = "The following hook(s)/validation failed: [AWS::EarlyValidation::ResourceExistenceCheck]."
    found = {
        "EventId": "1",
        "LogicalResourceId": "Bucket",
        "ResourceType": "AWS::S3::Bucket",
        "ValidationStatusReason": f"Resource of type 'AWS::S3::Bucket' with identifier '{BUCKET}' already exists.",
        "ValidationPath": "/Resources/Bucket",
    }
    cloudformation = CloudFormation(refuses=early, more={"OperationEvents": [found]})
    with pytest.raises(AWSError, match="CloudFormation refuses the template") as caught:
        upsert(cloudformation)
    (problem,) = caught.value.problems
    assert problem.step == "Bucket (AWS::S3::Bucket)"
    assert "infra.bucket: existing" in problem.hint
    assert cloudformation.writes == ["DeleteStack"], "the empty stack that the change set had made"


PROTECTED = [
    ([change("Remove", "Bucket", PhysicalResourceId=BUCKET)], "would be deleted", False),
    ([change("Remove", "OldKey", PhysicalResourceId="k", PolicyAction="Retain")], "itself stays on AWS", True),
    (
        [change("Modify", "Bucket", Replacement="True", Details=[detail("BucketName", '"a"', '"b"', "Always")])],
        "holds data and would be replaced, because of BucketName",
        False,
    ),
    (
        [change("Modify", "Bucket", Replacement="Conditional", Details=[detail("X", None, "y", "Conditionally")])],
        "may be replaced, because of X",
        True,
    ),
    (
        [
            change(
                "Modify",
                "ExecutionRole",
                PhysicalResourceId="SageMaker-Rc-Churn-ExecutionRole",
                Replacement="True",
                Details=[detail("Path", "/", "/sm/", "Always"), detail("Policies", "a", "b")],
            )
        ],
        "would be replaced, because of Path, and CloudFormation cannot make a second one of its name",
        False,
    ),
]


@pytest.mark.parametrize(("changes", "why", "if_read"), PROTECTED)
def test_what_is_protected_is_refused(changes: list[Any], why: str, *, if_read: bool) -> None:
    cloudformation = CloudFormation("UPDATE_COMPLETE", changes=changes, stories=[[*CHANGED]])
    with pytest.raises(UserError, match="holds what is protected") as caught:
        upsert(cloudformation)
    assert why in str(caught.value)
    assert cloudformation.writes == []
    assert not cloudformation.change_sets
    clients, clock = ScriptedClients(cloudformation), Hands().clock
    saved = make_plan(wanted(), clients, clock, keep=True)
    if if_read:
        Upsert(wanted(), clients, clock, Witness()).run(saved)
        assert cloudformation.writes == ["ExecuteChangeSet"]
    else:
        with pytest.raises(UserError, match="nothing was changed"):
            Upsert(wanted(), clients, clock, Witness()).run(saved)
        assert cloudformation.writes == []


def test_what_can_be_replaced_is_replaced() -> None:
    renamed = detail("TopicName", '"a"', '"rc-churn-dev"', "Always")
    replaced = change(
        "Modify",
        "Topic",
        PhysicalResourceId="arn:aws:sns:us-east-1:1:rc-churn-dev",
        Replacement="True",
        Details=[renamed],
    )
    cloudformation = CloudFormation("UPDATE_COMPLETE", changes=[replaced], stories=[[*CHANGED]])
    upsert(cloudformation)
    assert cloudformation.writes == ["ExecuteChangeSet"]


def test_production_is_protected_once() -> None:
    stack = wanted(owner=Owner("rc-churn", "production"))
    cloudformation = CloudFormation(stories=[[*MADE]], tags=stack.owner.stack_tags())
    upsert(cloudformation, stack)
    assert cloudformation.writes == ["ExecuteChangeSet", "UpdateTerminationProtection"]
    cloudformation.calls.clear()
    cloudformation.refuses = NOTHING
    assert not upsert(cloudformation, stack).plan.has_changes
    assert cloudformation.writes == []
    cloudformation.more["EnableTerminationProtection"] = False
    assert upsert(cloudformation, stack).plan.has_changes, "somebody has switched it off"
    assert cloudformation.writes == ["UpdateTerminationProtection"]


def test_throttling_is_waited_out() -> None:
    """Looking is asked again; a call that changes something is botocore's to repeat, and the next upsert's."""
    cloudformation = CloudFormation(stories=[[*MADE]])
    cloudformation.fail("DescribeChangeSet", "Throttling", "Rate exceeded")

    def throttle() -> None:
        if len(cloudformation.events) == 2 and not cloudformation.faults and cloudformation.waiting:
            cloudformation.fail("DescribeStackEvents", "Throttling", "Rate exceeded")

    cloudformation.at_each_look = throttle
    assert len(upsert(cloudformation).change_sets) == 1
    assert cloudformation.faults == []


@pytest.mark.parametrize("operation", ["DescribeStacks", "CreateChangeSet", "ExecuteChangeSet"])
def test_a_call_that_is_refused_is_said_and_the_next_upsert_goes_on(operation: str) -> None:
    cloudformation = CloudFormation(stories=[[*MADE]])
    cloudformation.fail(operation, "AccessDenied", f"not authorized to perform: cloudformation:{operation}")
    with pytest.raises(AWSError, match=operation):
        upsert(cloudformation)
    upsert(cloudformation)
    assert cloudformation.status == "CREATE_COMPLETE"


def test_what_breaks_off_the_watching_does_not_end_the_deployment() -> None:
    cloudformation = CloudFormation(stories=[[*MADE]])
    cloudformation.at_each_look = lambda: (
        cloudformation.fail("DescribeStackEvents", "ExpiredToken", "expired") if cloudformation.waiting else None
    )
    with pytest.raises(AWSError, match="expired") as caught:
        upsert(cloudformation)
    assert "It goes on on AWS" in caught.value.hint


def _make_bucket(aws: AWS) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)


def _nothing() -> None:
    pass
