"""A CloudFormation template as plain data: resources under their logical ids come in, deterministic text goes out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dagwright.errors import InternalError


def ref(logical_id: str) -> dict[str, str]:
    """What `Ref` of a resource comes to: its id or name, by its type."""
    return {"Ref": logical_id}


def get_att(logical_id: str, attribute: str) -> dict[str, list[str]]:
    """An attribute of a resource, such as its Arn."""
    return {"Fn::GetAtt": [logical_id, attribute]}


@dataclass
class Template:
    """Resources and outputs in the order in which they were added.

    >>> template = Template("what this stack is for")
    >>> template.add("Alerts", "AWS::SNS::Topic", {"TopicName": "rc-churn-alerts", "DisplayName": None})
    {'Ref': 'Alerts'}
    >>> template.as_json()["Resources"]["Alerts"]["Properties"]
    {'TopicName': 'rc-churn-alerts'}
    """

    description: str
    resources: dict[str, dict[str, Any]] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(
        self,
        logical_id: str,
        kind: str,
        properties: Mapping[str, Any],
        *,
        kept: bool = False,
        passing: bool = False,
        after: Sequence[str] = (),
    ) -> dict[str, str]:
        """Add a resource; members that are None are left out. Its `Ref`.

        With `kept` it outlives its being taken out of the template, its replacement, and the stack; what a creation
        that is rolled back has just made goes with it. What holds data and need not outlive the stack is `passing`,
        which is then said. `after`: ids of resources that have to be there first although nothing of them is named.
        """
        if logical_id in self.resources:
            raise InternalError(f"two resources of the template are called {logical_id}")
        resource: dict[str, Any] = {"Type": kind}
        if after:
            resource["DependsOn"] = list(after)
        if kept:
            resource |= {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
        if passing:
            resource |= {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
        self.resources[logical_id] = resource | {"Properties": _said(properties)}
        return ref(logical_id)

    def output(self, name: str, value: Any, description: str) -> None:
        """Have the stack tell a value that AWS gives."""
        self.outputs[name] = {"Description": description, "Value": value}

    @property
    def kept(self) -> frozenset[str]:
        """The ids of the resources that are `kept`."""
        return frozenset(
            name for name, one in self.resources.items() if one.get("DeletionPolicy", "Delete") != "Delete"
        )

    def only(self, logical_ids: Sequence[str]) -> Template:
        """A template of these of its resources alone, without outputs."""
        return Template(self.description, {name: one for name, one in self.resources.items() if name in logical_ids})

    def as_json(self) -> dict[str, Any]:
        whole = {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": self.description,
            "Resources": self.resources,
            "Outputs": self.outputs,
        }
        return {name: value for name, value in whole.items() if value}

    def text(self) -> str:
        """For people: JSON, indented by two."""
        return json.dumps(self.as_json(), indent=2, ensure_ascii=False) + "\n"


def logical_id(*words: str) -> str:
    """An id of letters and digits made of words: `logical_id("repository", "file-report")` is `RepositoryFileReport`.

    Names that differ only in their punctuation come to one id; `Template.add` refuses the second.
    """
    parts = [
        part for word in words for part in "".join(c if c.isalnum() and c.isascii() else " " for c in word).split()
    ]
    return "".join(part[0].upper() + part[1:] for part in parts)


def _said(value: Any) -> Any:
    """The value without members that are None."""
    if isinstance(value, Mapping):
        return {name: _said(member) for name, member in value.items() if member is not None}
    if isinstance(value, list | tuple):
        return [_said(member) for member in value]
    return value
