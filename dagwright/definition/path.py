"""Property paths: `a.b['c d'][3]` comes in, the keys and indexes it names go out, or the value they lead to.

The grammar is that of the SageMaker SDK's property references and of `Std:JsonGet`'s Path: names joined by dots, and
brackets that hold a list index or a quoted key. A quoted key may hold anything, dots and brackets too; in it, `\\'`,
`\\"` and `\\\\` stand for a quote and a backslash. There are no wildcards, slices, filters or negative indexes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dagwright.errors import DefinitionError, EvaluationError, did_you_mean

Path = tuple[str | int, ...]

#: The lists of a Describe response that are addressed by a name instead of an index, and the member that holds it.
NAMED_LISTS: Mapping[str, str] = {
    "Outputs": "OutputName",
    "ProcessingInputs": "InputName",
    "FinalMetricDataList": "MetricName",
}

_PART = re.compile(
    r"""
      \. (?P<name> [^.\[\]'"*]+ )
    | \[ \s* (?P<index> [0-9]{1,9} ) \s* \]
    | \[ \s* ' (?P<single> (?: [^'\\] | \\. )* ) ' \s* \]
    | \[ \s* " (?P<double> (?: [^"\\] | \\. )* ) " \s* \]
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"""\\(['"\\])""")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_:-]*")
_ABSENT = object()


def parse_path(text: str) -> Path:
    """The keys (str) and list indexes (int) of a path: `a.b['c.d'][0]` -> `("a", "b", "c.d", 0)`.

    A leading `$` (JsonPath's root) is allowed; `$` alone is the whole document, `()`. Raises DefinitionError.
    """
    if not text:
        raise DefinitionError("a path is empty", hint="name a key, as in metrics.accuracy.value")
    if text == "$":
        return ()
    if text.startswith(("$.", "$[")):
        return parse_parts(text[1:], text)
    return parse_parts(text if text.startswith("[") else f".{text}", text)


def parse_parts(parts: str, whole: str) -> Path:
    """The keys and indexes of the part of an expression that starts with a dot or a bracket (`.a['b']`), or is empty.

    `whole` is the expression as written, for the error. Raises DefinitionError.
    """
    path: list[str | int] = []
    position = 0
    while position < len(parts):
        part = _PART.match(parts, position)
        if part is None:
            raise DefinitionError(
                f"'{whole}' cannot be read from '{parts[position:]}' on",
                hint="names are joined by dots; brackets hold a list index or a quoted key: a.b[0]['c d']",
            )
        path.append(_key(part))
        position = part.end()
    return tuple(path)


def write_path(path: Path) -> str:
    """The path as text again: `("a", "c d", 0)` -> `a['c d'][0]`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif _PLAIN.fullmatch(key):
            text += f".{key}" if text else key
        else:
            escaped = key.replace("\\", "\\\\").replace("'", "\\'")
            text += f"['{escaped}']"
    return text


def follow(document: Any, path: Path, expression: str, named_lists: Mapping[str, str] | None = None) -> Any:
    """The value a path leads to in a document.

    `expression` is how the error names the search. `named_lists` says which lists are addressed by a name
    (`NAMED_LISTS`). A value that is absent or null is undefined: EvaluationError, with what is known at that place.
    """
    here = document
    for depth, key in enumerate(path):
        label = (named_lists or {}).get(str(path[depth - 1])) if depth else None
        found = _child(here, key, label)
        if found is _ABSENT:
            place = write_path(path[:depth])
            what = f"there is no {_spell(key)} {f'in {place}' if place else 'at the top'}"
            raise EvaluationError(f"{expression} is undefined: {what}", hint=_known(here, key, label))
        here = found
    if here is None:
        raise EvaluationError(f"{expression} is undefined: its value is null")
    return here


def _key(part: re.Match[str]) -> str | int:
    if part["index"] is not None:
        return int(part["index"])
    if part["name"] is not None:
        return part["name"]
    quoted = part["single"] if part["single"] is not None else part["double"]
    return _ESCAPE.sub(r"\1", quoted)


def _child(here: Any, key: str | int, label: str | None) -> Any:
    if isinstance(here, Mapping):
        return here.get(key, _ABSENT) if isinstance(key, str) else _ABSENT
    if not isinstance(here, (list, tuple)):
        return _ABSENT
    if isinstance(key, int):
        return here[key] if key < len(here) else _ABSENT
    named = (item for item in here if isinstance(item, Mapping) and label is not None and item.get(label) == key)
    return next(named, _ABSENT)


def _spell(key: str | int) -> str:
    return f"item [{key}]" if isinstance(key, int) else f"'{key}'"


def _known(here: Any, key: str | int, label: str | None) -> str:
    if isinstance(here, Mapping):
        return did_you_mean(str(key), map(str, here)) or "nothing is known there"
    if isinstance(here, (list, tuple)):
        if label is not None and isinstance(key, str):
            names = [str(item[label]) for item in here if isinstance(item, Mapping) and label in item]
            return did_you_mean(key, names) or "the list is empty"
        return f"it is a list: [0] to [{len(here) - 1}]" if here else "the list is empty"
    return "there is nothing inside a single value"
