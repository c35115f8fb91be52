"""Statistics of a table that is read once, from beginning to end, in constant memory: made for Pipe mode.

In:  `--input`: a folder with CSV files, or, in Pipe mode, the FIFO `<input>_0`, through which they come one after the
     other; each file begins with the same header and ends with a newline.
Out: `totals.json`: rows, how often each value of the label occurs, and of each other column but the id count, missing,
     mean, standard deviation (n - 1), minimum, maximum and quartiles.

A cell that is no number counts as missing. Mean and deviation are merged block by block (Chan, Golub, LeVeque, 1979),
so they stay exact to rounding however long the stream is. Quartiles are those of a sample of `--sample-rows` rows that
every row enters with the same chance; of a table that is no longer than that they are exact.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

PROCESSING = Path("/opt/ml/processing")
OUTPUT = Path("/opt/ml/output")
BLOCK_ROWS = 2000
MOST_LABELS = 100


class InputError(Exception):
    """What came in cannot be used; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence, in the message file too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The folders and numbers of this run; the folders default to the container's."""
    parser = Parser(description="Statistics of a table that is read once.", allow_abbrev=False)
    parser.add_argument("--input", type=Path, default=PROCESSING / "input/table", help="folder, or FIFO without its _0")
    parser.add_argument("--totals", type=Path, default=PROCESSING / "output/totals", help="folder for totals.json")
    parser.add_argument("--message-folder", type=Path, default=OUTPUT, help="where a failure leaves its reason")
    parser.add_argument("--label", default="diagnosis", help="the column whose values are counted")
    parser.add_argument("--id-column", default="id", help="names the row and is no measurement; may be absent")
    parser.add_argument("--sample-rows", type=int, default=10000, help="rows the quartiles are taken from, at least 1")
    parser.add_argument("--seed", type=int, default=42, help="of that sample: 0 to 4294967295")
    arguments = parser.parse_args(words)
    if arguments.sample_rows < 1 or not 0 <= arguments.seed < 2**32:
        raise InputError("--sample-rows must be at least 1, and --seed between 0 and 4294967295")
    return arguments


def find_sources(place: Path) -> list[Path]:
    """What to read, in order: the FIFO of the first epoch, or the CSV files of the folder.

    SageMaker says of training jobs that their FIFO is called `<place>_0`; of processing jobs it does not say how it is
    called, so `place` itself and what is in it are tried as well.
    """
    streamed = place.with_name(f"{place.name}_0")
    for path in (streamed, place):
        if path.is_fifo():
            return [path]
    found = sorted(path for path in place.rglob("*") if path.is_fifo() or (path.is_file() and path.suffix == ".csv"))
    if not found:
        raise InputError(f"there is neither a FIFO {streamed} nor a *.csv file below {place}")
    return found


def read_rows(paths: Sequence[Path]) -> Iterator[list[str]]:
    """The header once, then every row of every source; in a stream the headers of the files in it are left out."""
    header: list[str] = []
    for path in paths:
        with path.open("rb") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
            for cells in csv.reader(text):
                names = [cell.strip().lstrip("\ufeff") for cell in cells]
                if not header:
                    header = names
                    yield header
                elif names and names != header:
                    if len(cells) != len(header):
                        raise InputError(
                            f"a row of {path.name} has {len(cells)} cells and the header {len(header)}: "
                            "does every file have this header, and a newline at its end?"
                        )
                    yield cells
    if not header:
        raise InputError(f"nothing came through {paths[0]}")


def parse_number(text: str) -> float:
    """The number, or NaN for what is none or is not finite."""
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


class Totals:
    """What is known of the rows so far; its size does not grow with them."""

    def __init__(self, columns: int, sample_rows: int, seed: int) -> None:
        self.rows = 0
        self.count = np.zeros(columns)
        self.mean = np.zeros(columns)
        self.squares = np.zeros(columns)  # of the distances to the mean
        self.minimum = np.full(columns, np.inf)
        self.maximum = np.full(columns, -np.inf)
        self._sample_rows = sample_rows
        self._sample: list[np.ndarray] = []
        self._random = np.random.RandomState(seed)

    def add(self, block: np.ndarray) -> None:
        """Rows x columns, NaN where nothing was measured."""
        there = ~np.isnan(block)
        count = there.sum(axis=0)
        both = np.maximum(self.count + count, 1)
        with np.errstate(over="ignore", invalid="ignore"):  # squares that are not finite are refused at the end
            mean = np.where(there, block, 0).sum(axis=0) / np.maximum(count, 1)
            squares = (np.where(there, block - mean, 0) ** 2).sum(axis=0)
            apart = mean - self.mean
            self.squares += squares + apart**2 * self.count * count / both
            self.mean += apart * count / both
        self.count += count
        self.minimum = np.minimum(self.minimum, np.where(there, block, np.inf).min(axis=0))
        self.maximum = np.maximum(self.maximum, np.where(there, block, -np.inf).max(axis=0))
        for row in block:
            self._draw(row)

    def _draw(self, row: np.ndarray) -> None:
        """Let a row into the sample, in which every row so far is with the same chance (Vitter's algorithm R)."""
        self.rows += 1
        if len(self._sample) < self._sample_rows:
            self._sample.append(row)
        else:
            place = self._random.randint(self.rows)
            if place < self._sample_rows:
                self._sample[place] = row

    def column(self, number: int) -> dict[str, Any]:
        """The statistics of a column; without a number in it only that it has none."""
        count = int(self.count[number])
        described: dict[str, Any] = {"count": count, "missing": self.rows - count}
        if not count:
            return described
        values = np.array([row[number] for row in self._sample])
        values = values[~np.isnan(values)]
        return {
            **described,
            "mean": float(self.mean[number]),
            "standard_deviation": float(np.sqrt(self.squares[number] / (count - 1))) if count > 1 else 0.0,
            "minimum": float(self.minimum[number]),
            "maximum": float(self.maximum[number]),
            "quartiles": [float(value) for value in np.percentile(values, [25, 50, 75])] if len(values) else [],
        }


def run(arguments: argparse.Namespace) -> None:
    """Read, add up, write."""
    rows = read_rows(find_sources(arguments.input))
    header = next(rows)
    if arguments.label not in header:
        raise InputError(f"there is no label column {arguments.label!r}; the columns are {', '.join(header[:10])}")
    label = header.index(arguments.label)
    measured = [number for number, name in enumerate(header) if name not in (arguments.label, arguments.id_column)]
    totals = Totals(len(measured), arguments.sample_rows, arguments.seed)
    labels: Counter[str] = Counter()
    block: list[list[float]] = []
    for cells in rows:
        labels[cells[label].strip()] += 1
        if len(labels) > MOST_LABELS:
            raise InputError(f"the label {arguments.label!r} has more than {MOST_LABELS} values: it is no class")
        block.append([parse_number(cells[number]) for number in measured])
        if len(block) == BLOCK_ROWS:
            totals.add(np.array(block))
            block.clear()
    if block:
        totals.add(np.array(block))
    if not totals.rows:
        raise InputError("the table has no rows")
    large = [header[number] for place, number in enumerate(measured) if not np.isfinite(totals.squares[place])]
    if large:
        raise InputError(f"the numbers of the column {large[0]!r} are too large to add up")
    found = {
        "rows": totals.rows,
        "label": arguments.label,
        "id_column": arguments.id_column,
        "classes": dict(sorted(labels.items())),
        "columns": {header[number]: totals.column(place) for place, number in enumerate(measured)},
    }
    arguments.totals.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found, indent=2, allow_nan=False)
    (arguments.totals / "totals.json").write_text(text + "\n", encoding="utf-8")
    print(f"read {totals.rows} rows with {len(measured)} measurements; {dict(labels)}", flush=True)


def leave_message(reason: str, folder: Path) -> None:
    """Write the reason where SageMaker reads a job's ExitMessage: 1 KB of UTF-8. Outside a container only if asked."""
    if folder != OUTPUT or OUTPUT.parent.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "message").write_bytes(reason.encode()[:1024].decode(errors="ignore").encode())


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words; the exit code is 0, or 1 when the input cannot be used."""
    folder = OUTPUT
    try:
        arguments = read_arguments(words)
        folder = arguments.message_folder
        run(arguments)
    except (InputError, OSError, UnicodeDecodeError, csv.Error) as error:
        print(f"stream_totals: {error}", file=sys.stderr)
        leave_message(str(error), folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
