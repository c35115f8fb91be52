"""The second Region: a site comes in, the template of its stack there goes out.

It holds what is copied to: a key, a bucket, repositories, under the ids and names that the environment's own stack
gives them once its configuration says that Region. So restoring is an update of this stack (docs/disaster-recovery.md).
It is made before the stack of the first Region, whose bucket names what is here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dagwright.infra.bucket import add_encrypted_bucket
from dagwright.infra.keys import add_keys
from dagwright.infra.names import Names
from dagwright.infra.policy import Statement, document
from dagwright.infra.repositories import add_repositories
from dagwright.infra.site import KEY, Site
from dagwright.infra.template import Template, get_att
from dagwright.infra.workload import Workloads
from dagwright.infra_settings import replica_bucket

if TYPE_CHECKING:
    from dagwright.project import Project


def replica_of(site: Site) -> Template | None:
    """The template for `infra.replica_region`, under the name of the environment's stack; None if there is none, or if
    an environment before this one makes the bucket: then that one's replica is this one's too."""
    if not site.infra.replica_region or site.made_before("bucket", same_region=False):
        return None
    there = Site(_moved(site), Workloads(), ())
    template = Template(
        f"What {site.project.model_package_group} in {site.project.environment} is copied to, and restored from: made "
        "of config/project.yaml, changed by `infra upsert` only"
    )
    add_keys(template, there)
    add_encrypted_bucket(template, there)
    add_repositories(template, there)
    _add_role(template, site, there)
    return template


def _moved(site: Site) -> Project:
    """The project as the configuration describes it once it says the second Region."""
    project, region = site.project, site.infra.replica_region
    made = {"bucket", "keys"} if site.object_key is not None else {"bucket"}
    copied = site.infra.platform  # the registry's replication is of those that the account has once
    before, after = (Names(replace(project, region=one)).registry() for one in (project.region, region))
    images = {name: one.replace(before, after, 1) for name, one in project.images.items() if isinstance(one, str)}
    return replace(
        project,
        region=region,
        bucket=replica_bucket(project.bucket, region),
        stem=f"{project.stem}-{region}",
        volume_key=None,
        output_key=None,
        images=images if copied else {},
        infra=replace(site.infra, made=frozenset(made), replica_region=""),
    )


def _add_role(template: Template, site: Site, there: Site) -> None:
    """Under which S3 reads here and writes there. Roles have no Region; in this stack it is there before the bucket of
    the first Region names it, and stays when that Region does not answer."""
    name = site.names.replication_role.rpartition("/")[2]
    trusted = Statement("Assume", ("sts:AssumeRole",), principal={"Service": "s3.amazonaws.com"})
    template.add(
        "ReplicationRole",
        "AWS::IAM::Role",
        {
            "RoleName": name,
            "Description": f"S3 copies {site.project.bucket} to {there.project.region} under it",
            "AssumeRolePolicyDocument": document([trusted]),
            "Policies": [{"PolicyName": name, "PolicyDocument": document([*_statements(site, there)])}],
            "PermissionsBoundary": site.infra.permissions_boundary or None,
            "Tags": site.tags,
        },
    )


def _statements(site: Site, there: Site) -> Iterator[Statement]:
    """S3 user guide, "Setting up permissions for live replication" and "Replicating encrypted objects"."""
    source, copy = site.names.bucket, there.names.bucket
    yield Statement("ReadRules", ("s3:GetReplicationConfiguration", "s3:ListBucket"), (source,))
    read = ("s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging")
    yield Statement("ReadVersions", read, (f"{source}/*",))
    write = ("s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags")
    yield Statement("WriteCopies", write, (f"{copy}/*",))
    if site.object_key is not None:
        yield _with_key(site, "DecryptVersions", ("kms:Decrypt",), *_key_of(site))
        yield _with_key(there, "EncryptCopies", ("kms:Encrypt", "kms:GenerateDataKey"), get_att(KEY, "Arn"), {})


def _with_key(site: Site, sid: str, actions: tuple[str, ...], key: Any, condition: dict[str, Any]) -> Statement:
    through = {"kms:ViaService": f"s3.{site.project.region}.amazonaws.com"}
    return Statement(sid, actions, (key,), {"StringEquals": through, **condition})


def _key_of(site: Site) -> tuple[str, dict[str, Any]]:
    """The key of the first Region, as far as it can be named from the second: by its ARN, else by its alias."""
    key = site.object_key
    if isinstance(key, str) and ":alias/" not in key:
        return key, {}
    alias = f"alias/{key.partition(':alias/')[2]}" if isinstance(key, str) else site.names.key_alias
    return site.names.arn("kms", "key/*"), {"ForAnyValue:StringEquals": {"kms:ResourceAliases": alias}}
