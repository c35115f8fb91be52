"""Reads a job request: the members both kinds of job share, and the sentences for what is not there.

What comes in: the JSON of a CreateProcessingJob or CreateTrainingJob request, all expressions replaced. Members are
AWS's; their shapes are botocore's, so a wrong type here is the definition's mistake and is said as such.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from dagwright.errors import ExecutionError


def member(request: Mapping[str, Any], path: str, kind: type, default: Any = None) -> Any:
    """The member at a dotted path; `default` if it is absent. Raises ExecutionError if it is of another kind."""
    value: Any = request
    above = ""
    for name in path.split("."):
        if not isinstance(value, Mapping):
            raise _wrong(above or "The job's request", dict, value)
        value = value.get(name)
        if value is None:
            return default
        above = f"{above}.{name}" if above else name
    if kind is int and isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        return int(value)  # a pipeline variable joined to text, which the service reads as a number
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _wrong(path, kind, value)
    return value


_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")
_NAMES = {str: "a string", int: "a whole number", list: "a list", dict: "an object", bool: "true or false"}


def _wrong(path: str, kind: type, value: Any) -> ExecutionError:
    shown = json.dumps(value, default=str)
    return ExecutionError(f"{path} must be {_NAMES[kind]}, it is {shown if len(shown) < 100 else shown[:99] + '…'}")


def needed(request: Mapping[str, Any], path: str, kind: type) -> Any:
    """The same for a member the API requires: raises ExecutionError if it is absent."""
    value = member(request, path, kind)
    if value is None:
        raise ExecutionError(f"{path} is missing in the job's request")
    return value


def choice(request: Mapping[str, Any], path: str, allowed: tuple[str, ...]) -> str:
    """One of the values of an enumeration; the first if the member is absent. Raises ExecutionError for any other."""
    value: str = member(request, path, str, allowed[0])
    if value not in allowed:
        raise ExecutionError(f"{path} must be {' or '.join(allowed)} in a local run, it is {value!a}")
    return value


def unpacked_as_streamed(where: str, compression: str, mode: str) -> ExecutionError:
    """The refusal of Gzip where nothing is streamed: the API's text on both members allows it in Pipe mode only."""
    return ExecutionError(
        f"{where} has {compression} Gzip without Pipe mode; data is unpacked only as it is streamed",
        hint=f"Take it out and unpack in the program, or set {mode} to Pipe.",
    )


def objects(request: Mapping[str, Any], path: str) -> list[Mapping[str, Any]]:
    """A list of objects: inputs, outputs, channels. Raises ExecutionError if an element is none."""
    values = member(request, path, list, [])
    for number, value in enumerate(values):
        if not isinstance(value, Mapping):
            raise _wrong(f"{path}[{number}]", dict, value)
    return list(values)


def seconds(request: Mapping[str, Any], path: str) -> int:
    """A time limit; a day, as at the service, if there is none. Raises ExecutionError if it is below 1."""
    limit = member(request, path, int, 86400)
    if limit < 1:
        raise ExecutionError(f"{path} must be at least 1, it is {limit}")
    return int(limit)


def texts(request: Mapping[str, Any], path: str) -> list[str]:
    """A list of strings: container entrypoints and arguments. Raises ExecutionError if an element is none."""
    values = member(request, path, list, [])
    for number, value in enumerate(values):
        if not isinstance(value, str):
            raise _wrong(f"{path}[{number}]", str, value)
    return list(values)


def text_map(request: Mapping[str, Any], path: str) -> dict[str, str]:
    """A map of strings: an environment, hyperparameters. Raises ExecutionError if a value is none."""
    values = member(request, path, dict, {})
    for name, value in values.items():
        if not isinstance(value, str):
            raise ExecutionError(
                _wrong(f"{path}['{name}']", str, value).message,
                hint="Join(on='', values=[variable]) makes a string of a pipeline variable.",
            )
    return dict(values)


def host_names(count: int) -> tuple[str, ...]:
    """`algo-1`, `algo-2`, …: SageMaker's names for the instances of a job."""
    if not 1 <= count <= 100:
        raise ExecutionError(f"InstanceCount must be from 1 to 100, it is {count}")
    return tuple(f"algo-{number}" for number in range(1, count + 1))
