"""The project's bucket and keys. Nothing is written to try whether it can be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dagwright.doctor.findings import Sayings, not_seen, ok, problem, warning
from dagwright.doctor.ward import Ward, said_by_all

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def bucket(ward: Ward) -> Sayings:
    """Whether it is there, in the Region, and this account's."""
    name, project = ward.project.bucket, ward.project
    found = ward.find("s3", "head_bucket", Bucket=name)
    if found is None:
        make = ward.command("infra upsert")
        yield problem(f"there is no bucket {name}", f"`{make}` makes it, or name one that is there: bucket.")
        return
    place = found.get("BucketRegion", project.region)
    if place != project.region:
        what = f"{name} lies in {place}, and jobs run in {project.region}"
        yield problem(what, f"Name a bucket of {project.region}: bucket.")
    else:
        yield ok(f"{name} is there, in {place}")


def encryption(ward: Ward) -> Sayings:
    """What objects are encrypted with that do not say so themselves."""
    name, key = ward.project.bucket, ward.project.output_key
    if not _is_there(ward):
        return
    found = ward.find("s3", "get_bucket_encryption", Bucket=name)
    rules = found["ServerSideEncryptionConfiguration"]["Rules"] if found else []
    default: Mapping[str, Any] = next(
        (one for rule in rules if (one := rule.get("ApplyServerSideEncryptionByDefault"))), {}
    )
    own, algorithm = default.get("KMSMasterKeyID", ""), default.get("SSEAlgorithm", "")
    if not algorithm:
        yield warning(f"{name} has no default encryption", "Set one: SSE-KMS with the project's key.")
    elif not key:
        yield ok(f"{name} encrypts with {own or algorithm}, and no keys.output is named")
    elif own and _arn_of_key(ward, own) == _arn_of_key(ward, key):
        yield ok(f"{name} encrypts with keys.output")
    else:
        what = f"{name} encrypts with {own or algorithm}, and jobs with keys.output"
        yield warning(what, "What is uploaded by hand has another key then: set the bucket's default to keys.output.")


def public_access(ward: Ward) -> Sayings:
    """Whether nobody can make its objects public."""
    if not _is_there(ward):
        return
    found = ward.find("s3", "get_public_access_block", Bucket=ward.project.bucket)
    block = found["PublicAccessBlockConfiguration"] if found else {}
    open_ways = [name for name in _BLOCKS if not block.get(name)]
    if open_ways:
        yield warning(f"{ward.project.bucket} can be made public", f"Switch on: {', '.join(open_ways)}.")
    else:
        yield ok(f"{ward.project.bucket} cannot be made public")


def versioning(ward: Ward) -> Sayings:
    """Whether what is overwritten can be had back."""
    if not _is_there(ward):
        return
    if ward.read("s3", "get_bucket_versioning", Bucket=ward.project.bucket).get("Status") == "Enabled":
        yield ok(f"{ward.project.bucket} keeps versions")
    else:
        yield warning(f"{ward.project.bucket} keeps no versions", "Switch versioning on: data that is lost is lost.")


def tls(ward: Ward) -> Sayings:
    """Whether it refuses what is not encrypted on its way."""
    if not _is_there(ward):
        return
    found = ward.find("s3", "get_bucket_policy", Bucket=ward.project.bucket)
    statements = json.loads(found["Policy"]).get("Statement", []) if found else []
    statements = statements if isinstance(statements, list) else [statements]
    if any(_refuses_plain(one) for one in statements):
        yield ok(f"{ward.project.bucket} takes TLS only")
    else:
        hint = 'Deny s3:* to everybody where Bool aws:SecureTransport is "false".'
        yield warning(f"the policy of {ward.project.bucket} does not ask for TLS", hint)


def _refuses_plain(statement: Mapping[str, Any]) -> bool:
    plain = statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport")
    return statement.get("Effect") == "Deny" and str(plain).lower() == "false"


def code(ward: Ward) -> Sayings:
    """Whether the code of the pipelines can be looked for."""
    if not _is_there(ward):
        return
    prefix = f"{ward.project.layout.code}/"
    found = ward.read("s3", "list_objects_v2", Bucket=ward.project.bucket, Prefix=prefix, MaxKeys=1)
    holds = "holds code" if found.get("KeyCount") else "is empty: nothing was deployed from here yet"
    yield ok(f"s3://{ward.project.bucket}/{prefix} {holds}")


def _is_there(ward: Ward) -> bool:
    return ward.find("s3", "head_bucket", Bucket=ward.project.bucket) is not None


# ---- keys ----


def keys(ward: Ward) -> Sayings:
    """Whether they are there, and can be used."""
    yield from said_by_all({name: _usable(ward, name, key) for name, key in _named(ward).items()})


def _usable(ward: Ward, name: str, key: str) -> Sayings:
    found = ward.find("kms", "describe_key", KeyId=key)
    if found is None:
        yield problem(f"{name}: there is no key {key}", "Name one that is there, or none: infra upsert then makes one.")
        return
    about = found["KeyMetadata"]
    _, _, _, place, account, _ = about["Arn"].split(":", 5)
    if about["KeyState"] != "Enabled":
        yield problem(f"{name}: the key is {about['KeyState']}", "Enable it, or stop its deletion.")
    elif about.get("KeyUsage", "ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT":
        yield problem(f"{name}: the key is for {about['KeyUsage']}", "Name a symmetric key that encrypts.")
    elif place != ward.project.region:
        yield problem(f"{name}: the key lies in {place}", f"Name one of {ward.project.region}.")
    elif account != ward.project.account_id:
        yield warning(
            f"{name}: the key is of the account {account}", "Its policy there has to let this project's roles."
        )
    else:
        yield ok(f"{name} is enabled ({about['KeyId']})")


def rotation(ward: Ward) -> Sayings:
    """Whether they are renewed each year."""
    yield from said_by_all({name: _rotating(ward, name, key) for name, key in _named(ward).items()})


def _rotating(ward: Ward, name: str, key: str) -> Sayings:
    found = ward.find("kms", "describe_key", KeyId=key)
    if found is None or found["KeyMetadata"]["KeyState"] != "Enabled":
        return
    about = found["KeyMetadata"]
    if about.get("Origin", "AWS_KMS") != "AWS_KMS":
        yield not_seen(f"{name}: its material is imported, which KMS does not renew", "Renew it by hand.")
    elif ward.read("kms", "get_key_rotation_status", KeyId=about["Arn"])["KeyRotationEnabled"]:
        yield ok(f"{name} is renewed by itself")
    else:
        yield warning(f"{name} is not renewed by itself", "Switch rotation on: aws kms enable-key-rotation.")


def _named(ward: Ward) -> dict[str, str]:
    """The keys of the configuration; one that serves twice is told once."""
    given = {"keys.volume": ward.project.volume_key, "keys.output": ward.project.output_key}
    once: dict[str, str] = {}
    for name, key in given.items():
        if key and key not in once.values():
            once[name] = key
    return once


def _arn_of_key(ward: Ward, key: str) -> str:
    """What names a key for good: of an alias too."""
    found = ward.find("kms", "describe_key", KeyId=key)
    return str(found["KeyMetadata"]["Arn"]) if found else key
