"""`--limit STEP=memory_mib:2048,processors:1.5`: rows of `local.limits` that hold for one run, before the others."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dagwright.errors import UsageError, did_you_mean
from dagwright.project import LimitRule
from dagwright.project_forms import Key
from dagwright.project_keys import LOCAL_KEYS

_WORD = "--limit"
_NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")


def read_limits(values: Sequence[str]) -> tuple[LimitRule, ...]:
    """The rows, in order. Raises UsageError for what is none."""
    keys = {key.parts[-1]: key for key in LOCAL_KEYS if key.parts[:2] == ("limits", "[]")}
    return tuple(
        _rule(value, {name: key for name, key in keys.items() if name not in ("[]", "step")}) for value in values
    )


def _rule(value: str, keys: Mapping[str, Key]) -> LimitRule:
    step, _, limits = value.partition("=")
    pairs = [pair.partition(":") for pair in limits.split(",")]
    if not step or any(not colon or not number for _, colon, number in pairs):
        hint = f"It is {_WORD} STEP=memory_mib:2048,processors:1.5, or one of the two."
        raise UsageError(f"{_WORD} {value}: it has another form", hint=hint)
    found: dict[str, float] = {}
    for name, _, number in pairs:
        if name not in keys:
            raise UsageError(f"{_WORD} {value}: there is no limit '{name}'", hint=did_you_mean(name, keys))
        if name in found:
            raise UsageError(f"{_WORD} {value}: '{name}' is given twice")
        found[name] = _number(value, number, keys[name])
    memory, processors = found.get("memory_mib"), found.get("processors")
    return LimitRule(step, None if memory is None else int(memory), processors, _WORD)


def _number(value: str, text: str, key: Key) -> float:
    form = key.form
    number = float(text) if _NUMBER.fullmatch(text) and (form.type == "number" or "." not in text) else None
    if number is None or number < (form.at_least or 0) or number > (form.at_most or number):
        raise UsageError(f"{_WORD} {value}: '{text}' is not {form.allowed}", hint=f"for example {form.example}")
    return number
