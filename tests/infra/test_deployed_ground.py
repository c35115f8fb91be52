"""The ground in an account: deployed through CloudFormation as far as moto goes, the rest put as CloudFormation would
put it; then asked of the services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from infra.grounds import BASE, NETWORK, made, properties

from dagwright.infra.template import Template

if TYPE_CHECKING:
    from aws import AWS

BUCKET = "acme-sm-rc-churn"
REPOSITORY = "acme-sm-rc-churn/own"
#: What moto's CloudFormation makes; of a bucket name, encryption and tags, of a repository all but its policies.
BY_CLOUDFORMATION = ("KMS::Key", "KMS::Alias", "S3::Bucket", "ECR::Repository", "EC2::SecurityGroup")


@pytest.fixture
def template(tmp_path: Path, aws: AWS) -> Template:
    vpc = aws.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    text = BASE + NETWORK + f"infra: {{vpc: {vpc}}}\n"
    image = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{REPOSITORY}"
    return made(tmp_path, text + f"images: {{own: {image}}}\n")


@pytest.fixture
def deployed(template: Template, aws: AWS) -> Template:
    kinds = tuple(f"AWS::{kind}" for kind in BY_CLOUDFORMATION)
    taken = [
        name
        for name, one in template.resources.items()
        if one["Type"] in kinds or one["Type"] == "AWS::EC2::SecurityGroupIngress"
    ]
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(StackName="ground", TemplateBody=as_moto_wants_it(template.only(taken)))
    resources = cloudformation.describe_stack_resources(StackName="ground")["StackResources"]
    assert {one["LogicalResourceId"]: one["ResourceStatus"] for one in resources} == dict.fromkeys(
        taken, "CREATE_COMPLETE"
    )
    return template


def as_moto_wants_it(template: Template) -> str:
    """Where moto is unlike CloudFormation: it takes a key's tags and policy as KMS's own API does."""
    body = json.loads(json.dumps(template.as_json()))
    key = body["Resources"]["Key"]["Properties"]
    del key["Tags"]
    key["KeyPolicy"] = json.dumps(key["KeyPolicy"])
    return json.dumps(body)


def physical_id(aws: AWS, logical_id: str) -> str:
    found = aws.client("cloudformation").describe_stack_resource(StackName="ground", LogicalResourceId=logical_id)
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def resolved(value: Any, aws: AWS) -> Any:
    """The value with what CloudFormation puts in the place of references."""
    if isinstance(value, dict) and "Fn::GetAtt" in value:
        key = physical_id(aws, value["Fn::GetAtt"][0])
        return aws.client("kms").describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    if isinstance(value, dict):
        return {name: resolved(member, aws) for name, member in value.items()}
    return [resolved(member, aws) for member in value] if isinstance(value, list) else value


def test_the_key_is_there_under_its_alias_and_turns(deployed: Template, aws: AWS) -> None:
    kms = aws.client("kms")

    key = kms.describe_key(KeyId="alias/sagemaker-rc-churn")["KeyMetadata"]

    assert key["KeyId"] == physical_id(aws, "Key")
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]
    policy = kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]
    assert json.loads(policy) == properties(deployed, "Key")["KeyPolicy"]


def test_the_bucket_is_encrypted_with_it(deployed: Template, aws: AWS) -> None:
    (rule,) = aws.client("s3").get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]

    default = rule["ApplyServerSideEncryptionByDefault"]
    assert default["SSEAlgorithm"] == "aws:kms"
    assert (
        default["KMSMasterKeyID"] == aws.client("kms").describe_key(KeyId=physical_id(aws, "Key"))["KeyMetadata"]["Arn"]
    )


def test_what_cloudformation_would_put_on_the_bucket_is_taken(deployed: Template, aws: AWS) -> None:
    s3, bucket = aws.client("s3"), properties(deployed, "Bucket")
    policy = resolved(properties(deployed, "BucketPolicy")["PolicyDocument"], aws)

    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=bucket["VersioningConfiguration"])
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration=bucket["PublicAccessBlockConfiguration"])
    s3.put_bucket_ownership_controls(Bucket=BUCKET, OwnershipControls=bucket["OwnershipControls"])
    rules = [as_s3_says(rule) for rule in bucket["LifecycleConfiguration"]["Rules"]]
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": rules})
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))

    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    there = s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    days = {
        rule["Filter"]["Prefix"]: rule["Expiration"]["Days"] for rule in there if "Days" in rule.get("Expiration", {})
    }
    assert days == {"processed/": 90, "pipelines/": 365}
    said = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    tls = next(one for one in said if one["Sid"] == "TlsOnly")
    assert (tls["Effect"], tls["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    only = next(one for one in said if one["Sid"] == "OnlyThisKey")
    key = aws.client("kms").describe_key(KeyId="alias/sagemaker-rc-churn")["KeyMetadata"]["Arn"]
    assert [key] in only["Condition"]["StringNotEquals"].values()


def as_s3_says(rule: dict[str, Any]) -> dict[str, Any]:
    """A rule of CloudFormation's as S3 itself takes it."""
    days, marker = rule.get("ExpirationInDays"), rule.get("ExpiredObjectDeleteMarker")
    expiration = {"Days": days} if days else {"ExpiredObjectDeleteMarker": marker} if marker else None
    same = ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
    return {
        "ID": rule["Id"],
        "Status": rule["Status"],
        "Filter": {"Prefix": rule.get("Prefix", "")},
        **({"Expiration": expiration} if expiration else {}),
        **{name: rule[name] for name in same if name in rule},
    }


def test_the_repository_is_immutable_and_its_lifecycle_is_taken(deployed: Template, aws: AWS) -> None:
    ecr = aws.client("ecr")
    text = properties(deployed, "RepositoryOwn")["LifecyclePolicy"]["LifecyclePolicyText"]

    ecr.put_lifecycle_policy(repositoryName=REPOSITORY, lifecyclePolicyText=text)

    (there,) = ecr.describe_repositories()["repositories"]
    assert there["repositoryName"] == REPOSITORY
    assert there["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert [one["filter"] for one in there["imageTagMutabilityExclusionFilters"]] == ["latest", "dev-*"]
    assert len(json.loads(ecr.get_lifecycle_policy(repositoryName=REPOSITORY)["lifecyclePolicyText"])["rules"]) == 3


def test_hosts_of_a_job_reach_each_other(deployed: Template, aws: AWS) -> None:
    """moto's CloudFormation keeps the rule that lets everything out, and has no separate rules for what goes out: those
    are put by the API."""
    ec2 = aws.client("ec2")
    group = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["rc-churn-training"]}])
    (training,) = group["SecurityGroups"]

    (incoming,) = training["IpPermissions"]
    assert incoming["IpProtocol"] == "-1"
    assert [one["GroupId"] for one in incoming["UserIdGroupPairs"]] == [training["GroupId"]]

    rule = properties(deployed, "SecurityGroupTrainingToAnywhere")
    permission = {
        "IpProtocol": rule["IpProtocol"],
        "FromPort": rule["FromPort"],
        "ToPort": rule["ToPort"],
        "IpRanges": [{"CidrIp": rule["CidrIp"], "Description": rule["Description"]}],
    }
    ec2.authorize_security_group_egress(GroupId=training["GroupId"], IpPermissions=[permission])
    (after,) = ec2.describe_security_groups(GroupIds=[training["GroupId"]])["SecurityGroups"]
    assert 443 in [one.get("FromPort") for one in after["IpPermissionsEgress"]]


def test_the_model_package_group_is_one_that_the_service_takes(template: Template, aws: AWS) -> None:
    sagemaker, group = aws.client("sagemaker"), properties(template, "ModelPackageGroup")

    sagemaker.create_model_package_group(**group)

    there = sagemaker.describe_model_package_group(ModelPackageGroupName="rc-churn")
    assert there["ModelPackageGroupDescription"] == group["ModelPackageGroupDescription"]
