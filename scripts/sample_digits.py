"""Write the sample data for distributed training: the handwritten digits that scikit-learn carries. No network.

In:  nothing.
Out: `--out FOLDER`: `train/digits-00.csv`, `train/digits-01.csv` … (`--parts`), about as many rows in each, and
     `test/digits.csv`, a fifth of all rows: of each ten in the set's own order the same two. Columns: `digit` (0 to 9),
     then `pixel_0` … `pixel_63` (0 to 16). Always the same bytes.

1,797 digits written by 43 people; the test set of "Optical Recognition of Handwritten Digits" of the UCI repository
(E. Alpaydin, C. Kaynak, 1998), as packaged in `sklearn.datasets.load_digits`.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from sklearn.datasets import load_digits


def read_rows() -> tuple[list[list[int]], list[list[int]]]:
    """Rows for training and for the test: the digit, then its pixels."""
    data = load_digits()
    rows = [[int(digit), *map(int, pixels)] for digit, pixels in zip(data.target, data.data)]  # noqa: B905 - not in 3.9
    train = [row for number, row in enumerate(rows) if number % 10 not in (3, 8)]
    return train, [row for number, row in enumerate(rows) if number % 10 in (3, 8)]


def write_rows(path: Path, rows: Sequence[Sequence[int]]) -> None:
    """One CSV under a header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["digit", *(f"pixel_{number}" for number in range(len(rows[0]) - 1))])
        writer.writerows(rows)


def main(words: Sequence[str] | None = None) -> int:
    """Write the files; the exit code is 0, or 1 when they cannot be written."""
    parser = argparse.ArgumentParser(description="Write scikit-learn's handwritten digits as CSV.")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for train/ and test/")
    parser.add_argument("--parts", type=int, default=12, help="files of train/, 1 to 99 (default 12)")
    arguments = parser.parse_args(words)
    if not 1 <= arguments.parts <= 99:
        parser.error(f"--parts is {arguments.parts} and must be 1 to 99")
    train, test = read_rows()
    try:
        for part in range(arguments.parts):
            write_rows(arguments.out / f"train/digits-{part:02d}.csv", train[part :: arguments.parts])
        write_rows(arguments.out / "test/digits.csv", test)
    except OSError as error:
        print(f"sample_digits: {error.filename} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(f"wrote {len(train)} digits to {arguments.parts} files and {len(test)} for the test, below {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
