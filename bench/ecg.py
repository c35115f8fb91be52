"""`python -m bench.ecg`: rows a second of scripts/ecg_pca.py, beside the usual way to write the same job.

What comes in: pydicom's recording, whole, as so many files. What goes out: a table. The usual way reads with pandas,
fits scikit-learn's PCA and writes with pandas, file after file. Both are whole processes, from their start to their
end, run in turns on the same files; both write what the other writes, up to the sign and the number of decimals.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.machine import described, wait_until_quiet
from bench.process import ROOT, Command, Usage, environment, measure, median
from bench.table import aligned
from bench.work import MIB, PATIENCE_SECONDS

ROWS = 10_000  # of the recording
_HEADINGS = ("PCA of signals", "wall s", "CPU s", "peak MB", "rows/s", "times the usual")
# One thread for each process of ours, as the step says; the usual way is left what its libraries take.
_OURS = """\
import os, runpy, sys
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"
sys.argv = {words!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""
_USUAL = """\
from pathlib import Path
import pandas as pd
from sklearn.decomposition import PCA
Path({out!r}).mkdir(exist_ok=True)
reduction = PCA(4)
for path in sorted(Path({source!r}).glob("*.csv")):
    leads = pd.read_csv(path, usecols={columns!r}, dtype=float).fillna(0.0)
    reduced = pd.DataFrame(reduction.fit_transform(leads.to_numpy()))
    reduced.to_csv(Path({out!r}) / f"pca_{{path.name}}", header=False, index=False)
"""


def commands(folder: Path, columns: Sequence[int]) -> dict[str, Command]:
    """The ways to reduce the files of `folder / "ecg"`, the usual one first."""
    source, script = folder / "ecg", ROOT / "scripts/ecg_pca.py"
    usual = _USUAL.format(source=str(source), out=str(folder / "usual"), columns=list(columns))
    ways = {"the usual way": usual}
    for name, workers in (("ours, 1 process", "1"), ("ours, a process per core", "0")):
        out = folder / f"ours-{workers}"
        words = [script, "--input", source, "--components-output", out, "--report-output", out / "reports"]
        words += ["--workers", workers, "--columns", ",".join(map(str, columns))]
        ways[name] = _OURS.format(words=[str(word) for word in words])
    return {name: Command((sys.executable, "-c", program), folder) for name, program in ways.items()}


def write_files(folder: Path, files: int) -> None:
    """The whole recording, so many times."""
    words = [sys.executable, str(ROOT / "scripts/sample_ecg.py"), "--out", str(folder), "--objects", "1"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    first = folder / "ecg_001.csv"
    for number in range(2, files + 1):
        shutil.copyfile(first, folder / f"ecg_{number:03d}.csv")


def check_agreement(folder: Path) -> None:
    """RuntimeError unless both ways wrote the same components, up to their signs and six decimals."""
    program = (
        "import sys, numpy as np\n"
        "usual, ours = (np.abs(np.loadtxt(path, delimiter=',')) for path in sys.argv[1:])\n"
        "sys.exit(not np.allclose(usual, ours, atol=1e-6))"
    )
    paths = [str(folder / way / "pca_ecg_001.csv") for way in ("usual", "ours-0")]
    if subprocess.run([sys.executable, "-c", program, *paths], env=environment({}), check=False).returncode:
        raise RuntimeError("the two ways do not agree")


def rows_of(columns: Sequence[int], files: int, rounds: int) -> list[list[str]]:
    """A row of the table for each way, from `rounds` runs in turns."""
    with tempfile.TemporaryDirectory(prefix="bench-ecg-") as name:
        folder = Path(name)
        write_files(folder / "ecg", files)
        ways = commands(folder, columns)
        runs: dict[str, list[Usage]] = {way: [] for way in ways}
        for number in range(1, rounds + 1):
            print(f"{len(columns)} leads, round {number} of {rounds}", file=sys.stderr, flush=True)
            for way, command in ways.items():
                wait_until_quiet(PATIENCE_SECONDS)
                runs[way].append(measure(command))
        check_agreement(folder)
    usual = median(runs["the usual way"]).wall
    rows = []
    for way, usages in runs.items():
        usage = median(usages)
        figures = [f"{usage.wall:.2f}", f"{usage.cpu:.2f}", f"{usage.memory / MIB:.0f}"]
        rate = f"{files * ROWS / usage.wall:,.0f}"
        rows.append([f"{len(columns)} leads to 4, {way}", *figures, rate, f"{usual / usage.wall:.2f}"])
    return rows


def main(argv: Sequence[str] | None = None) -> int:
    """0 if everything ran and agreed."""
    parser = argparse.ArgumentParser(prog="python -m bench.ecg", description="Rows a second of the PCA of signals.")
    parser.add_argument("--files", type=int, default=200, metavar="N", help=f"of {ROWS:,} rows each (200)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs of each way, an odd number (5)")
    arguments = parser.parse_args(argv)
    head = ", ".join(f"{name} {value}" for name, value in described().items())
    print(f"{head}. {arguments.files} files of {ROWS:,} rows; median of {arguments.rounds} runs each, in turns.\n")
    rows = [
        row for columns in (range(1, 13), range(1, 5)) for row in rows_of(columns, arguments.files, arguments.rounds)
    ]
    print(aligned(_HEADINGS, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
