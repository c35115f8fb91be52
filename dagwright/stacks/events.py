"""What happens to a stack, event by event, from a moment on to its end.

In: the events that CloudFormation keeps. Out: those that are new, oldest first, each told once; and the one that tells
how it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dagwright.engines.aws.clients import Clients, aws_errors, is_stack_absent
from dagwright.engines.aws.following import Clock
from dagwright.errors import AWSError
from dagwright.stacks.remote import find_stack
from dagwright.stacks.waiting import looks

# What a resource says that has not failed itself: another one has, and this was stopped.
_STOPPED = ("Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled")


@dataclass(frozen=True)
class Event:
    """One event. `is_whole`: it is about the stack itself."""

    id: str
    time: str
    logical_id: str
    type: str
    status: str
    reason: str
    physical_id: str
    is_whole: bool

    @property
    def is_failure(self) -> bool:
        """Whether something failed of itself here."""
        return self.status.endswith("_FAILED") and not self.reason.startswith(_STOPPED)

    @property
    def is_end(self) -> bool:
        """Whether nothing more happens to the stack."""
        return self.is_whole and not self.status.endswith("_IN_PROGRESS")

    def as_json(self) -> dict[str, str]:
        """For programs, with CloudFormation's own names."""
        return {
            "Timestamp": self.time,
            "LogicalResourceId": self.logical_id,
            "ResourceType": self.type,
            "ResourceStatus": self.status,
            "ResourceStatusReason": self.reason,
            "PhysicalResourceId": self.physical_id,
        }


class Events:
    """The events of one stack, by its id, from now on: those that are there already are not told."""

    def __init__(self, clients: Clients, stack_id: str, clock: Clock) -> None:
        self._clients = clients
        self._stack_id = stack_id
        self._clock = clock
        self._last = next(iter(event.id for event in self._newest()), "")

    def follow(self, say: Callable[[Event], None]) -> list[Event]:
        """All that happens, told as it happens, up to the event that ends it. Raises AWSError."""
        told: list[Event] = []
        for fresh in looks(self._fresh, self._clock, lambda seen: [event.id for event in seen]):
            for event in fresh:
                told.append(event)
                say(event)
            if any(event.is_end for event in fresh):
                return told
        raise AssertionError

    def _fresh(self) -> list[Event]:
        """What has not been given yet, oldest first."""
        found = []
        for event in self._newest():
            if event.id == self._last:
                break
            found.append(event)
        if found:
            self._last = found[0].id
        return found[::-1]

    def _newest(self) -> Iterable[Event]:
        what = f"The events of {self._stack_id} cannot be seen"
        pages = self._clients.pages(what, "cloudformation", "describe_stack_events", StackName=self._stack_id)
        return (_event(event) for page in pages for event in page["StackEvents"])


def wait_until_deleted(clients: Clients, stack_id: str, clock: Clock) -> None:
    """Return once the stack is gone. Raises AWSError if it cannot be deleted."""
    for found in looks(lambda: find_stack(clients, stack_id), clock, lambda seen: seen.status):
        if found.state == "absent":
            return
        if found.status == "DELETE_FAILED":
            raise AWSError(f"The stack {found.name} could not be deleted: {found.reason}", hint=found.remedy)


def delete_stack(clients: Clients, stack_id: str, clock: Clock) -> None:
    """Delete it and wait until it is gone. Raises AWSError."""
    try:
        with aws_errors(f"The stack {stack_id} could not be deleted"):
            clients("cloudformation").delete_stack(StackName=stack_id)
    except AWSError as error:
        if is_stack_absent(error):
            return
        raise
    wait_until_deleted(clients, stack_id, clock)


def first_failure(events: Iterable[Event]) -> Event | None:
    """The one that began it: the first resource that failed of itself; if none did, what the stack says."""
    failures = [event for event in events if event.is_failure]
    return next((event for event in failures if not event.is_whole), next(iter(failures), None))


def _event(event: Mapping[str, Any]) -> Event:
    physical_id = event.get("PhysicalResourceId", "")
    return Event(
        id=event["EventId"],
        time=event["Timestamp"].isoformat(),
        logical_id=event.get("LogicalResourceId", ""),
        type=event.get("ResourceType", ""),
        status=event.get("ResourceStatus", ""),
        reason=event.get("ResourceStatusReason", ""),
        physical_id=physical_id,
        is_whole=physical_id == event["StackId"],
    )
