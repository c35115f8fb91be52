"""What the rules find in a pipeline, counted as the project and its environment want: for `validate` and for `plan`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dagwright.definition.validate import Target, validate_graph
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
    return validate_graph(graph, structural, target=target, strict=strict, region=project.region, checks=project.checks)


def placed(problems: Sequence[Problem], source: Source) -> list[Problem]:
    """The problems with the file and line that declares their step, where that is known."""
    return [replace(problem, where=problem.where or source.places.get(problem.step, "")) for problem in problems]
