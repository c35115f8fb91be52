"""Where a command's pipeline comes from: a module of `pipelines/`, or a definition in a file.

What comes in: the words of the command line. What goes out: a `Source`: its name, its definition, and the code objects
that have to be in the store before it runs.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dagwright.definition.graph import Graph, read_definition
from dagwright.errors import DagwrightError, DefinitionError, StorageError, UsageError, did_you_mean

if TYPE_CHECKING:
    from dagwright.code import Asset
    from dagwright.pipeline import Pipeline
    from dagwright.project import Project
    from dagwright.schedules import Schedule


_MOST_BYTES = 64 << 20  # the service takes 1 MiB inline; whatever is in S3 is not much larger


@dataclass(frozen=True)
class Source:
    """A pipeline to work on.

    `name` is what the command line calls it, `text` its definition as JSON, `places` the file and line of each step.
    What goes with a definition when it is deployed: `assets`, the code that has to be in S3; `description`;
    `schedules` and `max_parallel_steps` as the pipeline declares them.
    """

    name: str
    text: str
    graph: Graph
    assets: tuple[Asset, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    schedules: tuple[Schedule, ...] = ()
    max_parallel_steps: int | None = None
    deployed_name: str = ""
    """The pipeline's name on AWS where it brings its own; else the project gives it one."""


def project_of(arguments: Namespace) -> Project:
    """The configuration for `--env`. Raises ConfigurationError with every problem."""
    from dagwright.project import load_project

    return load_project(arguments.root / "config" / "project.yaml", arguments.env)


def has_project(arguments: Namespace) -> bool:
    """Whether there is a configuration; a definition in a file runs without one."""
    try:
        return Path(arguments.root, "config", "project.yaml").exists()
    except PermissionError:
        return True  # reading it says what is wrong


def source_of(arguments: Namespace) -> Source:
    """The pipeline that PIPELINE or --file names. Raises UsageError, DefinitionError, ConfigurationError."""
    if (arguments.pipeline is None) == (arguments.file is None):
        hint = f"Pipelines here: {', '.join(pipeline_files(arguments.root)) or 'none'}"
        raise UsageError("Name a PIPELINE or a --file, one of the two", hint=hint)
    if arguments.file is not None:
        return _from_file(arguments.file)
    from dagwright.emit import Emission
    from dagwright.writing import text_of

    pipeline = load_pipeline(arguments.root, arguments.pipeline, project_of(arguments))
    emission = Emission(pipeline)
    return Source(pipeline.name, text_of(emission.definition), emission.graph, tuple(emission.assets))


def _from_file(name: str) -> Source:
    text = _text_of(name)
    stem = "definition" if name == "-" else Path(name).name.split(".")[0]
    try:
        return Source(stem, text, read_definition(text))
    except DefinitionError as error:
        raise DefinitionError(f"{name}: {error.message}", error.problems, error.hint) from error


def _text_of(name: str) -> str:
    """The text of a definition file, without a byte-order mark."""
    try:
        with open(sys.stdin.fileno() if name == "-" else name, "rb", closefd=name != "-") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise StorageError(f"{name} cannot be read: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise DefinitionError(f"{name} has more than {_MOST_BYTES >> 20} MiB, which no pipeline definition has")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{name} is not UTF-8 text: {error.reason} at byte {error.start}") from error


def pipeline_files(root: Path) -> Mapping[str, Path]:
    """The pipelines of a project: `pipelines/ecg_pca.py` is `ecg-pca`.

    Raises DefinitionError if two files have one name.
    """
    found: dict[str, Path] = {}
    for path in sorted((root / "pipelines").glob("*.py")):
        if path.name.startswith("_"):
            continue
        name = pipeline_name(path)
        if name in found:
            raise DefinitionError(
                f"Two pipelines are named '{name}': pipelines/{found[name].name} and pipelines/{path.name}",
                hint="Rename one of the files: a pipeline is named after its file, with - for _.",
            )
        found[name] = path
    return found


def pipeline_name(path: Path) -> str:
    return path.stem.replace("_", "-")


def load_pipeline(root: Path, name: str, project: Project) -> Pipeline:
    """What `build(project)` of a pipeline's module gives; no other pipeline is imported.

    Raises UsageError for an unknown name, DefinitionError for a module that is wrong.
    """
    files = pipeline_files(root)
    path = files.get(name) or files.get(name.replace("_", "-"))
    if path is None:
        raise UsageError(f"There is no pipeline '{name}' in {root / 'pipelines'}", hint=did_you_mean(name, files))
    return build_pipeline(root, path, project)


def build_pipeline(root: Path, path: Path, project: Project) -> Pipeline:
    """Import one module of `pipelines/` and call its `build(project)`. Raises DefinitionError."""
    from dagwright.pipeline import Pipeline

    where = f"pipelines/{path.name}"
    try:
        with redirect_stdout(sys.stderr), _same_folder():  # standard output is the command's own
            module = _import(root, path)
            build = getattr(module, "build", None)
            if not callable(build):
                raise DefinitionError(f"{where} has no function build(project)", hint="It returns the Pipeline.")
            pipeline = build(project)
    except (DagwrightError, KeyboardInterrupt):
        raise
    except BaseException as error:
        line = _last_line_in(root, error)
        raise DefinitionError(
            f"{where} cannot be built: {line or where}: {type(error).__name__}: {error}",
            hint="Run it again with --debug for the traceback.",
        ) from error
    if not isinstance(pipeline, Pipeline):
        raise DefinitionError(f"build(project) of {where} returns a {type(pipeline).__name__}, not a Pipeline")
    if pipeline.name != pipeline_name(path):
        others = [file for file in pipeline_files(root).values() if pipeline_name(file) == pipeline.name]
        what = f"which is the name of pipelines/{others[0].name}" if others else "which is not its file's name"
        raise DefinitionError(
            f"{where} builds a pipeline named '{pipeline.name}', {what}",
            hint=f"Write Pipeline(name='{pipeline_name(path)}', ...): a pipeline is named after its file.",
        )
    return pipeline


@contextmanager
def _same_folder() -> Iterator[None]:
    """What a module does to the working folder is undone: the words of the command line are meant from here."""
    before = os.getcwd()
    try:
        yield
    finally:
        os.chdir(before)


def _import(root: Path, path: Path) -> object:
    """The module as `pipelines.<stem>`, with the project's folder first on the path, so that `steps` is found."""
    for known in [name for name in sys.modules if name.partition(".")[0] in ("pipelines", "steps")]:
        del sys.modules[known]
    folder = str(root)
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(f"pipelines.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise DefinitionError(f"pipelines/{path.name} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _last_line_in(root: Path, error: BaseException) -> str:
    """`steps/train.py, line 12`: the deepest line of the project's own files on the way to the error."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_relative(root, error.filename)}, line {error.lineno}"
    found = ""
    trace = error.__traceback__
    while trace:
        file = trace.tb_frame.f_code.co_filename
        relative = _relative(root, file)
        if relative.split("/")[0] in ("pipelines", "steps"):
            found = f"{relative}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _relative(root: Path, file: str) -> str:
    try:
        return Path(file).relative_to(root).as_posix()
    except ValueError:
        return file
