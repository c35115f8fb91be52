"""What a change set does, resource by resource: CloudFormation's description of it, as plain values.

In: the answers to DescribeChangeSet, or a template of which nothing is there yet. Out: `ResourceChange`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_ADD, _REMOVE, _IMPORT = "Add", "Remove", "Import"


@dataclass(frozen=True)
class PropertyChange:
    """One property: its path, what it was and will be where CloudFormation tells, and whether it takes a replacement.

    `cause` is what its new value comes from, if that is known only when that has been made.
    """

    path: str
    before: str | None = None
    after: str | None = None
    recreation: str = "Never"
    cause: str = ""

    def as_json(self) -> dict[str, Any]:
        """For programs, with what is empty left out."""
        members = {"path": self.path, "before": self.before, "after": self.after, "cause": self.cause or None}
        return {key: value for key, value in (members | {"requires_recreation": self.recreation}).items() if value}


@dataclass(frozen=True)
class ResourceChange:
    """One resource. `action` and `replacement` (`True`, `Conditional`, `False`) are CloudFormation's own words.

    `policy` is what becomes of the resource itself, if it leaves the stack or is replaced (`Retain`, `Delete`).
    """

    action: str
    logical_id: str
    type: str
    physical_id: str = ""
    replacement: str = "False"
    policy: str = ""
    properties: tuple[PropertyChange, ...] = ()

    @property
    def is_removal(self) -> bool:
        return self.action == _REMOVE

    @property
    def is_addition(self) -> bool:
        return self.action == _ADD

    @property
    def is_import(self) -> bool:
        """Whether it is there already, and the stack takes it over."""
        return self.action == _IMPORT

    @property
    def is_kept_by_aws(self) -> bool:
        """Whether the resource itself, or its predecessor, stays on AWS and only leaves the stack."""
        return "Retain" in self.policy

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        members = {
            "action": self.action,
            "logical_id": self.logical_id,
            "type": self.type,
            "physical_id": self.physical_id,
            "replacement": self.replacement,
            "policy": self.policy,
        }
        return {key: value for key, value in members.items() if value} | {
            "properties": [one.as_json() for one in self.properties]
        }


def additions(template: Mapping[str, Any]) -> tuple[ResourceChange, ...]:
    """Everything in a template, as what is new."""
    return tuple(ResourceChange(_ADD, name, one["Type"]) for name, one in template["Resources"].items())


def resource_changes(changes: Iterable[Mapping[str, Any]]) -> tuple[ResourceChange, ...]:
    """The members `Changes` of a description, of all its pages. Others than of resources do not exist today."""
    found = (_resource(one["ResourceChange"]) for one in changes if "ResourceChange" in one)
    return tuple(sorted(found, key=lambda one: (one.logical_id, one.action)))


def _resource(change: Mapping[str, Any]) -> ResourceChange:
    properties: dict[str, PropertyChange] = {}
    for detail in change.get("Details", []):
        one = _property(detail)
        if one is not None:
            properties[one.path] = _joined(properties.get(one.path), one)
    return ResourceChange(
        action=change["Action"],
        logical_id=change["LogicalResourceId"],
        type=change["ResourceType"],
        physical_id=change.get("PhysicalResourceId", ""),
        replacement=change.get("Replacement", "False"),
        policy=change.get("PolicyAction", ""),
        properties=tuple(properties[path] for path in sorted(properties)),
    )


def _property(detail: Mapping[str, Any]) -> PropertyChange | None:
    target = detail.get("Target", {})
    path = target.get("Path", "").strip("/").replace("/", ".")
    path = path or ".".join(filter(None, (target.get("Attribute"), target.get("Name"))))
    if not path:
        return None
    is_known = "AfterValue" in target or detail.get("Evaluation") != "Dynamic"
    cause = "" if is_known else detail.get("CausingEntity", "")
    recreation = target.get("RequiresRecreation", "Never")
    return PropertyChange(
        re.sub(r"^Properties\.", "", path), target.get("BeforeValue"), target.get("AfterValue"), recreation, cause
    )


def _joined(one: PropertyChange | None, other: PropertyChange) -> PropertyChange:
    """CloudFormation tells one property twice: as written here, and as what follows from another resource."""
    if one is None:
        return other
    rank = ("Never", "Conditionally", "Always")
    return PropertyChange(
        one.path,
        one.before if one.before is not None else other.before,
        one.after if one.after is not None else other.after,
        max(one.recreation, other.recreation, key=lambda word: rank.index(word) if word in rank else len(rank)),
        "" if one.after is not None or other.after is not None else one.cause or other.cause,
    )
