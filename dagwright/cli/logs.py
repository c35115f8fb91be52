"""`logs`: what the jobs of an execution printed."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from dagwright.cli.ending import last_lines
from dagwright.cli.local import local_engine
from dagwright.cli.text import as_json
from dagwright.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from dagwright.engines.local.engine import LocalEngine


def run(arguments: Namespace) -> int:
    """Print each log under a heading; only one of a job with one host needs none."""
    with closing(local_engine(arguments)) as engine:
        found = _logs(engine, arguments)
    if arguments.json:
        listed = [
            {"step": step, "host": log.stem, "path": str(log), "text": _text(log, arguments)} for step, log in found
        ]
        print(as_json({"logs": listed}))
        return 0
    for step, log in found:
        if len(found) > 1:
            print(f"==> {step} {log.stem} <==")
        sys.stdout.flush()
        _write(log, arguments)
    if not any(log.stat().st_size for _, log in found):
        print("Nothing was printed there; only steps with a job have a log.", file=sys.stderr)
    return 0


def _logs(engine: LocalEngine, arguments: Namespace) -> list[tuple[str, Path]]:
    """(step, log) of each host of each job that is asked for. Raises UsageError for a step that did not run."""
    execution = engine.describe(arguments.execution)
    if arguments.step and arguments.step not in execution.steps:
        hint = did_you_mean(arguments.step, execution.steps)
        raise UsageError(f"Step '{arguments.step}' did not run in execution {execution.id}", hint=hint)
    steps = [step for name, step in execution.steps.items() if arguments.step in (None, name)]
    return [(step.name, log) for step in steps for log in engine.logs(step)]


def _text(log: Path, arguments: Namespace) -> str:
    if arguments.tail:
        return "\n".join(last_lines(log, arguments.tail))
    return log.read_text(encoding="utf-8", errors="replace")


def _write(log: Path, arguments: Namespace) -> None:
    if arguments.tail:
        print(_text(log, arguments))
        return
    with open(log, encoding="utf-8", errors="replace") as lines:
        shutil.copyfileobj(lines, sys.stdout, 1 << 16)
