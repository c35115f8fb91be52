"""What there is on AWS, behind an interface that only reads; a test can put a world of its own in its place.

In: names. Out: pipelines and schedules as AWS describes them. An unchanged pipeline takes the same number of calls
however many steps it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from dagwright.engines.aws.clients import Clients, aws_errors, is_absent
from dagwright.engines.aws.objects import Objects
from dagwright.engines.aws.schedules import comparable, longest_name, name_prefix
from dagwright.engines.aws.service import Service
from dagwright.engines.aws.wanted import LARGEST_DEFINITION, Destination, fingerprint
from dagwright.errors import AWSError


@dataclass(frozen=True)
class Deployed:
    """A pipeline as AWS has it, with its schedules by their names there (members as GetSchedule gives them).

    `text` is what its service was given, `settings` are named as those of what is wanted.
    """

    name: str
    arn: str
    text: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    schedules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> str:
        """The same as long as nothing of it changes on AWS."""
        schedules = {name: comparable(members) for name, members in self.schedules.items()}
        return fingerprint(self.arn, self.text, dict(self.settings), dict(self.tags), schedules)


class Remote(Protocol):
    """What a plan asks. Each method raises AWSError."""

    def pipeline(self, name: str) -> Deployed:
        """The pipeline of this name; one without an ARN if there is none, which may have left schedules behind."""

    def owned(self, but: frozenset[str]) -> list[Deployed]:
        """The pipelines of this project and environment whose names are not among `but`."""

    def has_schedule_group(self) -> bool:
        """Whether the project's schedule group is there."""

    def has_object(self, uri: str) -> bool:
        """Whether an object is at this address."""

    def read(self, uri: str) -> str:
        """The text of an object that a deployed pipeline names; empty if it is not there."""


class AWS:
    """The account and Region of a destination, and the service that holds its pipelines."""

    def __init__(self, clients: Clients, destination: Destination, service: Service) -> None:
        self._clients = clients
        self._destination = destination
        self._service = service
        self._objects = Objects(clients)

    def pipeline(self, name: str) -> Deployed:
        schedules = self._schedules(name)
        found = self._service.read(name)
        if found is None:
            return Deployed(name, "", schedules=schedules)
        return Deployed(name, found.arn, found.text, found.settings, self._service.tags(found.arn), schedules)

    def owned(self, but: frozenset[str]) -> list[Deployed]:
        return [
            self.pipeline(name)
            for name, arn in self._service.candidates()
            if name not in but and self._destination.owner.defines(self._service.tags(arn))
        ]

    def has_schedule_group(self) -> bool:
        name = self._destination.schedule_group
        try:
            with aws_errors(f"The schedule group {name} cannot be described"):
                self._clients("scheduler").get_schedule_group(Name=name)
        except AWSError as error:
            if is_absent(error):
                return False
            raise
        return True

    def has_object(self, uri: str) -> bool:
        return self._objects.exists(uri)

    def read(self, uri: str) -> str:
        return self._objects.read(uri, LARGEST_DEFINITION).decode() if self._objects.exists(uri) else ""

    def _schedules(self, pipeline: str) -> dict[str, dict[str, Any]]:
        prefix, group = name_prefix(pipeline), self._destination.schedule_group
        if len(prefix) >= longest_name():
            return {}
        try:
            what = f"The schedules of the group {group} cannot be listed"
            pages = self._clients.pages(what, "scheduler", "list_schedules", GroupName=group, NamePrefix=prefix)
            names = [summary["Name"] for page in pages for summary in page["Schedules"]]
        except AWSError as error:
            if is_absent(error):  # there is no such group
                return {}
            raise
        return {name: members for name in sorted(names) if (members := self._schedule(name, group))}

    def _schedule(self, name: str, group: str) -> dict[str, Any]:
        try:
            with aws_errors(f"The schedule {name} cannot be described"):
                found = self._clients("scheduler").get_schedule(Name=name, GroupName=group)
        except AWSError as error:
            if is_absent(error):  # deleted since it was listed
                return {}
            raise
        return {member: value for member, value in found.items() if member != "ResponseMetadata" and value is not None}
