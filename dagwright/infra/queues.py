"""Queues for what could not be delivered: a name and who may write to it come in, an encrypted queue goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagwright.infra.policy import Statement, document
from dagwright.infra.template import get_att

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

_FOURTEEN_DAYS = 1_209_600  # the longest that SQS keeps a message


def add_queue(template: Template, site: Site, logical_id: str, name: str, *allowed: Statement) -> Any:
    """The queue with its policy; its ARN. Roles of the account write by their own policies, services by `allowed`."""
    template.add(
        logical_id,
        "AWS::SQS::Queue",
        {
            "QueueName": name,
            "MessageRetentionPeriod": _FOURTEEN_DAYS,
            "KmsMasterKeyId": site.key,
            "SqsManagedSseEnabled": None if site.key else True,
            "Tags": site.tags,
        },
        passing=True,
    )
    arn = site.names.arn("sqs", name)
    secure = Statement("TlsOnly", ("sqs:*",), (arn,), {"Bool": {"aws:SecureTransport": "false"}}, "*", effect="Deny")
    template.add(
        f"{logical_id}Policy",
        "AWS::SQS::QueuePolicy",
        {"Queues": [{"Ref": logical_id}], "PolicyDocument": document([secure, *allowed])},
    )
    return get_att(logical_id, "Arn")
