"""What later steps read of a step, and where a machine finds it: in the raw result of a call, or in the request."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from dagwright.definition.expression import is_expression, references
from dagwright.definition.graph import Step
from dagwright.definition.path import NAMED_LISTS, Path, write_path
from dagwright.errors import Problem

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ABSENT = object()
_REPORTED = "FinalMetricDataList"
SINGLE = ("IsString", "IsNumeric", "IsBoolean")
_TESTS: Mapping[str, tuple[str, ...]] = {"Integer": ("IsNumeric",), "Float": ("IsNumeric",), "Boolean": ("IsBoolean",)}


@dataclass(frozen=True)
class InResult:
    """In the raw result of a call: `path` is a JSONPath or an intrinsic function over the result, as in
    `$.ModelArtifacts.S3ModelArtifacts`. `call` is 0 for the step's own call, n for the n-th of those that follow it.

    What may be missing must not be asked for as if it were there: no Catch sees that. `item`: the path finds a list,
    and the value is this item of it, if it has so many. `needs`: a path that must lead to something that one of `tests`
    (of a Choice) finds to be right, or the step fails.
    """

    path: str
    call: int = 0
    item: int | None = None
    needs: str = ""
    tests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Written:
    """Known before the call: a value in the definition's language, with expressions in it."""

    value: Any


#: Where a value is; a Problem where a machine cannot know it.
Value: TypeAlias = InResult | Written | Problem


def in_result(path: Path, request: Mapping[str, Any], call: int = 0) -> InResult:
    """Where a Describe response holds what a path leads to. A list that goes by name is counted in the request; a
    final metric, which no request names and no job need report, is looked for by its name."""
    if len(path) > 1 and path[0] == _REPORTED and isinstance(path[1], int):
        return item_of(_REPORTED, path[1], path[2:], call)
    text = "$"
    here: Any = request
    for depth, key in enumerate(path):
        label = NAMED_LISTS.get(str(path[depth - 1])) if depth else None
        if label is not None and isinstance(key, str):
            if not isinstance(here, list):
                return InResult(_filtered(str(path[depth - 1]), label, path[depth:]), call, item=0)
            index = _position(here, label, key)
            text, here = f"{text}[{index}]", here[index] if index < len(here) else None
            continue
        text += f"[{key}]" if isinstance(key, int) else _member(key)
        here = _child(here, key)
    return InResult(text, call)


def _filtered(member: str, label: str, rest: Path) -> str:
    """What lies in the elements of a list with this name: a list, empty if there is none, or no such list either."""
    inside = "".join(f"[{key}]" if isinstance(key, int) else _member(key) for key in rest[1:])
    return f"$..{member}[?(@.{label}=={_quoted(str(rest[0]))})]{inside}"


def item_of(member: str, index: int, rest: Path, call: int) -> InResult:
    """What lies in one element of a list of a result, if it has so many."""
    return InResult(f"$..{member}[*]{path_text(rest)[1:]}", call, item=index)


def path_text(path: Path) -> str:
    """A JSONPath over a result: `("a", "c d", 0)` -> `$.a['c d'][0]`."""
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else _member(key) for key in path)


def written(path: Path, request: Mapping[str, Any]) -> Written | None:
    """What a request itself holds at a path, if it does and another evaluation gives the same."""
    here: Any = request
    for depth, key in enumerate(path):
        label = NAMED_LISTS.get(str(path[depth - 1])) if depth else None
        if label is not None and isinstance(here, list) and isinstance(key, str):
            index = _position(here, label, key)
            here = here[index] if index < len(here) else _ABSENT
        else:
            here = _child(here, key)
        if here is _ABSENT or (is_expression(here) and depth + 1 < len(path)):
            return None
    if here is None or any(found.text == "Execution.CurrentDateTime" for found in references(here)):
        return None
    return Written(here)


def spellable(step: Step, path: Path, value: Value) -> Value:
    """The value itself, or a Problem if its path holds a name with a quotation mark or a backslash in it: a JSONPath
    can hold one, and interpreters do not agree how."""
    if isinstance(value, InResult) and "\\" in value.path:
        why = "a quotation mark or a backslash in a name cannot be written in a state machine"
        return unknowable(step, path, why, "give it a name without")
    return value


def unknowable(step: Step, path: Path, why: str, hint: str) -> Problem:
    """That a machine has no way to know a value of a step."""
    what = f"a state machine does not know Steps.{step.name}.{write_path(path)}: {why}"
    return Problem("no-such-value", what, hint, step=step.name)


def output_parameter(step: Step, path: Path, root: Sequence[str]) -> Value:
    """An output parameter of a Lambda or Callback step, where `root` leads to them in the result."""
    if len(path) != 2 or path[0] != "OutputParameters" or not isinstance(path[1], str):
        return unknowable(step, path, "the step has only output parameters", "read OutputParameters['<name>']")
    declared = step.envelope.get("OutputParameters")
    kinds = {
        entry.get("OutputName"): entry.get("OutputType", "String")
        for entry in (declared if isinstance(declared, list) else [])
        if isinstance(entry, dict)
    }
    if path[1] not in kinds:
        hint = "declare it under the step's OutputParameters"
        return unknowable(step, path, f"the step declares no output '{path[1]}'", hint)
    answer = path_text((*root, path[1]))
    tests = _TESTS.get(kinds[path[1]], SINGLE)
    found = answer if tests != SINGLE else f"States.Format('{{}}', {answer})"
    return InResult(found, needs=answer, tests=tests)


def _member(key: str) -> str:
    return f".{key}" if _PLAIN.fullmatch(key) else f"[{_quoted(key)}]"


def _quoted(name: str) -> str:
    return "'" + name.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _position(entries: Sequence[Any], label: str, name: str) -> int:
    """Where an entry of this name stands; behind the last if there is none."""
    found = (index for index, entry in enumerate(entries) if isinstance(entry, dict) and entry.get(label) == name)
    return next(found, len(entries))


def _child(here: Any, key: str | int) -> Any:
    if isinstance(here, dict) and isinstance(key, str):
        return here.get(key, _ABSENT)
    if isinstance(here, list) and isinstance(key, int) and key < len(here):
        return here[key]
    return _ABSENT
