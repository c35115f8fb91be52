"""What the expressions of a definition mean in a local run.

What comes in: the run's parameters and what its steps have given so far. What goes out: the `Scope` that
`definition.expression.evaluate` asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dagwright.definition.expression import (
    JSON_GET,
    Computation,
    Reference,
    compute,
    evaluate,
    is_expression,
    references,
    unrolled,
)
from dagwright.definition.graph import Graph
from dagwright.definition.path import NAMED_LISTS, follow
from dagwright.engines.local.store import Store
from dagwright.errors import EvaluationError, StorageError, did_you_mean

UNKNOWN = "1"
"""Stands for what only a step of the run can give, while a definition is checked: right as a text and as a number."""


@dataclass(frozen=True)
class Account:
    """Whose names the run uses: nothing of it is reached."""

    region: str = "us-east-1"
    account_id: str = "000000000000"
    partition: str = "aws"

    def arn(self, resource: str) -> str:
        """`processing-job/x` as the service writes it."""
        return f"arn:{self.partition}:sagemaker:{self.region}:{self.account_id}:{resource}"


@dataclass(frozen=True)
class RunScope:
    """The scope of one run; `for_job` adds the name of the job whose request is being made."""

    graph: Graph
    store: Store
    account: Account
    execution_id: str
    pipeline: str
    started: str
    now: Callable[[], str]
    parameters: Mapping[str, Any]
    outputs: Mapping[str, Mapping[str, Any]]
    job: str = ""

    def for_job(self, name: str) -> RunScope:
        return replace(self, job=name)

    def parameter(self, name: str) -> Any:
        return self.parameters[name]

    def execution(self, variable: str) -> Any:
        arn = self.account.arn(f"pipeline/{self.pipeline.lower()}")
        values = {
            "StartDateTime": self.started,
            "CurrentDateTime": self.now(),
            "PipelineName": self.pipeline,
            "PipelineArn": arn,
            "PipelineExecutionId": self.execution_id,
            "PipelineExecutionArn": f"{arn}/execution/{self.execution_id}",
        }
        if self.job:
            values |= {"TrainingJobName": self.job, "ProcessingJobName": self.job}
        if variable not in values:
            raise EvaluationError(f"Execution.{variable} has no value here", hint=did_you_mean(variable, values))
        return values[variable]

    def experiment(self, variable: str) -> Any:
        config = self.graph.definition.get("PipelineExperimentConfig") or {}
        if variable not in config:
            raise EvaluationError(f"PipelineExperimentConfig.{variable} has no value: the definition sets none")
        return evaluate(config[variable], self)

    def step(self, name: str) -> Mapping[str, Any]:
        if name not in self.outputs:
            raise EvaluationError(f"step '{name}' has given nothing yet")
        return self.outputs[name]

    def property_file(self, step: str, name: str) -> tuple[str, str]:
        return self.graph.steps[step].property_files[name]

    def read_text(self, s3_uri: str) -> str:
        try:
            return self.store.read_text(s3_uri)
        except StorageError as error:
            raise EvaluationError(error.message, hint=error.hint) from error


def evaluate_known(value: Any, scope: RunScope) -> Any:
    """`evaluate` before the run: what waits for a step is `UNKNOWN`, unless the scope has its result already."""
    return unrolled(_known(value, scope))


def _known(value: Any, scope: RunScope) -> Computation:
    if is_expression(value):
        if _reads_object(value) or not all(_is_known(reference, scope) for reference in references(value)):
            return UNKNOWN
        return (yield compute(value, scope))
    if isinstance(value, dict):
        members = {}
        for key, item in value.items():
            members[key] = yield _known(item, scope)
        return members
    if isinstance(value, list):
        items = []
        for item in value:
            items.append((yield _known(item, scope)))
        return items
    return value


def _reads_object(value: Any) -> bool:
    """Whether an expression reads an object, which may be written or replaced until then."""
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, dict) and JSON_GET in here:
            return True
        waiting.extend(here.values() if isinstance(here, dict) else here if isinstance(here, list) else ())
    return False


def _is_known(reference: Reference, scope: RunScope) -> bool:
    if reference.root != "Steps":
        return reference.root in ("Parameters", "Execution")
    if reference.property_file is not None or reference.name not in scope.outputs:
        return False
    try:
        return bool(follow(scope.step(reference.name), reference.path, reference.text, NAMED_LISTS) != UNKNOWN)
    except EvaluationError:
        return False
