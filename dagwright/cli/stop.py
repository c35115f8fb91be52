"""`stop`: ends a running execution, its jobs first."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing

from dagwright.cli.local import local_engine
from dagwright.cli.text import as_json


def run(arguments: Namespace) -> int:
    """Wait until it has ended, and say how."""
    with closing(local_engine(arguments)) as engine:
        execution = engine.stop(arguments.execution)
    print(as_json(execution.as_json()) if arguments.json else f"Execution {execution.id}: {execution.status}")
    return 0
