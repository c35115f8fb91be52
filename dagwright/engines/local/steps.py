"""What each type of step does here: its arguments in, its result out.

`KINDS` is the table of what a local run can do; `check` refuses everything else before a run starts, unless something
stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from dagwright.definition.conditions import evaluate_conditions
from dagwright.definition.expression import evaluate, render
from dagwright.definition.graph import Step
from dagwright.engines.execution import FAILED, SUCCEEDED
from dagwright.engines.local.bench import Bench, StepResult
from dagwright.engines.local.job import Job
from dagwright.engines.local.job_run import in_one_line
from dagwright.engines.local.job_steps import (
    processing_jobs,
    run_processing,
    run_training,
    training_jobs,
)
from dagwright.engines.local.request import member
from dagwright.engines.local.scope import RunScope
from dagwright.engines.local.store import Stamp
from dagwright.errors import DagwrightError


def run_condition(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Raises EvaluationError if a side of a condition has no value."""
    outcome = evaluate_conditions(step.conditions, scope)
    return StepResult(SUCCEEDED, "", {"Condition": {"Outcome": str(outcome)}}, {"Outcome": outcome})


def run_fail(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Always a failure: its resolved message is the reason."""
    message = evaluate(step.arguments.get("ErrorMessage", ""), scope)
    text = message if isinstance(message, str) else render(message)
    return StepResult(FAILED, text, {"Fail": {"ErrorMessage": text}})


def run_model(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Raises ExecutionError if the model's data do not exist."""
    response = bench.registry.create_model(step.name, scope, evaluate(step.arguments, scope))
    return StepResult(SUCCEEDED, "", {"Model": {"Arn": response["ModelArn"]}}, response)


def run_register_model(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Raises ExecutionError if the model's data do not exist."""
    response = bench.registry.create_model_package(step.name, scope, evaluate(step.arguments, scope))
    return StepResult(SUCCEEDED, "", {"RegisterModel": {"Arn": response["ModelPackageArn"]}}, response)


@dataclass(frozen=True)
class Kind:
    """What a type of step does: `run` gives its result, and may raise DagwrightError.

    `jobs` gives the jobs that it is going to start, as far as they are known before the run, for the check; it raises
    DagwrightError for what they will not be able to do. A kind without any is done at once.
    """

    run: Callable[[Step, RunScope, Bench], StepResult]
    jobs: Callable[[Step, Mapping[str, Any], RunScope, Bench], list[Job]] | None = None


@dataclass(frozen=True)
class Later:
    """A function whose module is imported when a step needs it: most runs need none of them, and start sooner."""

    module: str
    name: str

    def function(self) -> Callable[..., Any]:
        """Raises AttributeError if the module has none of that name."""
        found: Callable[..., Any] = getattr(import_module(f"dagwright.engines.local.{self.module}"), self.name)
        return found

    def __call__(self, *given: Any) -> Any:
        return self.function()(*given)


KINDS: Mapping[str, Kind] = {
    "Processing": Kind(run_processing, processing_jobs),
    "Training": Kind(run_training, training_jobs),
    "Tuning": Kind(Later("tuning_steps", "run_tuning"), Later("tuning_steps", "tuning_jobs")),
    "Transform": Kind(Later("transform_steps", "run_transform"), Later("transform_steps", "transform_jobs")),
    "Lambda": Kind(Later("answered_steps", "run_lambda"), Later("answered_steps", "lambda_jobs")),
    "Callback": Kind(Later("answered_steps", "run_callback"), Later("answered_steps", "callback_jobs")),
    "Condition": Kind(run_condition),
    "Fail": Kind(run_fail),
    "Model": Kind(run_model),
    "RegisterModel": Kind(run_register_model),
    "QualityCheck": Kind(Later("drift_checks", "run_check"), Later("drift_checks", "check_jobs")),
    "ClarifyCheck": Kind(Later("drift_checks", "run_check"), Later("drift_checks", "check_jobs")),
    "EndpointConfig": Kind(Later("recorded_steps", "run_endpoint_config")),
    "Lineage": Kind(Later("recorded_steps", "run_lineage")),
}


def result_of(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """How a step ends, run as its type says or as what stands in for it does; what keeps it from being run is its
    failure."""
    written: dict[str, Stamp] = {}
    try:
        result = bench.failures.instead(step, scope) or _result(step, scope, bench.telling(written.__setitem__))
    except DagwrightError as error:
        result = StepResult(FAILED, in_one_line(error))
    return replace(result, written=written)


def _result(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    stand_in = bench.stand_ins.get(step.name)
    if stand_in is None:
        return KINDS[step.type].run(step, scope, bench)
    from dagwright.engines.local.stand_in_steps import run_stand_in

    result = (
        run_stand_in(step, stand_in, scope, bench)
        if stand_in.gives_result
        else KINDS[step.type].run(step, scope, bench)
    )
    return replace(result, metadata={**result.metadata, "StandIn": {"Source": stand_in.place}})


def starts_job(step: Step, bench: Bench) -> bool:
    """Whether a step starts a process and takes its time; others are done at once."""
    stand_in = bench.stand_ins.get(step.name)
    if stand_in is None or not stand_in.gives_result:
        return has_job(step)
    return stand_in.function is not None


def has_job(step: Step) -> bool:
    """Whether a step of its type is a job here."""
    return step.type in KINDS and KINDS[step.type].jobs is not None


def metrics_of(result: StepResult) -> list[tuple[str, float]]:
    """The final metrics of a training step's result."""
    return [(item["MetricName"], item["Value"]) for item in member(result.output, "FinalMetricDataList", list, [])]
