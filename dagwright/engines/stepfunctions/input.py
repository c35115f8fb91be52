"""The input of an execution: the values given come in, typed ones go out. Defaults are the machine's affair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagwright.definition.graph import Graph
from dagwright.definition.parameters import start_values


def typed_input(graph: Graph, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are given as the machine of a graph takes them: numbers as numbers, in the order given.

    Raises ParameterError with every problem: those of the values, and parameters that have neither value nor default.
    """
    values = start_values(graph, given)
    return {name: values[name] for name in given}
