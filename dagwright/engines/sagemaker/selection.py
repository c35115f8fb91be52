"""A part of a pipeline as SageMaker runs it: the chosen steps, on the results of an execution that was there before.

What comes in: a graph and a slice of it. What goes out: the chosen steps, refused here for what the service refuses
(developer guide, "Selective execution of pipeline steps", and API_SelectiveExecutionConfig): the steps have to hang
together, every step between two of them has to be chosen, and the execution before has to have ended by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dagwright.definition.graph import Graph
from dagwright.definition.slices import Slice, left_out_between, parts
from dagwright.engines.execution import FAILED, SUCCEEDED, Execution
from dagwright.errors import UsageError
from dagwright.shapes import model

_USABLE = (SUCCEEDED, FAILED)


def chosen_steps(graph: Graph, part: Slice) -> tuple[str, ...]:
    """The names, in document order. Raises UsageError for a choice that the service would refuse."""
    names = part.steps(graph)
    most = model("sagemaker")["SelectedStepList"]["max"]
    if len(names) > most:
        raise UsageError(f"{len(names)} steps are chosen; SageMaker takes at most {most}", hint="Run all of it.")
    missing = left_out_between(graph, names)
    if missing:
        raise UsageError(
            f"{_listed(missing)} would be left out between the steps that are chosen",
            hint="Choose these too, or name the ends with --from and --to.",
        )
    groups = parts(graph, names)
    if len(groups) > 1:
        raise UsageError(
            f"The chosen steps do not hang together: {_listed(groups[0])} and {_listed(groups[1])}",
            hint="SageMaker runs only steps that depend on one another; run them one after the other.",
        )
    return names


def without_their_condition(graph: Graph, names: tuple[str, ...]) -> tuple[str, ...]:
    """Those that stand in a branch of a condition that is not chosen: AWS does not document whether they run."""
    return tuple(name for name in names if graph.steps[name].condition not in (None, *names))


def usable_source(executions: Iterable[Execution], pipeline: str, needed: tuple[str, ...]) -> Execution:
    """The first of the executions whose results can be gone on from. Raises UsageError if there is none."""
    for execution in executions:
        if execution.status in _USABLE:
            return execution
    what = f"The chosen steps need the results of {_listed(needed)}, and no execution of {pipeline} has ended by itself"
    raise UsageError(what, hint="Run all of it first, or choose these steps too.")


def check_source(source: Execution, pipeline: str) -> None:
    """Raises UsageError for an execution that this pipeline cannot go on from."""
    if source.pipeline.lower() != pipeline.lower():
        raise UsageError(f"--source {source.address} is an execution of {source.pipeline}, not of {pipeline}")
    if source.status not in _USABLE:
        what = f"--source {source.address} is {source.status}"
        raise UsageError(what, hint="SageMaker goes on only from one that is Succeeded or Failed.")


def configuration(names: tuple[str, ...], source: Execution | None) -> dict[str, Any]:
    """SelectiveExecutionConfig."""
    selected = {"SelectedSteps": [{"StepName": name} for name in names]}
    return {"SourcePipelineExecutionArn": source.arn, **selected} if source else selected


def _listed(names: Iterable[str]) -> str:
    shown = [*names]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
