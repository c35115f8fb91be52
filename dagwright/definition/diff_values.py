"""Values of a definition as people read them: a Get as `${Parameters.Seed}`, a Join as the text it will come to.

In: any JSON value. Out: the same value with every expression replaced by an `Expression`, a text. Nothing here recurses
over the depth of a value.
"""

from __future__ import annotations

import json
from typing import Any

from dagwright.definition.expression import GET, JOIN, JSON_GET, Computation, function_of, render, unrolled
from dagwright.errors import EvaluationError


class Expression(str):
    """The readable form of what has a value only while the pipeline runs."""

    __slots__ = ()


def readable(value: Any) -> Any:
    """A new JSON value in which every expression is a text.

    >>> readable({"Std:Join": {"On": "/", "Values": ["s3://bucket", {"Get": "Execution.PipelineExecutionId"}]}})
    's3://bucket/${Execution.PipelineExecutionId}'
    """
    return unrolled(_readable(value))


def exact(value: Any) -> str:
    """The value as JSON text that is the same for the same value only: 1, 1.0, "1" and true are four values, and the
    order of an object's keys is nothing."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _readable(value: Any) -> Computation:
    function = function_of(value)
    if function is not None:
        return Expression((yield _spelled(function, value[function])))
    if isinstance(value, dict):
        members = {}
        for key, member in value.items():
            members[key] = (yield _readable(member)) if isinstance(member, (dict, list)) else member
        return members
    if isinstance(value, list):
        items = []
        for item in value:
            items.append((yield _readable(item)) if isinstance(item, (dict, list)) else item)
        return items
    return value


def _spelled(function: str, body: Any) -> Computation:
    if function == GET and isinstance(body, str):
        return f"${{{body}}}"
    if function == JOIN and isinstance(body, dict) and isinstance(body.get("Values"), list):
        parts = []
        for part in body["Values"]:
            parts.append(_as_text((yield _readable(part))))
        return str(body.get("On") or "").join(parts)
    if function == JSON_GET and isinstance(body, dict):
        source = _as_text((yield _readable(body.get("PropertyFile") or body.get("S3Uri"))))
        return f"${{{source.removeprefix('${').removesuffix('}')} at {body.get('Path')}}}"
    return exact({function: body})


def _as_text(value: Any) -> str:
    try:
        return render(value)
    except EvaluationError:
        return exact(value)
