"""Python values to JSON values, and JSON values to text; both without recursion, so depth costs nothing.

In: declarations, variables, plain values. Out: dicts, lists and scalars; then bytes that are always the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import Enum
from json.encoder import encode_basestring
from typing import Any

from dagwright.arguments import is_single
from dagwright.refusals import refuse
from dagwright.steps import Step

# Where a value stands: the place of its container, and its key or index there; None for the whole.
Place = tuple[Any, str | int] | None
Report = Callable[[object, Place], None]

# Deeper than thousands of nested conditions: what gets there goes round in a circle.
_DEEPEST = 100_000
_PLAIN = (str, bool, int, type(None))


def _refuse_value(value: object, place: Place) -> None:
    refuse("bad-value", f"{value!r} cannot stand in a definition")


def written(
    whole: object,
    steps: Mapping[Step, dict[str, Any]] | None = None,
    seen: Report | None = None,
    odd: Report = _refuse_value,
) -> Any:
    """The JSON value of `whole`.

    A step inside becomes its entry in `steps`. `seen` hears of everything that has an `expression()`, `odd` of what
    has no JSON (a NaN, an object, a key that is no text), each with its place.
    """
    top: list[Any] = [None]
    work: list[tuple[Any, Any, Any, Place, int]] = [(top, 0, whole, None, 0)]
    while work:
        target, key, value, place, depth = work.pop()
        if type(value) in _PLAIN:
            target[key] = value
        elif depth > _DEEPEST:
            refuse("bad-value", "a value contains itself, or is nested without an end")
        elif isinstance(value, Mapping):
            made = target[key] = _named(value, place, odd)
            work.extend((made, name, value[name], (place, name), depth + 1) for name in reversed(made))
        elif isinstance(value, list | tuple):
            row = [None] * len(value)
            target[key] = row
            work.extend((row, at, value[at], (place, at), depth + 1) for at in range(len(value) - 1, -1, -1))
        elif hasattr(type(value), "expression"):
            if seen is not None:
                seen(value, place)
            work.append((target, key, value.expression(), place, depth + 1))
        elif isinstance(value, Step) and steps is not None:
            target[key] = steps.get(value)
        else:
            target[key] = _scalar(value, place, odd)
    return top[0]


def _named(value: Mapping[Any, Any], place: Place, odd: Report) -> dict[str, Any]:
    """An object with the keys of a mapping and nothing in it yet."""
    for name in value:
        if not isinstance(name, str):
            odd(name, place)
    return {name: None for name in value if isinstance(name, str)}


def _scalar(value: object, place: Place, odd: Report) -> Any:
    if isinstance(value, Enum):
        value = value.value
    if is_single(value):
        return value
    odd(value, place)
    return None


def text_of(whole: Any) -> str:
    """A JSON value as text: two blanks of indentation, keys in their order, a newline at the end."""
    pieces: list[str] = []
    work: list[Any] = [(whole, "\n")]
    while work:
        item = work.pop()
        if type(item) is str:
            pieces.append(item)
            continue
        value, line = item
        if value and isinstance(value, dict):
            inner = f"{line}  "
            parts: list[Any] = []
            for name, one in value.items():
                parts.append(f"{',' if parts else '{'}{inner}{encode_basestring(name)}: ")
                parts.append(_plain_text(one) or (one, inner))
            parts.append(f"{line}}}")
        elif value and isinstance(value, list):
            inner = f"{line}  "
            parts = []
            for one in value:
                parts.append(f"{',' if parts else '['}{inner}")
                parts.append(_plain_text(one) or (one, inner))
            parts.append(f"{line}]")
        else:
            parts = [_plain_text(value) or json.dumps(value)]
        work.extend(reversed(parts))
    pieces.append("\n")
    text = "".join(pieces)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        what = f"{text[max(0, error.start - 20) : error.end]!a} holds half of a surrogate pair, which is no character"
        refuse("bad-value", what)
    return text


def _plain_text(value: Any) -> str:
    """The text of a value that holds nothing else; "" for a list or an object."""
    if isinstance(value, str):
        return encode_basestring(value)
    return "" if isinstance(value, dict | list) else json.dumps(value)
