"""Definitions as other people's programs write them: one small one of our own for each construct, reviewed by hand.

`expected.json` says what is wrong with each, apart from the rules of the project ("severity code step field");
`public.json` which errors the definitions of public repositories have, and is used where they are (test_corpus.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dagwright.definition.draw import mermaid
from dagwright.definition.graph import examine_definition
from dagwright.definition.rules.catalogue import PROJECT, RULES
from dagwright.definition.validate import validate

FOLDER = Path(__file__).parent
EXPECTED: dict[str, list[str]] = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))
FILES = sorted(path for path in FOLDER.glob("*.json") if path.stem not in ("expected", "public"))


def test_every_definition_is_reviewed() -> None:
    assert sorted(EXPECTED) == [path.stem for path in FILES]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_wrong_is_found_and_nothing_else(path: Path) -> None:
    problems = validate(path.read_text(encoding="utf-8"), region="us-east-1")
    told = [
        f"{one.severity} {one.code} {one.step} {one.field}" for one in problems if RULES[one.code].weight != PROJECT
    ]
    assert told == EXPECTED[path.stem]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_read_and_drawn(path: Path) -> None:
    graph, structural = examine_definition(path.read_text(encoding="utf-8"))
    assert bool(structural) == any(RULES[line.split()[1]].weight == "structure" for line in EXPECTED[path.stem])
    assert len(graph.order()) == len(graph.steps) == mermaid(graph).count("<br/>")


def test_what_is_fine_on_sagemaker_is_fine_elsewhere() -> None:
    for path in FILES:
        targets: tuple[Any, ...] = ("local", "stepfunctions")
        errors = {line.split()[1] for line in EXPECTED[path.stem] if line.startswith("error")}
        for target in targets:
            found = validate(path.read_text(encoding="utf-8"), target=target)
            assert {problem.code for problem in found if problem.severity == "error"} <= errors
