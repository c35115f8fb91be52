"""The stack as AWS has it: its state, whose it is, what it gave; and what its state means to who wants to change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from dagwright.engines.aws.clients import Clients, aws_errors, is_stack_absent
from dagwright.errors import AWSError

State = Literal["absent", "leftover", "ready", "busy", "stuck"]

_READY = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)
# A stack that was never made: nothing is in it that a deployment has finished.
_LEFTOVER = {
    "REVIEW_IN_PROGRESS": "a change set that nobody executed has left it empty",
    "ROLLBACK_COMPLETE": "making it failed, and what had been made was taken back",
    "CREATE_FAILED": "making it failed",
}
_ROLLBACK = "aws cloudformation continue-update-rollback --stack-name {name} --region {region}"
_DELETE = "aws cloudformation delete-stack --stack-name {name} --region {region}"
_STUCK = {
    "UPDATE_ROLLBACK_FAILED": f"Put right what its events name, then: {_ROLLBACK}; then the same command again.",
    "UPDATE_FAILED": (
        "Its last update was left half done on purpose: "
        "aws cloudformation rollback-stack --stack-name {name} --region {region}; then the same command again."
    ),
    "ROLLBACK_FAILED": f"See its events for what could not be deleted, delete that, then: {_DELETE}",
    "DELETE_FAILED": f"See its events for what could not be deleted, delete that, then: {_DELETE}",
}
_UNKNOWN = "Look at it in the console of CloudFormation, or see whether there is a newer version of dagwright."


@dataclass(frozen=True)
class RemoteStack:
    """A stack as it is now; without an `id` there is none of that name."""

    name: str
    region: str
    id: str = ""
    status: str = ""
    reason: str = ""
    changed: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    drift: str = ""
    drift_checked: str = ""
    termination_protection: bool = False

    @property
    def state(self) -> State:
        """What its status means to whoever wants to change it."""
        if not self.id or self.status == "DELETE_COMPLETE":
            return "absent"
        if self.status in _LEFTOVER:
            return "leftover"
        if self.status in _READY:
            return "ready"
        return "busy" if self.status.endswith("_IN_PROGRESS") else "stuck"

    @property
    def why(self) -> str:
        """What a leftover is."""
        return _LEFTOVER.get(self.status, "")

    @property
    def remedy(self) -> str:
        """What to do about a stack that is stuck."""
        return _STUCK.get(self.status, _UNKNOWN).format(name=self.name, region=self.region)

    @property
    def seen(self) -> str:
        """What is different once the stack has been changed."""
        return f"{self.id} {self.changed} {self.status}" if self.state not in ("absent", "leftover") else ""


def find_stack(clients: Clients, name: str) -> RemoteStack:
    """The stack of this name or id. Raises AWSError if that cannot be seen."""
    try:
        with aws_errors(f"The stack {name} cannot be seen"):
            stacks = clients("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except AWSError as error:
        if is_stack_absent(error):
            return RemoteStack(name, clients.region)
        raise
    return _remote(stacks[0], clients.region)


def _remote(stack: Mapping[str, Any], region: str) -> RemoteStack:
    drift = stack.get("DriftInformation", {})
    return RemoteStack(
        name=stack["StackName"],
        region=region,
        id=stack.get("StackId", ""),
        status=stack["StackStatus"],
        reason=stack.get("StackStatusReason", ""),
        changed=_time(stack.get("LastUpdatedTime") or stack["CreationTime"]),
        tags={tag["Key"]: tag["Value"] for tag in stack.get("Tags", [])},
        outputs={one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])},
        drift=drift.get("StackDriftStatus", ""),
        drift_checked=_time(drift.get("LastCheckTimestamp")),
        termination_protection=stack.get("EnableTerminationProtection", False),
    )


def _time(moment: Any) -> str:
    return moment.isoformat() if moment else ""
