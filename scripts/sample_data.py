"""Write the sample data: the breast-cancer measurements that scikit-learn carries, as one CSV. No network.

In:  nothing.
Out: `--out FILE`: 569 rows under a header: `id` (P0001 ...), 30 measurements with snake_case names (`mean_radius`,
     `radius_error`, `worst_radius` ...) and the label `diagnosis` (`M` malignant, `B` benign). Always the same bytes.

The data are the Breast Cancer Wisconsin (Diagnostic) set of the UCI repository (W. Wolberg, O. Mangasarian, N. Street,
W. Street, 1993), as packaged in `sklearn.datasets.load_breast_cancer`.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from sklearn.datasets import load_breast_cancer


def read_rows() -> Iterator[list[str]]:
    """The header, then one row of text for each case."""
    data = load_breast_cancer()
    yield ["id", *(name.replace(" ", "_") for name in data.feature_names), "diagnosis"]
    for number, measurements in enumerate(data.data):
        diagnosis = data.target_names[data.target[number]][0].upper()
        yield [f"P{number + 1:04d}", *(repr(float(value)) for value in measurements), diagnosis]


def main(words: Sequence[str] | None = None) -> int:
    """Write the file; the exit code is 0, or 1 when it cannot be written."""
    parser = argparse.ArgumentParser(description="Write scikit-learn's breast-cancer measurements as CSV.")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the CSV to write")
    out: Path = parser.parse_args(words).out
    rows = list(read_rows())
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    except OSError as error:
        print(f"sample_data: {out} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(f"wrote {len(rows) - 1} rows with {len(rows[0])} columns to {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
