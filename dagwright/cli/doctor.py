"""`doctor`: walks the checklists of a project, on this machine or in an environment on AWS. It changes nothing."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING

from dagwright.cli import DONE, FAILED
from dagwright.cli.engines import command, validate_command
from dagwright.cli.sources import Source, project_of
from dagwright.cli.text import as_json, shown
from dagwright.cli.validate import Verdict, usual_target, verdicts_of
from dagwright.doctor.findings import Finding
from dagwright.errors import ConfigurationError, Problem, UsageError

if TYPE_CHECKING:
    from dagwright.doctor.machine import Machine
    from dagwright.doctor.ward import Declared, Ward
    from dagwright.project import Project

_INDENT = " " * 11
_STYLES = {"ok": "green", "warning": "yellow", "problem": "red", "not seen": "dim"}
#: A call that fails for a reason that may pass is tried again, but nobody waits a minute for a line of many.
_ATTEMPTS = 3


def run(arguments: Namespace) -> int:
    """Print what was found; 1 if there is a problem, else 0."""
    if arguments.runtime and arguments.env != "local":
        raise UsageError("--runtime is about this machine", hint="Leave --env out.")
    found: list[Finding] = []
    for group, findings in groupby(_findings(arguments), lambda one: one.group):
        told = [*findings]
        found += told
        if not arguments.json:
            between = "\n" if len(found) > len(told) else ""
            _print([(f"{between}{group}", "bold")], *(line for one in told for line in _lines(one)))
    if arguments.json:
        print(as_json({"checks": [one.as_json() for one in found]}))
    else:
        _print([("", "")], [(_sum(found, arguments), "bold")])
    return FAILED if any(one.status == "problem" for one in found) else DONE


def _findings(arguments: Namespace) -> Iterator[Finding]:
    from dagwright.doctor.checks import walk, walk_here

    ward: Ward | None = None
    try:
        project = project_of(arguments)
        ward = ward_of(arguments, project)
    except ConfigurationError as error:
        yield from _unreadable(error)
    if arguments.env == "local":
        yield from walk_here(_machine(arguments, ward), ward)
    elif ward is not None:
        yield from walk(ward, is_offline=arguments.offline)


def _unreadable(error: ConfigurationError) -> Iterator[Finding]:
    """A configuration that cannot be read leaves nothing to look at on AWS."""
    for one in error.problems or [Problem("bad-configuration", error.message, error.hint)]:
        place = ": ".join(filter(None, (one.where, one.field)))
        yield Finding("configuration", "Definitions", "problem", f"{place}: {one.what}", one.hint)


def ward_of(arguments: Namespace, project: Project) -> Ward:
    """What there is to look at: the pipelines that the words name, or all. Raises UsageError, ConfigurationError."""
    from dagwright.doctor.ward import Ward
    from dagwright.engines.aws.clients import Clients

    pipelines = [_declared(one, arguments, project) for one in _verdicts(arguments)]
    return Ward(project, pipelines, Clients(project.region, _ATTEMPTS), lambda words: command(arguments, words))


def _machine(arguments: Namespace, ward: Ward | None) -> Machine:
    from dagwright.doctor.machine import Machine
    from dagwright.project import LocalSettings

    settings, pipelines = (ward.project.local, ward.pipelines) if ward else (LocalSettings(), ())
    return Machine(arguments.root, settings, pipelines, arguments.runtime == "docker")


def _verdicts(arguments: Namespace) -> Iterator[Verdict]:
    """What `validate` says of each pipeline. Raises UsageError for one that there is not."""
    target = "local" if arguments.env == "local" else usual_target(arguments)
    for name in arguments.pipelines or [None]:
        yield from verdicts_of(Namespace(**{**vars(arguments), "pipeline": name, "file": None, "target": target}))


def _declared(verdict: Verdict, arguments: Namespace, project: Project) -> Declared:
    from dagwright.doctor.ward import Declared

    arguments = Namespace(**{**vars(arguments), "file": None})
    if arguments.env == "local":
        look = command(arguments, f"validate {verdict.name} --target local")
    else:
        look = validate_command(arguments, project.engine, project, verdict.name)
    source = verdict.source
    if source is None:
        return Declared(verdict.name, problems=verdict.problems, look=look)
    try:
        name = source.name_on_aws(project)
    except ConfigurationError as error:
        return Declared(source.name, "", source.graph, (*verdict.problems, *error.problems), look)
    return Declared(source.name, name, source.graph, verdict.problems, look, _schedules(source, name))


def _schedules(source: Source, deployed_name: str) -> dict[str, dict[str, object]]:
    from dagwright.engines.aws.schedules import full_name

    return {full_name(deployed_name, one.name): one.members() for one in source.schedules}


# ---- for people ----


def _lines(finding: Finding) -> Iterator[list[tuple[str, str]]]:
    width = max(60, min(120, get_terminal_size((100, 24)).columns)) - len(_INDENT)
    first, *rest = wrap(shown(finding.what), width, break_on_hyphens=False) or [""]
    yield [("  ", ""), (finding.status.ljust(9), _STYLES[finding.status]), (first, "")]
    yield from ([(_INDENT + part, "")] for part in rest)
    if finding.hint:
        yield from ([(_INDENT + part, "dim")] for part in wrap(shown(finding.hint), width, break_on_hyphens=False))


def _sum(findings: Sequence[Finding], arguments: Namespace) -> str:
    counts = {status: sum(one.status == status for one in findings) for status in _STYLES}
    words = {"ok": "ok", "warning": "warning", "problem": "problem", "not seen": "not seen"}
    said = []
    for status, count in counts.items():
        plural = "s" if count != 1 and status in ("warning", "problem") else ""
        if count or status == "problem":
            said.append(f"{count} {words[status]}{plural}")
    return f"{arguments.env}: {', '.join(said)}"


def _print(*lines: Iterable[tuple[str, str]]) -> None:
    if not sys.stdout.isatty():
        print("\n".join("".join(text for text, _ in line) for line in lines), flush=True)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    for line in lines:
        console.print(Text.assemble(*line), soft_wrap=True)
