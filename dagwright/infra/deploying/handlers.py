"""What CloudFormation calls for each type of resource that a template of ours can hold.

The rows follow the permissions that the types' own schemas tell (`handlers` in CloudFormation's resource schemas), cut
to the properties that our templates have; tests/infra/test_handlers.py compares them and gives each difference its
reason. `own` is called on the resource, `anywhere` takes no resource, `ends` deletes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Calls(NamedTuple):
    """The actions of one type."""

    own: tuple[str, ...] = ()
    anywhere: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()


def _of(service: str, *actions: str) -> tuple[str, ...]:
    return tuple(f"{service}:{action}" for action in actions)


_RULES = ("DescribeSecurityGroups", "DescribeSecurityGroupRules")
_ALARMS = ("cloudwatch:TagResource", "cloudwatch:UntagResource", "cloudwatch:ListTagsForResource")

HANDLERS: Mapping[str, Calls] = {
    # A key is made once, by the administrator's first upsert, and outlives the stack.
    "AWS::KMS::Key": Calls(
        _of(
            "kms", "DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags", "PutKeyPolicy",
            "EnableKeyRotation", "TagResource", "UntagResource", "UpdateKeyDescription",
        )
    ),
    "AWS::KMS::Alias": Calls(_of("kms", "CreateAlias", "UpdateAlias"), _of("kms", "ListAliases"), ("kms:DeleteAlias",)),
    "AWS::S3::Bucket": Calls(
        _of(
            "s3", "CreateBucket", "ListBucket", "GetAccelerateConfiguration", "GetAnalyticsConfiguration",
            "GetBucketAbac", "GetBucketAcl", "GetBucketCORS", "GetBucketLogging", "GetBucketMetadataTableConfiguration",
            "GetBucketNotification", "GetBucketObjectLockConfiguration", "GetBucketOwnershipControls",
            "GetBucketPublicAccessBlock", "GetBucketTagging", "GetBucketVersioning", "GetBucketWebsite",
            "GetEncryptionConfiguration", "GetIntelligentTieringConfiguration", "GetInventoryConfiguration",
            "GetLifecycleConfiguration", "GetMetricsConfiguration", "GetReplicationConfiguration",
            "ListTagsForResource", "PutBucketOwnershipControls", "PutBucketPublicAccessBlock", "PutBucketTagging",
            "PutBucketVersioning", "PutEncryptionConfiguration", "PutLifecycleConfiguration", "PutBucketLogging",
            "PutBucketNotification", "PutReplicationConfiguration", "TagResource", "UntagResource",
        ),
        ends=("s3:DeleteBucket",),
    ),
    "AWS::S3::BucketPolicy": Calls(_of("s3", "GetBucketPolicy", "PutBucketPolicy"), ends=("s3:DeleteBucketPolicy",)),
    "AWS::ECR::Repository": Calls(
        _of(
            "ecr", "CreateRepository", "DescribeRepositories", "GetLifecyclePolicy", "PutLifecyclePolicy",
            "DeleteLifecyclePolicy", "GetRepositoryPolicy", "SetRepositoryPolicy", "DeleteRepositoryPolicy",
            "ListTagsForResource", "PutImageScanningConfiguration", "PutImageTagMutability", "TagResource",
            "UntagResource",
        ),
        ends=("ecr:DeleteRepository",),
    ),
    "AWS::ECR::ReplicationConfiguration": Calls(
        ("iam:CreateServiceLinkedRole",), _of("ecr", "DescribeRegistry", "PutReplicationConfiguration")
    ),
    "AWS::SageMaker::ModelPackageGroup": Calls(
        _of(
            "sagemaker", "CreateModelPackageGroup", "DescribeModelPackageGroup", "GetModelPackageGroupPolicy",
            "PutModelPackageGroupPolicy", "DeleteModelPackageGroupPolicy", "ListTags", "AddTags", "DeleteTags",
        ),
        ends=("sagemaker:DeleteModelPackageGroup",),
    ),
    "AWS::Logs::LogGroup": Calls(
        _of(
            "logs", "CreateLogGroup", "PutRetentionPolicy", "DeleteRetentionPolicy", "AssociateKmsKey",
            "DisassociateKmsKey", "GetDataProtectionPolicy", "ListTagsForResource", "TagResource", "UntagResource",
        ),
        _of("logs", "DescribeLogGroups", "DescribeIndexPolicies", "DescribeResourcePolicies"),
        ("logs:DeleteLogGroup",),
    ),
    "AWS::Logs::QueryDefinition": Calls(
        (), _of("logs", "PutQueryDefinition", "DescribeQueryDefinitions", "DeleteQueryDefinition")
    ),
    "AWS::Logs::ResourcePolicy": Calls(
        (), _of("logs", "PutResourcePolicy", "DescribeResourcePolicies", "DeleteResourcePolicy")
    ),
    # What AWS gives an id is named by it, once the administrator's upsert has made it.
    "AWS::EC2::SecurityGroup": Calls(
        _of(
            "ec2", "AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress", "RevokeSecurityGroupEgress",
            "RevokeSecurityGroupIngress", "UpdateSecurityGroupRuleDescriptionsEgress",
            "UpdateSecurityGroupRuleDescriptionsIngress", "CreateTags", "DeleteTags",
        ),
        _of("ec2", *_RULES, "DescribeInstances"),
        ("ec2:DeleteSecurityGroup",),
    ),
    "AWS::EC2::SecurityGroupIngress": Calls(
        _of(
            "ec2", "AuthorizeSecurityGroupIngress", "UpdateSecurityGroupRuleDescriptionsIngress",
        ),
        _of("ec2", *_RULES),
        ("ec2:RevokeSecurityGroupIngress",),
    ),
    "AWS::EC2::SecurityGroupEgress": Calls(
        _of(
            "ec2", "AuthorizeSecurityGroupEgress", "UpdateSecurityGroupRuleDescriptionsEgress",
        ),
        _of("ec2", *_RULES),
        ("ec2:RevokeSecurityGroupEgress",),
    ),
    "AWS::EC2::VPCEndpoint": Calls(
        _of("ec2", "ModifyVpcEndpoint", "CreateTags", "DeleteTags"),
        _of("ec2", "DescribeVpcEndpoints", "DescribeSubnets", "DescribeSecurityGroups", "DescribeVpcs"),
        ("ec2:DeleteVpcEndpoints",),
    ),
    "AWS::SQS::Queue": Calls(
        _of(
            "sqs", "CreateQueue", "GetQueueUrl", "GetQueueAttributes", "SetQueueAttributes", "ListQueueTags",
            "TagQueue", "UntagQueue",
        ),
        ends=("sqs:DeleteQueue",),
    ),
    "AWS::SQS::QueuePolicy": Calls(_of("sqs", "SetQueueAttributes", "GetQueueAttributes", "GetQueueUrl")),
    "AWS::SNS::Topic": Calls(
        _of(
            "sns", "CreateTopic", "GetTopicAttributes", "SetTopicAttributes", "GetDataProtectionPolicy", "Subscribe",
            "ListSubscriptionsByTopic", "ListTagsForResource", "TagResource", "UntagResource",
        ),
        ends=("sns:DeleteTopic", "sns:Unsubscribe"),
    ),
    "AWS::SNS::TopicPolicy": Calls(_of("sns", "SetTopicAttributes", "GetTopicAttributes")),
    "AWS::SNS::Subscription": Calls(
        _of("sns", "Subscribe", "GetSubscriptionAttributes", "SetSubscriptionAttributes"), ends=("sns:Unsubscribe",)
    ),
    "AWS::CloudWatch::Alarm": Calls(
        ("cloudwatch:PutMetricAlarm", *_ALARMS), ("cloudwatch:DescribeAlarms",), ("cloudwatch:DeleteAlarms",)
    ),
    "AWS::CloudWatch::CompositeAlarm": Calls(
        ("cloudwatch:PutCompositeAlarm", *_ALARMS), ("cloudwatch:DescribeAlarms",), ("cloudwatch:DeleteAlarms",)
    ),
    "AWS::CloudWatch::Dashboard": Calls(
        ("cloudwatch:PutDashboard", "cloudwatch:GetDashboard", *_ALARMS), ends=("cloudwatch:DeleteDashboards",)
    ),
    "AWS::Events::Rule": Calls(
        _of(
            "events", "PutRule", "DescribeRule", "PutTargets", "RemoveTargets", "ListTargetsByRule",
            "ListTagsForResource", "TagResource", "UntagResource",
        ),
        ends=("events:DeleteRule",),
    ),
    "AWS::Scheduler::ScheduleGroup": Calls(
        _of(
            "scheduler", "CreateScheduleGroup", "GetScheduleGroup", "ListTagsForResource", "TagResource",
            "UntagResource",
        ),
        ends=("scheduler:DeleteScheduleGroup", "scheduler:DeleteSchedule"),
    ),
    "AWS::Lambda::Function": Calls(
        _of(
            "lambda", "CreateFunction", "GetFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration",
            "PutFunctionConcurrency", "DeleteFunctionConcurrency", "GetFunctionCodeSigningConfig",
            "GetFunctionRecursionConfig", "GetFunctionScalingConfig", "GetRuntimeManagementConfig", "PublishVersion",
            "ListTags", "TagResource", "UntagResource",
        ),
        ends=("lambda:DeleteFunction",),
    ),
    "AWS::Lambda::Permission": Calls(_of("lambda", "AddPermission", "GetPolicy"), ends=("lambda:RemovePermission",)),
    "AWS::Lambda::EventInvokeConfig": Calls(
        _of(
            "lambda", "PutFunctionEventInvokeConfig", "GetFunctionEventInvokeConfig",
            "UpdateFunctionEventInvokeConfig",
        ),
        ends=("lambda:DeleteFunctionEventInvokeConfig",),
    ),
    "AWS::IAM::Role": Calls(
        _of(
            "iam", "GetRole", "GetRolePolicy", "ListRolePolicies", "ListAttachedRolePolicies", "ListRoleTags",
            "TagRole", "UntagRole", "UpdateRole", "UpdateRoleDescription",
        ),
        ends=("iam:DeleteRole",),
    ),
    "AWS::IAM::ManagedPolicy": Calls(
        _of(
            "iam", "CreatePolicy", "GetPolicy", "GetPolicyVersion", "ListEntitiesForPolicy", "ListPolicyVersions",
            "CreatePolicyVersion", "DeletePolicyVersion",
        ),
        ends=("iam:DeletePolicy",),
    ),
}  # fmt: skip
#: What gives a role its rights: allowed on roles that have the boundary only.
BOUNDED = (
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:UpdateAssumeRolePolicy",
)
