"""The key that all of an environment is encrypted with: a site comes in, the key and its alias are added.

The policy names no role: the account's root has every right, which keeps its administrators in and leaves the rest to
what the roles' own policies allow (KMS developer guide, "Default key policy").
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dagwright.infra.policy import Statement, document
from dagwright.infra.site import KEY
from dagwright.infra.template import get_att

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

KEY_ALIAS = "KeyAlias"
# In the policy of a key, every resource is the key itself.
_THIS = ("*",)
_PENDING_DAYS = 30  # the longest that KMS takes: so long a key that was given up can be had back


def add_keys(template: Template, site: Site) -> None:
    """The key, unless the configuration names one or wants none."""
    if not site.infra.makes("keys"):
        return
    project = site.project
    key = template.add(
        KEY,
        "AWS::KMS::Key",
        {
            "Description": f"All of {project.model_package_group} in {project.environment}",
            "EnableKeyRotation": True,
            "PendingWindowInDays": _PENDING_DAYS,
            "KeyPolicy": document([*_statements(site)]),
            "Tags": site.tags,
        },
        kept=True,
    )
    template.add(KEY_ALIAS, "AWS::KMS::Alias", {"AliasName": site.names.key_alias, "TargetKeyId": key})
    template.output("KeyArn", get_att(KEY, "Arn"), "The key that everything here is encrypted with")


def _statements(site: Site) -> Iterator[Statement]:
    project = site.project
    yield Statement("AccountAdministration", ("kms:*",), _THIS, principal=_account(site, project.account_id))
    yield Statement(
        "CloudWatchLogs",
        ("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:GenerateDataKey"),
        _THIS,
        {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": site.names.arn("logs", "log-group:*")}},
        {"Service": f"logs.{project.region}.{site.names.domain}"},
    )
    # EventBridge says neither whose rule it is nor which: with a condition nothing would arrive at the topic.
    yield _publishing("EventBridgeToTopic", "events")
    yield _publishing("AlarmsToTopic", "cloudwatch", {"StringEquals": {"aws:SourceAccount": project.account_id}})
    if site.infra.registry_readers:
        yield Statement(
            "ReadersOfModels",
            ("kms:Decrypt", "kms:DescribeKey"),
            _THIS,
            {"StringEquals": {"kms:ViaService": f"s3.{project.region}.amazonaws.com"}},
            _account(site, *site.infra.registry_readers),
        )


def _publishing(sid: str, service: str, condition: dict[str, dict[str, str]] | None = None) -> Statement:
    """That a service may write to a topic that is encrypted with the key."""
    return Statement(
        sid, ("kms:Decrypt", "kms:GenerateDataKey"), _THIS, condition or {}, {"Service": f"{service}.amazonaws.com"}
    )


def _account(site: Site, *account_ids: str) -> dict[str, Any]:
    roots = [f"arn:{site.project.partition}:iam::{account_id}:root" for account_id in account_ids]
    return {"AWS": roots[0] if len(roots) == 1 else roots}
