"""Python values to JSON values, and JSON values to text; both without recursion, so depth costs nothing.

In: declarations, variables, plain values. Out: dicts, lists and scalars; then bytes that are always the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from enum import Enum
from json.encoder import encode_basestring
from typing import Any

from dagwright.refusals import refuse
from dagwright.steps import Step

# Where a value stands: the key or index, and the place of what holds it.
Trail = tuple[Any, Any]
Report = Callable[[object, "Trail | None"], None]

_PLAIN = (str, bool, int, type(None))


def field_name(trail: Trail | None) -> str:
    """`Arguments.ProcessingInputs[0].S3Input` for a trail."""
    parts: list[str] = []
    while trail is not None:
        trail, key = trail
        parts.append(f"[{key}]" if isinstance(key, int) else f".{key}")
    return "".join(reversed(parts)).removeprefix(".")


def _refuse_value(value: object, trail: Trail | None) -> None:
    refuse("bad-value", f"{value!r} cannot stand in a definition", field=field_name(trail))


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
    work: list[tuple[Any, Any, Any, Trail | None]] = [(top, 0, whole, None)]
    while work:
        target, key, value, trail = work.pop()
        if type(value) in _PLAIN:
            target[key] = value
        elif isinstance(value, Mapping):
            made = dict.fromkeys(value)
            target[key] = made
            work.extend((made, name, one, (trail, name)) for name, one in value.items())
            for name in value:
                if not isinstance(name, str):
                    odd(name, (trail, name))
        elif isinstance(value, list | tuple):
            row = [None] * len(value)
            target[key] = row
            work.extend((row, at, one, (trail, at)) for at, one in enumerate(value))
        elif hasattr(type(value), "expression"):
            if seen is not None:
                seen(value, trail)
            work.append((target, key, value.expression(), trail))
        elif isinstance(value, Step) and steps is not None:
            target[key] = steps.get(value)
        else:
            target[key] = _scalar(value, trail, odd)
    return top[0]


def _scalar(value: object, trail: Trail | None, odd: Report) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    odd(value, trail)
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
    return "".join(pieces)


def _plain_text(value: Any) -> str:
    """The text of a value that holds nothing else; "" for a list or an object."""
    if isinstance(value, str):
        return encode_basestring(value)
    return "" if isinstance(value, dict | list) else json.dumps(value)
