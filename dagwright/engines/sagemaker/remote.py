"""What there is on AWS, behind an interface that only reads; a test can put a world of its own in its place.

In: names. Out: pipelines and schedules as AWS describes them. An unchanged pipeline takes the same number of calls
however many steps it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from dagwright.engines.sagemaker.clients import Clients, aws_errors, is_absent, largest_page
from dagwright.engines.sagemaker.objects import Objects
from dagwright.engines.sagemaker.ownership import tags_of
from dagwright.engines.sagemaker.schedules import comparable, longest_name, name_prefix
from dagwright.engines.sagemaker.wanted import Destination, fingerprint
from dagwright.errors import AWSError


@dataclass(frozen=True)
class DeployedPipeline:
    """A pipeline as AWS has it, with its schedules by their names there (members as GetSchedule gives them)."""

    name: str
    arn: str
    text: str = ""
    role: str = ""
    description: str = ""
    max_parallel_steps: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    schedules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> str:
        """The same as long as nothing of it changes on AWS."""
        schedules = {name: comparable(members) for name, members in self.schedules.items()}
        settings = [self.role, self.description, self.max_parallel_steps]
        return fingerprint(self.arn, self.text, *settings, dict(self.tags), schedules)


class Remote(Protocol):
    """What a plan asks. Each method raises AWSError."""

    def pipeline(self, name: str) -> DeployedPipeline:
        """The pipeline of this name; one without an ARN if there is none, which may have left schedules behind."""

    def owned(self, but: frozenset[str]) -> list[DeployedPipeline]:
        """The pipelines of this project and environment whose names are not among `but`."""

    def has_schedule_group(self) -> bool:
        """Whether the project's schedule group is there."""

    def has_object(self, uri: str) -> bool:
        """Whether an object is at this address."""


class AWS:
    """The account and Region of a destination."""

    def __init__(self, clients: Clients, destination: Destination) -> None:
        self._clients = clients
        self._destination = destination
        self._objects = Objects(clients)

    def pipeline(self, name: str) -> DeployedPipeline:
        schedules = self._schedules(name)
        try:
            with aws_errors(f"The pipeline {name} cannot be described"):
                found = self._clients("sagemaker").describe_pipeline(PipelineName=name)
        except AWSError as error:
            if is_absent(error):
                return DeployedPipeline(name, "", schedules=schedules)
            raise
        return DeployedPipeline(
            name,
            found["PipelineArn"],
            found.get("PipelineDefinition", ""),
            found.get("RoleArn", ""),
            found.get("PipelineDescription", ""),
            found.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps"),
            tags_of(self._clients, found["PipelineArn"]),
            schedules,
        )

    def owned(self, but: frozenset[str]) -> list[DeployedPipeline]:
        found = []
        for summary in self._summaries():
            name = summary["PipelineName"]
            # Without a look at the tags of every pipeline in the account: ours have our names or run under our role.
            ours = name.startswith(self._destination.prefix) or summary.get("RoleArn") == self._destination.role
            if name in but or not ours:
                continue
            if self._destination.owner.defines(tags_of(self._clients, summary["PipelineArn"])):
                found.append(self.pipeline(name))
        return found

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

    def _summaries(self) -> Iterator[Mapping[str, Any]]:
        what = "The pipelines of the account cannot be listed"
        for page in self._clients.pages(what, "sagemaker", "list_pipelines", MaxResults=largest_page()):
            yield from page["PipelineSummaries"]

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
