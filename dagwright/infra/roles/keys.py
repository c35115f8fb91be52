"""Statements about the keys that data is encrypted with: those of the stack, of the configuration, of definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dagwright.infra.policy import Statement

if TYPE_CHECKING:
    from dagwright.infra.site import Site

READ = ("kms:Decrypt", "kms:DescribeKey")
WRITE = ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey")
#: What data of jobs is read and written with (SageMaker developer guide, "SageMaker roles").
DATA = (
    "kms:Encrypt",
    "kms:Decrypt",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:DescribeKey",
)
#: What a service needs that sends to an encrypted queue or topic under a role.
SEND = ("kms:GenerateDataKey", "kms:Decrypt")


def key_statements(
    site: Site, sid: str, actions: Sequence[str], condition: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[Statement]:
    """Statements on every key in use: by ARN, and by alias where no ARN is known; none without a key."""
    arns, aliases = _keys(site)
    if arns:
        yield Statement(sid, actions, arns, condition or {})
    if aliases:
        by_alias = {"ForAnyValue:StringEquals": {"kms:ResourceAliases": aliases}}
        yield Statement(f"{sid}ByAlias", actions, (site.names.arn("kms", "key/*"),), {**by_alias, **(condition or {})})


def message_statements(site: Site) -> Iterator[Statement]:
    """That messages to encrypted queues may be written, through SQS alone."""
    yield from key_statements(site, "EncryptMessages", SEND, _through(site, "sqs"))


def storage_statements(site: Site) -> Iterator[Statement]:
    """That encrypted objects may be read and written, through S3 alone."""
    yield from key_statements(site, "EncryptData", WRITE, _through(site, "s3"))


def settings_statements(site: Site) -> Iterator[Statement]:
    """That a function's encrypted variables may be read, through Lambda alone."""
    yield from key_statements(site, "DecryptSettings", ("kms:Decrypt",), _through(site, "lambda"))


def _through(site: Site, service: str) -> Mapping[str, Mapping[str, Any]]:
    return {"StringEquals": {"kms:ViaService": f"{service}.{site.project.region}.{site.names.domain}"}}


def _keys(site: Site) -> tuple[list[Any], list[str]]:
    """The ARNs and the aliases; a definition names the project's, and others."""
    arns, aliases = list(site.key_arns), list(site.key_aliases)
    own = (site.project.volume_key, site.project.output_key)
    for key in site.workloads.all("keys"):
        if key in own or "*" in key:
            continue
        if "alias/" in key:
            aliases.append(f"alias/{key.partition('alias/')[2]}")
        else:
            arns.append(key if key.startswith("arn:") else site.names.arn("kms", f"key/{key.removeprefix('key/')}"))
    return [*arns], [*dict.fromkeys(aliases)]
