"""What is said of what is wrong."""

from __future__ import annotations

from dagwright.errors import DefinitionError, Problem


def test_a_sentence_about_a_name_of_megabytes_is_short_and_still_says_what_is_wrong() -> None:
    name = "x" * 5_000_000
    problem = Problem("unknown-step", f"there is no step '{name}' here", hint=f"known: {name}", step=name, field=name)
    for text in (str(problem), str(DefinitionError(f"'{name}' is wrong", [problem], hint=name))):
        assert len(text) < 40_000
        assert "… (5,000,02" in text
        assert "here" in text
    assert problem.what.startswith("there is no step")
