"""Who is told of what: the topic, its subscribers, and the rules that bring events to it as readable text.

In: a site. Out: resources. The events themselves are in `notices.py`.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from dagwright.infra.names import shortened
from dagwright.infra.notices import Notice, notices
from dagwright.infra.policy import Statement, document
from dagwright.infra.queues import add_queue
from dagwright.infra.template import logical_id, ref

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

TOPIC, QUEUE = "AlertTopic", "AlertQueue"
_RULE_NAME = 64
_EVENTS, _ALARMS = {"Service": "events.amazonaws.com"}, {"Service": "cloudwatch.amazonaws.com"}


def add_notifications(template: Template, site: Site) -> None:
    _add_topic(template, site)
    written = [site.names.arn("events", f"rule/{rule_name(site, one)}") for one in notices(site)]
    rules = Statement(
        "Rules",
        ("sqs:SendMessage",),
        (site.names.arn("sqs", site.names.alert_queue),),
        {"ArnEquals": {"aws:SourceArn": written}},
        _EVENTS,
    )
    queue = add_queue(template, site, QUEUE, site.names.alert_queue, rules)
    for notice in notices(site):
        _add_rule(template, site, notice, queue)


def rule_name(site: Site, notice: Notice) -> str:
    return shortened(f"{site.names.stem}-{notice.name}", _RULE_NAME)


def _add_topic(template: Template, site: Site) -> None:
    """The topic. Without a key it is not encrypted: what is encrypted with the key of AWS's that SNS has for that,
    neither EventBridge nor CloudWatch can write to (EventBridge user guide, "Troubleshooting")."""
    name = site.names.topic
    tags = {"TopicName": name, "DisplayName": f"{name} {site.project.environment}"[:100], "Tags": site.tags}
    template.add(TOPIC, "AWS::SNS::Topic", {**tags, "KmsMasterKeyId": site.key})
    template.output(f"{TOPIC}Arn", ref(TOPIC), "Where failures are told")
    template.add(
        f"{TOPIC}Policy",
        "AWS::SNS::TopicPolicy",
        {"Topics": [ref(TOPIC)], "PolicyDocument": _topic_policy(site)},
    )
    for email in site.infra.emails:
        template.add(
            f"{TOPIC}To{sha256(email.encode()).hexdigest()[:8]}",
            "AWS::SNS::Subscription",
            {"TopicArn": ref(TOPIC), "Protocol": "email", "Endpoint": email},
        )


def _topic_policy(site: Site) -> dict[str, Any]:
    """EventBridge's statement has no condition: with one it delivers nothing (EventBridge user guide, "Using
    resource-based policies")."""
    topic, publish = (site.names.arn("sns", site.names.topic),), ("sns:Publish",)
    ours = {"StringEquals": {"aws:SourceAccount": site.project.account_id}}
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    return document(
        [
            Statement("Events", publish, topic, principal=_EVENTS),
            Statement("Alarms", publish, topic, ours, _ALARMS),
            Statement("TlsOnly", publish, topic, insecure, "*", effect="Deny"),
        ]
    )


def _add_rule(template: Template, site: Site, notice: Notice, queue: Any) -> None:
    template.add(
        logical_id("Rule", notice.name),
        "AWS::Events::Rule",
        {
            "Name": rule_name(site, notice),
            "Description": notice.what,
            "EventPattern": notice.pattern,
            "State": "ENABLED",
            "Targets": [
                {
                    "Id": "topic",
                    "Arn": ref(TOPIC),
                    "InputTransformer": {"InputPathsMap": notice.paths, "InputTemplate": _text(notice)},
                    "RetryPolicy": {"MaximumRetryAttempts": 8, "MaximumEventAgeInSeconds": 3600},
                    "DeadLetterConfig": {"Arn": queue},
                }
            ],
        },
        after=(f"{TOPIC}Policy", f"{QUEUE}Policy"),
    )


def _text(notice: Notice) -> str:
    """The lines, each in quotes as EventBridge wants them."""
    return "\n".join(json.dumps(line, ensure_ascii=False) for line in notice.lines)
