"""Lengths up to the limit, and beyond."""

from __future__ import annotations

from definition.rules.samples import found, function

from dagwright.definition.rules.sizes import size_problems


def test_texts_up_to_the_limit_are_taken() -> None:
    assert found(size_problems, {**function("A"), "DisplayName": "d" * 256, "Description": "d" * 3072}) == []
    assert found(size_problems, {**function("A"), "Description": "d" * 3073}) == [("text-too-long", "Description")]


def test_a_definition_up_to_the_limit_of_the_call_is_taken() -> None:
    assert found(size_problems, function("A", text="x" * 1_048_000)) == []
    assert found(size_problems, function("A", text="x" * 1_048_576)) == [("large-definition", "")]
