"""docs/authoring.md is run from top to bottom, as a reader would."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from vocabulary_example import project

PAGE = Path(__file__).parent.parent / "docs" / "authoring.md"


def test_every_snippet_runs() -> None:
    names: dict[str, Any] = {"project": project()}
    snippets = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    for number, snippet in enumerate(snippets, 1):
        exec(compile(snippet, f"authoring.md, snippet {number}", "exec"), names)  # noqa: S102
    steps = [one["Name"] for one in json.loads(names["text"])["Steps"]]
    assert steps == ["Preprocess", "Train", "Evaluate", "GoodEnough", "Create", "Score"]
    assert len(names["objects"]) == 3
