"""What Python takes for JSON and nobody else does, or takes in silence, is no definition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dagwright.definition.text import parse
from dagwright.errors import DefinitionError

TESTS = Path(__file__).parents[1]


def refusal(text: str | bytes) -> list[tuple[str, str, str]]:
    with pytest.raises(DefinitionError) as caught:
        parse(text)
    return [(problem.code, problem.field or problem.where, problem.what) for problem in caught.value.problems]


def test_what_stands_twice_is_told_with_every_place_in_document_order() -> None:
    text = """{"Steps": [{"Name": "A", "Name": "A", "Arguments": {"a b": {"x": 1}, "a b": {"y": 1, "y": 2, "y": 3}}}],
               "Metadata": {"x": [[{"z": 1, "z": 1}]]}}"""
    assert refusal(text) == [
        ("duplicate-key", "Steps[0].Name", "'Name' stands twice in one object"),
        ("duplicate-key", "Steps[0].Arguments['a b']", "'a b' stands twice in one object"),
        ("duplicate-key", "Steps[0].Arguments['a b'].y", "'y' stands twice in one object"),
        ("duplicate-key", "Metadata.x[0][0].z", "'z' stands twice in one object"),
    ]


def test_what_stands_twice_in_what_is_lost_counts_too() -> None:
    """The first `a` has no place any more; that there are two has."""
    assert refusal('{"Steps": [], "a": {"b": 1, "b": 2}, "a": 1}') == [
        ("duplicate-key", "a", "'a' stands twice in one object")
    ]


def test_no_more_than_fifty_are_told() -> None:
    assert len(refusal(json.dumps({"a": 1})[:-1] + ', "a": 1' * 3 + "}")) == 1
    assert len(refusal('{"a": [' + ",".join(['{"b": 1, "b": 2}'] * 80) + "]}")) == 50
    assert len(refusal("{" + ",".join(f'"k{n}": 1, "k{n}": 1' for n in range(80)) + "}")) == 50


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1.8e308", "NaN", "Infinity", "-Infinity", "9" * 5000])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    ((code, _, _),) = refusal(f'{{"Steps": [], "a": [{number}]}}')
    assert code == "not-json"


@pytest.mark.parametrize("number", ["1.7e308", "1e-999", "-0.0", "9" * 400])
def test_a_number_that_is_one_is_read(number: str) -> None:
    assert parse(f'{{"a": {number}}}') == {"a": json.loads(number)}


def test_a_byte_order_mark_says_nothing() -> None:
    assert parse("\ufeff{}") == parse(b"\xef\xbb\xbf{}") == parse(b"{}") == {}


def test_nobody_elses_definition_says_anything_twice() -> None:
    for path in (TESTS / "foreign").glob("*.json"):
        assert parse(path.read_text()) == json.loads(path.read_text())
