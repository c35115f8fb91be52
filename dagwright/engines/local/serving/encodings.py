"""Bodies of requests and answers as arrays: CSV, JSON and NumPy's format, as AWS's inference toolkits read and write
them.

What comes in: a body and its type. What goes out: an array of NumPy, or the body of one. NumPy is the image's.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
from typing import Any

CSV, JSON, NPY = "text/csv", "application/json", "application/x-npy"


class UnsupportedError(ValueError):
    """A type of content that the default functions do not know."""


def numpy() -> Any:
    """NumPy, which every image that needs it holds."""
    return importlib.import_module("numpy")


def csv_rows(text: str) -> list[list[str]]:
    """The cells of every line."""
    if '"' not in text:
        return [line.rstrip("\r").split(",") for line in text.split("\n") if line]
    return [row for row in csv.reader(io.StringIO(text)) if row]


def decode(body: str | bytes, content_type: str) -> Any:
    """An array; of CSV with one row, or one column, an array of one dimension, as there.

    Raises UnsupportedError.
    """
    if content_type == NPY:
        np = numpy()
        return np.load(io.BytesIO(body if isinstance(body, bytes) else body.encode()), allow_pickle=True)
    text = body.decode("utf-8") if isinstance(body, bytes) else body
    if content_type == JSON:
        return numpy().array(json.loads(text))
    if content_type == CSV:
        return numpy().array(csv_rows(text)).squeeze()
    raise _unsupported(content_type)


def encode(values: Any, accept: str) -> bytes:
    """The body of an array or a list. Raises UnsupportedError."""
    for accepted in [word.partition(";")[0].strip() for word in accept.split(",")]:
        if accepted == JSON:
            return json.dumps(values, default=_plain).encode()
        if accepted == CSV:
            return _as_csv(values)
        if accepted == NPY:
            buffer = io.BytesIO()
            numpy().save(buffer, values)
            return buffer.getvalue()
    raise _unsupported(accept)


def _unsupported(content_type: str) -> UnsupportedError:
    return UnsupportedError(f"the default functions know {CSV}, {JSON} and {NPY}, not {content_type}")


def _as_csv(values: Any) -> bytes:
    """One line for each row; of numbers in a row, one line for each."""
    rows = numpy().array(values).tolist()
    rows = rows if isinstance(rows, list) else [rows]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(row if isinstance(row, list) else [row] for row in rows)
    return text.getvalue().encode()


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON")


def as_bytes(answer: Any) -> bytes:
    """What an output_fn or transform_fn returned as the body of an answer: of text, bytes, (body, type), a response of
    the web framework, or a value that JSON can hold."""
    if isinstance(answer, tuple):
        answer = answer[0] if answer else b""
    if hasattr(answer, "get_data"):
        answer = answer.get_data()
    if isinstance(answer, (bytes, bytearray, memoryview)):
        return bytes(answer)
    if isinstance(answer, str):
        return answer.encode("utf-8")
    if isinstance(answer, io.IOBase):
        return as_bytes(answer.read())
    return json.dumps(answer, default=_plain).encode()
