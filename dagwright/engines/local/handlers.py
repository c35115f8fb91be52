"""What answers on this machine in place of a service: a Python function, a command, or an answer in a file.

What comes in: a place as the configuration names it, and the event. What goes out: a job that calls it in a process
of its own, and its answer.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from dagwright.engines.local.job import ML, Host, Job
from dagwright.engines.local.programs import program
from dagwright.engines.local.publishing import read_start
from dagwright.errors import ExecutionError, did_you_mean

_FORMS = (
    "path/to/file.py:function, an answer in path/to/file.json, or a command that reads the event and prints an answer"
)
_FOLDER = f"{ML}/lambda"
_EVENT, _RESULT = f"{_FOLDER}/event.json", f"{_FOLDER}/result.json"
_ANSWER_BYTES = 6 << 20  # Lambda's quota for a synchronous answer


@dataclass(frozen=True)
class Handler:
    """One of the three: a Python function (its file and name), the words of a command, or the answer itself in a file.
    `folder` is where a command runs."""

    function: tuple[Path, str] | None = None
    command: tuple[str, ...] = ()
    answer: Path | None = None
    folder: Path = Path("/")


def handler_at(place: str, folder: Path) -> Handler | None:
    """What a place means, from `folder`; None if it means nothing that is there."""
    function = function_at(place, folder)
    if function:
        return Handler(function)
    if place.endswith(".json") and os.path.isfile(folder / place):
        return Handler(answer=folder / place)
    try:
        words = shlex.split(place)
    except ValueError:
        return None
    return _command(words, folder) if words else None


def function_at(place: str, folder: Path) -> tuple[Path, str] | None:
    """(file, name) of `path/to/file.py:function`, from `folder`; None if there is no such file."""
    file, _, name = place.rpartition(":")
    path = folder / file
    return (path.resolve(), name) if file and os.path.isfile(path) and name.isidentifier() else None


def _command(words: list[str], folder: Path) -> Handler | None:
    """Words that are files of the project are found wherever the command runs, which is in the folder of the first."""
    own = [(folder / word).resolve() for word in words if "/" in word and os.path.isfile(folder / word)]
    found = [
        str((folder / word).resolve()) if "/" in word and os.path.isfile(folder / word) else word for word in words
    ]
    is_there = os.path.isfile(found[0]) or words[0] in ("python", "python3") or shutil.which(words[0])
    if not is_there:
        return None
    return Handler(command=tuple(found), folder=own[0].parent if own else Path("/"))


def handler_named(
    whose: str, names: tuple[str, str], section: str, table: Mapping[str, str], project: Path, missing: str
) -> Handler:
    """The handler that a section of the configuration names for what goes by two `names`, the short one first.

    `whose` is what it is to those who read of it (`handler of the Lambda function`), `missing` says that there is none.
    Raises ExecutionError.
    """
    name, word = names[0], whose.partition(" ")[0]
    place = _place(names, table)
    if place is None:
        raise ExecutionError(
            f"{missing} '{name}'",
            hint=f"Name one in config/project.yaml, section local: {section}: {{{name}: path/to/file.py:{word}}}, or "
            f"give its result: --stand-in STEP=outputs.json {did_you_mean(name, table)}".rstrip(),
        )
    found = handler_at(place, project)
    if found is None:
        raise ExecutionError(
            f"The {word} '{place}'{whose.removeprefix(word)} '{name}' does not exist",
            hint=f"From the project's folder it is {_FORMS}.",
        )
    return found


def _place(names: tuple[str, str], table: Mapping[str, str]) -> str | None:
    """The place in a table of the configuration whose key is one of two names, or the first pattern that fits one."""
    exact = next((table[key] for key in table if key in names), None)
    if exact is not None:
        return exact
    return next((place for key, place in table.items() if any(fnmatchcase(name, key) for name in names)), None)


def handler_job(name: str, handler: Handler, event: Any, variables: Mapping[str, str], limit_seconds: int) -> Job:
    """The job that calls a handler with the event."""
    if handler.function:
        command, files = call_of(handler.function, event)
        folder = handler.function[0].parent
    else:
        command = ("python", f"{_FOLDER}/host.py", _EVENT, _RESULT, *_words(handler))
        files = {f"{_FOLDER}/host.py": program("command_host.py"), _EVENT: json.dumps(event)}
        folder = handler.answer.parent if handler.answer else handler.folder
    return Job(
        name=name,
        image="",
        command=command,
        environment=lambda host: variables,
        hosts=("lambda",),
        files=lambda host: files,
        visible=() if folder == Path("/") else (folder,),
        max_runtime_seconds=limit_seconds,
    )


def _words(handler: Handler) -> tuple[str, ...]:
    return ("--answer", str(handler.answer)) if handler.answer else (str(handler.folder), *handler.command)


def call_of(
    function: tuple[Path, str], event: Any, folders: Mapping[str, Any] | None = None
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The command of a job that calls a Python function, and the files it needs. `folders` are more of the event: what
    leads to folders of the job, wherever they are."""
    file, name = function
    files = {f"{_FOLDER}/host.py": program("lambda_host.py"), _EVENT: json.dumps(event)}
    more = (json.dumps(folders),) if folders is not None else ()
    return ("python", f"{_FOLDER}/host.py", str(file), name, _EVENT, _RESULT, *more), files


def read_result(host: Host) -> tuple[Any, str]:
    """(the handler's answer, why it failed)."""
    content = read_start(host.written(_RESULT), _ANSWER_BYTES + 1)
    if len(content) > _ANSWER_BYTES:
        return None, f"its answer is longer than Lambda's {_ANSWER_BYTES >> 20} MiB"
    try:
        result = json.loads(content)
    except (ValueError, RecursionError):
        result = None
    if not isinstance(result, dict) or not {"answer", "error"} & result.keys():
        return None, "the handler left no answer: its process ended before it returned"
    return (None, str(result["error"])) if "error" in result else (result["answer"], "")
