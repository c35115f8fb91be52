"""The steps that are jobs, here as at the service: processing and training.

What comes in: a step whose arguments can be resolved, and the bench. What goes out: how it ended; and, for the check
before a run, its jobs as far as they are known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from dagwright.definition.expression import evaluate
from dagwright.definition.graph import Step
from dagwright.engines.execution import FAILED, STOPPED, SUCCEEDED
from dagwright.engines.local.algorithms import blames_customer
from dagwright.engines.local.bench import Bench, StepResult
from dagwright.engines.local.disk_space import full_disk
from dagwright.engines.local.environments import Environment
from dagwright.engines.local.interruption import Interruption
from dagwright.engines.local.job import NOT_STARTED, Host, Job, JobEnding
from dagwright.engines.local.job_run import JobRun
from dagwright.engines.local.limits import refused_memory
from dagwright.engines.local.log_file import last_lines
from dagwright.engines.local.metrics import Metrics, final_metrics, metric_expressions
from dagwright.engines.local.phases import Phases
from dagwright.engines.local.processing import exit_message, processing_job, processing_response
from dagwright.engines.local.scope import RunScope
from dagwright.engines.local.script_mode import MODEL
from dagwright.engines.local.stand_ins import in_place_of
from dagwright.engines.local.training import (
    failure_text,
    publish_artifacts,
    training_job,
    training_response,
    wrote_model,
)

# How S3's clients say that nothing is there: HEAD, by which boto3 begins a download, has no words of the server's.
_NOT_FOUND = re.compile(r"\(404\)|\bNoSuch(Key|Bucket)\b")


def processing_jobs(step: Step, arguments: Mapping[str, Any], scope: RunScope, bench: Bench) -> list[Job]:
    """The job of a processing step as far as it is known. Raises ExecutionError for what it will not be able to do."""
    return [processing_job("check", "check", arguments)]


def training_jobs(step: Step, arguments: Mapping[str, Any], scope: RunScope, bench: Bench) -> list[Job]:
    """The same of a training step."""
    metric_expressions(arguments)
    return [training_job("check", "check", arguments)]


def run_processing(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Raises ExecutionError before anything of the job exists."""
    request = evaluate(step.arguments, scope)
    arn = bench.account.arn(f"processing-job/{scope.job}")
    job = processing_job(scope.job, arn, request, bench.interface(request))
    job = in_place_of(job, step, request, bench.stand_ins)
    run, times = prepared(step, job, bench)
    message = ""

    def finish(ending: JobEnding) -> JobEnding:
        nonlocal message
        message = own_words(ending, run, exit_message)
        times["ended"] = bench.now()
        return explained(ending, run, message)

    ending = run.run(finish)
    response = processing_response(scope.job, arn, request, ending, message, times)
    return result_after(ending, {"ProcessingJob": {"Arn": arn}}, response)


def run_training(step: Step, scope: RunScope, bench: Bench) -> StepResult:
    """Raises ExecutionError before anything of the job exists."""
    return train(step, scope.job, evaluate(step.arguments, scope), bench)


def train(
    step: Step,
    name: str,
    request: Mapping[str, Any],
    bench: Bench,
    metrics_given_up: Callable[[], bool] | None = None,
) -> StepResult:
    """Run one training job of a step, which may have several; `metrics_given_up` is asked while its metrics are read,
    else whether the job was stopped. Raises ExecutionError before anything of the job exists."""
    arn = bench.account.arn(f"training-job/{name}")
    job = training_job(name, arn, request, bench.interface(request))
    job = in_place_of(job, step, request, bench.stand_ins)
    interruption, phases = bench.interruptions.of(step.name), Phases(bench.now)
    run, times = prepared(step, job, bench, interruption, phases.enter)
    model = ""
    metrics = Metrics()
    notes: list[str] = []

    def finish(ending: JobEnding) -> JobEnding:
        nonlocal model, metrics
        times["ended"] = bench.now()
        given_up = metrics_given_up or run.is_stopping
        metrics = final_metrics(request, [host.log for host in run.hosts], times["ended"], given_up)
        if ending.outcome == "Failed":
            return explained(ending, run, own_words(ending, run, failure_text))
        if wrote_model(run.hosts) or ending.outcome == "Completed":  # what was saved before the end is not lost
            model = publish_artifacts(name, request, run.hosts, run.result)
        if ending.outcome == "Completed" and not wrote_model(run.hosts):
            notes.append(f"wrote nothing to {MODEL}")
        return ending

    ending = run.run(finish)
    model = "" if ending.outcome == "Failed" else model  # it did not get into the store
    response = training_response(name, arn, request, ending, model, metrics.found, times, phases)
    notes += interruption.notes() if interruption else []
    return result_after(ending, {"TrainingJob": {"Arn": arn}}, response, (*metrics.notes, *notes))


def prepared(
    step: Step,
    job: Job,
    bench: Bench,
    interruption: Interruption | None = None,
    entered: Callable[[str], None] = lambda phase: None,
) -> tuple[JobRun, dict[str, str]]:
    """The run of a step's job, and its times. Raises ConfigurationError, ExecutionError."""
    environment: Environment = bench.environments.of(job.image)
    limit = bench.limits.of(step.name)
    run = JobRun(bench.environments.with_program(job), environment, bench.workshop, interruption, entered, limit)
    bench.watch(step.name, run)
    return run, dict.fromkeys(("created", "started", "ended"), bench.now())


def own_words(ending: JobEnding, run: JobRun, read: Callable[[Host], str]) -> str:
    """What the job has left to be said: by the host that failed, else by the first that left anything."""
    hosts = sorted(run.hosts, key=lambda host: ending.outcome != "Failed" or host.name != ending.host)
    return next((text for text in map(read, hosts) if text), "")


def explained(ending: JobEnding, run: JobRun, own: str) -> JobEnding:
    """A failure in SageMaker's form: the algorithm's with its own words or the last line of its log, or ours."""
    if ending.outcome != "Failed":
        return ending
    where = f" on {ending.host}" if len(run.hosts) > 1 else ""
    if ending.reason.startswith(NOT_STARTED):
        return replace(ending, reason=f"InternalServerError: {ending.reason}{where}")
    if not ending.exit_code or ending.out_of_memory:  # SageMaker's word for data that fail it, or are too many for it
        return replace(ending, reason=f"ClientError: {ending.reason}{where}")
    failed = next((host for host in run.hosts if host.name == ending.host), run.hosts[0])
    words = own or "".join(last_lines(failed.log))
    kind = "" if blames_customer(run.job, own) else "AlgorithmError: "
    reason = f"{kind}{words}, {ending.reason}{where}" if words else f"{kind}{ending.reason}{where}"
    from dagwright.engines.local.version_gap import version_gap

    refusal = refused_memory(words, run.used, run.limit)
    causes = (version_gap(failed, run.environment), missing_object(reason, run), refusal, full_disk(failed.folder))
    return replace(ending, reason="; ".join([reason, *filter(None, causes)]))


def missing_object(reason: str, run: JobRun) -> str:
    """`s3://their-bucket/raw is not in the local store: …`, if what S3 did not have is why a job fails, or may be."""
    uri = run.missed_address if _NOT_FOUND.search(reason) else ""
    return f"{uri} is not in the local store: --map {uri}=PATH brings it" if uri else ""


def result_after(
    ending: JobEnding, metadata: Mapping[str, Any], response: Mapping[str, Any], notes: tuple[str, ...] = ()
) -> StepResult:
    """The result of a step whose job has ended so; `response` is the Describe response."""
    status = {"Completed": SUCCEEDED, "Stopped": STOPPED}.get(ending.outcome, FAILED)
    empty = [f"wrote nothing to {uri}" for uri in ending.empty_outputs]
    said = (*notes, *ending.notes, *empty)
    used = {"Used": ending.used.as_json()} if ending.used else {}
    return StepResult(status, "" if status == SUCCEEDED else ending.reason, {**metadata, **used}, response, said)
