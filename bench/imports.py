"""Which imports the start of a command goes to, as Python itself tells it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from bench.process import environment
from bench.project import write_project

RUNS = 5
_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| ( *)(\S+)")


def shown(folder: Path, top: int = 25) -> str:
    """The dearest imports of rendering five steps: milliseconds of a module's own, and with what it imports."""
    name = write_project(folder, 5)
    words = [sys.executable, "-X", "importtime", "deploy.py", "render", name]
    texts = [
        subprocess.run(
            words, cwd=folder, env=environment(os.environ), capture_output=True, text=True, check=True
        ).stderr
        for _ in range(RUNS + 1)
    ]
    found = import_times(texts[1:])  # the first run compiles what was never compiled
    whole = sum(own for own, _ in found.values())
    lines = [f"imports of `render` of 5 steps: {len(found)} modules, {whole:.1f} ms (telling the time included)", ""]
    lines.append("     own   with its imports")
    dearest = sorted(found.items(), key=lambda item: item[1], reverse=True)[:top]
    lines += [f"{own:8.2f}  {with_imports:8.2f}  {module}" for module, (own, with_imports) in dearest]
    return "\n".join(lines)


def import_times(texts: list[str]) -> dict[str, tuple[float, float]]:
    """Median milliseconds by module, own and with its imports, of what `python -X importtime` says in each text."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for text in texts:
        for own, with_imports, _, module in _LINE.findall(text):
            found[module].append((int(own), int(with_imports)))
    return {module: (_middle([o for o, _ in times]), _middle([w for _, w in times])) for module, times in found.items()}


def _middle(microseconds: list[int]) -> float:
    return sorted(microseconds)[len(microseconds) // 2] / 1000
