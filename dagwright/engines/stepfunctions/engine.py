"""The Step Functions engine: starts deployed state machines, and lets their executions go on after a failure.

What comes in: a project's names, and a pipeline or an execution of it. What goes out: executions in the words of every
engine. The execution runs on AWS whether it is followed or not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from secrets import token_hex
from typing import Any

from dagwright.definition.expression import render
from dagwright.definition.graph import Graph
from dagwright.definition.parameters import start_values
from dagwright.engines.aws.clients import Clients, aws_errors, is_absent
from dagwright.engines.aws.engine import AWSEngine
from dagwright.engines.aws.following import Clock
from dagwright.engines.caching import NO_CACHE
from dagwright.engines.engine import Start
from dagwright.engines.execution import EXECUTING, Execution, Observer
from dagwright.engines.stepfunctions.events import json_object
from dagwright.engines.stepfunctions.executions import Executions
from dagwright.engines.stepfunctions.input import typed_input
from dagwright.engines.stepfunctions.resumption import Place, Resumption
from dagwright.engines.times import now
from dagwright.errors import AWSError, DagwrightError, UsageError


class StepFunctionsEngine(AWSEngine):
    """Runs the state machines of one environment of a project. Every call raises AWSError if AWS refuses it."""

    name = "stepfunctions"

    def __init__(self, clients: Clients, names: Place, clock: Clock | None = None, words: str = "") -> None:
        self._executions = Executions(clients, names)
        self._resumption = Resumption(clients, self._executions, names)
        super().__init__(clients, names, self._executions, clock, words)

    def explain(self, execution: Execution) -> str:
        """What there is to say instead."""
        return NO_CACHE

    @property
    def _states(self) -> Any:
        return self._clients("stepfunctions")

    def _start(self, start: Start, observer: Observer) -> tuple[Execution, Graph]:
        if start.part:
            what = "A state machine runs as a whole: --from, --to and --only cannot be given"
            raise UsageError(what, hint="Run all of it, or the part with --engine sagemaker.")
        name = self._name_of(start)
        graph = self._deployed(name, start)
        self._note_difference(name, graph, start, observer)
        given = typed_input(graph, start.values(graph))
        execution = self.begin(name, json.dumps(given, ensure_ascii=False))
        execution.parameters = {key: render(value) for key, value in start_values(graph, given).items()}
        return execution, graph

    def begin(self, name: str, text: str, version: str = "") -> Execution:
        """Start a machine, or a version of it, with this input."""
        # botocore's own retries ask for the same name again, which is the same execution
        identity = f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S}-{token_hex(4)}"
        machine = version or self._executions.machine_arn(name)
        with aws_errors(f"{name} cannot be started"):
            answer = self._states.start_execution(stateMachineArn=machine, name=identity, input=text)
        found = self._executions.identity(answer["executionArn"])
        return Execution(found.id, found.pipeline, {}, started=now(), arn=found.arn)

    def _deployed(self, name: str, start: Start) -> Graph:
        """The pipeline that the machine on AWS was made of. Raises AWSError if it is not there."""
        try:
            with aws_errors(f"{name} cannot be read"):
                answer = self._states.describe_state_machine(stateMachineArn=self._executions.machine_arn(name))
        except AWSError as error:
            if is_absent(error):
                raise self._not_deployed(name, "State machine", start) from error
            raise
        return self._executions.graph_of(json_object(answer["definition"]), name)

    def _stop(self, execution: Execution) -> None:
        with aws_errors(f"Execution {execution.address} cannot be stopped"):
            self._states.stop_execution(executionArn=execution.arn, error="Stopped", cause="stopped on request")

    def _glance(self, arn: str, parameters: Mapping[str, Any] | None = None) -> Execution:
        return self._executions.glance(arn)

    def stop(self, execution: str, timeout_seconds: float = 300.0) -> Execution:
        """Stop a running execution and wait until it has; its steps are told to those who may read them.

        Raises UsageError if it is not running, ExecutionError.
        """
        stopped = super().stop(execution, timeout_seconds)
        with suppress(DagwrightError):
            return self._executions.read(stopped.arn)
        return stopped

    # ---- going on ----

    def _go_on(self, before: Execution, observer: Observer) -> tuple[Execution, Graph, str]:
        answer = self._executions.described(self._executions.identity(before.arn))
        # What a step's failure has led to is behind it in the machine: going on from there is failing again.
        if answer.get("redriveStatus") == "REDRIVABLE" and not before.failed_steps:
            graph, _ = self._executions.known_graph(before.arn)
            with aws_errors(f"Execution {before.address} cannot go on"):
                self._states.redrive_execution(executionArn=before.arn)
            return replace(before, status=EXECUTING, failure_reason="", ended=""), graph, before.ended
        name = self._resumption.name(before)
        done, version = self._resumption.prepare(before, self.complete)
        said = ", ".join(done[:5]) + (f" and {len(done) - 5} more" if len(done) > 5 else "")
        observer.noted(f"{name} runs what {before.address} has left; done already: {said or 'nothing'}")
        execution = self.begin(name, answer.get("input") or "{}", version)
        execution.parameters = before.parameters
        return execution, self.graph(before), ""
