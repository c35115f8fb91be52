"""Clean the raw CSV files and split their rows into train, validation and test.

In:  `--input`: a folder; every *.csv below it is read, their headers must agree.
Out: three folders with one CSV each (`train.csv`, `validation.csv`, `test.csv`): the id column if there is one, the
     numeric columns, and the label as 0 or 1, last; and `summary.json`: what was read, dropped and kept.

Cleaning: names are stripped; what is no number in a numeric column becomes empty and is counted; columns without any
number and constant columns are dropped and listed; rows without a label, rows without any measurement and repeated
rows (the same but for the id) are dropped and counted. Nothing is filled in here: that is fitted on train, later.

Of the two classes the later one in order is the positive one: `B` is 0 and `M` is 1; `no` is 0 and `yes` is 1.
The split is drawn class by class from `numpy.random.RandomState`, whose stream NumPy keeps the same for ever, so one
seed gives one split under every version of every library.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

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
    parser = Parser(description="Clean raw CSV files and split them.", allow_abbrev=False)
    parser.add_argument("--input", type=Path, default=PROCESSING / "input/raw", help="folder with the raw *.csv")
    for name in SPLITS:
        parser.add_argument(f"--{name}", type=Path, default=PROCESSING / "output" / name, help=f"folder for {name}.csv")
    parser.add_argument("--summary", type=Path, default=PROCESSING / "output/summary", help="folder for summary.json")
    parser.add_argument("--message-folder", type=Path, default=OUTPUT, help="where a failure leaves its reason")
    parser.add_argument("--label", default="diagnosis", help="the column to predict; it has two values")
    parser.add_argument("--id-column", default="id", help="names the row and is no measurement; may be absent")
    parser.add_argument("--seed", type=int, default=42, help="0 to 4294967295")
    parser.add_argument("--validation-share", type=float, default=0.2, help="share of the rows, between 0 and 1")
    parser.add_argument("--test-share", type=float, default=0.2, help="share of the rows, between 0 and 1")
    arguments = parser.parse_args(words)
    shares = (arguments.validation_share, arguments.test_share)
    if not all(0 < share < 1 for share in shares) or sum(shares) >= 1:
        raise InputError(f"the validation and test shares {shares[0]} and {shares[1]} leave no room for three splits")
    if not 0 <= arguments.seed < 2**32:
        raise InputError(f"the seed {arguments.seed} is not between 0 and {2**32 - 1}")
    return arguments


def list_names(names: Sequence[str]) -> str:
    """The first five of the names, quoted, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(repr(name) for name in names[:5]) + more


def read_file(path: Path) -> pd.DataFrame:
    """One CSV as text, empty cells and `?` as missing, with stripped column names."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = [name.strip() for name in next(csv.reader(file), [])]
        if "" in names or not names:
            raise InputError(
                f"{path.name} has no header" if not any(names) else f"{path.name} has a column without name"
            )
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise InputError(f"{path.name} has more than one column {list_names(repeated)}")
        # with the header read as a row, pandas takes its width for all rows and refuses a longer one
        table = pd.read_csv(path, dtype=str, header=None, na_values=["?"], encoding="utf-8-sig")
    except (UnicodeDecodeError, csv.Error, pd.errors.ParserError) as error:
        raise InputError(f"{path.name} is not a readable CSV: {str(error).strip()}") from error
    table.columns = names
    return table.iloc[1:]


def read_folder(folder: Path) -> tuple[pd.DataFrame, int]:
    """All rows of all *.csv below the folder, as text, in the order of the paths; and the number of files."""
    paths = sorted(path for path in folder.rglob("*.csv") if path.is_file())
    if not paths:
        raise InputError(f"no *.csv file below {folder}")
    tables = [read_file(path) for path in paths]
    columns = list(tables[0].columns)
    for number, table in enumerate(tables):
        different = sorted(set(columns) ^ set(table.columns))
        if different:
            raise InputError(
                f"the headers of {paths[0].name} and {paths[number].name} differ in {list_names(different)}"
            )
    return pd.concat([table[columns] for table in tables], ignore_index=True), len(paths)


def parse_number(text: object) -> float:
    """The number, or NaN for what is none or is not finite."""
    try:
        number = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def convert_labels(labels: pd.Series) -> tuple[pd.Series, dict[str, str]]:
    """The labels as 0.0, 1.0 or NaN where there is none, and which class each number stands for."""
    texts = labels.map(lambda text: text.strip() or math.nan, na_action="ignore")
    numbers = texts.map(parse_number)
    values = numbers if numbers.notna().sum() == texts.notna().sum() else texts
    classes = sorted(values.dropna().unique())
    if len(classes) != 2:
        found = ", ".join(f"{value:g}" if isinstance(value, float) else repr(value) for value in classes[:5])
        raise InputError(f"the label {labels.name!r} needs two classes and has {len(classes)}: {found or 'all empty'}")
    named = {str(code): f"{name:g}" if isinstance(name, float) else name for code, name in enumerate(classes)}
    return values.map({name: float(code) for code, name in enumerate(classes)}).astype(float), named


def convert_measurements(raw: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The columns as numbers, without those that say nothing; and the list of what was dropped."""
    numbers = pd.DataFrame({name: raw[name].map(parse_number).astype(float) for name in raw.columns}, index=raw.index)
    kept = {name: numbers[name].dropna().nunique() for name in raw.columns}
    lost = {name: int(raw[name].notna().sum() - numbers[name].notna().sum()) for name in raw.columns}
    return numbers[[name for name in raw.columns if kept[name] > 1]], {
        "dropped_columns": {
            "not_numeric": [name for name in raw.columns if kept[name] == 0],
            "constant": [name for name in raw.columns if kept[name] == 1],
        },
        "not_a_number": {name: lost[name] for name in raw.columns if kept[name] > 1 and lost[name]},
    }


def clean(raw: pd.DataFrame, label: str, id_column: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The rows and columns worth keeping, id first and label last; and the account of what was not."""
    if label not in raw.columns:
        raise InputError(f"there is no label column {label!r}; the columns are {list_names(raw.columns)}")
    names = [name for name in raw.columns if name not in (label, id_column)]
    labels, classes = convert_labels(raw[label])
    numbers, account = convert_measurements(raw.loc[labels.notna(), names])
    measured = numbers.dropna(how="all")
    table = measured.assign(**{label: labels.loc[measured.index].astype(int)})
    unique = table.drop_duplicates()
    if unique.empty:
        raise InputError(f"nothing is left after cleaning: of {len(raw)} rows none has a label and a measurement")
    if id_column in raw.columns:
        unique.insert(0, id_column, raw.loc[unique.index, id_column])
    dropped = {
        "without_label": len(raw) - len(numbers),
        "without_measurements": len(numbers) - len(measured),
        "duplicates": len(measured) - len(unique),
    }
    missing = {name: int(count) for name, count in unique[list(numbers.columns)].isna().sum().items() if count}
    return unique, {"dropped_rows": dropped, **account, "missing": missing, "classes": classes}


def draw_splits(labels: np.ndarray, seed: int, validation_share: float, test_share: float) -> dict[str, np.ndarray]:
    """For each split the positions of its rows, ascending; every class in its share, at least once everywhere."""
    random = np.random.RandomState(seed)
    positions: dict[str, list[np.ndarray]] = {name: [] for name in SPLITS}
    for code in (0, 1):
        members = random.permutation(np.flatnonzero(labels == code))
        validation, test = (math.floor(len(members) * share + 0.5) for share in (validation_share, test_share))
        train = len(members) - validation - test
        if min(train, validation, test) < 1:
            raise InputError(f"class {code} has {len(members)} rows, too few for three splits with these shares")
        positions["train"].append(members[:train])
        positions["validation"].append(members[train : train + validation])
        positions["test"].append(members[train + validation :])
    return {name: np.sort(np.concatenate(parts)) for name, parts in positions.items()}


def describe_split(labels: pd.Series) -> dict[str, Any]:
    """Row count and class balance."""
    positive = int(labels.sum())
    return {
        "rows": len(labels),
        "class_balance": {"0": len(labels) - positive, "1": positive},
        "positive_share": round(positive / len(labels), 4),
    }


def run(arguments: argparse.Namespace) -> None:
    """Read, clean, split, write."""
    raw, files = read_folder(arguments.input)
    print(f"read {len(raw)} rows with {len(raw.columns)} columns from {files} file(s)", flush=True)
    table, account = clean(raw, arguments.label, arguments.id_column)
    print("dropped rows: " + ", ".join(f"{count} {why}" for why, count in account["dropped_rows"].items()), flush=True)
    labels = table[arguments.label]
    drawn = draw_splits(labels.to_numpy(), arguments.seed, arguments.validation_share, arguments.test_share)
    summary = {
        "label": arguments.label,
        "seed": arguments.seed,
        "input": {"files": files, "rows": len(raw), "columns": len(raw.columns)},
        "rows": len(table),
        **account,
        "columns": list(table.columns),
        "splits": {name: describe_split(labels.iloc[rows]) for name, rows in drawn.items()},
    }
    for name, rows in drawn.items():
        folder: Path = getattr(arguments, name)
        folder.mkdir(parents=True, exist_ok=True)
        table.iloc[rows].to_csv(folder / f"{name}.csv", index=False)
        print(f"{name}: {len(rows)} rows, {summary['splits'][name]['positive_share']:.1%} positive", flush=True)
    arguments.summary.mkdir(parents=True, exist_ok=True)
    text = json.dumps(summary, indent=2, allow_nan=False)
    (arguments.summary / "summary.json").write_text(text + "\n", encoding="utf-8")


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
        print(f"preprocess: {error}", file=sys.stderr)
        leave_message(str(error), folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
