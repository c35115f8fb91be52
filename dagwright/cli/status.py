"""`status`: how an execution went, step by step, and what came out of it."""

from __future__ import annotations

from argparse import Namespace
from contextlib import closing

from dagwright.cli import DONE
from dagwright.cli.ending import resuming, what_came_out
from dagwright.cli.engines import engine_of
from dagwright.cli.explain import explanation
from dagwright.cli.remarks import remarks
from dagwright.cli.text import as_json, clock, columns, day_and_clock, duration, seconds_between, shown
from dagwright.engines.execution import Execution, StepRun


def run(arguments: Namespace) -> int:
    """Print it."""
    with closing(engine_of(arguments)) as engine:
        execution = engine.describe(arguments.execution)
        if arguments.json or arguments.explain:
            engine.complete(execution)
        explained = explanation(engine, execution) if arguments.explain else ""
        if arguments.json:
            print(as_json(execution.as_json()))
            return DONE
        print(_text(execution))
        made = what_came_out(engine, execution)
        if made:
            print(made)
        if explained:
            print(explained)
        again = resuming(execution, arguments)
        if again:
            print(f"go on: {again}")
    return DONE


def _text(execution: Execution) -> str:
    head = f"{execution.pipeline}  execution {execution.id}  {execution.status}"
    when = (
        f"started {day_and_clock(execution.started)}  {duration(seconds_between(execution.started, execution.ended))}"
    )
    lines = [head, when.rstrip()]
    if execution.failure_reason:
        lines.append(f"reason: {shown(execution.failure_reason)}")
    if execution.note:
        lines.append(f"note: {shown(execution.note)}")
    if execution.link:
        place = "in Studio" if ":sagemaker:" in execution.arn else "in the console"
        lines.append(f"{place}: {execution.link}")
    if execution.parameters:
        lines.append(columns([["", name, f"= {value}"] for name, value in execution.parameters.items()]))
    heading = [["step", "type", "state", "started", "time", ""]] if execution.steps else []
    lines.append(columns([*heading, *(_row(step) for step in execution.steps.values())]))
    return "\n".join(line for line in lines if line)


def _row(step: StepRun) -> list[str]:
    taken = duration(seconds_between(step.started, step.ended))
    said = "; ".join([*([step.failure_reason] if step.failure_reason else []), *remarks(step)])
    return [step.name, step.type, step.status, clock(step.started), taken, said]
