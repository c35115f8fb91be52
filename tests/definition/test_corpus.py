"""Definitions that other people wrote: all of them are read, drawn and validated.

They are not part of the project; without them we skip. Every problem found in them was looked at by hand: the errors
stand in tests/foreign/public.json, by the beginning of the SHA-256 of the file, and no other definition has one.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from dagwright.definition.conditions import condition_problems
from dagwright.definition.draw import mermaid
from dagwright.definition.expression import evaluate
from dagwright.definition.graph import Graph, read_definition
from dagwright.definition.parameters import start_values
from dagwright.definition.path import Path as PropertyPath
from dagwright.definition.validate import validate

ROOT = Path(__file__).resolve().parents[2]
REVIEWED: dict[str, list[str]] = json.loads((ROOT / "tests" / "foreign" / "public.json").read_text(encoding="utf-8"))
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


def test_every_error_is_one_that_was_reviewed(text: str) -> None:
    errors = {problem.code for problem in validate(text) if problem.severity == "error"}
    assert sorted(errors) == REVIEWED.get(key_of(text), [])


def test_what_was_reviewed_is_still_there() -> None:
    assert set(REVIEWED) <= {key_of(path.read_text()) for path in DEFINITIONS}


def test_no_secret_is_suspected_in_what_is_public(text: str) -> None:
    assert "secret" not in {problem.code for problem in validate(text)}


@pytest.mark.parametrize("target", ["local", "stepfunctions"])
def test_other_targets_find_no_more(text: str, target: Any) -> None:
    everything = {(problem.code, problem.step, problem.field) for problem in validate(text)}
    found = {(problem.code, problem.step, problem.field) for problem in validate(text, target=target)}
    assert found <= everything


def test_the_defaults_are_start_values(graph: Graph) -> None:
    required = {name: "1" for name, parameter in graph.parameters.items() if not parameter.has_default}
    assert list(start_values(graph, required)) == list(graph.parameters)


def test_every_property_can_be_looked_up(graph: Graph, world: Any) -> None:
    for step in graph.steps.values():
        for reference in step.references:
            if reference.root == "Steps" and reference.property_file is None:
                scope = world(steps={reference.name: holding(reference.path, "found")})
                assert evaluate({"Get": reference.text}, scope) == "found"


def key_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12]


def holding(path: PropertyPath, value: Any) -> Any:
    """The smallest response that has this value at this path."""
    for key in reversed(path):
        value = [value] * (key + 1) if isinstance(key, int) else {key: value}
    return value
