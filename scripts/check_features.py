"""Check what Spark made of the flights: the same numbers again, with pandas and by another way.

In:  `--input`: the folder that spark_features.py read; `--summary`: its `summary.json`; `--features`: its Parquet.
Out: `--output`: `check.json`: how many numbers were compared, how many differ, the largest relative difference.

Every number of the summary is made again from the CSV files: where Spark has windows over ordered days, here are
differences of running totals in a table of days by keys. A number that differs by more than `--tolerance` (relative)
fails the job with its name, and so does a month without Parquet files or one too many.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

PROCESSING = Path("/opt/ml/processing")
OUTPUT = Path("/opt/ml/output")
LATE_MINUTES = 15
PAST_DAYS = 7
TEXTS = ("carrier", "origin", "dest", "time_hour", "faa", "name")  # every other column that is read holds numbers


class InputError(Exception):
    """What came in cannot be used, or is wrong; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence, in the message file too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The folders and the tolerance of this run; the folders default to the container's."""
    parser = Parser(description="Check the features of flights with pandas.", allow_abbrev=False)
    parser.add_argument("--input", type=Path, default=PROCESSING / "input/raw", help="folder with the four CSV")
    parser.add_argument("--summary", type=Path, default=PROCESSING / "input/summary", help="folder with summary.json")
    parser.add_argument("--features", type=Path, default=PROCESSING / "input/features", help="folder with the Parquet")
    parser.add_argument("--output", type=Path, default=PROCESSING / "output/check", help="folder for check.json")
    parser.add_argument("--message-folder", type=Path, default=OUTPUT, help="where a failure leaves its reason")
    parser.add_argument("--tolerance", type=float, default=1e-9, help="relative difference that is none")
    arguments = parser.parse_args(words)
    if not 0 <= arguments.tolerance < math.inf:
        raise InputError(f"--tolerance {arguments.tolerance} is not a number from 0 on")
    return arguments


def read_table(folder: Path, name: str, *columns: str) -> pd.DataFrame:
    """These columns of one CSV. Raises InputError if it lacks one, or has a text where a number belongs."""
    path = folder / f"{name}.csv"
    if not path.is_file():
        raise InputError(f"there is no {path.name} in {folder}")
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str), low_memory=False)
    except ValueError as error:  # pandas' own errors, and text that is no UTF-8, are ValueErrors
        raise InputError(f"{path.name} is not a readable CSV: {' '.join(str(error).split())}") from error
    absent = [column for column in columns if column not in table.columns]
    if absent:
        raise InputError(f"{path.name} has no column {', '.join(absent)}")
    table = table[list(columns)].copy()
    for column in columns:
        try:
            table[column] = table[column] if column in TEXTS else pd.to_numeric(table[column])
        except (ValueError, TypeError) as error:
            raise InputError(f"the column {column} of {path.name} is not numeric: {error}") from error
    return table


def read_flights(folder: Path) -> tuple[pd.DataFrame, int]:
    """The flights that arrived, with `date` in days since 1970, and the number of all. Raises InputError."""
    when = ("year", "month", "day", "hour", "minute", "time_hour")
    flights = read_table(folder, "flights", *when, "carrier", "origin", "dest", "distance", "arr_delay")
    read = len(flights)
    flights["departures_in_hour"] = flights.groupby(["origin", "time_hour"])["year"].transform("count")
    flights = flights[flights["arr_delay"].notna()].copy()
    try:
        date = pd.to_datetime(flights[["year", "month", "day"]])
    except (ValueError, OverflowError) as error:
        raise InputError(f"year, month and day in flights.csv are no date: {error}") from error
    if not date.notna().any():
        raise InputError(f"of {read} flights in flights.csv none has a date and an arrival delay")
    flights["date"] = (date - pd.Timestamp(1970, 1, 1)).dt.days
    return flights, read


def add_past(flights: pd.DataFrame, keys: list[str], name: str) -> pd.DataFrame:
    """Mean delay and number of flights of the same keys on the days before, beside each flight."""
    days = range(int(flights["date"].min()), int(flights["date"].max()) + 1)

    def before(values: pd.DataFrame) -> pd.DataFrame:
        total = values.unstack(keys).reindex(days).fillna(0).cumsum()
        until = total.shift(1).fillna(0)
        return until - total.shift(PAST_DAYS + 1).fillna(0)

    daily = flights.groupby(["date", *keys])["arr_delay"]
    count, delay = before(daily.count()), before(daily.sum())
    past = pd.DataFrame(
        {
            f"{name}_flights_7d": count.unstack(),
            f"{name}_delay_7d": (delay / count.where(count > 0)).unstack(),
        }
    )
    return flights.merge(past.reset_index(), on=[*keys, "date"], how="left")


def make_features(folder: Path) -> tuple[pd.DataFrame, int]:
    """The features of each flight that arrived, and the number of flights read."""
    flights, read = read_flights(folder)
    flights["weekday"] = (flights["date"] + 3) % 7  # the first of 1970 was a Thursday
    flights["late"] = (flights["arr_delay"] > LATE_MINUTES).astype(int)
    flights["minute_of_day"] = flights["hour"] * 60 + flights["minute"]
    flights = add_past(flights, ["carrier"], "carrier")
    flights = add_past(flights, ["origin", "dest"], "route")
    airports = read_table(folder, "airports", "faa", "lat", "lon", "alt").rename(
        columns={"faa": "dest", "lat": "dest_lat", "lon": "dest_lon", "alt": "dest_alt"}
    )
    airlines = read_table(folder, "airlines", "carrier", "name").rename(columns={"name": "airline"})
    weather = read_table(folder, "weather", "origin", "time_hour", "temp", "wind_speed", "precip", "visib")
    flights = flights.merge(weather, on=["origin", "time_hour"], how="left")
    flights = flights.merge(airlines, on="carrier", how="left")
    return flights.merge(airports, on="dest", how="left"), read


def group(features: pd.DataFrame, *keys: str) -> list[dict[str, Any]]:
    """Flights, mean delay and share of late ones of each key, in the order of the keys."""
    groups = features.groupby(list(keys))
    table = pd.DataFrame(
        {"flights": groups.size(), "mean_delay": groups["arr_delay"].mean(), "late_share": groups["late"].mean()}
    )
    records: list[dict[str, Any]] = table.reset_index().to_dict("records")
    return records


def summarize(features: pd.DataFrame, read: int, names: Sequence[str], numbers: Sequence[str]) -> dict[str, Any]:
    """The summary as spark_features.py writes it, of these features."""
    return {
        "rows": {"read": read, "kept": len(features), "dropped": read - len(features)},
        "months": {str(month): int(rows) for month, rows in features["month"].value_counts().sort_index().items()},
        "nulls": {name: int(features[name].isna().sum()) for name in names},
        # as in SQL, the sum of no number is none
        "sums": {name: float(features[name].sum()) if features[name].notna().any() else None for name in numbers},
        "carriers": group(features, "carrier"),
        "routes": group(features, "origin", "dest"),
        "hours": group(features, "hour"),
    }


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every single value with the way to it: `carriers[3].mean_delay`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from flatten(inner, f"{name}[{at}]")
    else:
        yield name, value


def difference(ours: Any, theirs: Any) -> float:
    """The relative difference of two numbers; of anything else 0 if they are equal, infinite if not."""
    if isinstance(ours, (int, float)) and isinstance(theirs, (int, float)):
        larger = max(abs(ours), abs(theirs))
        apart = abs(ours - theirs) / larger if larger else 0.0
        return apart if math.isfinite(apart) else math.inf
    return 0.0 if ours == theirs else math.inf


def compare(ours: dict[str, Any], theirs: dict[str, Any], tolerance: float) -> dict[str, Any]:
    """What check.json holds: how many values, the names of those that differ, the largest difference."""
    expected, found = dict(flatten(ours)), dict(flatten(theirs))
    apart = {name: difference(expected.get(name), found.get(name)) for name in {**expected, **found}}
    wrong = [name for name, size in apart.items() if not size <= tolerance]
    largest = max(apart.values())
    return {
        "compared": len(apart),
        "different": wrong,
        "largest_difference": largest if math.isfinite(largest) else None,
        "rows": ours["rows"],
    }


def check_months(folder: Path, months: Sequence[str]) -> None:
    """Raises InputError unless there are Parquet files of these months, and of no other."""
    found = {path.parent.name for path in folder.rglob("*.parquet")}
    expected = {f"month={month}" for month in months}
    if found != expected:
        names = ", ".join(sorted(found ^ expected))
        raise InputError(f"the Parquet files and the summary disagree about {names}")


def read_summary(path: Path) -> dict[str, Any]:
    """What spark_features.py has written. Raises InputError for anything else."""
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is no JSON: {error}") from error
    if not (isinstance(summary, dict) and all(isinstance(summary.get(name), dict) for name in ("nulls", "sums"))):
        raise InputError(f"{path} is no summary of spark_features.py")
    return summary


def run(arguments: argparse.Namespace) -> None:
    """Recompute, compare, write. Raises InputError."""
    theirs = read_summary(arguments.summary / "summary.json")
    names, numbers = list(theirs["nulls"]), list(theirs["sums"])
    features, read = make_features(arguments.input)
    known = {*features.columns}, {*features.select_dtypes("number").columns}
    unknown = sorted(({*names} - known[0]) | ({*numbers} - known[1]))
    if unknown:
        raise InputError(f"the summary has features that are not known here: {', '.join(unknown)}")
    ours = summarize(features, read, names, numbers)
    result = compare(ours, theirs, arguments.tolerance)
    check_months(arguments.features, list(ours["months"]))
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "check.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    wrong = result["different"]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise InputError(f"{len(wrong)} of {result['compared']} numbers differ: {', '.join(wrong[:5])}{more}")
    print(f"{result['compared']} numbers agree; the largest relative difference is {result['largest_difference']:.1e}")


def leave_message(reason: str, folder: Path) -> None:
    """Write the reason where SageMaker reads a job's ExitMessage: 1 KB of UTF-8. Outside a container only if asked."""
    if folder != OUTPUT or OUTPUT.parent.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "message").write_bytes(reason.encode()[:1024].decode(errors="ignore").encode())


def main(words: Sequence[str] | None = None) -> int:
    """Check; the exit code is 0, or 1 with one sentence when the numbers differ or cannot be read."""
    folder = OUTPUT
    try:
        arguments = read_arguments(words)
        folder = arguments.message_folder
        run(arguments)
    except (InputError, OSError) as error:
        print(f"check_features: {error}", file=sys.stderr)
        leave_message(str(error), folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
