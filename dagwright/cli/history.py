"""`history`: the executions of this project, newest first."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing

from dagwright.cli.local import local_engine
from dagwright.cli.text import as_json, columns, day_and_clock, duration, seconds_between
from dagwright.engines.execution import Execution
from dagwright.errors import UsageError, did_you_mean


def run(arguments: Namespace) -> int:
    """Print them."""
    with closing(local_engine(arguments)) as engine:
        everything = engine.history()
    known = [execution.pipeline for execution in everything]
    if arguments.pipeline and arguments.pipeline not in known:
        hint = did_you_mean(arguments.pipeline, known)
        raise UsageError(f"Pipeline '{arguments.pipeline}' has not run here", hint=hint)
    executions = [item for item in everything if arguments.pipeline in ("", item.pipeline)][: arguments.limit]
    if arguments.json:
        print(as_json({"PipelineExecutionSummaries": [execution.summary() for execution in executions]}))
    elif executions:
        print(columns([["execution", "pipeline", "state", "started", "time", ""], *map(_row, executions)]))
    else:
        print("Nothing has run here yet.")
    return 0


def _row(execution: Execution) -> list[str]:
    taken = duration(seconds_between(execution.started, execution.ended))
    started = day_and_clock(execution.started)
    return [execution.id, execution.pipeline, execution.status, started, taken, execution.failure_reason[:100]]
