"""What stands in for a step that is not to run here: its result in a file, or a Python function.

What comes in: `STEP=outputs.json` and `STEP=file.py:function`, as the command line or the configuration has them. What
goes out: a `StandIn` for each step. A function stands for the program of a container, with its folders; for a step that
has no container, and for every step a file does, what it gives is the step's result.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dagwright.definition.graph import Graph, Step
from dagwright.engines.local.job import Job
from dagwright.engines.local.request import member, objects
from dagwright.engines.local.script_mode import MODEL, OUTPUT_DATA
from dagwright.errors import UsageError, did_you_mean

CONTAINERS = ("Processing", "Training", "Transform", "QualityCheck", "ClarifyCheck")
"""The types whose program a function can stand for."""

CHECKS = ("QualityCheck", "ClarifyCheck")
"""The types that compare what a job has calculated, whoever calculated it."""

DECIDES = ("Condition", "Fail")
"""The types that only decide: there is nothing to stand for."""

FILES = "Files"
_LARGEST_BYTES = 16 << 20
_FORM = "It is STEP=outputs.json, or STEP=path/to/file.py:function."


@dataclass(frozen=True)
class StandIn:
    """What is done instead of a step. `place` is how its user calls it.

    `given` are members of the step's result, over those that it has anyway; `files` what its job would have written: by
    address or by the name of an output, a path beside the file, or a JSON document. `function` is the file and the name
    of a function.
    """

    step: str
    place: str
    folder: Path
    given: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Any] = field(default_factory=dict)
    function: tuple[Path, str] | None = None
    gives_result: bool = True
    """Whether the step's own kind does not run at all."""


def read_stand_ins(
    given: Mapping[str, str], configured: Mapping[str, str], pipeline: str, graph: Graph, folder: Path
) -> dict[str, StandIn]:
    """The stand-ins of the steps of a graph: those `given`, of which paths are as the user sees them, and those of the
    configuration (`STEP` or `PIPELINE/STEP`), of which paths are below `folder`.

    Raises UsageError for one that is of no use.
    """
    found = {}
    for words, place in sorted(configured.items(), key=lambda one: "/" in one[0]):  # whoever names a pipeline is right
        of, _, name = words.rpartition("/")
        if of == pipeline and name not in graph.steps:
            hint = did_you_mean(name, graph.steps)
            raise UsageError(f"local.stand_ins: there is no step '{name}' in '{pipeline}'", hint=hint)
        if of in ("", pipeline) and name in graph.steps and name not in given:
            found[name] = _read(graph.steps[name], place, folder)
    return found | {name: _read(graph.steps[name], place, Path.cwd()) for name, place in given.items()}


def _read(step: Step, place: str, folder: Path) -> StandIn:
    if step.type in DECIDES:
        raise UsageError(
            f"--stand-in: '{step.name}' is a {step.type} step, which nothing stands in for",
            hint="Let what it reads come out as you want it: a parameter, or the stand-in of an earlier step.",
        )
    from dagwright.engines.local.handlers import function_at

    function = function_at(place, folder)
    if function:
        return StandIn(
            step.name,
            place,
            folder,
            function=function,
            gives_result=step.type not in (*CONTAINERS, "Lambda", "Callback"),
        )
    path = folder / place
    if not os.path.isfile(path):
        raise UsageError(f"--stand-in: there is no file '{place}' for '{step.name}'", hint=_FORM)
    content = _content(path, place)
    files = content.pop(FILES, {})
    if not isinstance(files, dict):
        raise UsageError(f"{place}: {FILES} must be an object: address or output's name to path or document")
    return StandIn(step.name, place, path.parent, content, files, gives_result=step.type not in CHECKS)


def _content(path: Path, place: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            text = file.read(_LARGEST_BYTES + 1)
        content = json.loads(text.decode("utf-8-sig")) if len(text) <= _LARGEST_BYTES else None
        json.dumps(content, allow_nan=False)  # Python reads numbers that JSON has not, and nobody else does
    except OSError as error:
        raise UsageError(f"{place} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{place} is no JSON: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(
            f"{place} holds no object of at most {_LARGEST_BYTES >> 20} MiB",
            hint="Its members are those of the step's result, as its Describe call gives them.",
        )
    return content


def in_place_of(job: Job, step: Step, request: Mapping[str, Any], stand_ins: Mapping[str, StandIn]) -> Job:
    """The same job with the function that stands in as its program, on the Python of this machine; the job itself if
    there is none. The function's event tells the request and the job's folders, by the names of inputs and outputs."""
    stand_in = stand_ins.get(step.name)
    if stand_in is None or stand_in.function is None or step.type not in CONTAINERS:
        return job
    folders = {"Inputs": {given.name: given.target for given in job.inputs}, "Outputs": dict(_outputs(step, request))}
    event = {"StepName": step.name, "StepType": step.type, "Arguments": request}
    from dagwright.engines.local.handlers import call_of

    command, files = call_of(stand_in.function, event, folders)
    return replace(
        job,
        image="",
        command=command,
        arguments=(),
        directory="/",
        source_archive="",
        files=lambda host: {**job.files(host), **files},
        visible=(*job.visible, stand_in.function[0].parent),
    )


def _outputs(step: Step, request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, folder) of what the program has to write."""
    if step.type == "Training":
        yield from (("model", MODEL), ("data", OUTPUT_DATA))
    if step.type == "Transform":
        from dagwright.engines.local.transform import OUTPUT

        yield "output", OUTPUT
    for output in objects(request, "ProcessingOutputConfig.Outputs"):
        if folder := member(output, "S3Output.LocalPath", str):
            yield str(output.get("OutputName")), folder
