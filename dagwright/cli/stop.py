"""`stop`: ends a running execution, its jobs first."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing

from dagwright.cli import DONE
from dagwright.cli.ending import resuming
from dagwright.cli.engines import engine_name, engine_of
from dagwright.cli.sources import project_of
from dagwright.cli.text import as_json
from dagwright.engines.aws.wanted import none_of
from dagwright.engines.engine import Engine
from dagwright.engines.execution import EXECUTING, STOPPING
from dagwright.errors import UsageError

_NEWEST = 100


def _only_one_running(engine: Engine, arguments: Namespace) -> str:
    """The execution that is meant when none is named. Raises UsageError if none runs, or several do."""
    running = [item.address for item in engine.history(limit=_NEWEST) if item.status in (EXECUTING, STOPPING)]
    if len(running) > 1:
        what = f"{len(running)} executions are running: {', '.join(running)}"
        raise UsageError(what, hint="Name the one to stop.")
    if not running:
        raise _none(arguments)
    return running[0]


def _none(arguments: Namespace) -> UsageError:
    if arguments.env == "local":
        return UsageError("No execution is running")
    what, other = none_of(engine_name(arguments, project_of(arguments)), arguments.env, "is running")
    return UsageError(what, hint=other)


def run(arguments: Namespace) -> int:
    """Wait until it has ended, and say how."""
    with closing(engine_of(arguments)) as engine:
        execution = engine.stop(arguments.execution or _only_one_running(engine, arguments))
    again = resuming(execution, arguments)
    said = "\n".join([f"Execution {execution.id}: {execution.status}", *([f"go on: {again}"] if again else [])])
    print(as_json(execution.as_json()) if arguments.json else said)
    return DONE
