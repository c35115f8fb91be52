"""A Lambda step here: a Python handler of the project in place of the function.

What comes in: the step's event, the function's ARN, the `lambdas` table of the configuration's local section
(`function name, ARN or pattern: file.py:handler`). What goes out: a job that calls the handler in a process of its own,
and the step's output parameters.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from dagwright.engines.local.job import ML, Host, Job
from dagwright.engines.local.publishing import read_start
from dagwright.engines.local.request import member, needed, objects
from dagwright.errors import ExecutionError, did_you_mean

FOLDER = f"{ML}/lambda"
_RESULT = f"{FOLDER}/result.json"
_ANSWER_BYTES = 6 << 20  # Lambda's quota for a synchronous answer
_LIMIT_SECONDS = 600  # the most that is quoted for a Lambda step; AWS documents none


def handler_of(function: str, lambdas: Mapping[str, str], project: Path) -> tuple[Path, str]:
    """(file, name of the function) that stands for a Lambda function. Raises ExecutionError if none does."""
    name = function_name(function)
    place = next((lambdas[key] for key in lambdas if key in (function, name)), None)
    if place is None:
        place = next((v for k, v in lambdas.items() if fnmatchcase(function, k) or fnmatchcase(name, k)), None)
    if place is None:
        raise ExecutionError(
            f"No local handler stands for the Lambda function '{name}'",
            hint=f"Name one in config/project.yaml, section local: lambdas: {{{name}: path/to/file.py:handler}}, or "
            f"give its result: --stand-in STEP=outputs.json {did_you_mean(name, lambdas)}".rstrip(),
        )
    found = function_at(place, project)
    if found is None:
        raise ExecutionError(
            f"The handler '{place}' of the Lambda function '{name}' does not exist",
            hint="It has the form path/to/file.py:handler, from the project's folder.",
        )
    return found


def function_at(place: str, folder: Path) -> tuple[Path, str] | None:
    """(file, name) of `path/to/file.py:function`, from `folder`; None if there is no such file."""
    file, _, name = place.rpartition(":")
    path = folder / file
    return (path.resolve(), name) if file and path.is_file() and name.isidentifier() else None


def function_name(arn: str) -> str:
    """`arn:aws:lambda:region:account:function:name:alias` -> `name`; a plain name stays."""
    parts = arn.split(":")
    return parts[6] if len(parts) > 6 and parts[0] == "arn" else arn


def lambda_job(name: str, function: str, event: Any, handler: tuple[Path, str]) -> Job:
    """The job that calls the handler, its file and its name, with the event."""
    command, files = call_of(handler, event)
    return Job(
        name=name,
        image="",
        command=command,
        environment=lambda host: {"AWS_LAMBDA_FUNCTION_NAME": function_name(function)},
        hosts=("lambda",),
        files=lambda host: files,
        visible=(handler[0].parent,),
        max_runtime_seconds=_LIMIT_SECONDS,
    )


def call_of(
    handler: tuple[Path, str], event: Any, folders: Mapping[str, Any] | None = None
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The command of a job that calls a function, and the files it needs. `folders` are more of the event: what
    leads to folders of the job, wherever they are."""
    file, name = handler
    program = Path(__file__).with_name("lambda_host.py").read_text(encoding="utf-8")
    files = {f"{FOLDER}/host.py": program, f"{FOLDER}/event.json": json.dumps(event)}
    more = (json.dumps(folders),) if folders is not None else ()
    return ("python", f"{FOLDER}/host.py", str(file), name, f"{FOLDER}/event.json", _RESULT, *more), files


def read_result(host: Host) -> tuple[Any, str]:
    """(the handler's answer, why it failed)."""
    content = read_start(host.written(_RESULT), _ANSWER_BYTES + 1)
    if len(content) > _ANSWER_BYTES:
        return None, f"the handler's answer is longer than Lambda's {_ANSWER_BYTES >> 20} MiB"
    try:
        result = json.loads(content)
    except (ValueError, RecursionError):
        result = None
    if not isinstance(result, dict) or not {"answer", "error"} & result.keys():
        return None, "the handler left no answer: its process ended before it returned"
    return (None, str(result["error"])) if "error" in result else (result["answer"], "")


def declared_outputs(envelope: Mapping[str, Any]) -> dict[str, str]:
    """Name and type of each of a step's OutputParameters. Raises ExecutionError if they are malformed."""
    return {
        needed(output, "OutputName", str): member(output, "OutputType", str, "String")
        for output in objects(envelope, "OutputParameters")
    }


def lambda_outputs(answer: Any, declared: Mapping[str, str]) -> dict[str, Any]:
    """The declared output parameters out of the answer, typed as declared; a nested value becomes JSON text.

    Raises ExecutionError if the answer is no object, lacks one, or it cannot be read as its type.
    """
    if not declared:
        return {}
    if not isinstance(answer, dict):
        raise ExecutionError(f"The handler must return an object with its output parameters, not {answer!r}")
    outputs = {}
    for name, kind in declared.items():
        if answer.get(name) is None:
            raise ExecutionError(
                f"The handler's answer has no output parameter '{name}'", hint=did_you_mean(name, map(str, answer))
            )
        outputs[name] = _typed(name, answer[name], kind)
    return outputs


def _typed(name: str, value: Any, kind: str) -> Any:
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        if kind == "Boolean":
            return {"true": True, "false": False}[text.lower()]
        return {"Integer": int, "Float": float}[kind](text) if kind in ("Integer", "Float") else text
    except (KeyError, ValueError):
        raise ExecutionError(f"The output parameter '{name}' should be of type {kind}, it is {value!r}") from None
