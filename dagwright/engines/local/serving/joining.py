"""What a transform job does with records before and after the model: filters, and the join of both sides.

What comes in: the records of a request, and what the model answered. What goes out: the payload that the model gets,
and the records of the output. A row of CSV counts as a list, as AWS's text on DataProcessing has it.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from dagwright.engines.local.serving.paths import Path

CSV, JSON, JSON_LINES = "CSV", "JSON", "JSON Lines"
_FORMATS = {
    "text/csv": CSV,
    "application/json": JSON,
    "application/jsonlines": JSON_LINES,
    "application/x-jsonlines": JSON_LINES,
}


class JoinError(ValueError):
    """Records that cannot be read, or an answer that does not fit them."""


def format_of(content_type: str) -> str:
    """`CSV`, `JSON` or `JSON Lines`; empty for another type."""
    return _FORMATS.get(content_type.partition(";")[0].strip().lower(), "")


class Joining:
    """One job's DataProcessing. `given` and `made` are the formats of its input and output."""

    def __init__(self, processing: Mapping[str, str], given: str, made: str) -> None:
        """Raises PathError."""
        self._input = Path(processing.get("InputFilter") or "$")
        self._output = Path(processing.get("OutputFilter") or "$")
        self._joins = processing.get("JoinSource", "None") == "Input"
        self._given, self._made = given, made

    @property
    def filters(self) -> bool:
        """Whether the model gets less than there is."""
        return not self._input.selects_all

    @property
    def joins(self) -> bool:
        """Whether the output is made of records, not of what the model answered as it is."""
        return self._joins or not self._output.selects_all

    def records(self, content: bytes, lines: bool) -> list[bytes]:
        """The records of a payload; one document of JSON may have several lines, if it was not cut at them."""
        if self._given == JSON and not lines:
            return [content]
        found = content.split(b"\n") if lines or self._given != CSV else _rows(content)
        return [line.rstrip(b"\r") for line in found if line.strip()]

    def to_send(self, records: Sequence[bytes]) -> bytes:
        """What the model gets of these records. Raises PathError, JoinError."""
        select = self._input.select
        values = _read(records, self._given, "input")
        return b"\n".join(_written(select(value), self._given) for value in values)

    def joined(self, records: Sequence[bytes], answer: bytes) -> list[bytes]:
        """The records of the output. Raises PathError, JoinError."""
        answers = self._answers(answer, len(records))
        if len(answers) != len(records):
            raise JoinError(
                f"the model answered {len(answers)} records to {len(records)}; filters and joins need one for each"
            )
        if self._joins:
            given = _read(records, self._given, "input")
            answers = [_join(given[number], value) for number, value in enumerate(answers)]
        return [_written(self._output.select(value), self._made) for value in answers]

    def _answers(self, answer: bytes, count: int) -> list[Any]:
        if count == 1 and self._made != CSV:
            return _read([answer], JSON, "answer of the model")
        found = _rows(answer) if self._made == CSV else answer.split(b"\n")
        return _read([line for line in found if line.strip()], self._made, "answer of the model")


def _rows(content: bytes) -> list[bytes]:
    """The rows of CSV, of which a cell in quotes may have several lines."""
    rows: list[bytes] = []
    is_open = False
    for line in content.split(b"\n"):
        if is_open:
            rows[-1] += b"\n" + line
        else:
            rows.append(line)
        is_open ^= line.count(b'"') % 2 == 1
    return rows


def _join(given: Any, answer: Any) -> Any:
    """The member names are those of the API's text on JoinSource."""
    if isinstance(given, list) and isinstance(answer, _Row):
        return [*given, *answer]
    if isinstance(given, dict):
        return {**given, "SageMakerOutput": answer}
    return {"SageMakerInput": given, "SageMakerOutput": answer}


class _Row(list):  # type: ignore[type-arg]  # Python 3.8 has no list[str]
    """A row of CSV, which is no list of JSON."""


def _read(records: Sequence[bytes], form: str, what: str) -> list[Any]:
    values: list[Any] = []
    for number, record in enumerate(records, start=1):
        try:
            text = record.decode("utf-8").rstrip("\r")
            values.append(_row(text) if form == CSV else json.loads(text))
        except (ValueError, RecursionError, csv.Error) as error:
            raise JoinError(f"record {number} of the {what} is no {form}: {error}") from error
    return values


def _row(text: str) -> _Row:
    if '"' not in text:
        return _Row(text.split(","))
    return _Row(next(csv.reader(io.StringIO(text, newline=""), strict=True)))


def _written(value: Any, form: str) -> bytes:
    if form != CSV:
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")
    cells = [str(cell) for cell in value] if isinstance(value, list) else [str(value)]
    line = ",".join(cells)
    if not any(mark in line for mark in '"\r\n') and line.count(",") == len(cells) - 1:
        return line.encode()
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)  # what ends a line is in quotes where it does not
    return text.getvalue()[:-2].encode()
