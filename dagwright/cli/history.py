"""`history`: the executions of this project, newest first."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing

from dagwright.cli import DONE
from dagwright.cli.engines import engine_name, engine_of
from dagwright.cli.sources import project_of
from dagwright.cli.text import as_json, columns, day_and_clock, duration, seconds_between
from dagwright.engines.aws.wanted import none_of
from dagwright.engines.execution import Execution


def run(arguments: Namespace) -> int:
    """Print them."""
    with closing(engine_of(arguments)) as engine:
        executions = engine.history(arguments.pipeline, arguments.limit)
    if arguments.json:
        print(as_json({"PipelineExecutionSummaries": [execution.summary() for execution in executions]}))
    elif executions:
        print(columns([["execution", "pipeline", "state", "started", "time", ""], *map(_row, executions)]))
    elif arguments.env == "local":
        print("Nothing has run here yet.")
    else:
        what, other = none_of(engine_name(arguments, project_of(arguments)), arguments.env, "has run")
        print(f"{what} yet. {other}")
    return DONE


def _row(execution: Execution) -> list[str]:
    taken = duration(seconds_between(execution.started, execution.ended))
    started = day_and_clock(execution.started)
    return [execution.id, execution.pipeline, execution.status, started, taken, execution.failure_reason[:100]]
