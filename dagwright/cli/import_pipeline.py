"""`import`: a definition comes in, a module of `pipelines/` that emits it goes out, proven before it is written."""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from dagwright.cli import DONE
from dagwright.cli.out import write_out
from dagwright.cli.sources import definition_text, file_stem, has_project, name_of, project_of
from dagwright.cli.text import as_json, shown
from dagwright.definition.graph import read_definition
from dagwright.errors import ConfigurationError, DefinitionError, InternalError, StorageError, UsageError

if TYPE_CHECKING:
    from dagwright.importing import Imported
    from dagwright.project import Project


def run(arguments: Namespace) -> int:
    """Write the module, and say which of its steps stand verbatim. Raises DefinitionError, StorageError, UsageError."""
    from dagwright.importing import imported, round_trips

    name = _name(arguments)
    path = _path(arguments, name)
    project = project_of(arguments) if has_project(arguments) else None
    try:
        graph = read_definition(definition_text(arguments.file))
        made = imported(dict(graph.definition), name, _known_texts(project), project)
    except DefinitionError as error:
        raise DefinitionError(f"{arguments.file}: {error.message}", error.problems, error.hint) from error
    places = round_trips(made, graph.definition, project)
    if places:
        raise InternalError(f"This is a bug of dagwright: the module would emit something else at {', '.join(places)}")
    write_out(path, made.text.encode())
    _report(made, path, len(graph.steps), arguments)
    return DONE


def _known_texts(project: Project | None) -> Mapping[str, str]:
    """What the project has a name for, and the source that gives it: its role, bucket, model package group, images."""
    if project is None:
        return {}
    known = {}
    for name in project.images:
        with suppress(ConfigurationError):  # one that this environment's Region does not have
            if re.fullmatch(r"[A-Za-z0-9_.-]+", name):
                known[project.image(name)] = f'project.image("{name}")'
    known[f"s3://{project.bucket}"] = 'f"s3://{project.bucket}"'
    named = {"model_package_group": project.model_package_group, "bucket": project.bucket, "role": project.role}
    return {**known, **{text: f"project.{name}" for name, text in named.items()}}


def _name(arguments: Namespace) -> str:
    """What the pipeline is called: by --name, after --out, or after its file."""
    if arguments.name is not None:
        stem = str(arguments.name)
        if not re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,255}", stem):
            what = f"--name {stem:.80}: this cannot be the name of a pipeline"
            raise UsageError(
                what, hint="1 to 256 letters, digits and hyphens; it begins and ends with a letter or digit."
            )
        return stem
    stem = name_of(Path(arguments.out)) if arguments.out is not None else file_stem(arguments.file)
    return re.sub(r"[^A-Za-z0-9]+", "-", stem).strip("-")[:200] or "imported"


def _path(arguments: Namespace, name: str) -> Path:
    """Where the module goes. Raises UsageError, StorageError for a file that is there."""
    folder = Path(arguments.root, "pipelines")
    path = Path(arguments.out) if arguments.out is not None else folder / f"{name.replace('-', '_')}.py"
    if os.path.realpath(path.parent) == os.path.realpath(folder) and (path.suffix != ".py" or name_of(path) != name):
        raise UsageError(
            f"--out {path}: a pipeline called '{name}' is not found there",
            hint=f"A pipeline is named after its file: --out {folder / name.replace('-', '_')}.py, or another --name.",
        )
    if os.path.lexists(path) and not arguments.force:
        raise StorageError(f"{path} is there already", hint="Say --force to write over it, or another --name or --out.")
    return path


def _report(made: Imported, path: Path, count: int, arguments: Namespace) -> None:
    if arguments.json:
        verbatim = [{"step": step, "reason": reason} for step, reason in made.verbatim.items()]
        print(as_json({"name": made.name, "file": str(path), "steps": count, "verbatim": verbatim}))
        return
    for step, reason in made.verbatim.items():
        print(shown(f"verbatim: {step}: {reason}"), file=sys.stderr)
    told = f", {len(made.verbatim)} of them verbatim" if made.verbatim else ""
    inside = os.path.relpath(path)
    place = path if inside.startswith(os.pardir) else inside
    print(f"{place}: {count} steps{told}; it emits the definition of {shown(arguments.file)} again, to the letter.")
