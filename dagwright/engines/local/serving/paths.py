"""The paths of a transform job's filters: `$[1:]`, `$.a.b`, `$['id','SageMakerOutput']`.

What comes in: the text of a path, and a JSON value. What goes out: what the path selects of it. This is the subset of
JSONPath that AWS documents for batch transform ("Associate Prediction Results with Input Records"): children, several
children, indices and slices, which may stand together (`$[0,5:]`), wildcards.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

_PART = re.compile(
    r"""\.(?P<name>[^.\[\]'"*,\s$]+)
      | \.?\[\s*(?P<names>'[^']*'(?:\s*,\s*'[^']*')*|"[^"]*"(?:\s*,\s*"[^"]*")*)\s*\]
      | \[\s*(?P<places>-?\d*:?-?\d*(?:\s*,\s*-?\d*:?-?\d*)*)\s*\]
      | (?P<all>\.\*|\.?\[\s*\*\s*\])""",
    re.VERBOSE,
)
_QUOTED = re.compile(r"""'([^']*)'|"([^"]*)\"""")
_PLACE = re.compile(r"-?\d+|-?\d*:-?\d*")

if TYPE_CHECKING:
    Place = int | slice


class PathError(ValueError):
    """A text that is no path, or a value that has not what a path selects."""


class Path:
    """One filter. Of a path that names several members of an object an object is selected, of several places of a list
    a list."""

    def __init__(self, text: str) -> None:
        """Raises PathError for what is no path of the documented subset."""
        self.text = text
        self._parts = _parsed(text)

    @property
    def selects_all(self) -> bool:
        """Whether it is `$`."""
        return not self._parts

    @property
    def is_of_lists(self) -> bool:
        """Whether it can select anything of a list, such as a row of CSV."""
        return not self._parts or not isinstance(self._parts[0], _Members)

    def select(self, value: Any) -> Any:
        """Raises PathError if the value has not got it."""
        return _selected(value, self._parts, 0, self.text)


class _Members:
    def __init__(self, names: list[str]) -> None:
        self.names = names


class _Places:
    def __init__(self, places: list[Place]) -> None:
        self.places = places


class _All:
    pass


if TYPE_CHECKING:
    Part = _Members | _Places | _All


def _parsed(text: str) -> list[Part]:
    parts: list[Part] = []
    place = 1
    while text.startswith("$") and place < len(text):
        match = _PART.match(text, place)
        if match is None:
            break
        parts.append(_part(match, text))
        place = match.end()
    if not text.startswith("$") or place < len(text):
        raise PathError(f"{text!r} is no path that a filter takes: $, $.name, $['a','b'], $[0], $[1:], $[0,-1], $[*]")
    return parts


def _part(match: re.Match[str], text: str) -> Part:
    if match["name"]:
        return _Members([match["name"]])
    if match["names"]:
        return _Members([first or second for first, second in _QUOTED.findall(match["names"])])
    return _All() if match["all"] else _Places([_place(word, text) for word in match["places"].split(",")])


def _place(word: str, text: str) -> Place:
    word = word.strip()
    if not _PLACE.fullmatch(word):
        raise PathError(f"{text!r} has {word!r} where an index or a slice has to be")
    start, colon, end = word.partition(":")
    return slice(int(start) if start else None, int(end) if end else None) if colon else int(start)


def _selected(value: Any, parts: Sequence[Part], number: int, text: str) -> Any:
    if number == len(parts):
        return value
    part, following = parts[number], number + 1
    if isinstance(part, _Members):
        found = _members(value, part.names, text)
        if len(found) == 1:
            return _selected(found[0][1], parts, following, text)
        return {name: _selected(item, parts, following, text) for name, item in found}
    if isinstance(part, _Places):
        items = _items(value, part.places, text)
        if len(part.places) == 1 and isinstance(part.places[0], int):
            return _selected(items[0], parts, following, text)
    else:
        items = list(value.values()) if isinstance(value, dict) else _as_list(value, text)
    return [_selected(item, parts, following, text) for item in items]


def _members(value: Any, names: list[str], text: str) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise PathError(f"{text} looks for '{names[0]}' in what is no object")
    missing = [name for name in names if name not in value]
    if missing:
        raise PathError(f"{text} looks for '{missing[0]}', which is not there")
    return [(name, value[name]) for name in names]


def _items(value: Any, places: list[Place], text: str) -> list[Any]:
    values = _as_list(value, text)
    items: list[Any] = []
    for place in places:
        if isinstance(place, slice):
            items.extend(values[place])
        elif -len(values) <= place < len(values):
            items.append(values[place])
        else:
            raise PathError(f"{text} looks for place {place} of {len(values)}")
    return items


def _as_list(value: Any, text: str) -> list[Any]:
    if not isinstance(value, list):
        raise PathError(f"{text} looks for places in what is no list")
    return value
