"""What both engines on AWS do in the same way: follow, look, list, stop and complete executions, and read their logs.

What comes in: a project's names, and an execution as somebody calls it. What goes out: executions in the service's own
words. An execution runs on AWS whether it is followed or not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, Protocol

from dagwright.definition.graph import Graph
from dagwright.engines.aws.clients import Clients, check_account
from dagwright.engines.aws.finding import Executions, Finder, Names
from dagwright.engines.aws.following import Clock, Watch, follow, last_seen
from dagwright.engines.aws.logs import LogStream, logs_of
from dagwright.engines.aws.made import made_by
from dagwright.engines.aws.objects import Objects
from dagwright.engines.aws.wanted import EngineName
from dagwright.engines.engine import Start
from dagwright.engines.execution import FAILED, STOPPED, STOPPING, Execution, Observer, StepRun
from dagwright.engines.registry import LARGEST_EVALUATION
from dagwright.errors import AWSError, ExecutionError, StorageError, UsageError


class ReadExecutions(Executions, Protocol):
    """The executions of a service, one by one too."""

    def read(self, arn: str, parameters: Mapping[str, Any] | None = None) -> Execution:
        """One execution with its steps, and with its parameters unless they are known already.

        Raises UsageError if there is no such execution.
        """

    def graph(self, arn: str) -> Graph:
        """The pipeline definition that an execution runs."""


class AWSEngine(ABC):
    """Runs the pipelines of one environment of a project. Every call raises AWSError if AWS refuses it."""

    name: ClassVar[EngineName]

    def __init__(
        self, clients: Clients, names: Names, executions: ReadExecutions, clock: Clock | None, words: str = ""
    ) -> None:
        self._clients = clients
        self._names = names
        self._words = words
        self._clock = clock or Clock()
        self._runs = executions
        self._objects = Objects(clients)
        self._finder = Finder(executions, names, self.name, self._command)
        self._account_is_checked = False

    @abstractmethod
    def _start(self, start: Start, observer: Observer) -> tuple[Execution, Graph]:
        """Start what is deployed; the execution, and the definition that it runs."""

    @abstractmethod
    def _go_on(self, before: Execution, observer: Observer) -> tuple[Execution, Graph, str]:
        """Let one that failed or was stopped go on; what goes on, its definition, and when it ended before, if it is
        the same."""

    @abstractmethod
    def _stop(self, execution: Execution) -> None:
        """Tell a running execution to stop."""

    def _check_account(self) -> None:
        """Raises UserError if the credentials are of another account, where other things have the same names."""
        if not self._account_is_checked:
            check_account(self._clients, self._names.account_id, self._names.environment)
            self._account_is_checked = True

    # ---- running ----

    def run(self, start: Start, observer: Observer) -> Execution:
        """Start what is deployed and follow it to its end, or until Ctrl-C: it goes on then.

        Raises UsageError, ParameterError and DefinitionError before anything has started.
        """
        self._check_account()
        execution, graph = self._start(start, observer)
        return self._follow(execution, graph, observer)

    def start(self, start: Start, observer: Observer) -> Execution:
        """Start what is deployed and leave it."""
        self._check_account()
        return self._start(start, observer)[0]

    def resume(self, execution: str, observer: Observer, current: Start | None = None) -> Execution:
        """Let an execution that failed or was stopped go on, and follow it. Raises UsageError for any other."""
        before = self.describe(execution)
        if before.status not in (FAILED, STOPPED):
            what = f"Execution {before.address} is {before.status}"
            raise UsageError(what, hint="Only one that is Failed or Stopped can go on.")
        going_on, graph, ended = self._go_on(before, observer)
        return self._follow(going_on, graph, observer, ended)

    def _follow(self, execution: Execution, graph: Graph, observer: Observer, before: str = "") -> Execution:
        with self._said_to_go_on(execution):
            return follow(execution, self._watch(execution, observer, before), graph, observer)

    @contextmanager
    def _said_to_go_on(self, execution: Execution) -> Iterator[None]:
        """An error inside the block ends the following only, and says so."""
        try:
            yield
        except (AWSError, ExecutionError) as error:
            what = f"{execution.address} goes on, but it could not be followed to its end. {error.message}"
            hint = f"{error.hint} Look again: {self._command(self._look_words(execution))}".strip()
            raise type(error)(what, hint=hint) from error.__cause__

    def _look_words(self, execution: Execution) -> str:
        """The command, without the program's name, that says how it is."""
        return f"status {execution.address}"

    def _watch(self, execution: Execution, observer: Observer, before: str = "") -> Watch:
        def look() -> Execution:
            return self._runs.read(execution.arn, execution.parameters)

        return Watch(look, observer, self._clock, before)

    def _name_of(self, start: Start) -> str:
        """What the pipeline is called there. Raises ConfigurationError for what cannot be a name."""
        return start.deployed_name or self._names.pipeline_name(start.pipeline)

    def _command(self, words: str) -> str:
        """A command that goes on here."""
        return f"deploy.py {words} --env {self._names.environment}{self._words}"

    def _note_difference(self, name: str, deployed: Graph, start: Start, observer: Observer) -> None:
        if not start.is_of(deployed):
            look = self._command(f"plan {start.words}")
            observer.noted(f"{name} runs as it is deployed, which is not as it is here: see {look}")

    def _not_deployed(self, name: str, thing: str, start: Start) -> AWSError:
        what = f"{thing} {name} is not deployed in {self._names.environment} ({self._names.account_id})"
        return AWSError(what, hint=self._command(f"upsert {start.words}"))

    # ---- looking ----

    def describe(self, execution: str = "") -> Execution:
        """An execution with its steps. Raises UsageError if it is not there or its name means several."""
        self._check_account()
        return self._runs.read(self._finder.find(execution))

    def complete(self, execution: Execution) -> None:
        """Add to the steps, as `output`, the Describe responses of what they made, as far as these can be had."""
        for step in execution.steps.values():
            self._described(step)

    def _described(self, step: StepRun) -> Mapping[str, Any] | None:
        """The Describe response of what a step made; None if it cannot be had."""
        made = made_by(step.metadata)
        if made and step.output is None:
            with suppress(AWSError):  # it may be deleted, or not be this person's to see
                step.output = made.describe(self._clients)
        return step.output

    @abstractmethod
    def explain(self, execution: Execution) -> str:
        """Add to the steps why their results were taken from a cache or not; what to say where there is none."""

    def watch(self, execution: Execution, observer: Observer) -> Iterator[Execution]:
        """How it is now, and again and again until it has ended. What keeps it from being seen is noted."""
        yield from self._watch(execution, observer)

    def history(self, pipeline: str = "", limit: int | None = None) -> list[Execution]:
        """The newest executions, newest first, without their steps. Raises UsageError for an unknown pipeline."""
        self._check_account()
        return self._finder.newest(pipeline, limit)

    def graph(self, execution: Execution) -> Graph:
        """The definition that it runs."""
        return self._runs.graph(execution.arn)

    def logs(self, step: StepRun) -> list[LogStream]:
        """The log of each host of a step's job; empty for a step without one, or without any yet."""
        made = made_by(step.metadata)
        return logs_of(self._clients, made) if made else []

    def read(self, uri: str) -> str:
        """The text of a small object. Raises StorageError, AWSError."""
        try:
            return self._objects.read(uri, LARGEST_EVALUATION).decode()
        except UnicodeDecodeError as error:
            raise StorageError(f"{uri} is not UTF-8 text: {error}") from error

    def place(self, uri: str) -> str:
        """The address itself."""
        return uri

    # ---- stopping ----

    def stop(self, execution: str, timeout_seconds: float = 300.0) -> Execution:
        """Stop a running execution and wait until it has. Raises UsageError if it is not running, ExecutionError."""
        self._check_account()
        arn = self._finder.find(execution)
        found = self._glance(arn)
        parameters = found.parameters
        if found.ended:
            raise UsageError(f"Execution {found.address} is not running: it is {found.status}")
        if found.status != STOPPING:
            self._stop(found)
        found = last_seen(lambda: self._glance(arn, parameters), self._clock, timeout_seconds)
        if not found.ended:
            what = f"Execution {found.address} is told to stop, and has not yet after {timeout_seconds:g} s"
            raise ExecutionError(what, hint=self._what_holds(found))
        return found

    def _glance(self, arn: str, parameters: Mapping[str, Any] | None = None) -> Execution:
        """How an execution is, with as much of its steps as stopping it takes."""
        return self._runs.read(arn, parameters)

    def _what_holds(self, execution: Execution) -> str:
        """What keeps an execution from ending that is told to stop."""
        return "It goes on stopping by itself."

    def close(self) -> None:  # noqa: B027 - there is nothing to let go of
        """Nothing is open."""
