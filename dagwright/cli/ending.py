"""The last lines of a run: what came out and where it is; for a failure what failed, why, and where to look."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagwright.cli.text import columns, duration, program_name, seconds_between, shown
from dagwright.definition.graph import Graph
from dagwright.engines.execution import STOPPED, SUCCEEDED, Execution, StepRun
from dagwright.errors import StorageError

if TYPE_CHECKING:
    from dagwright.engines.local.engine import LocalEngine

_LOG_LINES = 10
_NUMBERS_SHOWN = 20
_BLOCK, _MOST_READ = 1 << 16, 1 << 20


def ending(engine: LocalEngine, execution: Execution, graph: Graph) -> str:
    """The summary of an execution of `graph` that is over."""
    program = program_name()
    taken = duration(seconds_between(execution.started, execution.ended))
    lines = [f"{execution.status} after {taken}"]
    for step in execution.failed_steps:
        lines += _failure(engine, step)
    made = what_came_out(engine, execution, graph)
    if made:
        lines.append(made)
    look = [f"{program} status {execution.id}", f"{program} logs {execution.id}"]
    failed_job = next((step.name for step in execution.failed_steps if step.job), "")
    if failed_job:
        look[1] += f" --step {failed_job}"
    lines.append(f"  look further: {'   '.join(look)}")
    if execution.status == STOPPED:
        lines.insert(1, "  the jobs that were running have been ended; what had finished is kept")
    return "\n".join(lines)


def what_came_out(engine: LocalEngine, execution: Execution, graph: Graph) -> str:
    """Metrics, models and outputs of an execution, a line each; empty if there are none."""
    rows = [*_metrics(engine, execution), *_evaluations(engine, execution, graph)]
    rows += [*_models(execution), *_outputs(engine, execution)]
    return columns(rows, indent="  ")


def _failure(engine: LocalEngine, step: StepRun) -> Iterator[str]:
    yield f"  step    {step.name}"
    yield f"  reason  {shown(step.failure_reason) or 'none given'}"
    for log in engine.logs(step):
        lines = last_lines(log, _LOG_LINES)
        if lines:
            yield f"  log     {log.stem}, its last lines:"
            yield from (f"    {shown(line)}" for line in lines)


def _metrics(engine: LocalEngine, execution: Execution) -> list[list[str]]:
    return [["metric", f"{step} {name}", f"{value:g}"] for step, name, value in engine.metrics(execution.id)]


def _evaluations(engine: LocalEngine, execution: Execution, graph: Graph) -> Iterator[list[str]]:
    """The single numbers of evaluation files: `<name>.value`, as in SageMaker's model-quality layout."""
    for step in _succeeded(execution, "Processing"):
        folders = dict(_addresses(step.output or {}))
        for output_name, file_path in graph.steps[step.name].property_files.values():
            try:
                report = json.loads(engine.home.store.read_text(f"{folders[output_name]}/{file_path}"))
            except (StorageError, ValueError, KeyError, RecursionError):
                continue  # what reads it has said so already
            numbers = list(_single_numbers(report))
            for name, value in numbers[:_NUMBERS_SHOWN]:
                yield ["metric", f"{step.name} {name}", f"{value:g}"]
            if len(numbers) > _NUMBERS_SHOWN:
                yield ["metric", f"{step.name} and {len(numbers) - _NUMBERS_SHOWN} more", f"in {file_path}"]


def _single_numbers(report: Any) -> Iterator[tuple[str, float]]:
    """(key, number) of every object of the report with a `value` that is a number, in its order."""
    waiting = [("", report)]
    while waiting:
        name, node = waiting.pop()
        if isinstance(node, dict):
            value = node.get("value")
            if isinstance(value, float) or (type(value) is int and abs(value) < 1 << 53):
                yield name, float(value)
            waiting.extend(reversed([(key, child) for key, child in node.items() if isinstance(child, dict)]))


def _models(execution: Execution) -> Iterator[list[str]]:
    for step in _succeeded(execution, "RegisterModel"):
        output = step.output or {}
        yield [
            "model",
            f"{output.get('ModelPackageGroupName')}/{output.get('ModelPackageVersion')}",
            str(output.get("ModelApprovalStatus")),
        ]


def _outputs(engine: LocalEngine, execution: Execution) -> Iterator[list[str]]:
    """Each output by its folder on this machine, as seen from here."""
    for step in execution.steps.values():
        if step.status != SUCCEEDED:
            continue
        for name, uri in _addresses(step.output or {}):
            path = engine.home.store.path(uri)
            if path.exists():
                yield ["output", f"{step.name} {name}".strip(), _from_here(path)]


def _addresses(output: Any) -> Iterator[tuple[str, str]]:
    for item in output.get("ProcessingOutputConfig", {}).get("Outputs", []):
        yield item["OutputName"], item["S3Output"]["S3Uri"]
    artifact = output.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    if artifact:
        yield "model", artifact


def _from_here(path: Path) -> str:
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _succeeded(execution: Execution, kind: str) -> list[StepRun]:
    return [step for step in execution.steps.values() if step.type == kind and step.status == SUCCEEDED]


def last_lines(log: Path, count: int) -> list[str]:
    """The last `count` lines of a log, of its last MiB at most."""
    with open(log, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        start, chunks, breaks = end, [], 0
        while start > 0 and breaks <= count and end - start < _MOST_READ:
            size = min(_BLOCK, start)
            start -= size
            file.seek(start)
            chunks.append(file.read(size))
            breaks += chunks[-1].count(b"\n")
    return b"".join(reversed(chunks)).decode("utf-8", errors="replace").splitlines()[-count:]
