"""The project's bucket: a site comes in, the bucket and who may not use it are added.

Nothing of it ever lets anybody in who is not of the account, but the accounts that read the project's models.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dagwright.errors import ConfigurationError, Problem
from dagwright.infra.policy import Statement, document
from dagwright.infra.template import ref
from dagwright.infra_settings import replica_bucket

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

BUCKET, BUCKET_POLICY = "Bucket", "BucketPolicy"
_KEY_HEADER = "s3:x-amz-server-side-encryption-aws-kms-key-id"
_ALGORITHM_HEADER = "s3:x-amz-server-side-encryption"
_CUSTOMER_HEADER = "s3:x-amz-server-side-encryption-customer-algorithm"
_UPLOAD_DAYS = 7  # parts of an upload that nobody has ended by then are paid for, and of no use


def add_bucket(template: Template, site: Site) -> None:
    """The bucket with its policy, unless it is there or an environment before this one makes it.

    Raises ConfigurationError where the environment that makes it lets in another key than this one's.
    """
    if not site.infra.makes("bucket"):
        return
    if site.made_before("bucket", same_region=False):
        _refuse_other_key(site)
        return
    add_encrypted_bucket(template, site)


def add_encrypted_bucket(template: Template, site: Site) -> None:
    """A bucket of the project's name, with its policy."""
    template.add(
        BUCKET,
        "AWS::S3::Bucket",
        {
            "BucketName": site.project.bucket,
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [_encryption(site)]},
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "VersioningConfiguration": {"Status": "Enabled"},
            "LifecycleConfiguration": {"Rules": [*_lifecycle(site)]},
            "ReplicationConfiguration": _replication(site),
            "Tags": site.tags,
        },
        kept=True,
    )
    policy = document([*_statements(site)])
    template.add(BUCKET_POLICY, "AWS::S3::BucketPolicy", {"Bucket": ref(BUCKET), "PolicyDocument": policy})


def _encryption(site: Site) -> dict[str, Any]:
    key = site.object_key
    if key is None:
        return {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    return {"ServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}


def _lifecycle(site: Site) -> Iterator[dict[str, Any]]:
    """What goes by itself. Data that came in, features, models, metrics and code stay for ever."""
    layout, expire = site.project.layout, site.infra.expire
    for name, prefix in (("processed", layout.processed), ("pipelines", layout.pipelines)):
        yield {"Id": f"{name}-expires", "Status": "Enabled", "Prefix": f"{prefix}/", "ExpirationInDays": expire[name]}
    yield {
        "Id": "overwritten-and-deleted-expires",
        "Status": "Enabled",
        "NoncurrentVersionExpiration": {"NoncurrentDays": expire["noncurrent"]},
        "ExpiredObjectDeleteMarker": True,
    }
    yield {
        "Id": "unfinished-uploads-expire",
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": _UPLOAD_DAYS},
    }


def _statements(site: Site) -> Iterator[Statement]:
    whole = (site.names.bucket, f"{site.names.bucket}/*")
    yield _refusal("TlsOnly", ("s3:*",), whole, {"Bool": {"aws:SecureTransport": "false"}})
    yield _refusal("Tls12AtLeast", ("s3:*",), whole, {"NumericLessThan": {"s3:TlsVersion": "1.2"}})
    if site.object_key is not None:
        yield from _only_this_key(site)
    if site.infra.registry_readers:
        readers = [f"arn:{site.project.partition}:iam::{one}:root" for one in site.infra.registry_readers]
        models = site.names.objects(site.project.layout.models)
        yield Statement("ReadersOfModels", ("s3:GetObject",), models, principal={"AWS": readers})


def _only_this_key(site: Site) -> Iterator[Statement]:
    """Objects are written with this key or by the bucket's default, which is this key.

    An upload that says nothing has none of these headers. A negated comparison alone would refuse it: it is true of
    what is not there, with IfExists as well (IAM user guide, "IAM JSON policy elements: Condition operators"). So each
    asks too whether the header is there.
    """
    puts, objects = ("s3:PutObject",), (f"{site.names.bucket}/*",)
    yield _refusal(
        "OnlyEncryptedByKms",
        puts,
        objects,
        {"StringNotEquals": {_ALGORITHM_HEADER: "aws:kms"}, "Null": {_ALGORITHM_HEADER: "false"}},
    )
    # Without a key, `aws:kms` is not the bucket's default but the account's key of S3.
    yield _refusal(
        "OnlyWithKeyNamed",
        puts,
        objects,
        {"StringEquals": {_ALGORITHM_HEADER: "aws:kms"}, "Null": {_KEY_HEADER: "true"}},
    )
    yield _refusal("NoKeysOfCallers", puts, objects, {"Null": {_CUSTOMER_HEADER: "false"}})
    forms = _forms_of_key(site)
    if forms:
        yield _refusal(
            "OnlyThisKey", puts, objects, {"StringNotEquals": {_KEY_HEADER: forms}, "Null": {_KEY_HEADER: "false"}}
        )


def _forms_of_key(site: Site) -> list[Any]:
    """How uploads may name the key. None of a key that is known by an alias: the policy would need its ARN."""
    key, given = site.object_key, site.project.output_key
    if isinstance(key, str) and ":alias/" in key:
        return []
    return [key, given] if given and not given.startswith("arn:") and not site.infra.makes("keys") else [key]


def _refusal(sid: str, actions: tuple[str, ...], resources: tuple[str, ...], condition: dict[str, Any]) -> Statement:
    return Statement(sid, actions, resources, condition, "*", "Deny")


def _replication(site: Site) -> dict[str, Any] | None:
    """Every object of the bucket, and that it was deleted, in the second Region too; versions that are deleted for good
    stay there until they expire."""
    region = site.infra.replica_region
    if not region:
        return None
    names, encrypted = site.names, site.object_key is not None
    bucket = f"arn:{site.project.partition}:s3:::{replica_bucket(site.project.bucket, region)}"
    rule = {
        "Id": "second-region",
        "Status": "Enabled",
        "Priority": 1,
        "Filter": {"Prefix": ""},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}} if encrypted else None,
        "Destination": {
            "Bucket": bucket,
            # The key's id is not known here, its alias is; S3 takes the ARN of an alias where both buckets are of one
            # account (API reference, EncryptionConfiguration).
            "EncryptionConfiguration": {"ReplicaKmsKeyID": names.replica_key} if encrypted else None,
            "Metrics": {"Status": "Enabled"},
        },
    }
    return {"Role": names.replication_role, "Rules": [rule]}


def _refuse_other_key(site: Site) -> None:
    """Two environments may share a bucket if they share its key."""
    mine = site.project.output_key
    maker = next(other for other in site.neighbours if other.bucket == site.project.bucket)
    if not site.infra.makes("keys") and (mine == maker.output_key or not maker.output_key):
        return
    bucket, theirs = site.project.bucket, maker.output_key or f"the key of {maker.environment}"
    raise ConfigurationError(
        "the configuration does not fit",
        [
            Problem(
                "shared-bucket",
                f"{maker.environment} makes the bucket {bucket}, which lets in objects of its own key alone; "
                f"{site.project.environment} has another",
                f"give {site.project.environment} a bucket of its own, or say keys.output: {theirs}",
                field=f"{site.project.environment}.bucket",
            )
        ],
    )
