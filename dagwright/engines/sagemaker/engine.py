"""The SageMaker engine: starts what is deployed, whole or in part, and lets it go on after a failure.

What comes in: a project's names, and a pipeline or an execution of it. What goes out: executions in the service's own
words. The execution runs on AWS whether it is followed or not.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dagwright.definition.expression import render
from dagwright.definition.graph import Graph, examine_definition
from dagwright.definition.parameters import start_values
from dagwright.definition.slices import needs
from dagwright.engines.aws.clients import Clients, aws_errors, is_absent
from dagwright.engines.aws.engine import AWSEngine
from dagwright.engines.aws.finding import Names
from dagwright.engines.aws.following import Clock
from dagwright.engines.engine import Start
from dagwright.engines.execution import EXECUTING, Execution, Observer
from dagwright.engines.sagemaker.executions import Executions, identity_of
from dagwright.engines.sagemaker.selection import (
    check_source,
    chosen_steps,
    configuration,
    usable_source,
    without_their_condition,
)
from dagwright.engines.times import now
from dagwright.errors import AWSError

# A step of these types keeps a stopping execution from ending until it has its answer (API_StopPipelineExecution).
_HOLD_ON = ("Callback", "Lambda")


class SageMakerEngine(AWSEngine):
    """Runs the pipelines of one environment of a project, at most `max_parallel` of their steps at once if that is
    given, else as many as the pipeline says. Every call raises AWSError if AWS refuses it."""

    name = "sagemaker"

    def __init__(
        self,
        clients: Clients,
        names: Names,
        clock: Clock | None = None,
        words: str = "",
        max_parallel: int | None = None,
    ) -> None:
        super().__init__(clients, names, Executions(clients), clock, words)
        self._at_once: dict[str, Any] = (
            {"ParallelismConfiguration": {"MaxParallelExecutionSteps": max_parallel}} if max_parallel else {}
        )

    def _start(self, start: Start, observer: Observer) -> tuple[Execution, Graph]:
        name = self._name_of(start)
        graph = self._deployed(name, start)
        self._note_difference(name, graph, start, observer)
        given = start.values(graph)
        values = start_values(graph, given)
        request = {
            "PipelineName": name,
            "PipelineParameters": [{"Name": key, "Value": render(value)} for key, value in given.items()],
        }
        selected = self._selected(start, name, graph, observer)
        with aws_errors(f"{name} cannot be started"):
            answer = self._clients("sagemaker").start_pipeline_execution(**request, **selected, **self._at_once)
        found = identity_of(answer["PipelineExecutionArn"])
        parameters = {key: render(value) for key, value in values.items()}
        return Execution(found.id, found.pipeline, parameters, started=now(), arn=found.arn, more=selected), graph

    def _deployed(self, name: str, start: Start) -> Graph:
        """The pipeline as it is on AWS. Raises AWSError if it is not there."""
        try:
            with aws_errors(f"{name} cannot be read"):
                answer = self._clients("sagemaker").describe_pipeline(PipelineName=name)
        except AWSError as error:
            if is_absent(error):
                raise self._not_deployed(name, "Pipeline", start) from error
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
            source = usable_source(self._runs.of(name), name, needed)
        if source:
            observer.noted(f"what the other steps gave is taken from execution {source.address}, {source.status}")
        for step in without_their_condition(graph, chosen):
            condition = graph.steps[step].condition
            observer.noted(f"{step} is chosen without its condition {condition}: AWS does not say whether it runs then")
        return {"SelectiveExecutionConfig": configuration(chosen, source)}

    def _go_on(self, before: Execution, observer: Observer) -> tuple[Execution, Graph, str]:
        graph = self.graph(before)
        with aws_errors(f"Execution {before.address} cannot go on"):
            self._clients("sagemaker").retry_pipeline_execution(PipelineExecutionArn=before.arn, **self._at_once)
        return replace(before, status=EXECUTING, failure_reason="", ended=""), graph, before.ended

    def explain(self, execution: Execution) -> str:
        """Add to the steps why the service took their results from its cache or not, as far as it can be found."""
        from dagwright.engines.sagemaker.cache_reasons import CacheReasons

        others = self._runs.of(execution.pipeline)
        earlier = (other for other in others if other.started < execution.started and other.arn != execution.arn)
        CacheReasons(earlier, lambda one: self._runs.read(one.arn, {}), self._described).add(
            execution, self.graph(execution)
        )
        return ""

    def _stop(self, execution: Execution) -> None:
        with aws_errors(f"Execution {execution.address} cannot be stopped"):
            self._clients("sagemaker").stop_pipeline_execution(PipelineExecutionArn=execution.arn)

    def _what_holds(self, execution: Execution) -> str:
        holding = [step.name for step in execution.steps.values() if not step.ended and step.type in _HOLD_ON]
        if holding:
            return f"It ends when {', '.join(holding)} has its answer: Callback and Lambda steps cannot be stopped."
        return super()._what_holds(execution)
