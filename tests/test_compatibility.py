"""What can be done with pipelines that other people wrote is no less than `compatibility.json` and the page say.

That file is what `python -m bench.compatibility --json` has found: for each definition the words that hold. Those of
public repositories are used where they are.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench.compatibility import WORDS, row_of

ROOT = Path(__file__).parents[1]
PUBLIC = sorted((ROOT / ".." / "shared" / "corpus" / "definitions").glob("*.json"))
OURS = [path for path in sorted((ROOT / "tests" / "foreign").glob("*.json")) if path.stem not in ("expected", "public")]
EXPECTED: dict[str, dict[str, list[str]]] = json.loads(
    (ROOT / "tests" / "compatibility.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    ("kind", "path"),
    [*(("ours", path) for path in OURS), *(("public", path) for path in PUBLIC)],
    ids=lambda value: value if isinstance(value, str) else value.stem,
)
def test_no_less_can_be_done_with_it(kind: str, path: Path, tmp_path: Path) -> None:
    row = row_of(path, tmp_path)
    lost = {word: row.said.get(word, "not tried") for word in EXPECTED[kind][path.stem] if not row.done(word)}
    assert not lost


def test_the_page_has_the_counts() -> None:
    page = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
    public = EXPECTED["public"]
    assert f"{len(public)} definitions" in page
    for word in WORDS:
        count = sum(word in words for words in public.values())
        assert re.search(rf"^\| {word} \| {count} \|", page, re.MULTILINE), (word, count)
