"""The SageMaker engine: starts what is deployed, and follows, stops, resumes and shows what runs there.

What comes in: a project's names, and a pipeline or an execution of it. What goes out: executions in the service's own
words. The execution runs on AWS whether it is followed or not.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from dagwright.definition.expression import render
from dagwright.definition.graph import Graph, examine_definition
from dagwright.definition.parameters import start_values
from dagwright.definition.slices import needs
from dagwright.engines.engine import Start
from dagwright.engines.execution import EXECUTING, FAILED, STOPPED, STOPPING, Execution, Nobody, Observer, StepRun
from dagwright.engines.registry import LARGEST_EVALUATION
from dagwright.engines.sagemaker.clients import Clients, aws_errors, check_account, is_absent
from dagwright.engines.sagemaker.executions import Executions, identity_of
from dagwright.engines.sagemaker.finding import Finder, Names
from dagwright.engines.sagemaker.following import Clock, Watch, follow
from dagwright.engines.sagemaker.jobs import made_by
from dagwright.engines.sagemaker.logs import LogStream, logs_of
from dagwright.engines.sagemaker.objects import Objects
from dagwright.engines.sagemaker.selection import (
    check_source,
    chosen_steps,
    configuration,
    usable_source,
    without_their_condition,
)
from dagwright.engines.times import now
from dagwright.errors import AWSError, ExecutionError, StorageError, UsageError

# A step of these types keeps a stopping execution from ending until it has its answer (API_StopPipelineExecution).
_HOLD_ON = ("Callback", "Lambda")


class SageMakerEngine:
    """Runs the pipelines of one environment of a project. Every call raises AWSError if AWS refuses it."""

    def __init__(self, clients: Clients, names: Names, clock: Clock | None = None) -> None:
        self._clients = clients
        self._names = names
        self._clock = clock or Clock()
        self._executions = Executions(clients)
        self._objects = Objects(clients)
        self._finder = Finder(self._executions, names)
        self._account_is_checked = False

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
        execution, graph = self._start(start, observer)
        return self._follow(execution, graph, observer)

    def start(self, start: Start, observer: Observer) -> Execution:
        """Start what is deployed and leave it."""
        return self._start(start, observer)[0]

    def resume(self, execution: str, observer: Observer) -> Execution:
        """Let an execution that failed or was stopped go on, and follow it. Raises UsageError for any other."""
        before = self.describe(execution)
        if before.status not in (FAILED, STOPPED):
            what = f"Execution {before.address} is {before.status}"
            raise UsageError(what, hint="Only one that is Failed or Stopped can go on.")
        graph = self.graph(before)
        with aws_errors(f"Execution {before.address} cannot go on"):
            self._clients("sagemaker").retry_pipeline_execution(PipelineExecutionArn=before.arn)
        going_on = replace(before, status=EXECUTING, failure_reason="", ended="")
        return self._follow(going_on, graph, observer, before.ended)

    def _start(self, start: Start, observer: Observer) -> tuple[Execution, Graph]:
        self._check_account()
        name = start.deployed_name or self._names.pipeline_name(start.pipeline)
        graph = self._deployed(name, start)
        if graph.definition != start.graph.definition:
            look = f"deploy.py plan {start.words} --env {self._names.environment}"
            observer.noted(f"{name} runs as it is deployed, which is not as it is here: see {look}")
        given = start.values(graph)
        values = start_values(graph, given)
        request = {
            "PipelineName": name,
            "PipelineParameters": [{"Name": key, "Value": render(value)} for key, value in given.items()],
        }
        selected = self._selected(start, name, graph, observer)
        with aws_errors(f"{name} cannot be started"):
            answer = self._clients("sagemaker").start_pipeline_execution(**request, **selected)
        found = identity_of(answer["PipelineExecutionArn"])
        parameters = {key: render(value) for key, value in values.items()}
        return Execution(found.id, found.pipeline, parameters, started=now(), arn=found.arn, more=selected), graph

    def _deployed(self, name: str, start: Start) -> Graph:
        """The pipeline as it is on AWS. Raises AWSError if it is not there."""
        environment = self._names.environment
        try:
            with aws_errors(f"{name} cannot be read"):
                answer = self._clients("sagemaker").describe_pipeline(PipelineName=name)
        except AWSError as error:
            if is_absent(error):
                what = f"Pipeline {name} is not deployed in {environment} ({self._names.account_id})"
                raise AWSError(what, hint=f"deploy.py upsert {start.words} --env {environment}") from error
            raise
        return examine_definition(answer["PipelineDefinition"])[0]

    def _selected(self, start: Start, name: str, graph: Graph, observer: Observer) -> dict[str, Any]:
        """The request's SelectiveExecutionConfig, if only a part shall run."""
        if not start.part:
            return {}
        chosen = chosen_steps(graph, start.part)
        needed = needs(graph, chosen)
        source = None
        if start.source:
            source = self.describe(start.source)
            check_source(source, name)
        elif needed:
            source = usable_source(self._executions.of(name), name, needed)
        if source:
            observer.noted(f"what the other steps gave is taken from execution {source.address}, {source.status}")
        for step in without_their_condition(graph, chosen):
            condition = graph.steps[step].condition
            observer.noted(f"{step} is chosen without its condition {condition}: AWS does not say whether it runs then")
        return {"SelectiveExecutionConfig": configuration(chosen, source)}

    def _follow(self, execution: Execution, graph: Graph, observer: Observer, before: str = "") -> Execution:
        with self._said_to_go_on(execution):
            return follow(execution, self._watch(execution, observer, before), graph, observer)

    @contextmanager
    def _said_to_go_on(self, execution: Execution) -> Iterator[None]:
        """An error inside the block ends the following only, and says so."""
        try:
            yield
        except (AWSError, ExecutionError) as error:
            look = f"deploy.py status {execution.address} --env {self._names.environment}"
            what = f"{execution.address} goes on, but it could not be followed to its end. {error.message}"
            raise type(error)(what, hint=f"{error.hint} Look again: {look}".strip()) from error.__cause__

    def _watch(self, execution: Execution, observer: Observer, before: str = "") -> Watch:
        def look() -> Execution:
            return self._executions.read(execution.arn, execution.parameters)

        return Watch(look, observer, self._clock, before)

    # ---- looking ----

    def describe(self, execution: str = "") -> Execution:
        """An execution with its steps. Raises UsageError if it is not there or its name means several."""
        self._check_account()
        return self._executions.read(self._finder.find(execution))

    def complete(self, execution: Execution) -> None:
        """Add to the steps, as `output`, the Describe responses of what they made, as far as these can be had."""
        for step in execution.steps.values():
            made = made_by(step.metadata)
            if made and step.output is None:
                with suppress(AWSError):  # it may be deleted, or not be this person's to see
                    step.output = made.describe(self._clients)

    def watch(self, execution: Execution, observer: Observer) -> Iterator[Execution]:
        """How it is now, and again and again until it has ended. What keeps it from being seen is noted."""
        yield from self._watch(execution, observer)

    def history(self, pipeline: str = "", limit: int | None = None) -> list[Execution]:
        """The newest executions, newest first, without their steps. Raises UsageError for an unknown pipeline."""
        self._check_account()
        return self._finder.newest(pipeline, limit)

    def graph(self, execution: Execution) -> Graph:
        """The definition that it runs."""
        return examine_definition(self._executions.definition(execution.arn))[0]

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
        found = self.describe(execution)
        if found.ended:
            raise UsageError(f"Execution {found.address} is not running: it is {found.status}")
        if found.status != STOPPING:
            with aws_errors(f"Execution {found.address} cannot be stopped"):
                self._clients("sagemaker").stop_pipeline_execution(PipelineExecutionArn=found.arn)
        deadline = self._clock.now() + timeout_seconds
        for last in self._watch(found, Nobody()):
            found = last
            if self._clock.now() >= deadline:
                break
        if not found.ended:
            what = f"Execution {found.address} is told to stop, and has not yet after {timeout_seconds:g} s"
            raise ExecutionError(what, hint=_what_holds(found))
        return found

    def close(self) -> None:
        """Nothing is open."""


def _what_holds(execution: Execution) -> str:
    holding = [step.name for step in execution.steps.values() if not step.ended and step.type in _HOLD_ON]
    if holding:
        return f"It ends when {', '.join(holding)} has its answer: Callback and Lambda steps cannot be stopped."
    return "It goes on stopping by itself."
