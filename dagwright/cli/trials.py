"""The training jobs of a tuning job as lines: the best first, with what was tuned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagwright.engines.execution import StepRun

_SHOWN = 20


def trials(step: StepRun) -> Iterator[list[str]]:
    """A row for each training job of a tuning job; none for a step of another kind."""
    summaries = (step.output or {}).get("TrainingJobSummaries") or []
    for summary in summaries[:_SHOWN]:
        yield ["trial", f"{step.name} {summary['TrainingJobName']}", f"{_objective(summary)}  {_tuned(summary)}"]
    if len(summaries) > _SHOWN:
        yield ["trial", f"{step.name} and {len(summaries) - _SHOWN} more", ""]


def best_model(output: Mapping[str, Any]) -> str:
    """The address of the best training job's model; empty if there is none."""
    best = output.get("BestTrainingJob") or {}
    definitions = [output.get("TrainingJobDefinition"), *(output.get("TrainingJobDefinitions") or [])]
    for definition in definitions:
        if definition and definition.get("DefinitionName") == best.get("TrainingJobDefinitionName") and best:
            place = definition["OutputDataConfig"]
            model = "model/" if place.get("CompressionType") == "NONE" else "model.tar.gz"
            return f"{place['S3OutputPath'].rstrip('/')}/{best['TrainingJobName']}/output/{model}"
    return ""


def _objective(summary: Mapping[str, Any]) -> str:
    metric = summary.get("FinalHyperParameterTuningJobObjectiveMetric")
    if not metric:
        return str(summary["TrainingJobStatus"])
    said = "" if summary["TrainingJobStatus"] == "Completed" else f" {summary['TrainingJobStatus']}"
    return f"{metric['MetricName']} {metric['Value']:g}{said}"


def _tuned(summary: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={_short(value)}" for name, value in summary["TunedHyperParameters"].items())


def _short(value: str) -> str:
    """A long number with the digits that tell it from others."""
    try:
        return f"{float(value):.6g}" if len(value) > 8 else value
    except ValueError:
        return value[:40]
