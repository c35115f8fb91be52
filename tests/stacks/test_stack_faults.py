"""Any one call of a deployment fails, or its answer is lost: the same command again does the rest."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from aws import FAULTS
from stacks.cloudformation import BUCKET, TEMPLATE, Hands, Witness, wanted

from dagwright.engines.aws.clients import Clients
from dagwright.errors import AWSError
from dagwright.stacks.upsert import Upsert
from dagwright.stacks.wanted import Asset

if TYPE_CHECKING:
    from aws import AWS

# A template too long for a request, so that every way there is taken.
RESOURCES = {name: TEMPLATE["Resources"][name] for name in ("Bucket", "Topic")}
STACK = wanted(
    template={"Resources": RESOURCES, "Metadata": {"Long": "x" * 52_000}},
    ground={"Resources": {"Bucket": RESOURCES["Bucket"]}},
    assets=(Asset("code/trigger/0a1b.zip", b"a zip"),),
)
# A stack that has never been made whole is an administrator's to delete, as the first deployment is.
pytestmark = pytest.mark.foreign("cloudformation:DeleteStack on *")
CALLS = [
    "DescribeStacks",
    "HeadBucket",
    "CreateChangeSet",
    "DescribeChangeSet",
    "DescribeChangeSet",
    "DescribeStackEvents",
    "ExecuteChangeSet",
    "DescribeStackEvents",
    "HeadObject",
    "PutObject",
    "HeadObject",
    "PutObject",
    "CreateChangeSet",
    "DescribeChangeSet",
    "DescribeChangeSet",
    "DescribeStackEvents",
    "ExecuteChangeSet",
    "DescribeStackEvents",
]
READS = ("Describe", "Head")


def upsert() -> int:
    """How many change sets were executed."""
    deployed = Upsert(STACK, Clients("us-east-1"), Hands().clock, Witness()).run()
    return len(deployed.change_sets)


def test_a_deployment_makes_these_calls(aws: AWS) -> None:
    assert upsert() == 2
    assert aws.operations == CALLS
    aws.calls.clear()
    assert upsert() == 0
    assert aws.writes == ["CreateChangeSet", "DeleteChangeSet"]
    assert f"/{BUCKET}/code/infra/" in aws.of("CreateChangeSet")[0]["TemplateURL"]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_whichever_call_fails_the_next_deployment_does_the_rest(aws: AWS, number: int) -> None:
    aws.fail(FAULTS[number % len(FAULTS)], skipped=number)
    _fails_then_completes(aws)


@pytest.mark.parametrize("number", [at for at, name in enumerate(CALLS) if not name.startswith(READS)])
def test_whichever_answer_is_lost_the_next_deployment_does_the_rest(aws: AWS, number: int) -> None:
    aws.fail("reset", skipped=number, after=True)
    _fails_then_completes(aws)


def _fails_then_completes(aws: AWS) -> None:
    with suppress(AWSError):  # of a look that passes by itself nothing is heard
        upsert()
    assert not aws.faults, "it has happened"
    upsert()
    aws.calls.clear()
    assert upsert() == 0
    topics = aws.client("sns").list_topics()["Topics"]
    assert [topic["TopicArn"].rpartition(":")[2] for topic in topics] == ["rc-churn-dev"]
