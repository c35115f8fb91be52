"""Where a command's pipeline comes from: a module of `pipelines/`, or a definition in a file.

What comes in: the words of the command line. What goes out: a `Source`: its name, its definition, and what goes with it
when it is deployed.
"""

from __future__ import annotations

import json
import re
import sys
from argparse import Namespace
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dagwright.definition.graph import Graph, read_definition
from dagwright.errors import ConfigurationError, DefinitionError, Problem, StorageError, UsageError, did_you_mean
from dagwright.outputs import outputs_path

if TYPE_CHECKING:
    from dagwright.cli.pipeline_module import SdkPipeline
    from dagwright.code import Asset
    from dagwright.input_sizes import InputSize
    from dagwright.pipeline import Pipeline
    from dagwright.project import Project
    from dagwright.schedules import Schedule
    from dagwright.steps import Step


_MOST_BYTES = 64 << 20  # the service takes 1 MiB inline; whatever is in S3 is not much larger


@dataclass(frozen=True)
class Source:
    """A pipeline to work on.

    `name` is what the command line calls it, `text` its definition as JSON, `places` the file and line of each step,
    `parameter_descriptions` what its parameters are for, which the definition has no place for.
    What goes with a definition when it is deployed: `assets`, the code that has to be in S3; `description`;
    `schedules` and `max_parallel_steps` as the pipeline declares them, and its `input_sizes`.
    """

    name: str
    text: str
    graph: Graph
    assets: tuple[Asset, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    parameter_descriptions: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    schedules: tuple[Schedule, ...] = ()
    input_sizes: tuple[InputSize, ...] = ()
    max_parallel_steps: int | None = None
    deployed_name: str = ""
    """The pipeline's name on AWS where it brings its own; else the project gives it one."""
    is_ours: bool = False
    """Whether its steps are declared with our vocabulary, so that its jobs may be named as the project names them."""

    def name_on_aws(self, project: Project) -> str:
        """What it is called there. Raises ConfigurationError for what cannot be a name."""
        return self.deployed_name or project.pipeline_name(self.name)


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
    files = pipeline_files(arguments.root)
    path = files.get(arguments.pipeline) or files.get(arguments.pipeline.replace("_", "-"))
    if path is None:
        what = f"There is no pipeline '{arguments.pipeline}' in {arguments.root / 'pipelines'}"
        raise UsageError(what, hint=did_you_mean(arguments.pipeline, files))
    project = project_of(arguments)
    require_ground(project)
    return source_at(arguments.root, path, project)


def require_ground(project: Project) -> None:
    """Raises ConfigurationError as long as AWS has not told an id that jobs are to be declared with."""
    if not project.unmade or project.environment == "local":
        return
    env = project.environment
    what = "the stack makes it, or finds it by its tags; its id is not known here"
    hint = f"infra upsert --env {env}; if it is there already infra outputs --env {env}, and commit the file"
    problems = [Problem("not-made-yet", what, hint, field=key) for key in project.unmade]
    raise ConfigurationError(f"What jobs need in {env} is not in {outputs_path(env)}", problems)


def source_at(root: Path, path: Path, project: Project) -> Source:
    """The pipeline of one module of `pipelines/`; no other is imported. Raises DefinitionError."""
    from dagwright.cli.pipeline_module import SdkPipeline, built_pipeline

    built = built_pipeline(root, path, project)
    if isinstance(built, SdkPipeline):
        return _from_sdk(built, path)
    _require_own_name(built, path, root)
    from dagwright.emit import Emission
    from dagwright.writing import text_of

    emission = Emission(built)
    return Source(
        name=built.name,
        text=text_of(emission.definition),
        graph=emission.graph,
        assets=tuple(emission.assets),
        places=_places(built),
        parameter_descriptions={one.name: one.description for one in built.parameters if one.description},
        description=built.description or "",
        schedules=tuple(built.schedules),
        input_sizes=tuple(built.input_sizes),
        max_parallel_steps=built.max_parallel_steps,
        is_ours=True,
    )


def _from_sdk(built: SdkPipeline, path: Path) -> Source:
    """A pipeline of Amazon's SDK: called by its file's name here, by its own on AWS."""
    from dagwright.shapes import model

    if not re.fullmatch(model("sagemaker")["PipelineName"]["pattern"], built.name):
        raise DefinitionError(
            f"pipelines/{path.name} builds a pipeline named '{built.name}', which AWS does not take",
            hint="1 to 256 letters, digits and hyphens; it begins and ends with a letter or digit.",
        )
    try:
        graph = read_definition(built.text)
    except DefinitionError as error:
        raise DefinitionError(f"pipelines/{path.name}: {error.message}", error.problems, error.hint) from error
    return Source(name_of(path), built.text, graph, description=built.description, deployed_name=built.name)


def _require_own_name(pipeline: Pipeline, path: Path, root: Path) -> None:
    if pipeline.name == name_of(path):
        return
    others = [file for file in pipeline_files(root).values() if name_of(file) == pipeline.name]
    what = f"which is the name of pipelines/{others[0].name}" if others else "which is not its file's name"
    raise DefinitionError(
        f"pipelines/{path.name} builds a pipeline named '{pipeline.name}', {what}",
        hint=f"Write Pipeline(name='{name_of(path)}', ...): a pipeline is named after its file.",
    )


def _places(pipeline: Pipeline) -> dict[str, str]:
    """`steps/train.py:27` for each step, those inside branches too."""
    from dagwright.refusals import shown

    places: dict[str, str] = {}
    waiting: deque[Step] = deque(pipeline.steps)
    while waiting:
        step = waiting.popleft()
        if step.name not in places:
            places[step.name] = shown(step.place)
            waiting.extend(step.children)
    return places


def _from_file(name: str) -> Source:
    text = definition_text(name)
    try:
        return Source(file_stem(name), text, read_definition(text))
    except DefinitionError as error:
        raise DefinitionError(f"{name}: {error.message}", error.problems, error.hint) from error


def file_stem(name: str) -> str:
    """What the pipeline of a definition file is called here."""
    return "definition" if name == "-" else Path(name).name.split(".")[0]


def definition_text(name: str) -> str:
    """The text of a definition file. Raises StorageError, DefinitionError for a state machine or what is no text."""
    text = _file_text(name)
    if '"StartAt"' in text and '"States"' in text:
        try:
            machine = json.loads(text)
        except (ValueError, RecursionError):
            return text  # whoever reads it says where
        if isinstance(machine, dict) and {"StartAt", "States"} <= machine.keys() and "Steps" not in machine:
            hint = "Give the definition that it was made of; one that was rendered here names it in its Comment."
            raise DefinitionError(f"{name}: this is a state machine, not a pipeline definition", hint=hint)
    return text


def _file_text(name: str) -> str:
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
        name = name_of(path)
        if name in found:
            raise DefinitionError(
                f"Two pipelines are named '{name}': pipelines/{found[name].name} and pipelines/{path.name}",
                hint="Rename one of the files: a pipeline is named after its file, with - for _.",
            )
        found[name] = path
    return found


def name_of(path: Path) -> str:
    """What a pipeline's file calls it."""
    return path.stem.replace("_", "-")
