"""The text of a definition: JSON comes in, the object goes out, or every reason why it is not to be read.

Python's own reader takes more than JSON, and in silence: the last of two members of one name wins, a number without a
place among them is infinite. Whoever reads the definition next may see another one, so none of this is taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from dagwright.definition.expression import Place, spell_place
from dagwright.errors import DefinitionError, Problem

# Far deeper than any pipeline; what is deeper still would end in the limits of Python's own JSON module.
_DEEPEST = 400
_HINT = 'a pipeline definition is a JSON object: {"Version": "2020-12-01", "Steps": [...]}'
_MOST_TOLD = 50


def parse(source: str | bytes) -> dict[str, Any]:
    """Raises DefinitionError."""
    where = ""
    twice: list[tuple[dict[str, Any], str]] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice.extend((found, name) for name in _repeated(pairs))
        return found

    try:
        text = source.removeprefix("\ufeff") if isinstance(source, str) else source
        definition = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=members)
    except json.JSONDecodeError as error:
        what, where = error.msg, f"line {error.lineno}, column {error.colno}"
    except RecursionError:
        what = "it is nested too deeply"
    except ValueError as error:
        what = str(error)
    else:
        what = _unusable(definition)
        if twice and not what:
            raise DefinitionError("the pipeline definition says something twice", [*_problems(definition, twice)])
        if not what:
            return cast("dict[str, Any]", definition)
    raise DefinitionError("this is not a pipeline definition", [Problem("not-json", what, _HINT, where=where)])


def _repeated(pairs: list[tuple[str, Any]]) -> Iterator[str]:
    """Each name that is there before, once."""
    seen: dict[str, int] = {}
    for name, _ in pairs:
        seen[name] = seen.get(name, 0) + 1
        if seen[name] == 2:
            yield name


def _problems(definition: Any, twice: list[tuple[dict[str, Any], str]]) -> Iterator[Problem]:
    names: dict[int, list[str]] = {}
    for found, name in twice:
        names.setdefault(id(found), []).append(name)
    pending: list[tuple[Any, Place]] = [(definition, None)]
    told = 0
    while pending and told < _MOST_TOLD:
        here, place = pending.pop()
        for name in names.get(id(here), ())[: _MOST_TOLD - told]:
            told += 1
            what = f"'{name}' stands twice in one object"
            yield Problem("duplicate-key", what, "keep one of the two", field=spell_place((place, name)))
        inner = here.items() if isinstance(here, dict) else enumerate(here) if isinstance(here, list) else ()
        pending.extend(reversed([(child, (place, key)) for key, child in inner]))


def _unusable(definition: Any) -> str:
    """Why a JSON value cannot be a definition at all; empty if it can."""
    if not isinstance(definition, dict):
        return "the outermost value is not an object"
    level: list[Any] = [definition]
    for _ in range(_DEEPEST):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, (dict, list))
        ]
        if not level:
            break
    else:
        return f"it is nested more than {_DEEPEST} deep"
    try:
        json.dumps(definition, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        return "it holds half of a surrogate pair, which is no character"
    except ValueError:
        return "it holds a number that is too large: numbers are below 1.8e308"
    return ""


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")
