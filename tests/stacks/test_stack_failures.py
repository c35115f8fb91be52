"""What is said of the reasons that services give."""

from __future__ import annotations

import pytest

from dagwright.stacks.failures import hint_for

REASONS = [
    ("rc-churn-bucket already exists (Service: S3, Status Code: 409)", "infra.bucket: existing"),
    ("Resource handler returned message: \"Role with name SageMaker-Rc-Churn-ExecutionRole already exists.\" "
     "(HandlerErrorCode: AlreadyExists)", "Name it in config/project.yaml, so that it is used as it is, or delete it"),
    ("User: arn:aws:iam::1:user/x is not authorized to perform: kms:CreateKey on resource: *", "Allow kms:CreateKey"),
    ("API: iam:CreateRole User: x not authorized to perform: iam:CreateRole on resource: y", "Allow iam:CreateRole to"),
    ("Access Denied (Service: Amazon S3; Status Code: 403)", "to these credentials"),
    ("Cannot exceed quota for RolesPerAccount: 1000", "Service Quotas"),
    ("The maximum number of VPCs has been reached. (VpcLimitExceeded)", "Service Quotas"),
    ("Invalid principal in policy: \"AWS\":\"arn:aws:iam::1:role/gone\" (MalformedPolicyDocument)", "make it first"),
    ("The new key policy will not allow you to update the key policy in the future.", "kms:PutKeyPolicy"),
    ("arn:aws:kms:us-east-1:1:key/k is pending deletion. (KMSInvalidStateException)", "enable it"),
    ("KMS key cannot be used (Service: Logs)", "Look at the key"),
    ("CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename r", "or rename it"),
    ("The bucket you tried to delete is not empty (BucketNotEmpty)", "Empty it first"),
    ("Rate exceeded (Throttling)", "the same command again"),
    ("The subnet ID 'subnet-1' does not exist (InvalidSubnetID.NotFound)", "correct it in config/project.yaml"),
    ("Something that nobody has seen before", ""),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "hint"), REASONS)
def test_common_reasons_say_what_to_do(reason: str, hint: str) -> None:
    found = hint_for(reason, "rc-churn-bucket")
    assert hint in found
    assert bool(hint) == bool(found)
