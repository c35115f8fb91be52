"""`render`: what a pipeline becomes, on standard output or in a file."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from dagwright.cli import DONE
from dagwright.cli.sources import Source, source_of


def run(arguments: Namespace) -> int:
    """Print the pipeline definition, or its picture as Mermaid."""
    text = _rendered(source_of(arguments), arguments.target)
    if arguments.out is not None:
        from dagwright.engines.local.store import storage_errors

        with storage_errors(f"{arguments.out} cannot be written"):
            Path(arguments.out).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return DONE


def _rendered(source: Source, target: str) -> str:
    if target == "mermaid":
        from dagwright.definition.draw import mermaid

        return mermaid(source.graph)
    return source.text
