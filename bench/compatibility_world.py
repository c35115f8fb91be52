"""What a definition needs and does not bring, made up: parameters, data, and stand-ins for its programs.

What comes in: a graph, and an engine in an empty folder. What goes out: a start that runs it here. Data is a small
table of numbers, the label first; a program that stands in reads its inputs and writes such a table, its property
files, or a model. A step that needs no program of somebody's runs by itself: a built-in algorithm, a registration, a
condition.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dagwright.definition.expression import JSON_GET, function_of
from dagwright.definition.graph import Graph, Parameter, Step
from dagwright.definition.path import Path as ValuePath
from dagwright.definition.path import parse_path
from dagwright.engines.engine import Start
from dagwright.engines.execution import Nobody
from dagwright.engines.local.check import Checked
from dagwright.engines.local.data_needed import EARLIER, MISSING
from dagwright.engines.local.engine import LocalEngine
from dagwright.errors import DefinitionError

_TABLE = "\n".join(f"{row % 2},{row},{row % 7},{row % 5}" for row in range(40)) + "\n"
_PROGRAM = '''"""Stands in for the programs of a pipeline: reads its inputs, writes a table and what others read."""

import json
import os
import tarfile

WANTED = json.loads({wanted!r})
TABLE = {table!r}


def program(event, context):
    for folder in event["Inputs"].values():
        for top, _, names in os.walk(folder):
            for name in names:
                with open(os.path.join(top, name), "rb") as file:
                    file.read(1)
    outputs = event["Arguments"].get("ProcessingOutputConfig", {{}}).get("Outputs", [])
    addresses = {{one["OutputName"]: one.get("S3Output", {{}}).get("S3Uri", "") for one in outputs}}
    for output, folder in event["Outputs"].items():
        files = dict(WANTED.get(event["StepName"], {{}}).get(output, {{}}))
        if "model" in (output + addresses.get(output, "")).lower():
            with tarfile.open(os.path.join(folder, "model.tar.gz"), "w:gz") as archive:
                archive.add(__file__, "program.py")
        if event["StepType"] in ("QualityCheck", "ClarifyCheck"):
            documents = ("constraints.json", "statistics.json", "analysis.json")
            files = dict.fromkeys(documents, {{"version": 0.0, "features": []}})
        for name, content in (files or {{"data.csv": TABLE}}).items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(content if isinstance(content, str) else json.dumps(content))
'''
_OF_A_TYPE: Mapping[str, Any] = {"String": "text", "Integer": 1, "Float": 0.5, "Boolean": True}
_OF_DATA = ("url", "uri", "s3", "data", "path", "input")
_OF_A_BASELINE = ("baseline", "statistics", "constraints")
_FUNCTION = ("Processing", "Training", "Transform", "QualityCheck", "ClarifyCheck")


def parameters_of(graph: Graph) -> dict[str, Any]:
    """A value for each parameter without a default, or with an empty one: an address where its name speaks of data,
    else one of its type."""
    return {name: _value(one) for name, one in graph.parameters.items() if not one.has_default or one.default == ""}


def _value(parameter: Parameter) -> Any:
    name = parameter.name.lower()
    if parameter.type in ("", "String") and any(word in name for word in _OF_A_BASELINE):
        return f"s3://made-up/{parameter.name}.json"
    if parameter.type in ("", "String") and any(word in name for word in _OF_DATA):
        return f"s3://made-up/{parameter.name}"
    return _OF_A_TYPE.get(parameter.type or "String", "text")


def prepared_start(graph: Graph, parameters: Mapping[str, Any], engine: LocalEngine, folder: Path) -> Start:
    """The start of a run with everything that it needs. Raises DefinitionError with what cannot be made up."""
    (folder / "table.csv").write_text(_TABLE, encoding="utf-8")
    (folder / "empty.json").write_text('{"version": 0.0, "features": []}', encoding="utf-8")
    wanted = {name: wanted_files(graph, name) for name in graph.steps}
    program = _PROGRAM.format(wanted=json.dumps(wanted), table=_TABLE)
    (folder / "programs.py").write_text(program, encoding="utf-8")
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        archive.add(folder / "table.csv", "table.csv")
    bare = Start("p", graph, parameters)
    checked = engine.check(bare, Nobody())
    without = [*_without_program(graph, checked)]
    without += [name for name in graph.steps if name not in without and _serves_made_up(graph, name, without)]
    stand_ins = {name: _place(graph, graph.steps[name], folder) for name in without}
    start = Start("p", graph, parameters, stand_ins=stand_ins)
    written = {uri for step in graph.steps.values() for uri in _literal_outputs(step)}
    maps = {
        one.uri: str(folder / _made_up_file(one.uri))
        for step in engine.check(start, Nobody()).steps
        for one in step.needed
        if one.source == MISSING or (one.source == EARLIER and _is_below(one.uri, written))
    }
    start = Start("p", graph, parameters, stand_ins=stand_ins, maps=maps)
    left = engine.check(start, Nobody())
    if left.problems:
        raise DefinitionError("it cannot run", list(left.problems))
    return start


def _without_program(graph: Graph, checked: Checked) -> Iterator[str]:
    """The steps whose program is not here: what they read as code is missing, or they cannot run at all."""
    reasons: dict[str, set[str]] = {}
    for problem in checked.problems:
        reasons.setdefault(problem.step, set()).add(problem.code)
    for step in checked.steps:
        is_code = any(one.source == MISSING and _is_code(one.name, one.uri) for one in step.needed)
        cannot = reasons.get(step.step, set()) - {"missing-input", "stand-in"}
        if (is_code or cannot or _program_is_nowhere(graph.steps[step.step])) and graph.steps[step.step].type not in (
            "Condition",
            "Fail",
        ):
            yield step.step


def _program_is_nowhere(step: Step) -> bool:
    """Whether a processing step starts a file that none of its inputs brings."""
    words = step.arguments.get("AppSpecification", {}).get("ContainerEntrypoint") or []
    folders = [one.get("S3Input", {}).get("LocalPath") for one in step.arguments.get("ProcessingInputs") or []]
    own = [word for word in words if isinstance(word, str) and word.startswith("/opt/ml/")]
    return any(not any(isinstance(one, str) and word.startswith(one.rstrip("/")) for one in folders) for word in own)


def _serves_made_up(graph: Graph, name: str, without: Sequence[str]) -> bool:
    """Whether a Transform step serves a model that nobody has trained here: one from elsewhere, or of a stand-in."""
    if graph.steps[name].type != "Transform":
        return False
    models = [
        one.name
        for one in graph.steps[name].references
        if one.root == "Steps" and graph.steps[one.name].type == "Model"
    ]
    trained = [one.name for model in models for one in graph.steps[model].references if one.root == "Steps"]
    return not trained or any(one in without or graph.steps[one].type not in ("Training", "Tuning") for one in trained)


def _is_code(name: str, uri: str) -> bool:
    endings = (".py", ".sh", ".tar.gz", ".zip", ".ipynb")
    return name in ("code", "source code", "entrypoint") or uri.endswith(endings) or "bootstrap" in name


def _made_up_file(uri: str) -> str:
    """What is put at an address: a model, a document that says nothing, or a table."""
    if uri.endswith(".tar.gz"):
        return "model.tar.gz"
    return "empty.json" if uri.endswith(".json") or any(word in uri.lower() for word in _OF_A_BASELINE) else "table.csv"


def _literal_outputs(step: Step) -> Iterator[str]:
    for output in step.arguments.get("ProcessingOutputConfig", {}).get("Outputs", []):
        uri = output.get("S3Output", {}).get("S3Uri")
        if isinstance(uri, str):
            yield uri.rstrip("/")


def _is_below(uri: str, folders: set[str]) -> bool:
    """Whether steps are linked by a path alone: the reader's address lies below the writer's."""
    return any(uri.startswith(f"{folder}/") and uri.rstrip("/") != folder for folder in folders)


def _place(graph: Graph, step: Step, folder: Path) -> str:
    """A function for the program of a container, else the members that later steps read of its result."""
    if step.type in _FUNCTION and not _reads_more(graph, step):
        return str(folder / "programs.py") + ":program"
    result: dict[str, Any] = {}
    files: dict[str, Any] = {}
    declared = [("OutputParameters", one["OutputName"]) for one in step.envelope.get("OutputParameters") or ()]
    for path in dict.fromkeys([*declared, *_paths_read(graph, step)]):
        value, target = _made_up(step, path)
        _set(result, path, value)
        if target:
            files[target] = str(folder / _made_up_file(target))
    for output, found in wanted_files(graph, step.name).items():
        files |= {f"{output}/{name}": content for name, content in found.items()}
    path = folder / f"{step.name}.json"
    path.write_text(json.dumps({**result, "Files": files}), encoding="utf-8")
    return str(path)


def _paths_read(graph: Graph, step: Step) -> Iterator[ValuePath]:
    """The members of a step's result that later steps read, and that its request does not have."""
    for one in (reference for other in graph.steps.values() for reference in other.references):
        if (
            one.root == "Steps"
            and one.name == step.name
            and one.property_file is None
            and one.path[0] not in step.arguments
        ):
            yield one.path


def _made_up(step: Step, path: ValuePath) -> tuple[str, str]:
    """(a value, the address of the object that it leads to): the name of a training job leads to its model."""
    last = str(path[-1])
    if last.lower().endswith(("image", "imageuri")):
        return "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1", ""
    if last == "TrainingJobName":
        definition = step.arguments.get("TrainingJobDefinition", step.arguments)
        base = definition.get("OutputDataConfig", {}).get("S3OutputPath", "s3://made-up")
        return f"{step.name}-job", f"{base}/{step.name}-job/output/model.tar.gz" if isinstance(base, str) else ""
    if path[0] == "OutputParameters" or last.lower().endswith(("uri", "url")):
        name = (
            "model.tar.gz" if "model" in last.lower() else "baseline.json" if "baseline" in last.lower() else "data.csv"
        )
        return f"s3://made-up/{step.name}/{name}", f"s3://made-up/{step.name}/{name}"
    return "made-up", ""


def _reads_more(graph: Graph, step: Step) -> bool:
    """Whether later steps read what a program cannot give by writing into its folders."""
    metrics = any(
        one.root == "Steps" and one.name == step.name and one.path[:1] == ("FinalMetricDataList",)
        for other in graph.steps.values()
        for one in other.references
    )
    return metrics or (step.type == "Training" and "output" in wanted_files(graph, step.name))


def wanted_files(graph: Graph, step: str) -> dict[str, dict[str, Any]]:
    """The JSON files that later steps read of a step: by output, by name. A value is what it is compared with."""
    found: dict[str, dict[str, Any]] = {}
    for value, compared in _read_values(graph):
        place = _file_read(graph, value, step)
        if place:
            output, name = place
            _set(found.setdefault(output, {}).setdefault(name, {}), parse_path(value["Path"]), compared)
    return found


def _file_read(graph: Graph, value: Mapping[str, Any], step: str) -> tuple[str, str] | None:
    """(output, file) of a JsonGet that reads a file of this step; the address form reads below its output path."""
    property_file = value.get("PropertyFile")
    if isinstance(property_file, dict):
        _, name, _, file = f"{property_file.get('Get')}...".split(".")[:4]
        return tuple(graph.steps[step].property_files[file]) if name == step else None  # type: ignore[return-value]
    parts = value.get("S3Uri", {}).get("Std:Join", {}).get("Values") or [None]
    if parts[0] == {"Get": f"Steps.{step}.OutputDataConfig.S3OutputPath"}:
        return "output", "/".join(map(str, parts[1:]))
    return None


def _read_values(graph: Graph) -> Iterator[tuple[Mapping[str, Any], Any]]:
    """The content of every JsonGet of a definition, with what a condition compares it with, else a number."""
    waiting: list[tuple[Any, Any]] = [(dict(graph.definition), 0.5)]
    while waiting:
        one, other = waiting.pop()
        if function_of(one) == JSON_GET:
            yield one[JSON_GET], other
        elif isinstance(one, dict) and {"LeftValue", "RightValue"} <= one.keys():
            waiting += [(one["LeftValue"], _literal(graph, one["RightValue"])), (one["RightValue"], 0.5)]
        else:
            waiting += [
                (each, 0.5)
                for each in (one.values() if isinstance(one, dict) else one if isinstance(one, list) else ())
            ]


def _literal(graph: Graph, value: Any) -> Any:
    """What a side of a condition is, if that can be told: itself, or the default of the parameter."""
    name = str(value.get("Get", "")).partition("Parameters.")[2] if isinstance(value, dict) else ""
    if name in graph.parameters and graph.parameters[name].has_default:
        return graph.parameters[name].default
    return 0.5 if isinstance(value, (dict, list)) else value


def _set(document: dict[str, Any], path: ValuePath, value: Any) -> None:
    """Put a value where a path leads, making what is on the way; a list is made as long as it has to be."""
    here: Any = document
    for key, following in zip(path, [*path[1:], None], strict=True):
        made: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(key, int):
            here.extend({} for _ in range(key + 1 - len(here)))
            here[key] = here[key] or made
        else:
            here.setdefault(key, made)
        here = here[key]
