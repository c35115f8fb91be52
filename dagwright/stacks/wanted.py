"""The stack that is wanted: its whole template, and what has to be known to deploy it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dagwright.engines.aws.ownership import Owner
from dagwright.shapes import partitions

# AWS CloudFormation user guide, quotas: a template in the request, and one in S3. Nothing publishes them as data.
MOST_INLINE = 51_200
MOST_IN_S3 = 1 << 20


@dataclass(frozen=True)
class Asset:
    """A file that the template names by its place in the stack's bucket, such as a Lambda function's zip."""

    key: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Find:
    """What is looked up by its tags (name -> value) once the stack is there; what is empty is not looked for.

    `within` is the VPC's id where it is known: names of groups and subnets are looked for in it alone.
    """

    subnets: Mapping[str, str] = field(default_factory=dict)
    security_groups: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    vpc: Mapping[str, str] = field(default_factory=dict)
    within: str = ""


@dataclass(frozen=True)
class InfraStack:
    """One environment's stack.

    `ground` is the part of the template that makes the bucket through which the rest goes; None if the bucket is there
    without this stack. `key_prefix` is where templates go in it (`code/infra`), `plan_prefix` where those go that are
    planned only: who may plan may not write where a deployment finds a template by its hash. `protected` are the
    logical ids of what holds data, `reserved` those that the deployer may not change. `upload_key` is the KMS key that
    uploads are encrypted with; None leaves that to the bucket.
    """

    name: str
    owner: Owner
    account_id: str
    region: str
    template: Mapping[str, Any]
    bucket: str
    key_prefix: str
    plan_prefix: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    ground: Mapping[str, Any] | None = None
    assets: tuple[Asset, ...] = ()
    protected: frozenset[str] = frozenset()
    reserved: frozenset[str] = frozenset()
    upload_key: str | None = None
    find: Find = field(default_factory=Find)

    @property
    def text(self) -> str:
        """The template as people read it: the same template is the same text."""
        return json.dumps(self.template, indent=2, ensure_ascii=False) + "\n"

    @cached_property
    def body(self) -> str:
        """The template as it is sent."""
        return compact(self.template)

    @property
    def template_hash(self) -> str:
        """SHA-256 of what is sent."""
        return hashlib.sha256(self.body.encode()).hexdigest()

    @property
    def all_tags(self) -> dict[str, str]:
        """The stack's tags, with those that say whose it is. CloudFormation puts them on what is in the stack."""
        return {name: value for name, value in self.tags.items() if value} | self.owner.stack_tags()

    @property
    def goes_through_s3(self) -> bool:
        """Whether the template is too long for a request."""
        return len(self.body) > MOST_INLINE

    @property
    def needs_bucket(self) -> bool:
        """Whether something has to be in the bucket before the whole template can be deployed."""
        return self.goes_through_s3 or bool(self.assets)

    @property
    def template_uri(self) -> str:
        """Where the template goes if it is too long: a place that no other template has."""
        return f"s3://{self.bucket}/{self.key_prefix.strip('/')}/{self.template_hash}.json"

    @property
    def template_url(self) -> str:
        """The same place as CloudFormation takes it. The bucket stands in the path: its name may have dots."""
        return f"https://s3.{self.region}.{_dns_suffix(self.region)}/{self.template_uri.removeprefix('s3://')}"


def compact(template: Mapping[str, Any]) -> str:
    """A template without blanks, in ASCII: a byte is a character."""
    return json.dumps(template, separators=(",", ":"))


def _dns_suffix(region: str) -> str:
    known = {name: one["outputs"]["dnsSuffix"] for one in partitions() for name in one["regions"]}
    return str(known.get(region, "amazonaws.com"))
