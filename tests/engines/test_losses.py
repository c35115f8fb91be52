"""The table of what may not carry over, against whoever finds it and the page that shows it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from pages import page

from dagwright.definition.rules.catalogue import RULES
from dagwright.engines.losses import LOSSES, Loss
from dagwright.engines.stepfunctions.compiler import task_losses

ROOT = Path(__file__).parents[2]


def codes_made(path: Path) -> Iterator[str]:
    """The codes that a file writes out where it makes a Loss."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        is_loss = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("Loss", "merged")
        if is_loss and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value)


def test_the_table_has_every_code_that_is_found_and_no_other() -> None:
    files = (ROOT / "dagwright/engines/stepfunctions").rglob("*.py")
    found = {code for path in files for code in codes_made(path)} | {entry[0] for entry in task_losses._LOSSES}
    assert set(LOSSES) == found


def test_no_loss_is_called_like_a_rule() -> None:
    assert not LOSSES.keys() & RULES.keys()


def test_the_page_shows_the_table() -> None:
    shown = page("state-machines").partition("## What does not carry over\n")[2].partition("\n## ")[0]
    rows = [line for line in shown.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{code}` | {what} |" for code, what in LOSSES.items()]


def test_a_loss_reads_like_a_sentence() -> None:
    assert str(Loss("a", "it is gone", "Train", "look for it")) == "Train: it is gone (look for it)"
    assert str(Loss("a", "it is gone")) == "it is gone"
    assert Loss("a", "it is gone").as_json() == {"code": "a", "what": "it is gone"}
