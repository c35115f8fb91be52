"""The checker of policies: one that breaks each rule, and those that keep all of them."""

from __future__ import annotations

from typing import Any

import pytest
from iam_checker import findings, size_of, template_findings
from iam_samples import (
    ACCOUNT_ONLY,
    BUCKET,
    JOB_ROLE,
    JOBS,
    KEY,
    QUEUE,
    RIGHT,
    SAGEMAKER,
    TOPIC,
    allow,
    github,
    pass_role,
    policy,
    trust,
)
from iam_table import fits
from iam_templates import Template, policies_of


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right(name: str) -> None:
    kind, document = RIGHT[name]
    assert findings(document, kind) == []


LOGS = "arn:aws:logs:us-east-1:123456789012:log-group"
WRONG: list[tuple[str, Any, str]] = [
    # actions
    ("inline", allow("sagemaker:MakeJob", JOBS), "sagemaker:MakeJob: there is no such action"),
    ("inline", allow("sagemakr:AddTags", JOBS), "sagemakr:AddTags: there is no such action"),
    ("inline", allow("s3:Get*", f"{BUCKET}/*"), "s3:Get*: an action is named whole"),
    ("inline", allow("kms:*", KEY), "kms:*: an action is named whole"),
    # resources
    ("inline", allow("sagemaker:ListProcessingJobs", JOBS), "is about no resource: it needs Resource *"),  # C31
    ("inline", allow("ecr:GetAuthorizationToken", "arn:aws:ecr:us-east-1:1:repository/a"), "needs Resource *"),
    ("inline", allow("ecr:BatchGetImage"), "ecr:BatchGetImage on *: name the resources"),  # C33
    ("inline", allow("s3:ListBucket"), "s3:ListBucket on *"),
    ("inline", allow("sagemaker:ListPipelineExecutions"), "sagemaker:ListPipelineExecutions on *"),
    ("inline", allow("logs:PutLogEvents", f"{LOGS}:/aws/sagemaker/ProcessingJobs"), "has no resource that it can be"),
    ("inline", allow("sagemaker:StartPipelineExecution", f"{SAGEMAKER}:pipeline/a/execution/*"), "has no resource"),
    ("inline", allow("s3:GetObject", [f"{BUCKET}/*", BUCKET]), f"{BUCKET} is nothing that one of its actions"),
    ("inline", allow("s3:GetObject", "acme-sm-rc-churn/*"), "acme-sm-rc-churn/* is no ARN"),
    # conditions
    (
        "inline",
        allow("sagemaker:CreateProcessingJob", JOBS, {"StringEquals": {"sagemaker:RoleArn": JOB_ROLE}}),
        "sagemaker:RoleArn: there is no such condition key",
    ),  # C30
    (
        "inline",
        allow("sagemaker:DescribeProcessingJob", JOBS, {"Bool": {"sagemaker:NetworkIsolation": "true"}}),
        "sagemaker:DescribeProcessingJob does not know the condition key sagemaker:NetworkIsolation",
    ),
    (
        "inline",
        allow("sagemaker:CreateProcessingJob", JOBS, {"Bool": {"sagemaker:MaxRuntimeInSeconds": "true"}}),
        "Bool of sagemaker:MaxRuntimeInSeconds, which is Numeric",
    ),
    (
        "inline",
        allow("sagemaker:CreateProcessingJob", JOBS, {"StringEquals": {"sagemaker:InstanceTypes": "ml.m5.large"}}),
        "sagemaker:InstanceTypes has several values",
    ),
    (
        "inline",
        allow(
            "sagemaker:CreateProcessingJob", JOBS, {"ForAllValues:StringEquals": {"sagemaker:VpcSubnets": "subnet-1"}}
        ),
        "ForAllValues of sagemaker:VpcSubnets is true where there is none",
    ),
    (
        "inline",
        allow("cloudwatch:PutMetricData", "*", {"StringEquals": {"cloudwatch:namespace": "acme/*"}}),
        "StringEquals takes acme/* as it is written",
    ),
    # roles handed on
    ("inline", pass_role("arn:aws:iam::123456789012:role/*"), "whoever may pass any role has the rights of any role"),
    ("inline", pass_role("*"), "whoever may pass any role"),
    ("inline", allow("iam:PassRole", JOB_ROLE), "iam:PassRole without iam:PassedToService"),
    # what turns a statement round
    ("inline", {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "NotAction also means"),
    ("inline", {"Effect": "Allow", "Action": "s3:GetObject", "NotResource": BUCKET}, "NotResource also means"),
    ("topic", {**allow("sns:Publish", TOPIC), "NotPrincipal": {"AWS": JOB_ROLE}}, "NotPrincipal also means"),
    # names
    ("inline", allow("s3:GetObject", f"{BUCKET}/*", Sid="Read data"), "a Sid is made of letters and digits"),
    # principals of resources
    ("topic", allow("sns:Publish", TOPIC), "it has no Principal"),
    ("queue", allow("sqs:SendMessage", QUEUE, Principal="*"), "Principal * is anybody"),
    ("queue", allow("sqs:SendMessage", QUEUE, Principal={"AWS": "*"}), "Principal * is anybody"),
    (
        "topic",
        allow("sns:Publish", TOPIC, Principal={"Service": "cloudwatch.amazonaws.com"}),
        "cloudwatch.amazonaws.com may act for any account",
    ),
    ("endpoint", allow("*", Principal="*"), "*: an action is named whole"),
]


@pytest.mark.parametrize(("kind", "statement", "reason"), WRONG)
def test_each_rule_is_broken_by_one(kind: str, statement: dict[str, Any], reason: str) -> None:
    found = findings(policy(statement), kind)
    assert any(reason in one for one in found), found


TRUSTS: list[tuple[Any, str]] = [
    (trust("sagemaker.amazonaws.com", None), "may act for any account"),
    (trust("events.amazonaws.com", None), "may act for any account"),
    (trust("sagemaker.amazonaws.com", {"StringEqualsIfExists": ACCOUNT_ONLY["StringEquals"]}), "for any account"),
    (trust("sagemaker.amazonaws.com", {"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:*:*:*"}}), "any account"),
    (trust("sagemaker.amazonaws.com", ACCOUNT_ONLY, Resource="*"), "a trust policy has no Resource"),
    (github("repo:acme/*", operator="StringLike"), "any repository of GitHub could assume the role"),
    (github("repo:acme/churn:*"), "name the repository and its environment or branch"),
    (github(audience="somebody"), "aud is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "reason"), TRUSTS)
def test_who_may_assume_a_role(document: Any, reason: str) -> None:
    found = findings(document, "trust")
    assert any(reason in one for one in found), found


def test_rules_about_the_whole_document() -> None:
    twice = policy(*(allow("s3:GetObject", f"{BUCKET}/{one}/*", Sid="Read") for one in "ab"))
    assert findings(twice, "inline") == ["two statements are called Read"]
    assert findings({**policy(), "Version": "2008-10-17"}, "inline") == ["its Version is not 2012-10-17"]
    long = policy(allow("s3:GetObject", [f"{BUCKET}/{number:0100}/*" for number in range(60)]))
    (found,) = findings(long, "managed")
    assert found == f"it has {size_of(long)} characters, and 6144 are the limit"
    assert findings(long, "inline") == []


def test_a_pattern_can_mean_what_the_reference_names() -> None:
    job = "arn:${Partition}:sagemaker:${Region}:${Account}:processing-job/${ProcessingJobName}"
    assert fits(f"{SAGEMAKER}:processing-job/rc-*", job)
    assert fits(f"{SAGEMAKER}:*", job)
    assert fits("arn:aws:sagemaker:*:*:*/rc-?", job)
    assert not fits(f"{SAGEMAKER}:training-job/rc-*", job)
    assert not fits(f"{BUCKET}/*", "arn:${Partition}:s3:::${BucketName}")
    assert fits(f"{BUCKET}*", "arn:${Partition}:s3:::${BucketName}")


ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "RoleName": "SageMaker-Rc-Churn-ExecutionRole",
        "AssumeRolePolicyDocument": RIGHT["trust of SageMaker"][1],
        "Policies": [
            {
                "PolicyName": "data",
                "PolicyDocument": policy(
                    allow("kms:Decrypt", {"Fn::GetAtt": ["Key", "Arn"]}),
                    allow("s3:GetObject", {"Fn::Sub": "${Bucket.Arn}/raw/*"}),
                    allow("s3:ListBucket", {"Fn::Join": ["", ["arn:aws:s3:::", {"Ref": "Bucket"}]]}),
                    allow("sqs:SendMessage", {"Fn::GetAtt": ["Queue", "Arn"]}),
                ),
            }
        ],
    },
}
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Role": ROLE,
        "Key": {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": RIGHT["key"][1]}},
        "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "acme-sm-rc-churn"}},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "rc-churn-dlq"}},
        "Extra": {
            "Type": "AWS::IAM::RolePolicy",
            "Properties": {
                "RoleName": {"Ref": "Role"},
                "PolicyName": "more",
                "PolicyDocument": policy(pass_role({"Fn::GetAtt": ["Role", "Arn"]})),
            },
        },
    }
}


def template_with(**resources: Any) -> dict[str, Any]:
    return {"Resources": {**TEMPLATE["Resources"], **resources}}


def test_a_whole_template() -> None:
    assert template_findings(TEMPLATE) == []
    open_key = {"Type": "AWS::KMS::Key", "Properties": {"KeyPolicy": policy(allow("kms:Decrypt", Principal="*"))}}
    assert template_findings(template_with(Key=open_key)) == ["Key.KeyPolicy: statement 1: Principal * is anybody"]


def test_policies_of_aws_are_not_attached() -> None:
    full = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"  # C35
    role = {**ROLE, "Properties": {**ROLE["Properties"], "ManagedPolicyArns": [full]}}
    (found,) = template_findings(template_with(Role=role))
    assert found.startswith("Role: AmazonSageMakerFullAccess is AWS's")


def test_functions_come_to_what_they_will_be() -> None:
    template = Template(TEMPLATE)
    first, second = policies_of(template, "SageMaker-Rc-Churn-ExecutionRole")
    assert [one["Resource"] for one in first["Statement"]] == [KEY, f"{BUCKET}/raw/*", BUCKET, QUEUE]
    assert second["Statement"][0]["Resource"] == JOB_ROLE
    assert policies_of(template, JOB_ROLE) == policies_of(template, "Role") == [first, second]
    with pytest.raises(LookupError, match="no role Other"):
        policies_of(template, "Other")
    with pytest.raises(ValueError, match="Fn::Select"):
        template.resolved({"Fn::Select": [0, []]})
