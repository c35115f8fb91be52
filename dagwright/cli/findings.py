"""What the rules find in a pipeline, and what does not carry over to its engine, counted as the project and its
environment want: for `validate` and for `plan`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dagwright.definition.rules.catalogue import RULES
from dagwright.definition.validate import Target, validate_graph
from dagwright.engines.losses import LOSSES, Loss
from dagwright.errors import Problem

if TYPE_CHECKING:
    from dagwright.cli.sources import Source
    from dagwright.definition.graph import Graph
    from dagwright.project import Project

# Where a rule of the project that is broken keeps a pipeline from being deployed.
_STRICT = ("staging", "production")


def findings(
    graph: Graph, project: Project | None, structural: Sequence[Problem] = (), target: Target = "sagemaker"
) -> list[Problem]:
    """Every problem of a definition. Without a project nobody says where it runs, and its rules only warn."""
    if project is None:
        return validate_graph(graph, structural, target=target)
    strict = project.environment in _STRICT
    checks = {code: weight for code, weight in project.checks.items() if code in RULES or code not in LOSSES}
    return validate_graph(graph, structural, target=target, strict=strict, region=project.region, checks=checks)


def size_findings(source: Source) -> list[Problem]:
    """What is wrong with the machines that the inputs of a pipeline may come to."""
    if not source.input_sizes:
        return []
    from dagwright.cli.sizes import rule_row_problems

    return [*rule_row_problems(source)]


def counted(losses: Iterable[Loss], project: Project | None) -> tuple[Loss, ...]:
    """The losses that the project wants to know of."""
    checks = project.checks if project else {}
    return tuple(loss for loss in losses if checks.get(loss.code) != "off")


def loss_problems(losses: Iterable[Loss], project: Project | None) -> list[Problem]:
    """The losses that the project wants to know of as problems: warnings, unless it counts them as errors."""
    checks = project.checks if project else {}
    return [
        Problem(loss.code, loss.what, loss.hint, "error" if checks.get(loss.code) == "error" else "warning", loss.step)
        for loss in counted(losses, project)
    ]


def placed(problems: Sequence[Problem], source: Source) -> list[Problem]:
    """The problems with the file and line that declares their step, where that is known."""
    return [replace(problem, where=problem.where or source.places.get(problem.step, "")) for problem in problems]
