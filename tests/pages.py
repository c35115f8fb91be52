"""The pages of docs/, which tests hold against what they are about."""

from __future__ import annotations

import re
from pathlib import Path


def page(name: str) -> str:
    """Its text: `page("sizing")`."""
    return (Path(__file__).parents[1] / f"docs/{name}.md").read_text(encoding="utf-8")


def snippets(name: str, kind: str) -> list[str]:
    """Its blocks of code of one kind, in order."""
    return re.findall(rf"```{kind}\n(.*?)```", page(name), flags=re.DOTALL)
