"""`stop`: ends a running execution, its jobs first."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing
from typing import TYPE_CHECKING

from dagwright.cli.local import local_engine
from dagwright.cli.text import as_json
from dagwright.engines.execution import EXECUTING, STOPPING
from dagwright.errors import UsageError

if TYPE_CHECKING:
    from dagwright.engines.local.engine import LocalEngine


def _only_one_running(engine: LocalEngine) -> str:
    """The execution that is meant when none is named. Raises UsageError if none runs, or several do."""
    running = [execution.id for execution in engine.history() if execution.status in (EXECUTING, STOPPING)]
    if len(running) != 1:
        what = f"{len(running)} executions are running: {', '.join(running)}" if running else "No execution is running"
        raise UsageError(what, hint="Name the one to stop." if running else "")
    return running[0]


def run(arguments: Namespace) -> int:
    """Wait until it has ended, and say how."""
    with closing(local_engine(arguments)) as engine:
        execution = engine.stop(arguments.execution or _only_one_running(engine))
    print(as_json(execution.as_json()) if arguments.json else f"Execution {execution.id}: {execution.status}")
    return 0
