"""What the commands ask of an engine, whichever it is: start, follow, look, stop.

What comes in: a pipeline to start, or the name of an execution. What goes out: an `Execution`, and its jobs' logs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dagwright.definition.graph import Graph
from dagwright.definition.slices import Slice
from dagwright.engines.execution import Execution, Observer, StepRun


class Asset(Protocol):
    """An object that has to be in the store before its pipeline runs; its address follows from its content."""

    @property
    def uri(self) -> str: ...

    def content(self) -> bytes:
        """Raises StorageError."""


@dataclass(frozen=True)
class Start:
    """What is to be started: the pipeline as it is known here, and with what.

    `words` name it on a command line (`training`, `--file d.json`), `deployed_name` is its own name on AWS if it brings
    one. `given` are start values; `offered` are those nobody gave, for a pipeline that has such a parameter. The
    defaults of the parameters `measured` are not the pipeline's: they were found out when it was deployed.
    `part` is run alone, on the results of the execution `source`.

    On this machine only: `interruptions` name the steps whose training is interrupted as Spot instances are, each as
    often as it is named; `stand_ins` say by step what is done instead of it; `maps` bring a file or folder to the
    address that a definition names; `expected` are addresses that programs write without saying so. Unless it
    `uses_cache` every step runs; if it `explains`, each step is noted that was looked for in the cache.
    """

    pipeline: str
    graph: Graph
    given: Mapping[str, Any] = field(default_factory=dict)
    offered: Mapping[str, str | int] = field(default_factory=dict)
    measured: frozenset[str] = frozenset()
    assets: Sequence[Asset] = ()
    deployed_name: str = ""
    words: str = ""
    part: Slice = field(default_factory=Slice)
    source: str = ""
    interruptions: tuple[str, ...] = ()
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    maps: Mapping[str, str] = field(default_factory=dict)
    expected: tuple[str, ...] = ()
    uses_cache: bool = True
    explains: bool = False

    def values(self, graph: Graph) -> dict[str, Any]:
        """What to start `graph` with: what is given, and what is offered and has a place in it."""
        fitting = {name: value for name, value in self.offered.items() if name in graph.parameters}
        return {**fitting, **self.given}

    def is_of(self, graph: Graph) -> bool:
        """Whether `graph` is the pipeline as it is known here."""
        return self._compared(graph) == self._compared(self.graph)

    def _compared(self, graph: Graph) -> dict[str, Any]:
        definition = dict(graph.definition)
        if self.measured:
            definition["Parameters"] = [
                {**one, "DefaultValue": None} if isinstance(one, dict) and one.get("Name") in self.measured else one
                for one in definition.get("Parameters") or ()
            ]
        return definition


class Log(Protocol):
    """What one host of a job printed."""

    @property
    def host(self) -> str: ...
    @property
    def address(self) -> str:
        """The file it is in, or its log group and stream."""

    def lines(self, tail: int | None = None, *, over: bool = True) -> Iterator[str]:
        """The lines since it was last asked; the first time all of them, or the last `tail`.

        A last line without an end counts if the log is `over`. Raises AWSError, StorageError.
        """


class Engine(Protocol):
    """A place that runs pipelines. EXECUTION is an id or the beginning of one; the newest execution if it is empty."""

    def run(self, start: Start, observer: Observer) -> Execution:
        """Start it and follow it to its end; or, where it goes on by itself, until Ctrl-C.

        Raises UsageError, ParameterError and DefinitionError before anything has started.
        """

    def start(self, start: Start, observer: Observer) -> Execution:
        """Start it and leave it. Raises UsageError where nothing goes on by itself."""

    def resume(self, execution: str, observer: Observer, current: Start | None = None) -> Execution:
        """Let an execution that failed or was stopped go on, and follow it as `run` does; on this machine also with the
        pipeline as it is now, `current`. Raises UsageError."""

    def describe(self, execution: str = "") -> Execution:
        """An execution with its steps. Raises UsageError if it is not there or its name means several."""

    def complete(self, execution: Execution) -> None:
        """Add to the steps, as `output`, what the service knows of their jobs, as far as it can be had."""

    def explain(self, execution: Execution) -> str:
        """Add to the steps that ask for the cache, as `Cache`, whether their results were taken from there, and why.

        What to say instead where there is none.
        """

    def watch(self, execution: Execution, observer: Observer) -> Iterator[Execution]:
        """How it is now, and again and again until it has ended. What keeps it from being seen is noted."""

    def history(self, pipeline: str = "", limit: int | None = None) -> list[Execution]:
        """The newest executions, newest first, without their steps. Raises UsageError for an unknown pipeline."""

    def stop(self, execution: str) -> Execution:
        """Stop it and wait until it has. Raises UsageError if it is over, ExecutionError if it takes too long."""

    def graph(self, execution: Execution) -> Graph:
        """The definition that it runs."""

    def logs(self, step: StepRun) -> Sequence[Log]:
        """The log of each host of a step's job; empty for a step without one, or without any yet."""

    def read(self, uri: str) -> str:
        """The text of a small object. Raises StorageError, AWSError."""

    def place(self, uri: str) -> str:
        """Where a person finds what is at an address; empty if it is not there."""

    def close(self) -> None:
        """Let go of what is open."""
