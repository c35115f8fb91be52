"""Definitions that other people wrote: all of them are read. They are not part of the project; without them we skip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dagwright.definition.conditions import condition_problems
from dagwright.definition.draw import mermaid
from dagwright.definition.expression import evaluate
from dagwright.definition.graph import Graph, read_definition
from dagwright.definition.parameters import start_values
from dagwright.definition.path import Path as PropertyPath

ROOT = Path(__file__).resolve().parents[2]
DEFINITIONS = sorted((ROOT / ".." / "shared" / "corpus" / "definitions").glob("*.json"))

pytestmark = pytest.mark.skipif(not DEFINITIONS, reason="the collection of public definitions is not here")


@pytest.fixture(params=DEFINITIONS, ids=lambda path: path.stem)
def text(request: pytest.FixtureRequest) -> str:
    return str(request.param.read_text())


@pytest.fixture
def graph(text: str) -> Graph:
    return read_definition(text)


def test_every_step_is_found_and_put_in_order(text: str, graph: Graph) -> None:
    steps: list[str] = []

    def collect(members: dict[str, Any]) -> dict[str, Any]:
        if {"Name", "Type", "Arguments"} <= set(members):
            steps.append(members["Name"])
        return members

    json.loads(text, object_hook=collect)
    position = {name: index for index, name in enumerate(graph.order())}
    assert sorted(position) == sorted(steps)
    assert all(position[edge.source] < position[edge.target] for edge in graph.edges())


def test_the_picture_shows_every_step(graph: Graph) -> None:
    assert mermaid(graph).count("<br/>") == len(graph.steps)


def test_every_condition_is_of_a_kind_we_know(graph: Graph) -> None:
    assert [problem for step in graph.steps.values() for problem in condition_problems(step)] == []


def test_the_defaults_are_start_values(graph: Graph) -> None:
    required = {name: "1" for name, parameter in graph.parameters.items() if not parameter.has_default}
    assert list(start_values(graph, required)) == list(graph.parameters)


def test_every_property_can_be_looked_up(graph: Graph, world: Any) -> None:
    for step in graph.steps.values():
        for reference in step.references:
            if reference.root == "Steps" and reference.property_file is None:
                scope = world(steps={reference.name: holding(reference.path, "found")})
                assert evaluate({"Get": reference.text}, scope) == "found"


def holding(path: PropertyPath, value: Any) -> Any:
    """The smallest response that has this value at this path."""
    for key in reversed(path):
        value = [value] * (key + 1) if isinstance(key, int) else {key: value}
    return value
