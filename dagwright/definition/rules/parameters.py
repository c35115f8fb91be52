"""Parameters: a graph comes in, problems with their types, defaults and allowed values go out.

That a default fits its type and is among EnumValues, the SDK does not check and the service does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagwright.definition.declaration import PARAMETER_TYPES
from dagwright.definition.expression import Reference, survey
from dagwright.definition.graph import Graph
from dagwright.definition.parameters import LONGEST_VALUE, MOST_PARAMETERS
from dagwright.definition.rules.jobs import LONGEST_DEFAULT
from dagwright.definition.rules.names import declared, shortened
from dagwright.errors import Problem

_FITTING: Mapping[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Float": (int, float),
    "Boolean": (bool,),
}
_WRITTEN = {"String": 'a text: "…"', "Integer": "a whole number: 5", "Float": "a number: 0.5", "Boolean": "true, false"}


def parameter_problems(graph: Graph) -> Iterator[Problem]:
    """Defaults and allowed values that do not fit, and a parameter without a type."""
    for index, raw in enumerate(declared(graph)):
        if raw.get("Type") in PARAMETER_TYPES:
            yield from _default_problems(raw, f"Parameters[{index}]")
            yield from _enum_problems(raw, f"Parameters[{index}]")


def untyped_parameter_problems(graph: Graph) -> Iterator[Problem]:
    """Parameters without a Type: the reader takes that of the default, the service's format demands one."""
    for index, raw in enumerate(declared(graph)):
        name = raw.get("Name")
        if isinstance(name, str) and name and raw.get("Type") is None:
            what = f"the parameter '{shortened(name)}' has no Type"
            hint = f"one of {', '.join(PARAMETER_TYPES)}; here it is read as {graph.parameters[name].type}"
            yield Problem("parameter-without-type", what, hint, field=f"Parameters[{index}].Type")


def parameter_count_problems(graph: Graph) -> Iterator[Problem]:
    """More parameters than one start can give."""
    if len(graph.parameters) > MOST_PARAMETERS:
        what = f"the pipeline has {len(graph.parameters)} parameters; an execution takes {MOST_PARAMETERS}"
        yield Problem("too-many-parameters", what, "put what belongs together into a file on S3", field="Parameters")


def unused_parameter_problems(graph: Graph) -> Iterator[Problem]:
    """Parameters that nothing reads."""
    used = {found.name for step in graph.steps.values() for found in step.references if found.root == "Parameters"}
    outer = {key: value for key, value in graph.definition.items() if key not in ("Steps", "Parameters")}
    used.update(found.name for _, found in survey(outer) if isinstance(found, Reference))
    for index, raw in enumerate(declared(graph)):
        name = raw.get("Name")
        if isinstance(name, str) and name in graph.parameters and name not in used:
            what = f"nothing reads the parameter '{shortened(name)}'"
            yield Problem("unused-parameter", what, "remove it, or read it", "warning", field=f"Parameters[{index}]")


def _default_problems(raw: Mapping[str, Any], field: str) -> Iterator[Problem]:
    default, kind = raw.get("DefaultValue"), raw["Type"]
    if default is None:
        return
    if not _fits(default, kind):
        what = f"the default {default!r:.80} is not of the type {kind}"
        yield Problem("default-not-of-type", what, f"write {_WRITTEN[kind]}", field=f"{field}.DefaultValue")
    elif isinstance(default, str) and len(default) > LONGEST_VALUE:
        yield _long_default(len(default), f"{field}.DefaultValue")
    allowed = raw.get("EnumValues")
    if isinstance(allowed, list) and allowed and _fits(default, kind) and default not in allowed:
        what = f"the default {default!r:.80} is not among EnumValues"
        yield Problem("default-not-in-enum", what, "add it, or choose one of them", field=f"{field}.DefaultValue")


def _long_default(length: int, field: str) -> Problem:
    hint = "put it in a file on S3 and give its address"
    if length > LONGEST_DEFAULT:
        what = f"the default has {length} characters; at most {LONGEST_DEFAULT} are allowed"
        return Problem("default-too-long", what, hint, field=field)
    what = f"the default has {length} characters; a value given at the start may have {LONGEST_VALUE}"
    return Problem("default-too-long", what, hint, "warning", field=field)


def _enum_problems(raw: Mapping[str, Any], field: str) -> Iterator[Problem]:
    allowed, kind = raw.get("EnumValues"), raw["Type"]
    if allowed is None:
        return
    field = f"{field}.EnumValues"
    if not isinstance(allowed, list) or not allowed:
        yield Problem("bad-enum-values", "EnumValues is not a list of values", 'write ["a", "b"]', field=field)
        return
    wrong = next((index for index, value in enumerate(allowed) if not _fits(value, kind)), None)
    if wrong is not None:
        what = f"{allowed[wrong]!r:.80} is not of the type {kind}"
        yield Problem("bad-enum-values", what, f"write {_WRITTEN[kind]}", field=f"{field}[{wrong}]")
    if kind != "String":
        what = f"EnumValues on a parameter of type {kind}: the SDK gives them to String parameters only"
        yield Problem("enum-not-of-text", what, "check the value in the step that reads it", "warning", field=field)


def _fits(value: Any, kind: str) -> bool:
    return isinstance(value, _FITTING[kind]) and (kind == "Boolean" or not isinstance(value, bool))
