"""`render`: what a pipeline becomes, on standard output or in a file."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from dagwright.cli import DONE
from dagwright.cli.sources import Source, has_project, project_of, source_of
from dagwright.cli.text import shown


def run(arguments: Namespace) -> int:
    """Print the pipeline definition, its state machine, or its picture as Mermaid."""
    text = _rendered(source_of(arguments), arguments)
    if arguments.out is not None:
        from dagwright.engines.local.store import storage_errors

        with storage_errors(f"{arguments.out} cannot be written"):
            Path(arguments.out).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return DONE


def _rendered(source: Source, arguments: Namespace) -> str:
    if arguments.target == "mermaid":
        from dagwright.definition.draw import mermaid

        return mermaid(source.graph)
    if arguments.target == "stepfunctions":
        from dagwright.cli.commit import current_commit
        from dagwright.cli.machines import machine_of

        project = project_of(arguments) if has_project(arguments) else None
        machine = machine_of(source, project, current_commit(arguments.root))
        for loss in machine.losses:
            print(f"does not carry over: {shown(str(loss))}", file=sys.stderr)
        return machine.text
    return source.text
