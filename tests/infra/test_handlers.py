"""What CloudFormation calls for a type: our table against the permissions in CloudFormation's own resource schemas."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from iam_table import action_of

from dagwright.infra.deploying.handlers import BOUNDED, HANDLERS
from dagwright.infra.deploying.stack_rights import _ARNS

#: Why an action that a schema tells of is not in our table. Rights that differ between stacks are statements of
#: `stack_rights.py`: keys, roles that are handed on, objects that hold code.
NOT_OURS = {
    "*": {
        "iam:PassRole": "handed on by a statement of its own, with the service that gets it",
        "iam:GetRole": "as iam:PassRole; of roles we say it with the roles",
        "kms:*": "by statements on the keys in use",
        "s3tables:*": "no table of a bucket's metadata is made",
    },
    "AWS::KMS::Key": {
        "kms:CreateKey": "made once, by an administrator",
        "kms:Disable*": "nobody of ours switches a key or its rotation off",
        "kms:EnableKey": "as kms:DisableKey",
        "kms:ScheduleKeyDeletion": "what outlives the stack is not deleted by it",
    },
    "AWS::S3::Bucket": {
        "s3:*Metadata*": "no table of a bucket's metadata is made",
        "s3:Put*": "of settings that our bucket does not have",
        "s3:Delete*": "as s3:Put*; and no object",
    },
    "AWS::SNS::Topic": {"sns:PutDataProtectionPolicy": "no topic has one"},
    "AWS::Logs::LogGroup": {
        "firehose:*": "no logs are delivered to Firehose",
        "logs:*DataProtectionPolicy": "no group has one",
        "logs:*IndexPolicy": "no group has one",
        "logs:*ResourcePolicy": "of a group with a policy",
        "logs:CreateLogDelivery": "of a group of the delivery class",
        "logs:PutBearerTokenAuthentication": "no group has it",
        "logs:PutLogGroupDeletionProtection": "no group has it",
    },
    "AWS::EC2::SecurityGroup": {"ec2:CreateSecurityGroup": "named by an id that an administrator's upsert gives"},
    "AWS::EC2::VPCEndpoint": {
        "ec2:CreateVpcEndpoint": "named by an id that an administrator's upsert gives",
        "vpc-lattice:*": "no endpoint of a service network is made",
        "vpce:*": "no endpoint of another Region is made",
    },
    "AWS::Lambda::Function": {
        "ec2:*": "no function is in a VPC",
        "elasticfilesystem:*": "no function has a file system",
        "s3files:*": "no function has a file system",
        "s3:*": "by a statement on the folder of the code",
        "lambda:GetLayerVersion": "no function has layers",
        "lambda:GetCodeSigningConfig": "no function's code is signed",
        "lambda:*FunctionCodeSigningConfig": "as GetCodeSigningConfig",
        "lambda:PassCapacityProvider": "no function has instances of its own",
        "lambda:PutFunctionRecursionConfig": "no function has a setting of its own",
        "lambda:PutFunctionScalingConfig": "as PutFunctionRecursionConfig",
        "lambda:PutRuntimeManagementConfig": "as PutFunctionRecursionConfig",
    },
    "AWS::IAM::Role": {"iam:DeleteRolePermissionsBoundary": "never"},
    "AWS::IAM::ManagedPolicy": {
        "iam:*GroupPolicy": "attached to roles only",
        "iam:*UserPolicy": "attached to roles only",
        "iam:*RolePolicy": "with the boundary, by a statement of its own",
    },
}  # fmt: skip
#: Actions besides those of the schemas: what is called all the same, in our or AWS's documentation of the service.
BESIDES = {
    "AWS::SQS::QueuePolicy": {"sqs:GetQueueAttributes", "sqs:GetQueueUrl"},
    "AWS::SNS::TopicPolicy": {"sns:GetTopicAttributes"},
    "AWS::EC2::SecurityGroup": {"ec2:DescribeSecurityGroupRules"},
    "AWS::EC2::SecurityGroupEgress": {"ec2:DescribeSecurityGroups"},
}


@cache
def told(kind: str) -> frozenset[str]:
    """The actions of a type's handlers and of its tags that there are (some in the schemas are misspelt)."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    named = [
        action
        for handler, one in schema.get("handlers", {}).items()
        if handler != "list"
        for action in one["permissions"]
    ]
    named += schema.get("tagging", {}).get("permissions") or []
    return frozenset(action for action in named if action_of(action) is not None)


def is_explained(kind: str, action: str) -> bool:
    return any(fnmatchcase(action, pattern) for rows in (NOT_OURS["*"], NOT_OURS.get(kind, {})) for pattern in rows)


def row(kind: str) -> set[str]:
    calls = HANDLERS[kind]
    return {*calls.own, *calls.anywhere, *calls.ends} | (set(BOUNDED) if kind == "AWS::IAM::Role" else set())


@pytest.mark.parametrize("kind", sorted(HANDLERS))
def test_nothing_is_missing_that_the_schema_tells_of(kind: str) -> None:
    missing = {action for action in told(kind) - row(kind) if not is_explained(kind, action)}
    assert missing == set()


@pytest.mark.parametrize("kind", sorted(HANDLERS))
def test_nothing_is_allowed_that_the_schema_does_not_tell_of(kind: str) -> None:
    assert row(kind) - told(kind) - BESIDES.get(kind, set()) == set()


@pytest.mark.parametrize("kind", sorted(HANDLERS))
def test_what_takes_no_resource_is_apart(kind: str) -> None:
    calls = HANDLERS[kind]
    for action in (*calls.own, *calls.ends):
        known = action_of(action)
        assert known is not None, action
        assert known.types, action
    for action in calls.anywhere:
        known = action_of(action)
        assert known is not None, action
        assert not known.types or action == "cloudwatch:DescribeAlarms", action


def test_every_type_has_its_resources() -> None:
    assert set(_ARNS) == set(HANDLERS)


def test_no_explanation_is_left_over() -> None:
    every = {action for kind in HANDLERS for action in told(kind)}
    for pattern in NOT_OURS["*"]:
        assert any(fnmatchcase(action, pattern) for action in every), pattern
    for kind, patterns in NOT_OURS.items():
        for pattern in patterns if kind != "*" else ():
            assert any(fnmatchcase(action, pattern) for action in told(kind) - row(kind)), (kind, pattern)
