"""Policy documents of IAM and of resources: statements come in, plain data goes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Condition = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Statement:
    """One statement. `resources` are ARNs, or what CloudFormation replaces by one; a trust policy has none.

    >>> Statement("Read", ("s3:GetObject",), ("arn:aws:s3:::b/raw/*",)).as_json()["Resource"]
    ['arn:aws:s3:::b/raw/*']
    """

    sid: str
    actions: Sequence[str]
    resources: Sequence[Any] = ()
    condition: Condition = field(default_factory=dict)
    principal: Mapping[str, Any] | str = ""
    effect: Literal["Allow", "Deny"] = "Allow"

    def as_json(self) -> dict[str, Any]:
        members = {
            "Sid": self.sid,
            "Effect": self.effect,
            "Principal": self.principal,
            "Action": list(self.actions),
            "Resource": list(self.resources),
            "Condition": {operator: dict(keys) for operator, keys in self.condition.items()},
        }
        return {name: value for name, value in members.items() if value}


def document(statements: Sequence[Statement]) -> dict[str, Any]:
    """A policy document; statements about no resource are left out, unless they say who (trust policies)."""
    told = [one.as_json() for one in statements if one.resources or one.principal]
    return {"Version": "2012-10-17", "Statement": told}


def trust(service: str, account_id: str, *, sources: Sequence[str] = ()) -> dict[str, Any]:
    """Who may assume a role: a service of AWS, for things of this account alone, those of `sources` if they are given.

    Without the condition another account could have the service use the role for it (SageMaker developer guide,
    "Cross-service confused deputy prevention").
    """
    condition: dict[str, Mapping[str, Any]] = {"StringEquals": {"aws:SourceAccount": account_id}}
    if sources:
        condition["ArnLike"] = {"aws:SourceArn": list(sources)}
    principal = {"Service": f"{service}.amazonaws.com"}
    return document([Statement("Assume", ("sts:AssumeRole",), (), condition, principal)])


def pass_role(sid: str, roles: Sequence[Any], service: str) -> Statement:
    """That these roles, and no others, may be handed to a service."""
    return Statement(
        sid, ("iam:PassRole",), roles, {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}
    )
