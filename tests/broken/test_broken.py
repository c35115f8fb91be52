"""One small broken definition for every rule: validating it finds its one problem and nothing else.

A file is named after the code, and may go on with a variant. Its own Metadata says what is expected: `problem`,
`severity`, `step`, `field`; and with which settings, where they matter: `target`, `strict`, `region`, `checks`
("code=off,code=warning"), `padding` (characters of text added to the first step's Arguments). A file that is no JSON
object is expected to be `not-json`.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dagwright.definition.rules.catalogue import RULES
from dagwright.definition.validate import validate

FOLDER = Path(__file__).parent
DEFINITION = FOLDER.parents[1] / "dagwright" / "definition"
FILES = sorted(FOLDER.glob("*.json"))


def code_of(path: Path) -> str:
    code = expectation(path.read_text(encoding="utf-8"))["problem"]
    assert path.stem == code or path.stem.startswith(f"{code}-")
    return str(code)


def expectation(text: str) -> dict[str, Any]:
    try:
        definition = json.loads(text)
    except ValueError:
        definition = None
    if not isinstance(definition, dict):
        return {"problem": "not-json", "severity": "error", "step": "", "field": ""}
    metadata: dict[str, Any] = definition["Metadata"]
    return metadata


def padded(text: str, padding: int) -> str:
    definition = json.loads(text)
    definition["Steps"][0]["Arguments"]["padding"] = "x" * padding
    return json.dumps(definition)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_broken_definition_has_its_one_problem(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    expected = expectation(text)
    if "padding" in expected:
        text = padded(text, int(expected["padding"]))
    checks = dict(pair.split("=") for pair in expected.get("checks", "").split(",") if pair)
    found = validate(
        text,
        target=expected.get("target", "sagemaker"),
        strict=expected.get("strict", "true") == "true",
        region=expected.get("region", ""),
        checks=checks,
    )
    told = [(problem.code, problem.severity, problem.step, problem.field) for problem in found]
    assert told == [(expected["problem"], expected["severity"], expected["step"], expected["field"])]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_problem_says_what_and_what_to_do_in_plain_words(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for problem in validate(text, strict=True, region=expectation(text).get("region", "")):
        assert problem.what == problem.what.strip() != ""
        assert not problem.what.endswith(".")
        assert "not-a-real-one" not in str(problem)


def test_every_rule_has_a_broken_example() -> None:
    assert {code_of(path) for path in FILES} == set(RULES)


def test_every_code_is_in_the_catalogue_and_nothing_else_is() -> None:
    """The codes are looked up in the source of the reader, the validator and the rules."""
    reported, words = set(), set()
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(node.value)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Problem", "Wrong"):
                code = node.args[0]
                reported.update([code.value] if isinstance(code, ast.Constant) else [])
    assert reported <= set(RULES), reported - set(RULES)
    assert set(RULES) <= words, set(RULES) - words


def sources() -> Iterator[Path]:
    yield from (DEFINITION / name for name in ("text.py", "graph.py", "declaration.py", "conditions.py", "validate.py"))
    yield from (path for path in sorted((DEFINITION / "rules").glob("*.py")) if path.name != "catalogue.py")
