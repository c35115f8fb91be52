"""A transform job on one host: every input object goes through the model and becomes an output object.

`ROOT` is /opt/ml or what stands for it; `ROOT/.dagwright/transform.json` describes the job.
The objects that went well are kept even if others fail; what failed stands in `ROOT/.dagwright/failure`.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import sys
import time
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from dagwright.engines.local.serving.joining import JoinError, Joining, format_of
from dagwright.engines.local.serving.model_process import ModelError, ModelProcess, RequestError
from dagwright.engines.local.serving.paths import PathError
from dagwright.engines.local.serving.splitting import Payload, SplitError, payloads

_WHAT_AN_OBJECT_CAN_FAIL_BY = (SplitError, PathError, JoinError, RequestError)


class ObjectError(Exception):
    """An object of which no output came to be."""


class Transform:
    """One host's part of a job, as `description` says it."""

    def __init__(self, root: str, description: Mapping[str, Any]) -> None:
        """Raises PathError."""
        self._description = description
        self._content_type: str = description["ContentType"]
        self._accept: str = description["Accept"]
        given = format_of(self._content_type)
        made = format_of(self._accept) or given
        self._joining = Joining(description["DataProcessing"], given, made)
        seconds = float(description["TimeoutSeconds"])
        self._models = [
            ModelProcess(root, number, container, seconds) for number, container in enumerate(description["Containers"])
        ]
        self.records = 0

    def start(self) -> None:
        """Load every model. Raises ModelError."""
        for model in self._models:
            model.start()

    def close(self) -> None:
        for model in self._models:
            model.close()

    def transform(self, source: str, target: str) -> None:
        """Raises ObjectError, ModelError; then there is no target, or a part of one."""
        where = ""
        try:
            with _opened(source, self._description["CompressionType"]) as file, open(target, "wb") as made:
                for payload in payloads(
                    file,
                    self._description["SplitType"],
                    self._description["BatchStrategy"] == "SingleRecord",
                    self._description["MaxPayloadBytes"],
                ):
                    where = f"{payload}: " if self._description["SplitType"] != "None" else ""
                    for record in self._answered(payload):
                        made.write(record)
                    self.records += payload.amount
                    where = ""
        except _WHAT_AN_OBJECT_CAN_FAIL_BY as error:
            raise ObjectError(f"{where}{error}") from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ObjectError(f"it is no whole gzip file: {error}") from error

    def _answered(self, payload: Payload) -> Iterator[bytes]:
        """The output of one request."""
        is_cut = self._description["SplitType"] != "None"
        needs_records = self._joining.filters or self._joining.joins
        records = self._joining.records(payload.content, is_cut) if needs_records else []
        content = self._joining.to_send(records) if self._joining.filters else payload.content
        answer = self._asked(content)
        line = self._description["AssembleWith"] == "Line"
        if not self._joining.joins:
            yield answer
            if line and not answer.endswith(b"\n"):
                yield b"\n"
            return
        made = self._joining.joined(records, answer)
        yield b"\n".join(made)
        if line or len(made) > 1:
            yield b"\n"

    def _asked(self, content: bytes) -> bytes:
        """What the last model answers to what those before it answered, from the first on."""
        content_type = self._content_type
        for number, model in enumerate(self._models, start=1):
            is_last = number == len(self._models)
            accept = self._accept if is_last else self._description["Containers"][number - 1]["Accept"]
            content = self._asked_again(model, content, content_type, accept)
            content_type = accept
        return content

    def _asked_again(self, model: ModelProcess, content: bytes, content_type: str, accept: str) -> bytes:
        for _ in range(self._description["Retries"]):
            try:
                return model.ask(content, content_type, accept)
            except RequestError as error:
                _say(f"asked again after: {error}")
        return model.ask(content, content_type, accept)


def main(root: str) -> int:
    """The exit code of the job."""
    ours = os.path.join(root, ".dagwright")
    with open(os.path.join(ours, "transform.json"), encoding="utf-8") as file:
        description = json.load(file)
    csv.field_size_limit(1 << 30)  # a cell may be a whole text; MaxPayloadInMB says how large a record is
    transform = Transform(root, description)
    failures: list[str] = []
    began = time.monotonic()
    try:
        transform.start()
        _say(f"model loaded in {time.monotonic() - began:.1f} s")
        began = time.monotonic()
        for name, source in _objects(os.path.join(ours, "input")):
            failures += _one(transform, name, source, ours)
    except ModelError as error:
        failures.append(str(error))
    finally:
        transform.close()
    _say(f"{transform.records} records in {time.monotonic() - began:.1f} s")
    if not failures:
        return 0
    more = f" (and {len(failures) - 1} more objects)" if len(failures) > 1 else ""
    with open(os.path.join(ours, "failure"), "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(failures[0] + more)
    return 1


def _one(transform: Transform, name: str, source: str, ours: str) -> list[str]:
    """Transform an object; why it failed, if it did."""
    unfinished = os.path.join(ours, "unfinished")
    target = os.path.join(ours, "output", f"{name}.out")
    try:
        transform.transform(source, unfinished)
        _put(unfinished, target)
    except ObjectError as error:
        _say(f"{name}: {error}")
        return [f"{name}: {error}"]
    return []


def _put(unfinished: str, target: str) -> None:
    """It appears whole: what is there is uploaded while the job runs. Raises ObjectError."""
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.replace(unfinished, target)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ObjectError("its output is a folder of another's, or the other way round: their names collide") from error
    except OSError as error:  # a name that becomes too long
        raise ObjectError(f"its output cannot be written: {error.strerror}") from error


def _objects(folder: str) -> Iterator[tuple[str, str]]:
    """(name below the input's address, file) of each object, in order."""
    found = []
    for above, _, names in os.walk(folder):
        found += [os.path.join(above, name) for name in names]
    for path in sorted(found):
        yield os.path.relpath(path, folder), path


def _opened(path: str, compression: str) -> BinaryIO:
    return gzip.open(path, "rb") if compression == "Gzip" else open(path, "rb")  # type: ignore[return-value]


def _say(line: str) -> None:
    sys.stderr.write(f"transform: {line}\n")
    sys.stderr.flush()
