"""A Lambda step here: a handler of the project in place of the function.

What comes in: the function's ARN, the `lambdas` table of the configuration's local section (`function name, ARN or
pattern: file.py:handler`). What goes out: what is called in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dagwright.engines.local.handlers import FORMS, Handler, handler_at, named
from dagwright.errors import ExecutionError, did_you_mean

LIMIT_SECONDS = 600  # the most that is quoted for a Lambda step; AWS documents none


def handler_of(function: str, lambdas: Mapping[str, str], project: Path) -> Handler:
    """What stands for a Lambda function. Raises ExecutionError if nothing does."""
    name = function_name(function)
    place = named(function, name, lambdas)
    if place is None:
        raise ExecutionError(
            f"No local handler stands for the Lambda function '{name}'",
            hint=f"Name one in config/project.yaml, section local: lambdas: {{{name}: path/to/file.py:handler}}, or "
            f"give its result: --stand-in STEP=outputs.json {did_you_mean(name, lambdas)}".rstrip(),
        )
    found = handler_at(place, project)
    if found is None:
        raise ExecutionError(
            f"The handler '{place}' of the Lambda function '{name}' does not exist",
            hint=f"From the project's folder it is {FORMS}.",
        )
    return found


def function_name(arn: str) -> str:
    """`arn:aws:lambda:region:account:function:name:alias` -> `name`; a plain name stays."""
    parts = arn.split(":")
    return parts[6] if len(parts) > 6 and parts[0] == "arn" else arn
