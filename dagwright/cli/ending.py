"""The last lines of a run: what came out and where it is; for a failure what failed, why, and where to look."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterator
from typing import Any

from dagwright.cli.engines import command
from dagwright.cli.text import columns, duration, seconds_between, shown
from dagwright.cli.trials import best_model, trials
from dagwright.engines.engine import Engine
from dagwright.engines.execution import FAILED, STOPPED, SUCCEEDED, Execution, StepRun
from dagwright.engines.registry import read_evaluation
from dagwright.errors import DagwrightError

_LOG_LINES = 10
_NUMBERS_SHOWN = 20


def ending(engine: Engine, execution: Execution, arguments: Namespace) -> str:
    """The summary of an execution that is over."""
    taken = duration(seconds_between(execution.started, execution.ended))
    lines = [f"{execution.status} after {taken}"]
    failed = execution.failed_steps
    for step in failed:
        lines += failure(engine, step)
    if execution.failure_reason and not failed:
        lines.append(f"  reason  {shown(execution.failure_reason)}")
    made = what_came_out(engine, execution)
    if made:
        lines.append(made)
    failed_job = next((step.name for step in failed if step.job), "")
    logs = f"logs {execution.address}{f' --step {failed_job}' if failed_job else ''}"
    look = [command(arguments, f"status {execution.address}"), command(arguments, logs)]
    lines.append(f"  look further: {'   '.join(look)}")
    again = resuming(execution, arguments)
    if again:
        lines.append(f"  go on:        {again}")
    if again and not execution.arn and any(step.failure_reason.startswith("AlgorithmError") for step in failed):
        lines.append(f"  when mended:  {again} --with-current-code")
    if execution.status == STOPPED:
        lines.insert(1, "  the jobs that were running have been ended; what had finished is kept")
    return "\n".join(lines)


def resuming(execution: Execution, arguments: Namespace) -> str:
    """The command that lets an execution go on; empty if it need not, or would end in the same way: one job alone goes
    on from nothing, and a Fail step fails again."""
    failed = execution.failed_steps
    is_meant = bool(failed) and all(step.type == "Fail" for step in failed)
    if execution.status not in (FAILED, STOPPED) or is_meant or "/" in execution.pipeline:
        return ""
    return command(arguments, f"run --resume {execution.address}")


def what_came_out(engine: Engine, execution: Execution) -> str:
    """Metrics, models and outputs of an execution, a line each; empty if there are none, or they are not known."""
    rows = [*_metrics(execution), *_evaluations(engine, execution), *_models(execution), *_outputs(engine, execution)]
    rows = [row for step in execution.steps.values() for row in trials(step)] + rows
    return columns(rows, indent="  ")


def failure(engine: Engine, step: StepRun) -> Iterator[str]:
    """Why a step failed, and the last lines of its job's logs."""
    yield f"  step    {step.name}"
    yield f"  reason  {shown(step.failure_reason) or 'none given'}"
    try:
        logs = engine.logs(step)
        to_blame = [log for log in logs if re.search(rf" on {re.escape(log.host)}(?![\w-])", step.failure_reason)]
        for log in to_blame or logs:
            lines = [*log.lines(_LOG_LINES)]
            if lines:
                yield f"  log     {log.host}, its last lines:"
                yield from (f"    {shown(line)}" for line in lines)
            if log in to_blame:
                yield f"  log     all of {log.host}: {shown(log.address)}"
    except DagwrightError as error:
        yield f"  log     {shown(error.message)}"


def _metrics(execution: Execution) -> Iterator[list[str]]:
    for step in execution.steps.values():
        for metric in (step.output or {}).get("FinalMetricDataList") or []:
            yield ["metric", f"{step.name} {metric['MetricName']}", f"{metric['Value']:g}"]


def _evaluations(engine: Engine, execution: Execution) -> Iterator[list[str]]:
    """The single numbers of evaluation files: `<name>.value`, as in SageMaker's model-quality layout."""
    done = {step.name: dict(_addresses(step.output or {})) for step in _succeeded(execution, "Processing")}
    if not any(done.values()):
        return
    try:
        steps = engine.graph(execution).steps
    except DagwrightError:
        return
    for name, folders in done.items():
        files = steps[name].property_files.values() if name in steps else ()
        for output_name, file_path in files:
            try:
                numbers = read_evaluation(engine.read(f"{folders[output_name]}/{file_path}")).numbers
            except (DagwrightError, KeyError):
                continue  # what reads it has said so already
            for metric, value in numbers[:_NUMBERS_SHOWN]:
                yield ["metric", f"{name} {metric}", f"{value:g}"]
            if len(numbers) > _NUMBERS_SHOWN:
                yield ["metric", f"{name} and {len(numbers) - _NUMBERS_SHOWN} more", f"in {file_path}"]


def _models(execution: Execution) -> Iterator[list[str]]:
    for step in _succeeded(execution, "RegisterModel"):
        if step.output:
            name = f"{step.output.get('ModelPackageGroupName')}/{step.output.get('ModelPackageVersion')}"
            yield ["model", name, str(step.output.get("ModelApprovalStatus"))]


def _outputs(engine: Engine, execution: Execution) -> Iterator[list[str]]:
    """Each output and where a person finds it."""
    for step in execution.steps.values():
        if step.status != SUCCEEDED:
            continue
        for name, uri in _addresses(step.output or {}):
            place = engine.place(uri)
            if place:
                yield ["output", f"{step.name} {name}".strip(), place]


def _addresses(output: Any) -> Iterator[tuple[str, str]]:
    for item in output.get("ProcessingOutputConfig", {}).get("Outputs", []):
        if "S3Output" in item:
            yield item["OutputName"], item["S3Output"]["S3Uri"]
    artifact = output.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if artifact:
        yield "model", artifact
    best = best_model(output)
    if best:
        yield "best model", best
    transformed = output.get("TransformOutput", {}).get("S3OutputPath")
    if transformed:
        yield "", transformed


def _succeeded(execution: Execution, kind: str) -> list[StepRun]:
    return [step for step in execution.steps.values() if step.type == kind and step.status == SUCCEEDED]
