"""`python -m bench.compatibility FOLDER`: what can be done with pipelines that other people wrote, a row for each.

What comes in: a folder of pipeline definitions. What goes out: a table: read, drawn, validated, checked, run with
stand-ins for the programs that are not there, compiled, and round-tripped through our own vocabulary; then how the
steps ran, by type. What a definition needs and does not bring (programs, data, answers) is made up, small, by
`compatibility_world`; everything else runs as for any user.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.compatibility_world import parameters_of, prepared_start
from dagwright.cli.text import as_json, columns
from dagwright.definition.draw import mermaid
from dagwright.definition.graph import Graph, examine_definition
from dagwright.definition.validate import validate
from dagwright.engines.execution import FAILED, Execution, Nobody
from dagwright.engines.local.engine import LocalEngine
from dagwright.engines.local.scope import Account
from dagwright.engines.stepfunctions.compiler.machine import compile_machine
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.errors import DagwrightError
from dagwright.importing import imported, round_trips
from dagwright.project import LocalSettings

WORDS = ("read", "drawn", "validated", "checked", "ran", "compiled", "round trip")
_SHORT_BUCKET = re.compile(r"s3://([a-z0-9]{1,2})([/\"])")  # what somebody put for the name of a bucket; S3 knows none
_MACHINE = MachineSettings(
    name="p",
    partition="aws",
    region="us-east-1",
    account_id="123456789012",
    job_prefix="",
    role="arn:aws:iam::123456789012:role/r",
)


@dataclass
class Row:
    """What was done with one definition: by word, empty if it went well, else why not. `steps` says of each step its
    type and how it ran: `runs`, `stand-in`, `not reached` or `failed`."""

    name: str
    said: dict[str, str] = field(default_factory=dict)
    steps: list[tuple[str, str]] = field(default_factory=list)

    def done(self, word: str) -> bool:
        return self.said.get(word) == ""


def row_of(path: Path, folder: Path) -> Row:
    """Try everything with one definition; runs take place in `folder`."""
    row = Row(path.stem)
    text = _SHORT_BUCKET.sub(r"s3://\1-made-longer\2", path.read_text(encoding="utf-8"))
    try:
        graph, problems = examine_definition(text)
    except DagwrightError as error:
        row.said["read"] = error.message
        return row
    row.said["read"] = "; ".join(problem.what for problem in problems)
    row.said["drawn"] = "" if mermaid(graph).count("<br/>") == len(graph.steps) else "steps are missing"
    errors = [problem for problem in validate(text) if problem.severity == "error"]
    row.said["validated"] = "; ".join(f"{problem.step} {problem.what}" for problem in errors)
    if not problems:
        _try(row, "compiled", lambda: compile_machine(graph, _MACHINE))
        _try(row, "round trip", lambda: _require_round_trip(graph, row.name))
        _run(row, graph, folder)
    return row


def _try(row: Row, word: str, work: Any) -> Any:
    try:
        result = work()
    except DagwrightError as error:
        row.said[word] = " ".join(str(error).split())
        return None
    row.said[word] = ""
    return result


def _require_round_trip(graph: Graph, name: str) -> None:
    made = imported(graph.definition, name)
    differing = round_trips(made, graph.definition)
    if differing:
        raise DagwrightError("; ".join(differing))


def _run(row: Row, graph: Graph, folder: Path) -> None:
    engine = LocalEngine(folder, Account(), LocalSettings(max_parallel=2))
    try:
        start = _try(row, "checked", lambda: prepared_start(graph, parameters_of(graph), engine, folder))
        execution = _try(row, "ran", lambda: engine.run(start, Nobody())) if start else None
    finally:
        engine.close()
    if execution is None:
        return
    row.steps = [*_how(graph, execution, start.stand_ins)]
    failed = [step for step in execution.failed_steps if step.type != "Fail"]
    row.said["ran"] = "; ".join(f"{step.name}: {step.failure_reason}" for step in failed)


def _how(graph: Graph, execution: Execution, stand_ins: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for step in graph.steps.values():
        run = execution.steps.get(step.name)
        if run is None:
            yield step.type, "not reached"
        elif run.status == FAILED and step.type != "Fail":
            yield step.type, "failed"
        else:
            yield step.type, "stand-in" if step.name in stand_ins else "runs"


def rows(folder: Path, only: str = "") -> Iterator[Row]:
    """A row for each definition of a folder; other JSON is left out."""
    for path in sorted(folder.glob("*.json")):
        if only in path.name and '"Steps"' in path.read_text(encoding="utf-8"):
            with tempfile.TemporaryDirectory(prefix="compatibility-") as name:
                yield row_of(path, Path(name))


def shown(found: Sequence[Row]) -> str:
    """The table, the reasons, the totals, and how the steps ran by type."""
    lines = [["definition", *WORDS]]
    lines += [
        [row.name, *("yes" if row.done(word) else "no" if word in row.said else "-" for word in WORDS)] for row in found
    ]
    lines.append([f"{len(found)} in all", *(str(sum(row.done(word) for row in found)) for word in WORDS)])
    why = [[row.name, word, said[:200]] for row in found for word, said in row.said.items() if said]
    kinds: dict[str, Counter[str]] = {}
    for kind, how in (step for row in found for step in row.steps):
        kinds.setdefault(kind, Counter())[how] += 1
    hows = ("runs", "stand-in", "not reached", "failed")
    table = [
        ["type of step", *hows],
        *([kind, *(str(count[how]) for how in hows)] for kind, count in sorted(kinds.items())),
    ]
    return "\n\n".join(columns(part) for part in (lines, why, table) if part)


def main(argv: Sequence[str] | None = None) -> int:
    """0 if everything was tried; what came of it is for the reader."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.compatibility", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="pipeline definitions, *.json")
    parser.add_argument("--only", default="", metavar="WORD", help="the definitions with this in their name")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args(argv)
    found = []
    for row in rows(arguments.folder, arguments.only):
        print(row.name, file=sys.stderr, flush=True)
        found.append(row)
    if arguments.json:
        print(as_json({row.name: row.said for row in found}))
    else:
        print(shown(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
