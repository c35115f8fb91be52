"""The output parameters of Lambda and Callback steps: what is declared, read out of what was answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from dagwright.engines.local.request import member, needed, objects
from dagwright.errors import ExecutionError, did_you_mean


def declared_outputs(envelope: Mapping[str, Any]) -> dict[str, str]:
    """Name and type of each of a step's OutputParameters. Raises ExecutionError if they are malformed."""
    return {
        needed(output, "OutputName", str): member(output, "OutputType", str, "String")
        for output in objects(envelope, "OutputParameters")
    }


def typed_outputs(answer: Any, declared: Mapping[str, str]) -> dict[str, Any]:
    """The declared output parameters out of the answer, typed as declared; a nested value becomes JSON text.

    Raises ExecutionError if the answer is no object, lacks one, or it cannot be read as its type.
    """
    if not declared:
        return {}
    if not isinstance(answer, dict):
        raise ExecutionError(f"The handler must return an object with its output parameters, not {answer!r:.80}")
    outputs = {}
    for name, kind in declared.items():
        if answer.get(name) is None:
            raise ExecutionError(
                f"The handler's answer has no output parameter '{name}'", hint=did_you_mean(name, map(str, answer))
            )
        outputs[name] = _typed(name, answer[name], kind)
    return outputs


def _typed(name: str, value: Any, kind: str) -> Any:
    text = value if isinstance(value, str) else json.dumps(value)
    try:
        if kind == "Boolean":
            return {"true": True, "false": False}[text.lower()]
        if kind == "Integer":
            return int(text)
        return _finite(text) if kind == "Float" else text
    except (KeyError, ValueError):
        what = f"The output parameter '{name}' should be of type {kind}, it is {value!r:.80}"
        raise ExecutionError(what) from None


def _finite(text: str) -> float:
    """Raises ValueError for what is no number that JSON has."""
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number
