"""docs/authoring.md is run from top to bottom, as a reader would."""

from __future__ import annotations

import json
from typing import Any

from pages import snippets
from vocabulary_example import project


def test_every_snippet_runs() -> None:
    names: dict[str, Any] = {"project": project()}
    for number, snippet in enumerate(snippets("authoring", "python"), 1):
        exec(compile(snippet, f"authoring.md, snippet {number}", "exec"), names)  # noqa: S102
    steps = [one["Name"] for one in json.loads(names["text"])["Steps"]]
    assert steps == ["Preprocess", "Train", "Evaluate", "GoodEnough", "Create", "Score"]
    assert len(names["objects"]) == 3
