"""`logs`: what the jobs of an execution printed, and with `--follow` what they go on to print."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from dagwright.cli import DONE
from dagwright.cli.engines import command, engine_of
from dagwright.cli.progress import Lines
from dagwright.cli.text import as_json, shown
from dagwright.engines.engine import Engine, Log
from dagwright.engines.execution import Execution, StepRun
from dagwright.errors import UsageError, did_you_mean

_READ_AFTER_THE_END = 2  # times: the last lines of a job may come later than the news that it has ended


def run(arguments: Namespace) -> int:
    """Print each log under a heading; only one of a job with one host needs none."""
    if arguments.follow and arguments.json:
        raise UsageError("--follow prints lines as they come, which is no JSON document", hint="Leave one of them out.")
    with closing(engine_of(arguments)) as engine:
        execution = engine.describe(arguments.execution)
        _check_step(engine, execution, arguments)
        if arguments.attempt:
            _choose_attempt(execution, arguments)
        if arguments.follow:
            return _follow(engine, execution, arguments)
        found = [(step, log) for step in _wanted(execution, arguments) for log in engine.logs(step)]
        if arguments.json:
            print(as_json({"logs": [_as_json(step, log, arguments) for step, log in found]}))
            return DONE
        printed = _Printed(headings=len(found) > 1)
        for step, log in found:
            printed.add(step, log, log.lines(arguments.tail), even_if_empty=True)
    if not printed.lines:
        print(f"Nothing was printed there{_why_nothing(execution, arguments)}.", file=sys.stderr)
    if not arguments.attempt:
        _name_other_attempts(execution, arguments)
    return DONE


def _choose_attempt(execution: Execution, arguments: Namespace) -> None:
    """The step is its attempt of that number, with its job. Raises UsageError if there is none."""
    if not arguments.step or arguments.follow:
        raise UsageError(
            "--attempt goes with --step, and without --follow", hint="logs EXECUTION --step STEP --attempt N"
        )
    step = execution.steps[arguments.step]
    chosen = next((attempt for attempt in step.tries if attempt.number == arguments.attempt), None)
    if chosen is None:
        known = ", ".join(str(attempt.number) for attempt in step.tries)
        hint = f"it has {known}" if known else "Only executions on this machine keep the logs of all attempts."
        raise UsageError(
            f"Step '{step.name}' of execution {execution.id} has no attempt {arguments.attempt}", hint=hint
        )
    execution.steps[step.name] = replace(step, job=chosen.job, attempts=chosen.number)


def _name_other_attempts(execution: Execution, arguments: Namespace) -> None:
    """Whose logs are not among those printed."""
    for step in _wanted(execution, arguments):
        others = [str(attempt.number) for attempt in step.tries[:-1] if attempt.job]
        if others:
            words = f"logs {execution.address} --step {step.name} --attempt {others[-1]}"
            what = f"{step.name}: this is attempt {step.attempts}; for {', '.join(others)}: {command(arguments, words)}"
            print(what, file=sys.stderr)


def _check_step(engine: Engine, execution: Execution, arguments: Namespace) -> None:
    """Raises UsageError for a step that did not run, or, if it may still do so, for one that there is not."""
    if not arguments.step or arguments.step in execution.steps:
        return
    if not arguments.follow or execution.ended:
        hint = did_you_mean(arguments.step, execution.steps)
        if not arguments.execution:
            hint = f"{hint}; " if hint else ""
            hint += f"this is the newest execution, of {execution.pipeline}; deploy.py history has the others"
        raise UsageError(f"Step '{arguments.step}' did not run in execution {execution.id}", hint=hint)
    steps = engine.graph(execution).steps
    if arguments.step not in steps:
        raise UsageError(f"There is no step '{arguments.step}'", hint=did_you_mean(arguments.step, steps))


def _wanted(execution: Execution, arguments: Namespace) -> list[StepRun]:
    return [step for name, step in execution.steps.items() if arguments.step in (None, name)]


def _as_json(step: StepRun, log: Log, arguments: Namespace) -> dict[str, str]:
    text = "".join(f"{line}\n" for line in log.lines(arguments.tail))
    return {"step": step.name, "host": log.host, "path": log.address, "text": text}


def _why_nothing(execution: Execution, arguments: Namespace) -> str:
    """How the attempt ended that is asked for; which of the steps may still have a log; else that not all have one."""
    if arguments.attempt:
        attempt = execution.steps[arguments.step].tries[arguments.attempt - 1]
        return f": attempt {attempt.number} ended as {attempt.status}: {attempt.failure_reason.rstrip('.')}"
    young = [step.name for step in _wanted(execution, arguments) if not step.ended]
    if young:
        return f" yet: a job's log begins when its machine has started ({', '.join(young)})"
    return "; only steps with a job have a log"


def _follow(engine: Engine, execution: Execution, arguments: Namespace) -> int:
    """Until the execution has ended, or Ctrl-C."""
    printed = _Printed(headings=True)
    known: dict[str, Log] = {}
    left: dict[str, int] = {}
    tail = arguments.tail
    try:
        for now in engine.watch(execution, Lines(sys.stderr)):
            for step in _wanted(now, arguments):
                if not left.setdefault(step.name, _READ_AFTER_THE_END):
                    continue
                for log in engine.logs(step):
                    own = known.setdefault(log.address, log)
                    printed.add(step, own, own.lines(tail, over=bool(step.ended)))
                left[step.name] -= bool(step.ended)
            tail = None  # a log that begins later is new from its first line on
            sys.stdout.flush()
    except KeyboardInterrupt:
        return DONE
    return DONE


class _Printed:
    """Lines on standard output, with a heading wherever those of another log begin."""

    def __init__(self, *, headings: bool) -> None:
        self.lines = 0
        self._headings = headings
        self._is_terminal = sys.stdout.isatty()
        self._last = ""

    def add(self, step: StepRun, log: Log, lines: Iterator[str], *, even_if_empty: bool = False) -> None:
        if even_if_empty:
            self._head(step, log)
        for line in lines:
            self._head(step, log)
            print(shown(line) if self._is_terminal else line)
            self.lines += 1

    def _head(self, step: StepRun, log: Log) -> None:
        which = f", attempt {step.attempts}" if step.attempts > 1 else ""
        heading = f"==> {step.name} {log.host}{which} <=="
        if self._headings and self._last != heading:
            print(heading)
        self._last = heading
