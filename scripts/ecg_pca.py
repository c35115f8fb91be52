"""Reduce multi-lead signals to their principal components, file by file: this host's share of them.

In:  `--input`: a folder; every *.csv below it is one signal: a header, the time first, then a column for each lead.
     `--resource-config`: SageMaker's file that says which host of how many this is; without it, it is the only one.
Out: `--components-output`: for each `name.csv` a `pca_name.csv` without a header: a row per sample, `--components`
     columns, the strongest first. `--report-output`: `<host>.json`: each file with its rows, its cells without a number
     and the share of its variance that each component explains.

Each file is fitted by itself, so who gets it does not matter: one host or many, the bytes are the same. A cell without
a number counts as 0, the resting line, and is reported. The sign of a component is free; the lead that weighs most in
it is made to weigh positively, which is what scikit-learn does since 1.5. Amplitudes have six decimals.

The components come from the leads' covariance: as many numbers as leads, squared, whatever the signal's length. Files
are worked on side by side, by a process for each core of the host if there is enough to read; hosts that talk over the
loopback interface share one machine, and its cores.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

PROCESSING = Path("/opt/ml/processing")
OUTPUT = Path("/opt/ml/output")
LOOPBACK = "lo"
PROCESS_BYTES = 4 << 20  # less input than this is read sooner than another process has started


class InputError(Exception):
    """What came in cannot be used; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence, in the message file too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The folders and numbers of this run; the folders default to the container's."""
    parser = Parser(description="Reduce multi-lead signals to principal components.", allow_abbrev=False)
    parser.add_argument("--input", type=Path, default=PROCESSING / "input/ecg", help="folder with the *.csv")
    output = PROCESSING / "output"
    parser.add_argument("--components-output", type=Path, default=output / "components", help="folder for pca_*.csv")
    parser.add_argument("--report-output", type=Path, default=output / "reports", help="folder for <host>.json")
    parser.add_argument("--resource-config", type=Path, default=Path("/opt/ml/config/resourceconfig.json"))
    parser.add_argument("--message-folder", type=Path, default=OUTPUT, help="where a failure leaves its reason")
    parser.add_argument("--components", type=int, default=4, help="how many to keep, 1 or more")
    parser.add_argument("--columns", type=read_columns, help="which to read, as 1,2,5; the default is all but column 0")
    parser.add_argument("--workers", type=int, default=0, help="processes at once; 0: the cores of this host")
    arguments = parser.parse_args(words)
    if arguments.components < 1:
        raise InputError(f"--components {arguments.components} is not 1 or more")
    if arguments.workers < 0:
        raise InputError(f"--workers {arguments.workers} is not 0 or more")
    return arguments


def read_columns(text: str) -> list[int]:
    """`1,2,5` as numbers, ascending. Raises ArgumentTypeError for anything else."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isdecimal() for word in words) or len(set(words)) < len(words):
        raise argparse.ArgumentTypeError(f"'{text}' is no list of column numbers such as 1,2,5")
    return sorted(map(int, words))


def read_hosts(path: Path) -> tuple[str, list[str], bool]:
    """(this host, all hosts, whether they share a machine), as SageMaker tells it."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        host, hosts, interface = told["current_host"], list(told["hosts"]), told.get("network_interface_name")
    except FileNotFoundError:
        return "algo-1", ["algo-1"], False
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} does not say which host this is: {error!r}") from error
    if not isinstance(host, str) or host not in hosts:
        raise InputError(f"{path} does not name this host, {host!r}, among the hosts")
    return host, hosts, interface == LOOPBACK


def count_workers(wanted: int, sizes: Sequence[int], sharing: int) -> int:
    """How many processes for files of so many bytes: one for each core, or this host's part if several share them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    worthwhile = min(cores // sharing, 1 + sum(sizes) // PROCESS_BYTES)
    return max(1, min(wanted or worthwhile, len(sizes)))


def read_signal(path: Path, columns: Sequence[int] | None) -> tuple[np.ndarray, int]:
    """(one row of leads for each sample, how many cells held no number). Raises InputError for what is no signal."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            width = len(next(csv.reader(file), []))
        if width < 2:
            raise InputError("it has no column beside the time" if width else "it is empty")
        wanted = columns or list(range(1, width))
        if wanted[-1] >= width:
            raise InputError(f"it has {width} columns and no number {wanted[-1]}")
        # without the header pandas takes the first row's width for all, and refuses a longer one
        kinds = dict.fromkeys(wanted, float)
        table = pd.read_csv(path, header=None, skiprows=1, usecols=columns, dtype=kinds, encoding="utf-8-sig")
        if columns is None and table.shape[1] != width:
            raise InputError(f"its header has {width} columns, and its rows have {table.shape[1]}")
    except (ValueError, csv.Error) as error:  # pandas' own errors, and text that is no UTF-8, are ValueErrors
        raise InputError(f"it is no table of numbers: {' '.join(str(error).split())}") from error
    values = table[wanted].to_numpy()
    known = np.isfinite(values)
    missing = int(values.size - np.count_nonzero(known))
    return (np.where(known, values, 0.0) if missing else values), missing


def find_components(values: np.ndarray, count: int) -> tuple[np.ndarray, list[float]]:
    """(one column for each component, the share of the variance that each explains)."""
    rows, leads = values.shape
    if count > min(rows, leads):
        raise InputError(f"its {rows} samples of {leads} leads have no {count} components")
    with np.errstate(over="ignore", invalid="ignore"):  # said in a sentence
        centred = values - values.mean(axis=0)
        covariance = centred.T @ centred
    if not np.isfinite(covariance).all():
        raise InputError("its numbers are too large")
    variances, axes = np.linalg.eigh(covariance)
    axes = axes[:, ::-1][:, :count]  # eigh has the smallest first
    heaviest = np.argmax(np.abs(axes), axis=0)
    axes = axes * np.where(axes[heaviest, np.arange(count)] < 0, -1.0, 1.0)
    strongest = np.clip(variances[::-1][:count], 0.0, None)
    total = variances.sum()
    return centred @ axes, [float(share) for share in (strongest / total if total > 0 else strongest * 0.0)]


def write_components(path: Path, components: np.ndarray) -> None:
    """One format for the whole file: formatting value by value takes most of the time otherwise."""
    rows, count = components.shape
    line = ",".join(["%.6f"] * count) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line * rows % tuple(components.ravel().tolist()), encoding="ascii")


def reduce_file(arguments: argparse.Namespace, path: Path) -> dict[str, Any]:
    """Read, reduce and write one file; its line of the report, with `problem` instead if it cannot be used."""
    name = path.relative_to(arguments.input)
    try:
        values, missing = read_signal(path, arguments.columns)
        components, explained = find_components(values, arguments.components)
    except InputError as error:
        return {"name": name.as_posix(), "problem": str(error)}
    write_components(arguments.components_output / name.with_name(f"pca_{name.name}"), components)
    shares = [round(share, 9) for share in explained]
    return {"name": name.as_posix(), "rows": len(values), "missing": missing, "explained_variance_ratio": shares}


def reduce_files(arguments: argparse.Namespace, paths: Sequence[Path], workers: int) -> list[dict[str, Any]]:
    """A line of the report for each file. Raises InputError with all those that cannot be used."""
    work = partial(reduce_file, arguments)
    if workers == 1:
        lines = list(map(work, paths))
    else:
        try:
            with ProcessPoolExecutor(workers) as pool:
                lines = list(pool.map(work, paths, chunksize=max(1, len(paths) // (4 * workers))))
        except BrokenProcessPool as error:
            raise InputError(f"one of {workers} processes was ended from outside; memory may be short") from error
    bad = [f"{line['name']}: {line['problem']}" for line in lines if "problem" in line]
    if bad:
        raise InputError("; ".join(bad[:5]) + (f"; and {len(bad) - 5} more" if len(bad) > 5 else ""))
    return lines


def run(arguments: argparse.Namespace, host: str, hosts: Sequence[str], shared: bool) -> None:
    """Read, reduce, write, report."""
    began = time.monotonic()
    paths = sorted(path for path in arguments.input.rglob("*.csv") if path.is_file())
    sizes = [path.stat().st_size for path in paths]
    workers = count_workers(arguments.workers, sizes, len(hosts) if shared else 1)
    lines = reduce_files(arguments, paths, workers)
    rows, missing = (sum(line[what] for line in lines) for what in ("rows", "missing"))
    report = {
        "host": host,
        "hosts": list(hosts),
        "components": arguments.components,
        "files": len(lines),
        "rows": rows,
        "missing": missing,
        "objects": lines,
    }
    arguments.report_output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=2, allow_nan=False)
    (arguments.report_output / f"{host}.json").write_text(text + "\n", encoding="utf-8")
    seconds = time.monotonic() - began
    print(f"{host} of {len(hosts)}: {len(lines)} files with {rows} rows, {missing} cells without a number", flush=True)
    print(f"{seconds:.2f} s with {workers} process(es)", flush=True)


def leave_message(reason: str, folder: Path) -> None:
    """Write the reason where SageMaker reads a job's ExitMessage: 1 KB of UTF-8. Outside a container only if asked."""
    if folder != OUTPUT or OUTPUT.parent.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "message").write_bytes(reason.encode()[:1024].decode(errors="ignore").encode())


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words; the exit code is 0, or 1 when the input cannot be used."""
    folder, who = OUTPUT, ""
    try:
        arguments = read_arguments(words)
        folder = arguments.message_folder
        host, hosts, shared = read_hosts(arguments.resource_config)
        who = f"{host}: " if len(hosts) > 1 else ""  # the service's own reason does not name the host
        run(arguments, host, hosts, shared)
    except (InputError, OSError) as error:
        print(f"ecg_pca: {who}{error}", file=sys.stderr)
        leave_message(f"{who}{error}", folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
