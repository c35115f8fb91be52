"""`list`: the pipelines here, with their parameters."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from dagwright.cli import DONE, FAILED
from dagwright.cli.sources import pipeline_files, project_of, source_at
from dagwright.cli.text import as_json, columns
from dagwright.definition.graph import Parameter
from dagwright.errors import DagwrightError


def run(arguments: Namespace) -> int:
    """Print them; one that cannot be built is said on standard error, and the others are listed all the same."""
    project = project_of(arguments)
    listed, broken = [], False
    for name, path in pipeline_files(arguments.root).items():
        try:
            source = source_at(arguments.root, path, project)
        except DagwrightError as error:
            print(f"{name}: {error}", file=sys.stderr)
            broken = True
            continue
        descriptions = source.parameter_descriptions
        parameters = [_parameter(item, descriptions.get(item.name, "")) for item in source.graph.parameters.values()]
        listed.append({"name": name, "description": source.description, "parameters": parameters})
    if listed or arguments.json or not broken:
        print(as_json({"pipelines": listed}) if arguments.json else _text(listed))
    return FAILED if broken else DONE


def _parameter(parameter: Parameter, description: str) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "type": parameter.type,
        "description": parameter.description or description,
        **({"default": parameter.default} if parameter.has_default else {}),
        **({"enum_values": list(parameter.enum_values)} if parameter.enum_values else {}),
    }


def _text(listed: list[dict[str, Any]]) -> str:
    blocks = []
    for pipeline in listed:
        rows = [[item["name"], item["type"], _default(item), item["description"]] for item in pipeline["parameters"]]
        head = f"{pipeline['name']}  {pipeline['description']}".rstrip()
        blocks.append("\n".join([head, columns(rows, indent="  ")]).rstrip())
    return "\n\n".join(blocks) or "There are no pipelines here: add pipelines/<name>.py with build(project)."


def _default(parameter: dict[str, Any]) -> str:
    choices = " | ".join(str(value) for value in parameter.get("enum_values", ()))
    text = f"= {parameter['default']}" if "default" in parameter else "must be given"
    return f"{text} ({choices})" if choices else text
