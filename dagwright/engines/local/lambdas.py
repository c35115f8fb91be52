"""A Lambda step here: a handler of the project in place of the function.

What comes in: the function's ARN, the `lambdas` table of the configuration's local section (`function name, ARN or
pattern: file.py:handler`). What goes out: what is called in its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dagwright.engines.local.handlers import Handler, handler_named

LIMIT_SECONDS = 600  # the most that is quoted for a Lambda step; AWS documents none


def handler_of(function: str, lambdas: Mapping[str, str], project: Path) -> Handler:
    """What stands for a Lambda function. Raises ExecutionError if nothing does."""
    names = function_name(function), function
    missing = "No local handler stands for the Lambda function"
    return handler_named("handler of the Lambda function", names, "lambdas", lambdas, project, missing)


def function_name(arn: str) -> str:
    """`arn:aws:lambda:region:account:function:name:alias` -> `name`; a plain name stays."""
    parts = arn.split(":")
    return parts[6] if len(parts) > 6 and parts[0] == "arn" else arn
