"""Policies that are right: a small project's roles and what its resources let in, for the tests of the instruments."""

from __future__ import annotations

from typing import Any

ACCOUNT, REGION = "123456789012", "us-east-1"
SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
JOB_ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMaker-Rc-Churn-ExecutionRole"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
BUCKET = "arn:aws:s3:::acme-sm-rc-churn"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:rc-churn-alerts"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:rc-churn-dlq"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: Any, resource: Any = "*", condition: Any = None, **more: Any) -> dict[str, Any]:
    """A statement; one without a resource is written with `resource=None`."""
    members = {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition, **more}
    return {name: value for name, value in members.items() if value is not None}


def trust(service: str, condition: Any, **more: Any) -> dict[str, Any]:
    principal = {"Service": service}
    return policy(allow("sts:AssumeRole", None, condition, Principal=principal, **more))


ACCOUNT_ONLY = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
SUBJECT = "repo:acme/churn:environment:production"


def github(
    subject: Any = SUBJECT, audience: str = "sts.amazonaws.com", operator: str = "StringEquals"
) -> dict[str, Any]:
    issuer = "token.actions.githubusercontent.com"
    condition = {"StringEquals": {f"{issuer}:aud": audience}}
    condition.setdefault(operator, {})[f"{issuer}:sub"] = subject
    return policy(allow("sts:AssumeRoleWithWebIdentity", None, condition, Principal={"Federated": PROVIDER}))


def pass_role(resource: Any = JOB_ROLE, service: str = "sagemaker.amazonaws.com") -> dict[str, Any]:
    return allow("iam:PassRole", resource, {"StringEquals": {"iam:PassedToService": service}})


VPC = {
    "ForAllValues:StringEquals": {"sagemaker:VpcSubnets": ["subnet-1"], "sagemaker:VpcSecurityGroupIds": ["sg-1"]},
    "Null": {"sagemaker:VpcSubnets": "false", "sagemaker:VpcSecurityGroupIds": "false"},
}
JOBS = [f"{SAGEMAKER}:processing-job/{name}-*" for name in ("pipelines", "rc-churn")]

RIGHT: dict[str, tuple[str, dict[str, Any]]] = {
    "job role": (
        "inline",
        policy(
            allow("s3:GetObject", [f"{BUCKET}/raw/*", f"{BUCKET}/code/*"]),
            allow("s3:ListBucket", BUCKET, {"StringLike": {"s3:prefix": ["raw/*"]}}),
            allow("ecr:GetAuthorizationToken"),
            allow("ecr:BatchGetImage", f"arn:aws:ecr:{REGION}:683313688378:repository/sagemaker-scikit-learn"),
            allow(["ec2:CreateNetworkInterface", "ec2:DescribeSubnets"]),
            allow("kms:CreateGrant", KEY, {"Bool": {"kms:GrantIsForAWSResource": "true"}}),
            allow("cloudwatch:PutMetricData", "*", {"StringLike": {"cloudwatch:namespace": ["acme/ml/*"]}}),
            allow(
                ["logs:CreateLogStream", "logs:PutLogEvents"],
                f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/ProcessingJobs:log-stream:*",
            ),
        ),
    ),
    "pipeline role": (
        "managed",
        policy(
            allow("sagemaker:CreateProcessingJob", JOBS, VPC),
            allow(["sagemaker:AddTags", "sagemaker:DescribeProcessingJob"], JOBS),
            pass_role(),
        ),
    ),
    "machine role": (
        "inline",
        policy(
            allow("sagemaker:StartPipelineExecution", f"{SAGEMAKER}:pipeline/rc-churn-*"),
            allow("sagemaker:DescribePipelineExecution", f"{SAGEMAKER}:pipeline/rc-churn-*/execution/*"),
            allow(["logs:CreateLogDelivery", "logs:DescribeLogGroups", "xray:PutTraceSegments"]),
        ),
    ),
    "person": ("managed", policy(allow(["sagemaker:ListProcessingJobs", "scheduler:ListSchedules"]))),
    "trust of SageMaker": ("trust", trust("sagemaker.amazonaws.com", ACCOUNT_ONLY)),
    "trust of the scheduler": (
        "trust",
        trust(
            "scheduler.amazonaws.com",
            {"ArnLike": {"aws:SourceArn": f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/rc-churn"}},
        ),
    ),
    "trust of GitHub": ("trust", github()),
    "key": (
        "key",
        policy(
            allow("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
            allow(["kms:Decrypt", "kms:GenerateDataKey"], Principal={"Service": "events.amazonaws.com"}),
            allow(
                "kms:Encrypt",
                "*",
                {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*"}},
                Principal={"Service": f"logs.{REGION}.amazonaws.com"},
            ),
        ),
    ),
    "topic": ("topic", policy(allow("sns:Publish", TOPIC, Principal={"Service": "events.amazonaws.com"}))),
    "queue": (
        "queue",
        policy(
            allow("sqs:SendMessage", QUEUE, ACCOUNT_ONLY, Principal={"Service": "sns.amazonaws.com"}),
        ),
    ),
    "bucket": (
        "bucket",
        policy(
            {
                **allow("s3:*", [BUCKET, f"{BUCKET}/*"], {"Bool": {"aws:SecureTransport": "false"}}, Principal="*"),
                "Effect": "Deny",
            }
        ),
    ),
    "endpoint": (
        "endpoint",
        policy(allow("*", "*", {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}, Principal="*")),
    ),
}
