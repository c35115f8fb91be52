"""Drift: what is on AWS differently from what the stack's template says.

In: a stack. Out: each resource that drifted, property by property. AWS compares when it is asked to, which takes it a
while; types that it cannot compare it leaves out, and what it gave no answer on is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dagwright.engines.aws.clients import Clients, aws_errors
from dagwright.engines.aws.following import Clock
from dagwright.errors import AWSError
from dagwright.stacks.waiting import looks

_DRIFTED = ("MODIFIED", "DELETED")


@dataclass(frozen=True)
class Difference:
    """A property that is not as expected. Of one that is there too much nothing was expected."""

    path: str
    kind: str
    expected: str
    actual: str


@dataclass(frozen=True)
class DriftedResource:
    """A resource that was changed (MODIFIED) or deleted (DELETED) past the stack."""

    logical_id: str
    type: str
    physical_id: str
    status: str
    differences: tuple[Difference, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "logical_id": self.logical_id,
            "type": self.type,
            "physical_id": self.physical_id,
            "status": self.status,
            "differences": [vars(one) for one in self.differences],
        }


@dataclass(frozen=True)
class Drift:
    """What a comparison came to: `DRIFTED` or `IN_SYNC`, and how many resources AWS did not look at."""

    status: str
    resources: tuple[DriftedResource, ...]
    checked: int
    unchecked: int

    @property
    def has_drifted(self) -> bool:
        return bool(self.resources) or self.status == "DRIFTED"

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "status": self.status,
            "checked": self.checked,
            "unchecked": self.unchecked,
            "resources": [one.as_json() for one in self.resources],
        }


def detect_drift(clients: Clients, name: str, clock: Clock, say: Callable[[str], None]) -> Drift:
    """Let AWS compare, wait for it, and give what it found. `say` hears that it goes on. Raises AWSError."""
    client = clients("cloudformation")
    with aws_errors(f"The drift of {name} cannot be looked for"):
        detection = client.detect_stack_drift(StackName=name)["StackDriftDetectionId"]
    say(f"{name} is compared with what is on AWS")

    def look() -> Mapping[str, Any]:
        with aws_errors(f"The drift of {name} cannot be seen"):
            answer: Mapping[str, Any] = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
            return answer

    for seen in looks(look, clock, lambda answer: answer["DetectionStatus"]):
        if seen["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
        say("AWS goes on comparing")
    found = _resources(clients, name)
    if seen["DetectionStatus"] == "DETECTION_FAILED" and not found:
        reason = seen.get("DetectionStatusReason", "no reason is given")
        raise AWSError(f"The drift of {name} could not be found out: {reason}")
    drifted = tuple(_drifted(one) for one in found if one["StackResourceDriftStatus"] in _DRIFTED)
    unchecked = sum(one["StackResourceDriftStatus"] not in (*_DRIFTED, "IN_SYNC") for one in found)
    return Drift(seen.get("StackDriftStatus", "UNKNOWN"), drifted, len(found) - unchecked, unchecked)


def _resources(clients: Clients, name: str) -> list[Mapping[str, Any]]:
    """botocore has no paginator of this operation."""
    found: list[Mapping[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        with aws_errors(f"The drift of {name} cannot be seen"):
            page = clients("cloudformation").describe_stack_resource_drifts(StackName=name, **token)
        found += page["StackResourceDrifts"]
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}


def _drifted(one: Mapping[str, Any]) -> DriftedResource:
    return DriftedResource(
        logical_id=one["LogicalResourceId"],
        type=one["ResourceType"],
        physical_id=one.get("PhysicalResourceId", ""),
        status=one["StackResourceDriftStatus"],
        differences=tuple(
            Difference(
                path=each["PropertyPath"].strip("/").replace("/", "."),
                kind=each["DifferenceType"],
                expected=each["ExpectedValue"],
                actual=each["ActualValue"],
            )
            for each in one.get("PropertyDifferences", [])
        ),
    )
