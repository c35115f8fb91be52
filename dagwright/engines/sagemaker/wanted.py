"""What there should be on AWS: pipelines with all that goes with them, and the account and Region they go to.

Comes in from the project and its pipelines; goes out to be compared with what is there, and to be written.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

from dagwright.definition.graph import Graph, examine_definition
from dagwright.engines.sagemaker.ownership import Owner

# Where Amazon's SDK changes from a definition in the request to one in S3 (SDK v2 and v3, workflow/pipeline.py).
LARGEST_INLINE_BYTES = 100 * 1024


@dataclass(frozen=True)
class Destination:
    """Where pipelines of one project and environment go, and what the project gives to each of them.

    `prefix` is what the names of its pipelines begin with, `definitions` the S3 address below which definitions lie
    that are too large for a request. `role` runs the pipelines, `scheduler_role` starts them.
    """

    owner: Owner
    account_id: str
    region: str
    partition: str
    prefix: str
    role: str
    scheduler_role: str
    schedule_group: str
    definitions: str
    tags: Mapping[str, str]
    dead_letter_queue: str | None = None

    def pipeline_arn(self, name: str) -> str:
        """The ARN that a pipeline of this name will have."""
        return f"arn:{self.partition}:sagemaker:{self.region}:{self.account_id}:pipeline/{name}"


@dataclass(frozen=True)
class WantedObject:
    """An object that has to be in S3, at an address that follows from its content. `origin` is the file it is from."""

    uri: str
    content: Callable[[], bytes] = field(repr=False, compare=False)
    origin: str = ""


@dataclass(frozen=True)
class WantedSchedule:
    """A schedule by the name that its pipeline gives it; `members` of CreateSchedule as far as the pipeline says."""

    name: str
    members: Mapping[str, Any]


@dataclass(frozen=True)
class WantedPipeline:
    """A pipeline: its name here, its name on AWS, its definition, and what goes with it.

    A description that is empty and a `max_parallel_steps` that is None are not said: AWS keeps what it has.
    """

    name: str
    deployed_name: str
    text: str
    role: str
    tags: Mapping[str, str]
    description: str = ""
    max_parallel_steps: int | None = None
    schedules: tuple[WantedSchedule, ...] = ()
    code: tuple[WantedObject, ...] = ()

    @cached_property
    def graph(self) -> Graph:
        """The definition as read."""
        return examine_definition(self.text)[0]

    @cached_property
    def fingerprint(self) -> str:
        """The same for the same wishes only."""
        return fingerprint(
            self.deployed_name,
            self.text,
            self.role,
            dict(self.tags),
            self.description,
            self.max_parallel_steps,
            [[one.name, dict(one.members)] for one in self.schedules],
            [one.uri for one in self.code],
        )

    def fingerprint_in(self, destination: Destination) -> str:
        """The same for the same wishes at the same place only: schedules take their role and their queue from it."""
        return fingerprint(self.fingerprint, {**vars(destination), "tags": dict(destination.tags)})

    def stored_definition(self, destination: Destination) -> WantedObject | None:
        """The definition as an object, if it is too large for a request."""
        content = self.text.encode()
        if len(content) <= LARGEST_INLINE_BYTES:
            return None
        uri = f"{destination.definitions}/{self.deployed_name}/{sha256(content).hexdigest()}.json"
        return WantedObject(uri, lambda: content, f"the definition, {len(content) // 1024} KiB")


def fingerprint(*parts: Any) -> str:
    """SHA-256 over JSON values, in hexadecimal digits: 64, which is what tokens of AWS's APIs may have."""
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
