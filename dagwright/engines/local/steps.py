"""One function per step type: a step's arguments in, its result out.

`RUNNERS` is the table of what a local run can do; `check` refuses everything else before a run starts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from dagwright.definition.conditions import evaluate_conditions
from dagwright.definition.expression import evaluate, render
from dagwright.definition.graph import Step
from dagwright.engines.execution import FAILED, STOPPED, SUCCEEDED
from dagwright.engines.local.environments import Environment, Images
from dagwright.engines.local.interruption import Interruption, Interruptions
from dagwright.engines.local.job import LOOPBACK, NOT_STARTED, OF_A_CONTAINER, Host, Job, JobEnding
from dagwright.engines.local.job_run import JobRun, Workshop, in_one_line
from dagwright.engines.local.lambdas import declared_outputs, lambda_job, lambda_outputs, read_result
from dagwright.engines.local.log_file import last_lines
from dagwright.engines.local.metrics import Metrics, final_metrics
from dagwright.engines.local.phases import Phases
from dagwright.engines.local.processing import exit_message, processing_job, processing_response
from dagwright.engines.local.registry import Registry
from dagwright.engines.local.request import member
from dagwright.engines.local.scope import Account, RunScope
from dagwright.engines.local.script_mode import MODEL
from dagwright.engines.local.training import (
    failure_text,
    publish_artifacts,
    training_job,
    training_response,
    wrote_model,
)
from dagwright.errors import DagwrightError


@dataclass(frozen=True)
class StepResult:
    """How a step ended: `output` is the Describe response that later steps read; `notes` are worth a line each.

    `answer` is what a Lambda function returned, whatever of it the step declares.
    """

    status: str
    failure_reason: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    answer: Any = None


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
    project: Path
    now: Callable[[], str]
    watch: Callable[[str, Stoppable], None]
    """Told of each job when it exists, so that it can be stopped."""
    interruptions: Interruptions

    def interface(self, request: Mapping[str, Any]) -> str:
        """The network interface of a job: a container has one of its own, unless it is isolated."""
        isolated = any(
            member(request, f"{place}EnableNetworkIsolation", bool, False) for place in ("", "NetworkConfig.")
        )
        return OF_A_CONTAINER if self.workshop.containers and not isolated else LOOPBACK


def run_processing(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Raises ExecutionError before anything of the job exists."""
    request = evaluate(step.arguments, scope)
    arn = bench.account.arn(f"processing-job/{scope.job}")
    job = processing_job(scope.job, arn, request, bench.interface(request))
    run, times = _prepare(step, job, bench)
    message = ""

    def finish(ending: JobEnding) -> JobEnding:
        nonlocal message
        message = _own_words(ending, run, exit_message)
        times["ended"] = bench.now()
        return _explained(ending, run, message)

    ending = run.run(finish)
    response = processing_response(scope.job, arn, request, ending, message, times)
    return _result(ending, {"ProcessingJob": {"Arn": arn}}, response)


def run_training(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Raises ExecutionError before anything of the job exists."""
    request = evaluate(step.arguments, scope)
    arn = bench.account.arn(f"training-job/{scope.job}")
    job = training_job(scope.job, arn, request, bench.interface(request))
    interruption, phases = bench.interruptions.of(step.name), Phases(bench.now)
    run, times = _prepare(step, job, bench, interruption, phases.enter)
    model = ""
    metrics = Metrics()
    notes: list[str] = []

    def finish(ending: JobEnding) -> JobEnding:
        nonlocal model, metrics
        times["ended"] = bench.now()
        metrics = final_metrics(request, [host.log for host in run.hosts], times["ended"], run.is_stopping)
        if ending.outcome == "Failed":
            return _explained(ending, run, _own_words(ending, run, failure_text))
        if wrote_model(run.hosts) or ending.outcome == "Completed":  # what was saved before the end is not lost
            model = publish_artifacts(scope.job, request, run.hosts, bench.workshop.store)
        if ending.outcome == "Completed" and not wrote_model(run.hosts):
            notes.append(f"wrote nothing to {MODEL}")
        return ending

    ending = run.run(finish)
    response = training_response(scope.job, arn, request, ending, model, metrics.found, times, phases)
    notes += interruption.notes() if interruption else []
    return _result(ending, {"TrainingJob": {"Arn": arn}}, response, (*metrics.notes, *notes))


def _prepare(
    step: Step,
    job: Job,
    bench: Bench,
    interruption: Interruption | None = None,
    entered: Callable[[str], None] = lambda phase: None,
) -> tuple[JobRun, dict[str, str]]:
    environment: Environment = bench.environments.of(job.image)
    run = JobRun(bench.environments.with_program(job), environment, bench.workshop, interruption, entered)
    bench.watch(step.name, run)
    return run, dict.fromkeys(("created", "started", "ended"), bench.now())


def _own_words(ending: JobEnding, run: JobRun, read: Callable[[Host], str]) -> str:
    """What the job has left to be said: by the host that failed, else by the first that left anything."""
    hosts = sorted(run.hosts, key=lambda host: ending.outcome != "Failed" or host.name != ending.host)
    return next((text for text in map(read, hosts) if text), "")


def _explained(ending: JobEnding, run: JobRun, own_words: str) -> JobEnding:
    """A failure in SageMaker's form: the algorithm's with its own words or the last line of its log, or ours."""
    if ending.outcome != "Failed":
        return ending
    where = f" on {ending.host}" if len(run.hosts) > 1 else ""
    if ending.reason.startswith(NOT_STARTED):
        return replace(ending, reason=f"InternalServerError: {ending.reason}{where}")
    if not ending.exit_code:
        return replace(ending, reason=f"ClientError: {ending.reason}{where}")  # SageMaker's word for data that fail it
    failed = next((host for host in run.hosts if host.name == ending.host), run.hosts[0])
    words = own_words or "".join(last_lines(failed.log))
    reason = f"AlgorithmError: {words}, {ending.reason}{where}" if words else f"AlgorithmError: {ending.reason}{where}"
    from dagwright.engines.local.version_gap import version_gap

    gap = version_gap(failed, run.environment)
    return replace(ending, reason=f"{reason}; {gap}" if gap else reason)


def _result(
    ending: JobEnding, metadata: Mapping[str, Any], response: Mapping[str, Any], notes: tuple[str, ...] = ()
) -> StepResult:
    status = {"Completed": SUCCEEDED, "Stopped": STOPPED}.get(ending.outcome, FAILED)
    empty = [f"wrote nothing to {uri}" for uri in ending.empty_outputs]
    said = (*notes, *ending.notes, *empty)
    return StepResult(status, "" if status == SUCCEEDED else ending.reason, metadata, response, said)


def run_lambda(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Raises ExecutionError if no handler stands for the function, or its answer is of no use."""
    event = evaluate(step.arguments, scope)
    function = render(evaluate(step.envelope.get("FunctionArn", ""), scope))
    job = lambda_job(scope.job, function, event, bench.lambdas, bench.project)
    declared = declared_outputs(step.envelope)
    run, _ = _prepare(step, job, bench)
    answer: Any = None

    def finish(ending: JobEnding) -> JobEnding:
        nonlocal answer
        answer, failure = read_result(run.hosts[0]) if ending.outcome == "Completed" else (None, "")
        if failure:
            return JobEnding("Failed", failure, 1, run.hosts[0].name)
        return _explained(ending, run, "")

    ending = run.run(finish)
    if ending.outcome != "Completed":
        return _result(ending, {"Lambda": {"Arn": function}}, {})
    outputs = lambda_outputs(answer, declared)
    listed = [{"Name": name, "Value": render(value)} for name, value in outputs.items()]
    metadata = {"Lambda": {"Arn": function, "OutputParameters": listed}}
    return StepResult(SUCCEEDED, "", metadata, {"OutputParameters": outputs}, answer=answer)


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


Runner = Callable[[Step, RunScope, Bench], StepResult]
RUNNERS: Mapping[str, Runner] = {
    "Processing": run_processing,
    "Training": run_training,
    "Lambda": run_lambda,
    "Condition": run_condition,
    "Fail": run_fail,
    "Model": run_model,
    "RegisterModel": run_register_model,
}


def result_of(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """How a step ends, run as its type says; what keeps it from being run is its failure."""
    try:
        return RUNNERS[step.type](step, scope, bench)
    except DagwrightError as error:
        return StepResult(FAILED, in_one_line(error))


JOBS = {"Processing", "Training", "Lambda"}
"""The types that start a process and take their time; the others are done at once."""


def metrics_of(result: StepResult) -> list[tuple[str, float]]:
    """The final metrics of a training step's result."""
    return [(item["MetricName"], item["Value"]) for item in member(result.output, "FinalMetricDataList", list, [])]
