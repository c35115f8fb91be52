"""The data of the built-in XGBoost: the files of a channel as one matrix with labels.

What comes in: a channel's folder and its content type. What goes out: an `xgboost.DMatrix`. The label is first: the
first column of CSV (which has no header) and Parquet, the first word of a line of LIBSVM.
"""

from __future__ import annotations

import csv
import os
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dagwright.engines.local.xgboost_algorithm import CustomerError, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    import xgboost

CSV, LIBSVM, PARQUET = "csv", "libsvm", "parquet"
_KINDS = {
    "csv": CSV,
    "text/csv": CSV,
    "libsvm": LIBSVM,
    "text/libsvm": LIBSVM,
    "text/x-libsvm": LIBSVM,
    "parquet": PARQUET,
    "application/x-parquet": PARQUET,
}
_RECORDIO = ("recordio-protobuf", "application/x-recordio-protobuf")
_DELIMITERS = ",\t;| "
_LAST_COLUMN = (1 << 31) - 2  # xgboost counts columns by 32 bits


def content_kind(content_type: str | None) -> str:
    """`csv`, `libsvm` (also if nothing is said) or `parquet`. Raises CustomerError for any other."""
    if content_type is None:
        return LIBSVM
    kind, *parameters = [part.strip() for part in content_type.lower().split(";")]
    if kind in _RECORDIO:
        raise CustomerError(f"the content type {content_type} is not read here: use text/csv, LIBSVM or Parquet")
    if kind not in _KINDS:
        raise CustomerError(f"the content type {content_type} is none of XGBoost's: {', '.join(_KINDS)}")
    sizes = [value for name, _, value in (part.partition("=") for part in parameters) if name.strip() == "label_size"]
    if any(size.strip() != "1" for size in sizes):
        raise CustomerError(f"the content type {content_type} has a label_size that is not 1")
    return _KINDS[kind]


def read_matrix(folder: str, kind: str, has_weights: bool) -> xgboost.DMatrix | None:
    """All files below a folder as one matrix; None if there is nothing in them. With `has_weights` the second column of
    CSV is the weight of a row. Raises CustomerError for data that cannot be read."""
    import xgboost

    paths = [path for path in _files(folder) if os.path.getsize(path)]
    try:
        if kind == LIBSVM:
            return _read_libsvm(paths)
        tables = [_read_parquet(path) if kind == PARQUET else _read_csv(path) for path in paths]
        return _of_table([table for table in tables if len(table)], kind, has_weights)
    except xgboost.core.XGBoostError as error:  # labels, weights and values that are no numbers to train on
        raise refusal(error) from error


def _files(folder: str) -> Iterator[str]:
    """Those of data: marks like `_SUCCESS` and hidden files are none."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (os.path.join(place, name) for name in sorted(names) if not name.startswith((".", "_")))


def _of_table(tables: list[Any], kind: str, has_weights: bool) -> xgboost.DMatrix | None:
    import numpy
    import xgboost

    if not tables:
        return None
    widths = {table.shape[1] for table in tables}
    if len(widths) > 1:
        raise CustomerError(f"the files have different numbers of columns: {', '.join(map(str, sorted(widths)))}")
    table = numpy.concatenate(tables)
    weighted = has_weights and kind == CSV
    first = 2 if weighted else 1
    if table.shape[1] <= first:
        raise CustomerError(f"the data have {table.shape[1]} columns: no feature is left beside the label")
    return xgboost.DMatrix(table[:, first:], label=table[:, 0], weight=table[:, 1] if weighted else None)


def _read_csv(path: str) -> Any:
    import numpy

    with open(path, encoding="utf-8-sig", errors="replace") as file:
        line = next((line.strip() for line in file if line.strip()), "")
    if not line:
        return numpy.empty((0, 0))
    delimiter = next((mark for mark in _DELIMITERS if mark in line), ",")
    try:
        return numpy.loadtxt(path, dtype="float32", delimiter=delimiter, comments=None, ndmin=2)
    except ValueError:
        return _read_csv_by_cells(path, delimiter)


def _read_csv_by_cells(path: str, delimiter: str) -> Any:
    """The same, slower: of a file with quotes or with empty cells, which are missing values."""
    import numpy

    cells, width = array("f"), 0
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file, delimiter=delimiter)
        try:
            for row in filter(None, rows):
                width = width or len(row)
                if len(row) != width:
                    raise CustomerError(f"{_named(path)}, line {rows.line_num}: {len(row)} columns instead of {width}")
                cells.extend([float(cell) if cell.strip() else float("nan") for cell in row])
        except (ValueError, csv.Error) as error:
            hint = "; is it a header? CSV for XGBoost has none" if rows.line_num == 1 else ""
            raise CustomerError(f"{_named(path)}, line {rows.line_num}: {error}{hint}") from None
    return numpy.array(cells).reshape(-1, width or 1)


def _read_parquet(path: str) -> Any:
    import numpy

    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise CustomerError("the data are Parquet, and pyarrow is not installed in the Python of the image") from None
    try:
        columns = [column.to_numpy() for column in parquet.ParquetFile(path).read().columns]
        return numpy.column_stack(columns).astype("float64")
    except (pyarrow.ArrowException, ValueError, TypeError) as error:
        raise CustomerError(f"{_named(path)} cannot be read as Parquet of numbers: {error}") from error


@dataclass
class _Sparse:
    """A matrix by rows, as SciPy has it."""

    labels: array[float] = field(default_factory=lambda: array("f"))
    weights: array[float] = field(default_factory=lambda: array("f"))
    groups: array[int] = field(default_factory=lambda: array("q"))
    ends: array[int] = field(default_factory=lambda: array("q", [0]))
    columns: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("f"))

    def add(self, words: list[str]) -> None:
        """One line: `label[:weight] [qid:number] column:value …`. Raises ValueError."""
        label, _, weight = words[0].partition(":")
        self.labels.append(float(label))
        self.weights.append(float(weight or 1))
        for word in words[1:]:
            column, colon, value = word.partition(":")
            if not colon:
                raise ValueError(f"{word!r} is not column:value")
            if column == "qid":
                self.groups.append(int(value))
                continue
            if not 0 <= int(column) <= _LAST_COLUMN:
                raise ValueError(f"{word!r} has no column number")
            self.columns.append(int(column))
            self.values.append(float(value))
        self.ends.append(len(self.columns))


def _read_libsvm(paths: list[str]) -> xgboost.DMatrix | None:
    import numpy
    import xgboost
    from scipy.sparse import csr_matrix

    read = _Sparse()
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                words = line.partition("#")[0].split()
                try:
                    if words:
                        read.add(words)
                except (ValueError, OverflowError) as error:
                    raise CustomerError(f"{_named(path)}, line {number} is not LIBSVM: {error}") from None
    if not read.labels:
        return None
    shape = (len(read.labels), max(read.columns, default=0) + 1)
    rows = csr_matrix((numpy.array(read.values), numpy.array(read.columns), numpy.array(read.ends)), shape=shape)
    matrix = xgboost.DMatrix(rows, label=numpy.array(read.labels), weight=numpy.array(read.weights))
    if read.groups:
        if len(read.groups) != len(read.labels):
            raise CustomerError("some lines of the data have a qid, and others have none")
        matrix.set_info(qid=numpy.array(read.groups))
    return matrix


def _named(path: str) -> str:
    """`train/data.csv`: the channel and the name."""
    return "/".join(path.split(os.sep)[-2:])
