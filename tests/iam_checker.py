"""What is wrong with policies of IAM and of resources: documents come in, findings in words go out.

The rules are those of AWS (an action, a resource type, a condition key that there is not grants nothing, silently) and
ours (exact names, no right to hand on any role, no service that acts for another account). `template_findings` checks
every document of a CloudFormation template.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from iam_documents import Condition, Document, conditions_of, many, principals_of, statements_of
from iam_table import Action, action_of, fits, is_global, is_key, key_type
from iam_templates import Template, places_of

#: Kinds of documents, and how many characters without white space one may have (IAM, KMS, SNS, SQS, S3, ECR quotas).
KINDS = {
    "managed": 6_144,
    "inline": 10_240,
    "trust": 2_048,
    "key": 32_768,
    "topic": 30_720,
    "queue": 30_720,
    "bucket": 20_480,
    "group": 20_480,
    "repository": 10_240,
    "endpoint": 20_480,
    "logs": 5_120,
}
IDENTITY = ("managed", "inline")

#: (kind, effect, action) of the wildcards that are meant.
_WILDCARDS = {
    ("key", "Allow", "kms:*"): "the account's root: its administrators stay in",
    ("bucket", "Deny", "s3:*"): "nothing without TLS",
    ("queue", "Deny", "sqs:*"): "nothing without TLS",
}
#: Actions that are about a resource and yet take `*`, and why.
_ANYTHING = {
    "ec2:CreateNetworkInterface": "jobs in a VPC: a filter makes the validation of the job fail",
    "ec2:CreateNetworkInterfacePermission": "as CreateNetworkInterface",
    "ec2:DeleteNetworkInterface": "as CreateNetworkInterface",
    "ec2:DeleteNetworkInterfacePermission": "as CreateNetworkInterface",
    "cloudwatch:PutMetricData": "bounded by the condition on its namespace",
    "cloudwatch:DescribeAlarms": "the alarms asked for are those of the account",
    "kms:CreateKey": "there is no key yet",
    "logs:PutResourcePolicy": "policies of log delivery are the account's",
    "logs:GetQueryResults": "a query is known by its id alone",
    "logs:StopQuery": "as GetQueryResults",
}
#: Services whose statements in a resource's policy must not have a condition (EventBridge user guide, SNS).
_WITHOUT_CONDITION = ("events.amazonaws.com",)
_OPERATORS = {
    "String": ("String",),
    "ARN": ("Arn", "String"),
    "Bool": ("Bool",),
    "Numeric": ("Numeric",),
    "Date": ("Date",),
    "IPAddress": ("IpAddress", "NotIpAddress"),
}
_CONFUSED_DEPUTY = ("aws:sourceaccount", "aws:sourcearn", "aws:sourceorgid")
_GITHUB = "token.actions.githubusercontent.com"
_SUBJECT = re.compile(r"repo:[\w.-]+/[\w.-]+:(environment:[\w.-]+|ref:refs/(heads|tags)/[\w./-]+|pull_request)")


def findings(document: Document, kind: str) -> list[str]:
    """What is wrong with a policy of one of KINDS, in words; nothing if it is right."""
    found = list(_of_the_whole(document, kind))
    for number, statement in enumerate(statements_of(document)):
        name = statement.get("Sid", f"statement {number + 1}")
        found += [f"{name}: {one}" for one in _of_statement(statement, kind)]
    return found


def template_findings(text: Mapping[str, Any], parameters: Mapping[str, str] | None = None) -> list[str]:
    """What is wrong with the documents of a CloudFormation template, each under the resource that has it."""
    template = Template(text, parameters)
    found = [f"{place.where}: {one}" for place in places_of(template) for one in findings(place.document, place.kind)]
    for logical, resource in template.resources.items():
        if resource["Type"] == "AWS::IAM::Role":
            found += [f"{logical}: {one}" for one in _of_role(template, logical, resource["Properties"])]
    return found


def _of_role(template: Template, logical: str, properties: Mapping[str, Any]) -> Iterator[str]:
    inline = sum(
        size_of(place.document)
        for place in places_of(template)
        if place.kind == "inline" and place.where.startswith(f"{logical}.")
    )
    if inline > KINDS["inline"]:
        yield f"its inline policies have {inline} characters together, and {KINDS['inline']} are the limit"
    for arn in template.resolved(properties.get("ManagedPolicyArns", [])):
        if ":iam::aws:policy/" in arn:
            yield f"{arn.rpartition('/')[2]} is AWS's: it grants more than the project needs, and may change"


def size_of(document: Document) -> int:
    """Characters as IAM counts them: without white space."""
    return len(re.sub(r"\s", "", json.dumps(document, ensure_ascii=False)))


def _of_the_whole(document: Document, kind: str) -> Iterator[str]:
    if document.get("Version") != "2012-10-17":
        yield "its Version is not 2012-10-17"
    if size_of(document) > KINDS[kind]:
        yield f"it has {size_of(document)} characters, and {KINDS[kind]} are the limit"
    sids = [statement["Sid"] for statement in statements_of(document) if "Sid" in statement]
    yield from (f"two statements are called {sid}" for sid, count in Counter(sids).items() if count > 1)
    yield from (
        f"{sid!r}: a Sid is made of letters and digits" for sid in sids if not re.fullmatch("[A-Za-z0-9]+", sid)
    )


def _of_statement(statement: Mapping[str, Any], kind: str) -> Iterator[str]:
    turned = [word for word in ("NotAction", "NotResource", "NotPrincipal") if word in statement]
    if turned:
        yield f"{turned[0]} also means what nobody has thought of"
        return
    actions = list(_actions(statement))
    yield from _unknown_actions(statement, kind)
    if kind != "trust":
        yield from _of_resources(statement, actions, kind)
    yield from _of_conditions(statement, actions)
    if kind in IDENTITY:
        yield from _of_pass_role(statement)
    else:
        yield from _of_principals(statement, kind)


# ---- actions and resources ----


def _actions(statement: Mapping[str, Any]) -> Iterator[Action]:
    for name in many(statement.get("Action")):
        action = action_of(name)
        if action is not None:
            yield action


def _unknown_actions(statement: Mapping[str, Any], kind: str) -> Iterator[str]:
    for name in many(statement.get("Action")):
        if "*" in name or "?" in name:
            if (kind, statement["Effect"], name) not in _WILDCARDS and not _is_endpoint_default(statement, kind):
                yield f"{name}: an action is named whole"
        elif action_of(name) is None:
            yield f"{name}: there is no such action"


def _is_endpoint_default(statement: Mapping[str, Any], kind: str) -> bool:
    """A VPC endpoint's policy may allow everything to identities of the account: their own policies decide."""
    keys = {condition.key.lower() for condition in conditions_of(statement)}
    return kind == "endpoint" and bool(keys & {"aws:principalaccount", "aws:principalorgid", "aws:resourceaccount"})


def _of_resources(statement: Mapping[str, Any], actions: list[Action], kind: str) -> Iterator[str]:
    resources = many(statement.get("Resource"))
    own = kind == "key" and resources == ["*"]  # the key that the policy is of
    for action in actions:
        if not action.types and "*" not in resources:
            yield f"{action.name} is about no resource: it needs Resource *"
        if action.types and "*" in resources and not own and not _may_be_anything(action, statement, kind):
            yield f"{action.name} on *: name the resources"
        if action.types and not any(fits(resource, one.arn) for resource in resources for one in action.types):
            patterns = " or ".join(one.arn for one in action.types[:3])
            yield f"{action.name} has no resource that it can be about: {patterns}"
    for resource in resources:
        if resource == "*" or not actions:
            continue
        if not resource.startswith("arn:"):
            yield f"{resource} is no ARN"
        elif not any(fits(resource, one.arn) for action in actions for one in action.types):
            yield f"{resource} is nothing that one of its actions can be about"


def _may_be_anything(action: Action, statement: Mapping[str, Any], kind: str) -> bool:
    if action.name in _ANYTHING or statement["Effect"] == "Deny" or _is_endpoint_default(statement, kind):
        return True
    lists = action.level == "List" and not action.name.startswith("s3:")
    return lists and not any(one.required for one in action.types)


# ---- conditions ----


def _of_conditions(statement: Mapping[str, Any], actions: list[Action]) -> Iterator[str]:
    conditions = list(conditions_of(statement))
    guarded = {one.key.lower() for one in conditions if one.plain == "Null" and one.values == ["false"]}
    resources = many(statement.get("Resource")) or ["*"]
    for condition in conditions:
        for action in actions:
            if not _supports(action, resources, condition.key):
                yield f"{action.name} does not know the condition key {condition.key}"
        yield from _of_operator(condition)
        loose = condition.set_word == "ForAllValues" and condition.key.lower() not in guarded
        if loose and statement["Effect"] == "Allow":
            yield f"ForAllValues of {condition.key} is true where there is none: add Null: false"


def _supports(action: Action, resources: list[str], key: str) -> bool:
    about = [one for one in action.types if any(fits(resource, one.arn) for resource in resources)]
    known = chain(action.keys, *(one.keys for one in about))
    return is_global(key) or any(is_key(pattern, key) for pattern in known)


def _of_operator(condition: Condition) -> Iterator[str]:
    kind = key_type(condition.key)
    if not kind:
        yield f"{condition.key}: there is no such condition key"
        return
    if condition.plain == "Null":
        return
    if kind.startswith("ArrayOf") and not condition.set_word:
        yield f"{condition.key} has several values: {condition.operator} needs ForAllValues or ForAnyValue"
    if not condition.plain.startswith(_operators_of(condition.key, kind)):
        yield f"{condition.operator} of {condition.key}, which is {kind}"
    wild = [value for value in condition.values if "*" in value]
    if condition.plain in ("StringEquals", "StringNotEquals") and wild:
        yield f"{condition.operator} takes {wild[0]} as it is written: StringLike has wildcards"


def _operators_of(key: str, kind: str) -> tuple[str, ...]:
    """The beginnings of the operators that fit; what a service encrypts for can be an ARN (CloudWatch Logs)."""
    more = ("Arn",) if key.lower().startswith("kms:encryptioncontext:") else ()
    return (*_OPERATORS[kind.removeprefix("ArrayOf")], *more)


def _exactly(statement: Mapping[str, Any], key: str) -> list[str]:
    """The values that a key has to have one of, if the condition is a StringEquals."""
    return [
        value
        for condition in conditions_of(statement)
        if condition.operator == "StringEquals" and condition.key.lower() == key.lower()
        for value in condition.values
    ]


def _of_pass_role(statement: Mapping[str, Any]) -> Iterator[str]:
    if "iam:passrole" not in (name.lower() for name in many(statement.get("Action"))) or statement["Effect"] == "Deny":
        return
    if wild := [one for one in many(statement.get("Resource")) if "*" in one or "?" in one]:
        yield f"iam:PassRole of {wild[0]}: whoever may pass any role has the rights of any role"
    if not _exactly(statement, "iam:PassedToService"):
        yield "iam:PassRole without iam:PassedToService"


# ---- principals ----


def _of_principals(statement: Mapping[str, Any], kind: str) -> Iterator[str]:
    principals = list(principals_of(statement))
    if not any(name for _, name in principals):
        yield "it has no Principal"
    if statement["Effect"] == "Deny":
        return
    if kind == "trust" and "Resource" in statement:
        yield "a trust policy has no Resource"
    for what, name in principals:
        if name == "*" and not _is_endpoint_default(statement, kind):
            yield "Principal * is anybody"
        if what == "Service" and not _is_bound(statement) and not (kind != "trust" and name in _WITHOUT_CONDITION):
            yield f"{name} may act for any account: aws:SourceAccount or aws:SourceArn is missing"
        if what == "Federated":
            yield from _of_federation(statement, name)


def _is_bound(statement: Mapping[str, Any]) -> bool:
    """Whether a service may only act for this account, or with data that says it is this account's."""
    return any(
        not condition.if_exists
        and condition.plain in ("StringEquals", "StringLike", "ArnLike", "ArnEquals")
        and (condition.key.lower() in _CONFUSED_DEPUTY or condition.key.lower().startswith("kms:encryptioncontext:"))
        and not any(re.fullmatch(r"[*?]|arn:(aws)?[^:]*:[^:]*:[^:]*:\*?:.*", value) for value in condition.values)
        for condition in conditions_of(statement)
    )


def _of_federation(statement: Mapping[str, Any], provider: str) -> Iterator[str]:
    if not provider.endswith(f"oidc-provider/{_GITHUB}"):
        yield f"{provider}: who that lets in is not checked"
        return
    if _exactly(statement, f"{_GITHUB}:aud") != ["sts.amazonaws.com"]:
        yield f"StringEquals of {_GITHUB}:aud is missing"
    subjects = _exactly(statement, f"{_GITHUB}:sub")
    if not subjects:
        yield f"StringEquals of {_GITHUB}:sub is missing: any repository of GitHub could assume the role"
    yield from (f"{one}: name the repository and its environment or branch" for one in subjects if not _is_subject(one))


def _is_subject(text: str) -> bool:
    return _SUBJECT.fullmatch(text) is not None
