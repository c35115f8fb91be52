"""The process that holds a model: what the model server of a framework's image does, without HTTP.

What comes in: one container of the job's description, requests. What goes out: that the model is loaded, answers, or
why there is none. The user's functions are those of AWS's inference toolkits: `model_fn`, `input_fn`, `predict_fn`,
`output_fn`, or `transform_fn` in place of the last three; each may take the context as well.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from dagwright.engines.local.serving import toolkits
from dagwright.engines.local.serving.encodings import CSV, JSON, as_bytes
from dagwright.engines.local.serving.frameworks import FRAMEWORKS, Framework
from dagwright.engines.local.serving.messages import Channel, GoneError

_OWN = ("input_fn", "predict_fn", "output_fn")
_TEXT = (JSON, CSV)  # bodies of these types reach the user's functions as text, those of others as bytes

if TYPE_CHECKING:
    from tarfile import TarInfo

    Function = Callable[..., Any]


class UnusableError(Exception):
    """The model's archive or its code is of no use."""


class Context:
    """The members of the model server's context that user functions look at."""

    def __init__(self, folder: str) -> None:
        self.system_properties: dict[str, Any] = {"model_dir": folder, "gpu_id": None, "server_name": "local"}
        self.manifest: dict[str, Any] = {}
        self.request_headers: dict[str, str] = {}

    def get_request_header(self, number: int, name: str) -> str | None:
        return self.request_headers.get(name)

    def set_response_content_type(self, number: int, content_type: str) -> None:
        """The type of the answer is the one that the job asks for."""


class Server:
    """A loaded model and the functions that use it."""

    def __init__(self, folder: str, framework: Framework, module: Any) -> None:
        """Raises whatever the user's module or model_fn does."""
        self._framework = framework
        self._context = Context(folder)
        functions = {name: getattr(module, name, None) for name in ("model_fn", "transform_fn", *_OWN)}
        if functions["transform_fn"] and any(functions[name] for name in _OWN):
            raise UnusableError("transform_fn stands for input_fn, predict_fn and output_fn: define it, or them")
        self._transform: Function | None = functions["transform_fn"]
        self._input: Function = functions["input_fn"] or framework.input_fn
        self._predict: Function = functions["predict_fn"] or framework.predict_fn
        self._output: Function = functions["output_fn"] or framework.output_fn
        self._model = self._call(functions["model_fn"] or framework.model_fn, folder)

    def answer(self, body: bytes, content_type: str, accept: str) -> bytes:
        """Raises whatever the functions do."""
        content_type = content_type or self._framework.content_type
        if not accept or accept == "*/*":
            accept = os.environ.get("SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT") or self._framework.accept
        self._context.request_headers = {"Content-Type": content_type, "Accept": accept}
        given = body.decode("utf-8") if content_type in _TEXT and not self._framework.takes_bytes else body
        if self._transform:
            return as_bytes(self._call(self._transform, self._model, given, content_type, accept))
        data = self._call(self._input, given, content_type)
        prediction = self._call(self._predict, data, self._model)
        return as_bytes(self._call(self._output, prediction, accept))

    def _call(self, function: Function, *given: Any) -> Any:
        """A function may take the context after what it is given."""
        return function(*given, self._context) if _takes(function) == len(given) + 1 else function(*given)


def _takes(function: Function) -> int:
    """How many arguments may stand in a row; -1 if nobody knows."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return -1
    row = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in row for parameter in parameters)


# ---- making it ----


def load(root: str, number: int, container: Mapping[str, Any]) -> Server:
    """The server of a container. Raises UnusableError, and whatever the user's code does."""
    folder = os.path.join(root, container["Folder"])
    os.makedirs(folder, exist_ok=True)
    for archive, target in container["Archives"]:
        _unpack(os.path.join(root, archive), os.path.join(root, target))
    framework = FRAMEWORKS[container["Framework"]]
    code = _code_folder(root, folder, container)
    module = None
    if code:
        _install(os.path.join(code, "requirements.txt"), number)
        sys.path.insert(0, code)
        toolkits.provide()
        module = importlib.import_module(_module_name(container["Program"]))
    return Server(folder, framework, module)


def _module_name(program: str) -> str:
    return (program[:-3] if program.endswith(".py") else program).replace("/", ".")


def _code_folder(root: str, folder: str, container: Mapping[str, Any]) -> str:
    """Where the user's module is; empty if there is none and nobody asked for one."""
    named = os.path.join(root, container["Code"]) if container["Code"] else ""
    file = _module_name(container["Program"]).replace(".", "/") + ".py"
    candidates = [named, os.path.join(folder, "code"), os.path.join(root, "code"), folder]
    for candidate in candidates:
        if candidate and os.path.isfile(os.path.join(candidate, file)):
            return candidate
    if container["NeedsProgram"]:
        raise UnusableError(f"there is no {file} in the model's code folder, which SAGEMAKER_PROGRAM names")
    return ""


def _unpack(archive: str, folder: str) -> None:
    """Files and folders of an archive that somebody else made, and nothing that leads out of `folder`."""
    import tarfile

    paths = [archive]
    if os.path.isdir(archive):
        paths = [os.path.join(archive, name) for name in sorted(os.listdir(archive))]
    for path in paths:
        try:
            with tarfile.open(path) as tar:
                members = tar.getmembers()
                refused = [member.name for member in members if not _may_be_unpacked(member, folder)]
                if refused:
                    raise UnusableError(f"{os.path.basename(path)} holds '{refused[0]}': no links, no way out")
                for member in members:
                    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                    member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
                tar.extraction_filter = getattr(tarfile, "data_filter", None)
                tar.extractall(folder, members)  # noqa: S202 - every member was looked at
        except (tarfile.TarError, EOFError, OSError) as error:
            raise UnusableError(f"{os.path.basename(path)} is no readable archive: {error}") from error


def _may_be_unpacked(member: TarInfo, folder: str) -> bool:
    place = os.path.normpath(os.path.join(folder, member.name))
    inside = place == folder or place.startswith(folder + os.sep)
    return inside and (member.isreg() or member.isdir())


def _install(requirements: str, number: int) -> None:
    """What the toolkits do with a requirements.txt beside the code."""
    if not os.path.isfile(requirements):
        return
    folder = os.environ.get("PIP_TARGET", "")
    if number and folder:  # each container of a pipeline has libraries of its own
        folder = os.environ["PIP_TARGET"] = f"{folder}-{number + 1}"
        sys.path.insert(0, folder)
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "-r", requirements], check=False)
    if done.returncode:
        raise UnusableError("the requirements.txt beside the code could not be installed; pip's words stand in the log")
    if folder and folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()


# ---- its loop ----


def main(root: str, number: int, reading: int, writing: int) -> None:
    channel = Channel(reading, writing)
    with open(os.path.join(root, ".dagwright", "transform.json"), encoding="utf-8") as file:
        container = json.loads(file.read())["Containers"][number]
    server, failure = _attempt(lambda: load(root, number, container))
    channel.send({"error": failure} if failure else {})
    while server is not None:
        try:
            head, body = channel.receive()
        except GoneError:
            return
        request: tuple[bytes, str, str] = (body, head["ContentType"], head["Accept"])
        answer, failure = _attempt(lambda given=request: server.answer(*given))  # type: ignore[misc]
        channel.send({"error": failure} if failure else {}, answer or b"")


def _attempt(work: Callable[[], Any]) -> tuple[Any, str]:
    """(what it gives, why it failed)."""
    try:
        return work(), ""
    except (Exception, SystemExit) as error:  # the user's code may do anything, and its failure is the answer
        if not isinstance(error, UnusableError):
            traceback.print_exc()
        said: list[str] = [type(error).__name__, str(error)] if not isinstance(error, UnusableError) else [str(error)]
        return None, ": ".join(part for part in said if part)
