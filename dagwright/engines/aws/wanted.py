"""What there should be on AWS: pipelines with all that goes with them, and the account and Region they go to.

Comes in from the project and its pipelines; goes out to be compared with what is there, and to be written.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from dagwright.definition.diff import Difference
from dagwright.definition.graph import Graph, examine_definition
from dagwright.engines.aws.ownership import Owner

if TYPE_CHECKING:
    from dagwright.engines.aws.remote import Deployed
    from dagwright.engines.losses import Loss

LARGEST_DEFINITION = 64 << 20
EngineName: TypeAlias = Literal["sagemaker", "stepfunctions"]
#: What a deployed pipeline is called where it is.
THINGS: Mapping[EngineName, str] = {"sagemaker": "pipeline", "stepfunctions": "state machine"}
_ELSEWHERE: Mapping[EngineName, tuple[str, str]] = {
    "sagemaker": ("pipeline of SageMaker", "For state machines add --engine stepfunctions."),
    "stepfunctions": ("state machine", "For pipelines of SageMaker add --engine sagemaker."),
}
_RESOURCES: Mapping[EngineName, tuple[str, str]] = {
    "sagemaker": ("sagemaker", "pipeline/"),
    "stepfunctions": ("states", "stateMachine:"),
}


def none_of(engine: EngineName, environment: str, what: str) -> tuple[str, str]:
    """That no pipeline of this engine does `what` in an environment, and how to ask the other one.

    >>> none_of("stepfunctions", "dev", "has run")
    ('No state machine has run in dev', 'For pipelines of SageMaker add --engine sagemaker.')
    """
    thing, other = _ELSEWHERE[engine]
    return f"No {thing} {what} in {environment}", other


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
    engine: EngineName = "sagemaker"

    @property
    def thing(self) -> str:
        """What a pipeline is called there."""
        return THINGS[self.engine]

    def arn(self, name: str) -> str:
        """The ARN that a pipeline of this name will have."""
        return deployed_arn(self.engine, self.partition, self.region, self.account_id, name)


def deployed_arn(engine: EngineName, partition: str, region: str, account_id: str, name: str) -> str:
    """The ARN of a pipeline of this name.

    >>> deployed_arn("stepfunctions", "aws", "us-east-1", "123456789012", "rc-churn-training")
    'arn:aws:states:us-east-1:123456789012:stateMachine:rc-churn-training'
    """
    service, resource = _RESOURCES[engine]
    return f"arn:{partition}:{service}:{region}:{account_id}:{resource}{name}"


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


class Comparison(NamedTuple):
    """Whether what is deployed has to be replaced, and in what it differs as far as that can be said."""

    changed: bool
    difference: Difference


@dataclass(frozen=True)
class Wanted(ABC):
    """A pipeline: its name here, its name on AWS, its definition, the role that runs it, and what goes with it."""

    name: str
    deployed_name: str
    text: str
    role: str
    tags: Mapping[str, str]
    schedules: tuple[WantedSchedule, ...] = ()
    code: tuple[WantedObject, ...] = ()
    losses: tuple[Loss, ...] = ()
    """What the pipeline says and this place does not do, or does otherwise."""
    commit: str = ""
    """The version of the code that it comes from; no difference by itself."""

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What goes with the definition, in the service's words. What is not said stays as AWS has it."""

    @property
    @abstractmethod
    def rendered(self) -> str:
        """What the service is given of the definition."""

    @property
    @abstractmethod
    def compared(self) -> Any:
        """The same without what says nothing."""

    @abstractmethod
    def compare(self, deployed: Deployed, read: Callable[[str], str]) -> Comparison:
        """The definition against the deployed one. `read` gives the text of an object, empty if there is none."""

    @abstractmethod
    def stored_definition(self, destination: Destination) -> WantedObject | None:
        """The definition as an object, if the request that deploys it only names it."""

    @cached_property
    def graph(self) -> Graph:
        """The definition as read."""
        return examine_definition(self.text)[0]

    @cached_property
    def fingerprint(self) -> str:
        """The same for the same wishes only."""
        return fingerprint(
            self.deployed_name,
            self.compared,
            self.settings,
            dict(self.tags),
            [[one.name, dict(one.members)] for one in self.schedules],
            [one.uri for one in self.code],
        )

    def fingerprint_in(self, destination: Destination) -> str:
        """The same for the same wishes at the same place only: schedules take their role and their queue from it."""
        return fingerprint(self.fingerprint, {**vars(destination), "tags": dict(destination.tags)})


def definition_object(text: str, name: str, destination: Destination) -> WantedObject:
    """A definition as an object, at an address that tells the pipeline's name and the hash of the content."""
    content = text.encode()
    uri = definition_uri(text, name, destination.definitions)
    return WantedObject(uri, lambda: content, f"the definition, {len(content) // 1024} KiB")


def definition_uri(text: str, name: str, definitions: str) -> str:
    """The address of that object below `definitions`."""
    return f"{definitions}/{name}/{sha256(text.encode()).hexdigest()}.json"


def fingerprint(*parts: Any) -> str:
    """SHA-256 over JSON values, in hexadecimal digits: 64, which is what tokens of AWS's APIs may have."""
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
