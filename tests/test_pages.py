"""README.md and docs/: their links lead somewhere, and their commands are commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from pages import snippets

from dagwright.cli.words import parser

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])


def headings(path: Path) -> set[str]:
    """The anchors of a page."""
    lines = [line.lstrip("#").strip().lower() for line in path.read_text().splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w -]", "", re.sub(r"\]\([^)]*\)", "", line)).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if not link.startswith("http"):
            name, _, anchor = link.partition("#")
            there = path.parent / name if name else path
            assert there.exists(), link
            assert not anchor or anchor in headings(there), link


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_commands_are_commands(path: Path) -> None:
    for block in re.findall(r"```(?:console|bash|sh)\n(.*?)```", path.read_text(), flags=re.DOTALL):
        for command in re.findall(
            r"^\$ (?:\S*python3? )deploy\.py (.*)$", block.replace("\\\n", ""), flags=re.MULTILINE
        ):
            words = shlex.split(re.split(r"[|;>&]", command)[0], comments=True)
            if "--help" not in words and not {"…", "..."} & set(words):
                parser().parse_args(words)


def test_the_sample_data_of_the_algorithms_are_what_its_definition_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    monkeypatch.chdir(tmp_path)
    exec(snippets("algorithms", "python")[0], {})  # noqa: S102 - it is the page's own
    definition = (ROOT / "tests/foreign/built-in-algorithm.json").read_text()
    for uri in re.findall(r"s3://acme-ml/algorithm/([^\"]+)", definition):
        assert any((tmp_path / "data" / uri).iterdir()), uri
