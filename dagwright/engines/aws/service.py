"""A service of AWS that holds deployed pipelines, as the plan and the upsert see it: one interface, two services.

In: names, and what is wanted. Out: what is deployed under a name, and what was done. Every call raises AWSError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from dagwright.engines.aws.wanted import Wanted, WantedObject


@dataclass(frozen=True)
class Done:
    """A call that has changed something on AWS: its operation, on what, and the version it made if AWS says so.

    `said` is what its answer calls that version: `{"PipelineVersionId": 2}`.
    """

    operation: str
    name: str
    arn: str = ""
    version: int | None = None
    said: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Its members in AWS's words where it has any."""
        arn = {"Arn": self.arn} if self.arn else {}
        return {"operation": self.operation, "name": self.name, **arn, **self.said}


class Held(NamedTuple):
    """What a service has under a name; `settings` as a wanted pipeline names them, without those that are not set."""

    arn: str
    text: str
    settings: Mapping[str, Any]


class Service(Protocol):
    """SageMaker with its pipelines, or Step Functions with its state machines."""

    def read(self, name: str) -> Held | None:
        """What has this name; None if nothing has."""

    def candidates(self) -> Iterator[tuple[str, str]]:
        """Names and ARNs of what may be the project's: that is, without a look at the tags of all there is."""

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of what it holds."""

    def create(self, wanted: Wanted, stored: WantedObject | None) -> Done:
        """Make it, with its tags; its definition may be `stored` in S3."""

    def update(self, wanted: Wanted, stored: WantedObject | None) -> Done:
        """Replace definition and settings in one call."""

    def add_tags(self, name: str, arn: str, tags: Mapping[str, str]) -> Done:
        """Add or change these; others stay."""

    def delete(self, name: str, arn: str) -> Done:
        """Delete it."""


def pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as most services take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
