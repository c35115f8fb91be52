"""`validate`: everything that is wrong with a pipeline, without AWS and before anything runs."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from dagwright.cli import DONE, FAILED
from dagwright.cli.findings import findings, placed, size_findings
from dagwright.cli.sources import (
    Source,
    definition_text,
    file_stem,
    has_project,
    pipeline_files,
    project_of,
    require_ground,
    source_at,
    source_of,
)
from dagwright.cli.text import as_json, shown
from dagwright.definition.graph import Graph, examine_definition
from dagwright.definition.rules.names import shortened
from dagwright.definition.validate import Target
from dagwright.errors import DagwrightError, DefinitionError, Problem, UsageError

if TYPE_CHECKING:
    from dagwright.project import Project

_NOTHING_HERE = "There are no pipelines here: add pipelines/<name>.py with build(project)."
_INDENT = " " * 11
#: A line for people: pieces of text, each with its style on a terminal.
Line = list[tuple[str, str]]


@dataclass(frozen=True)
class Verdict:
    """What was found about one pipeline; `steps` is how many it has, as far as it could be read, and `source` what was
    built of it."""

    name: str
    problems: Sequence[Problem]
    steps: int = 0
    source: Source | None = None


def run(arguments: Namespace) -> int:
    """Print it; 1 if there is an error, 0 if there are only warnings or nothing."""
    if arguments.pipeline is not None and arguments.file is not None:
        raise UsageError("Name a PIPELINE or a --file, one of the two")
    arguments.target = arguments.target or usual_target(arguments)
    verdicts = [*verdicts_of(arguments)]
    if arguments.json:
        print(as_json({"problems": [*_as_json(verdicts, several=not (arguments.pipeline or arguments.file))]}))
    else:
        _print([*_report(verdicts, arguments)])
    errors = any(problem.severity == "error" for verdict in verdicts for problem in verdict.problems)
    return FAILED if errors else DONE


def usual_target(arguments: Namespace) -> Target:
    """Where an environment on AWS runs its pipelines. Raises ConfigurationError."""
    if arguments.env == "local" or not has_project(arguments):
        return "sagemaker"
    return project_of(arguments).engine


def verdicts_of(arguments: Namespace) -> Iterator[Verdict]:
    """One for each pipeline that the words name, or that there is. Raises UsageError, ConfigurationError."""
    if arguments.file is not None:
        yield _of_file(arguments)
        return
    project = project_of(arguments)
    if arguments.pipeline is not None:
        yield _of_pipeline(arguments.pipeline, lambda: source_of(arguments), arguments, project)
        return
    for name, path in pipeline_files(arguments.root).items():
        yield _of_pipeline(name, partial(_ready, arguments.root, path, project), arguments, project)


def _ready(root: Path, path: Path, project: Project) -> Source:
    """A pipeline of one module, once what its jobs are declared with is known."""
    require_ground(project)
    return source_at(root, path, project)


def _of_file(arguments: Namespace) -> Verdict:
    try:
        graph, structural = examine_definition(definition_text(arguments.file))
    except DefinitionError as error:
        return Verdict(arguments.file, error.problems or [Problem("not-json", error.message, error.hint)])
    project = project_of(arguments) if has_project(arguments) else None
    found = _problems(graph, structural, arguments, project)
    if not structural:
        found.extend(_machine_problems(Source(file_stem(arguments.file), "", graph), found, arguments, project))
    return Verdict(arguments.file, found, len(graph.steps))


def _of_pipeline(name: str, build: Callable[[], Source], arguments: Namespace, project: Project) -> Verdict:
    """The verdict on a pipeline of `pipelines/`: one that cannot be built has the problems that say why."""
    try:
        source = build()
    except UsageError:
        raise
    except DagwrightError as error:
        return Verdict(name, error.problems or [Problem("not-built", error.message, error.hint)])
    found = [*_problems(source.graph, (), arguments, project), *size_findings(source)]
    found.extend(_machine_problems(source, found, arguments, project))
    return Verdict(source.name, placed(found, source), len(source.graph.steps), source)


def _problems(
    graph: Graph, structural: Sequence[Problem], arguments: Namespace, project: Project | None
) -> list[Problem]:
    found = findings(graph, project, structural, arguments.target)
    if arguments.target == "local":
        from dagwright.engines.local.check import kind_problems

        found.extend(problem for step in graph.steps.values() for problem in kind_problems(step, {}))
    return found


def _machine_problems(
    source: Source, told: Sequence[Problem], arguments: Namespace, project: Project | None
) -> Iterator[Problem]:
    """What keeps a pipeline from being a state machine, or does not carry over, if that is the target: beside what is
    told of the same places already."""
    if arguments.target != "stepfunctions":
        return
    from dagwright.cli.machines import machine_problems

    errors = [one for one in told if one.severity == "error"]
    places = {(one.step, field) for one in errors for field in (one.field, one.field.partition("[")[0])}
    yield from (one for one in machine_problems(source, project) if (one.step, one.field) not in places)


def _as_json(verdicts: Sequence[Verdict], several: bool) -> Iterator[dict[str, Any]]:
    for verdict in verdicts:
        for problem in verdict.problems:
            yield {**({"pipeline": verdict.name} if several else {}), **problem.as_json()}


def _report(verdicts: Sequence[Verdict], arguments: Namespace) -> Iterator[Line]:
    for index, verdict in enumerate(verdicts):
        if index and verdict.problems:
            yield []
        yield from _lines(verdict, arguments)
    if not verdicts:
        yield [(_NOTHING_HERE, "")]


def _lines(verdict: Verdict, arguments: Namespace) -> Iterator[Line]:
    """The problems by step, each with its place, its code and what to do; then a line that sums up."""
    width = max(60, min(120, get_terminal_size((100, 24)).columns))
    for (step, where), problems in groupby(verdict.problems, lambda problem: (problem.step, problem.where)):
        yield [(shown(shortened(step or verdict.name)), "bold"), (f"  {shown(where)}" if where else "", "dim")]
        for problem in problems:
            style = "red" if problem.severity == "error" else "yellow"
            place = f"{shown(shortened(problem.field, 200))}  " if problem.field else ""
            yield [("  ", ""), (problem.severity.ljust(9), style), (place, ""), (problem.code, "dim")]
            yield from ([(_INDENT + part, "")] for part in _wrapped(problem.what, width))
            yield from ([(_INDENT + part, "dim")] for part in _wrapped(problem.hint, width))
        yield []
    yield [(f"{shown(verdict.name)}: {_sum(verdict, arguments)}", "bold")]


def _wrapped(text: str, width: int) -> list[str]:
    return wrap(shown(text), width - len(_INDENT), break_on_hyphens=False)


def _sum(verdict: Verdict, arguments: Namespace) -> str:
    counts = []
    for severity in ("error", "warning"):
        count = sum(problem.severity == severity for problem in verdict.problems)
        if count:
            counts.append(f"{count} {severity}{'s' if count > 1 else ''}")
    steps = f"{verdict.steps} step{'' if verdict.steps == 1 else 's'}"
    return ", ".join(counts) or f"nothing to complain about ({steps}, {arguments.target}, {arguments.env})"


def _print(lines: Sequence[Line]) -> None:
    if not sys.stdout.isatty():
        print("\n".join("".join(text for text, _ in line) for line in lines))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line in lines:
        console.print(Text.assemble(*line), soft_wrap=True)
