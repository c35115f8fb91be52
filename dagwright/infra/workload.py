"""What a project's pipelines need of their surroundings: a pipeline with all that goes with it comes in, facts go out.

Roles are cut to it, alarms and triggers are made for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dagwright.definition.uses import Uses

if TYPE_CHECKING:
    from dagwright.input_sizes import InputSize


@dataclass(frozen=True)
class Start:
    """A schedule of a pipeline: its name, and the members of CreateSchedule that do not depend on the project."""

    name: str
    members: Mapping[str, Any]

    @property
    def is_on(self) -> bool:
        return self.members.get("State") != "DISABLED"


@dataclass(frozen=True)
class Workload:
    """One pipeline of the project: `name` in `pipelines/`, `deployed_name` on AWS.

    `machine` is the text of its state machine, where it is to run as one: the calls that a machine makes stand in it.
    `sizes` are the inputs that a Lambda trigger measures before it starts the pipeline.
    """

    name: str
    deployed_name: str
    uses: Uses
    starts: tuple[Start, ...] = ()
    sizes: tuple[InputSize, ...] = ()
    machine: str = ""


@dataclass(frozen=True)
class Workloads:
    """All pipelines of a project, and what they use together; each thing once, in the pipelines' order."""

    every: tuple[Workload, ...] = ()
    by_name: Mapping[str, Workload] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", MappingProxyType({one.name: one for one in self.every}))

    def __iter__(self) -> Iterator[Workload]:
        return iter(self.every)

    def all(self, kind: str) -> tuple[str, ...]:
        """The texts of one member of `Uses`, of all pipelines: `all("images")`."""
        return tuple(dict.fromkeys(text for one in self.every for text in getattr(one.uses, kind)))

    def have(self, *step_types: str) -> bool:
        """Whether any pipeline has a step of one of these types."""
        return any(kind in step_types for kind in self.all("kinds"))

    @property
    def approve(self) -> bool:
        """Whether any of them registers a model that is approved already."""
        return any(one.uses.approves for one in self.every)

    @property
    def make_clusters(self) -> bool:
        """Whether any of their EMR steps makes its cluster."""
        return bool(self.all("cluster_roles"))

    @property
    def scheduled(self) -> Sequence[Workload]:
        return [one for one in self.every if one.starts]

    @property
    def triggered(self) -> Sequence[Workload]:
        """Those that a Lambda function starts, which sizes their inputs."""
        return [one for one in self.every if one.sizes]
