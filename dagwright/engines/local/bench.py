"""What a step needs to run, and how it ended: what every kind of step takes and gives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from dagwright.engines.local.environments import Images
from dagwright.engines.local.interruption import Interruptions
from dagwright.engines.local.job import LOOPBACK, OF_A_CONTAINER
from dagwright.engines.local.job_run import Workshop
from dagwright.engines.local.limits import Limits
from dagwright.engines.local.registry import Registry
from dagwright.engines.local.request import member
from dagwright.engines.local.scope import Account
from dagwright.engines.local.stand_ins import StandIn
from dagwright.engines.local.store import Stamp


@dataclass(frozen=True)
class StepResult:
    """How a step ended: `output` is the Describe response that later steps read; `notes` are worth a line each.

    `answer` is what a Lambda function returned, whatever of it the step declares; `written` are the objects it put, by
    address. `more` is what else is said of the step in the service's words; `job` is the job that gave the result, if
    that is another than the one that was to run. `cache_key` is what a later run finds it by, if it may.
    """

    status: str
    failure_reason: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    answer: Any = None
    written: Mapping[str, Stamp] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    job: str = ""
    cache_key: str = ""


class Stoppable(Protocol):
    """A job that can be asked to end."""

    def stop(self) -> None: ...


@dataclass(frozen=True)
class Bench:
    """What a step needs to run: the same for every step of a run."""

    workshop: Workshop
    environments: Images
    registry: Registry
    account: Account
    lambdas: Mapping[str, str]
    callbacks: Mapping[str, str]
    project: Path
    now: Callable[[], str]
    watch: Callable[[str, Stoppable], None]
    """Told of each job when it exists, so that it can be stopped."""
    interruptions: Interruptions
    stand_ins: Mapping[str, StandIn] = field(default_factory=dict)
    """By the name of the step that each stands for."""
    say: Callable[[str], None] = lambda line: None
    """Tells whoever watches the run, while a step is running."""
    limits: Limits = field(default_factory=Limits)
    max_parallel: int = 1
    trial_places: threading.Semaphore = field(default_factory=threading.Semaphore)
    """As many as `max_parallel`: one for each training job that all tuning jobs of the run have at work."""
    tuned: Callable[[str], Mapping[str, Any] | None] = lambda name: None
    """What the record has of an earlier tuning job: the output of its step."""

    def telling(self, wrote: Callable[[str, Stamp], None]) -> Bench:
        """The same for one step, of whose objects `wrote` is told."""
        return replace(self, workshop=replace(self.workshop, store=self.workshop.store.telling(wrote)))

    def interface(self, request: Mapping[str, Any]) -> str:
        """The network interface of a job: a container has one of its own, unless it is isolated."""
        isolated = any(
            member(request, f"{place}EnableNetworkIsolation", bool, False) for place in ("", "NetworkConfig.")
        )
        return OF_A_CONTAINER if self.workshop.containers and not isolated else LOOPBACK
