"""Split a table into train, validation and test by what its rows say, with nothing but the standard library.

In:  `--table`: a folder with one *.csv; `--summary`: a folder with the `summary.json` of preprocess.py, whose columns
     are kept.
Out: `--train`, `--validation`, `--test`: a CSV each, the rows in the order of the table; `--report`: `report.json`: the
     rows and the SHA-256 of each split, and the processor that made them, as the variable PROCESSOR names it.

A row's place follows from the hash of the seed and its text: the same row goes the same way in every image, under every
version of everything.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

PROCESSING = Path("/opt/ml/processing")
OUTPUT = Path("/opt/ml/output")
SPLITS = ("train", "validation", "test")


class InputError(Exception):
    """What came in cannot be used; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence, in the message file too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The folders and numbers of this run; the folders default to the container's."""
    parser = Parser(description="Split a table by what its rows say.", allow_abbrev=False)
    for name in ("table", "summary"):
        parser.add_argument(f"--{name}", type=Path, default=PROCESSING / "input" / name)
    for name in (*SPLITS, "report"):
        parser.add_argument(f"--{name}", type=Path, default=PROCESSING / "output" / name)
    parser.add_argument("--message-folder", type=Path, default=OUTPUT, help="where a failure leaves its reason")
    parser.add_argument("--seed", type=int, default=42, help="another one draws other splits")
    parser.add_argument("--validation-share", type=float, default=0.2, help="share of the rows, between 0 and 1")
    parser.add_argument("--test-share", type=float, default=0.2, help="share of the rows, between 0 and 1")
    arguments = parser.parse_args(words)
    shares = (arguments.validation_share, arguments.test_share)
    if not all(0 < share < 1 for share in shares) or sum(shares) >= 1:
        raise InputError(f"the validation and test shares {shares[0]} and {shares[1]} leave no room for three splits")
    return arguments


def read_table(folder: Path, kept: Sequence[str]) -> list[dict[str, str]]:
    """The rows of the one *.csv below the folder, each as wide as the header, with all columns that are kept.

    Raises InputError for anything else."""
    paths = sorted(folder.rglob("*.csv"))
    if len(paths) != 1:
        raise InputError(f"{len(paths)} *.csv files below {folder}, and one is needed")
    try:
        with paths[0].open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header, rows = reader.fieldnames or [], list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{paths[0].name} is not a readable CSV: {error}") from error
    if not rows:
        raise InputError(f"{paths[0].name} has no rows")
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():  # so csv marks a cell too many, and one too few
            raise InputError(f"row {number} of {paths[0].name} has more or fewer cells than the header")
    absent = [name for name in kept if name not in header]
    if absent:
        raise InputError(f"{paths[0].name} has no {', '.join(absent[:5])}")
    return rows


def read_columns(folder: Path) -> list[str]:
    """The columns that preprocessing has kept."""
    try:
        columns = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["columns"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"summary.json does not list the columns: {error!r}") from error
    if not columns or not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise InputError("summary.json does not list the columns: they are no list of names")
    return columns


def split_rows(
    rows: Sequence[dict[str, str]], seed: int, validation_share: float, test_share: float
) -> dict[str, list[int]]:
    """For each split the positions of its rows, ascending."""

    def drawn(position: int) -> bytes:
        return hashlib.sha256(json.dumps([seed, position, rows[position]], sort_keys=True).encode()).digest()

    order = sorted(range(len(rows)), key=drawn)
    validation, test = (round(len(rows) * share) for share in (validation_share, test_share))
    return {
        "validation": sorted(order[:validation]),
        "test": sorted(order[validation : validation + test]),
        "train": sorted(order[validation + test :]),
    }


def write_split(path: Path, rows: Sequence[dict[str, str]], columns: Sequence[str]) -> str:
    """Write the CSV; the SHA-256 of its bytes."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    content = text.getvalue().encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def run(arguments: argparse.Namespace) -> None:
    """Read, split, write."""
    columns = read_columns(arguments.summary)
    rows = read_table(arguments.table, columns)
    drawn = split_rows(rows, arguments.seed, arguments.validation_share, arguments.test_share)
    report = {"processor": os.environ.get("PROCESSOR", ""), "columns": len(columns), "splits": {}}
    for name in SPLITS:
        chosen = [rows[position] for position in drawn[name]]
        digest = write_split(getattr(arguments, name) / f"{name}.csv", chosen, columns)
        report["splits"][name] = {"rows": len(chosen), "sha256": digest}
        print(f"{name}: {len(chosen)} rows", flush=True)
    arguments.report.mkdir(parents=True, exist_ok=True)
    (arguments.report / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


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
    except (InputError, OSError) as error:
        print(f"split: {error}", file=sys.stderr)
        leave_message(str(error), folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
