"""What both frameworks share: rows of numbers to a few numbers each, and how much of the rows these still tell.

In:  `--train`, `--test`: a folder each, with the one CSV of feature_engineering.py: the label first, then features.
Out: `--embeddings`: `train.csv` and `test.csv`: the label, then `--width` columns; `--metrics`: `metrics.json`: the
     error on the test rows when the mean of train stands for each of them, when as many principal components do, and
     when the autoencoder does, and what share of the mean's error each explains; `--model`: `encoder.safetensors`.

A framework's start script hands over `fit`: an autoencoder is trained on train alone, and comes back as what encodes
and what decodes. Errors are means of squares, of features with mean 0 and deviation 1 on train.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from safetensors.numpy import save_file

PROCESSING = Path("/opt/ml/processing")
OUTPUT = Path("/opt/ml/output")
SPLITS = ("train", "test")


class InputError(Exception):
    """What came in cannot be used; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence, in the message file too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


@dataclass(frozen=True)
class Autoencoder:
    """What was fitted: rows to `width` numbers and back, and the weights of the encoder by name."""

    framework: str
    encode: Callable[[np.ndarray], np.ndarray]
    decode: Callable[[np.ndarray], np.ndarray]
    weights: Mapping[str, np.ndarray]


Fit = Callable[[np.ndarray, argparse.Namespace], Autoencoder]


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The folders and numbers of this run; the folders default to the container's."""
    parser = Parser(description="Embed rows by a small autoencoder.", allow_abbrev=False)
    for name in SPLITS:
        parser.add_argument(f"--{name}", type=Path, default=PROCESSING / "input" / name, help=f"folder with {name}.csv")
    for name in ("embeddings", "metrics", "model"):
        parser.add_argument(f"--{name}", type=Path, default=PROCESSING / "output" / name)
    parser.add_argument("--message-folder", type=Path, default=OUTPUT, help="where a failure leaves its reason")
    parser.add_argument("--width", type=int, default=4, help="numbers that stand for a row")
    parser.add_argument("--hidden", type=int, default=32, help="units between the features and these")
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--learning-rate", type=float, default=0.005)
    parser.add_argument("--seed", type=int, default=42)
    arguments = parser.parse_args(words)
    for name in ("width", "hidden", "epochs"):
        if getattr(arguments, name) < 1:
            raise InputError(f"--{name} {getattr(arguments, name)} is not 1 or more")
    if not 0 < arguments.learning_rate < math.inf:
        raise InputError(f"--learning-rate {arguments.learning_rate} is not above 0")
    if not 0 <= arguments.seed < 2**32:
        raise InputError(f"--seed {arguments.seed} is not between 0 and {2**32 - 1}")
    return arguments


def read_split(folder: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """(the names of the columns, the labels as they are, the features). Raises InputError for what is no table."""
    paths = sorted(folder.rglob("*.csv"))
    if len(paths) != 1:
        raise InputError(f"{len(paths)} *.csv files below {folder}, and one is needed")
    try:
        with paths[0].open(encoding="utf-8", newline="") as file, np.errstate(over="ignore"):
            names, *rows = list(csv.reader(file)) or [[]]
            values = np.array([row[1:] for row in rows], dtype=np.float32)
    except (ValueError, csv.Error) as error:
        raise InputError(f"{paths[0].name} is no table of numbers: {error}") from error
    if not rows or any(len(row) != len(names) for row in rows) or not np.isfinite(values).all():
        raise InputError(f"{paths[0].name} has no rows, rows unlike its header, or cells without a number")
    return names, np.array([row[0] for row in rows]), values


def explained_shares(
    train: np.ndarray, test: np.ndarray, found: Autoencoder, width: int
) -> dict[str, dict[str, float]]:
    """`error` and `explained` on the test rows, for the mean, as many principal components, and the autoencoder.

    Raises InputError where there is nothing to explain, or no number to do it with."""
    axes = np.linalg.svd(train, full_matrices=False)[2][:width]
    guesses = {
        "mean": np.zeros_like(test),
        "pca": test @ axes.T @ axes,
        "autoencoder": found.decode(found.encode(test)),
    }
    errors = {name: float(np.mean((test - guess) ** 2)) for name, guess in guesses.items()}
    if not all(map(math.isfinite, errors.values())):
        raise InputError("the training has run away: try a smaller --learning-rate")
    if not errors["mean"]:
        raise InputError("every row of test is the mean of train: there is nothing to explain")
    return {
        "error": {name: round(error, 6) for name, error in errors.items()},
        "explained": {name: round(1 - error / errors["mean"], 6) for name, error in errors.items()},
    }


def write_embedding(path: Path, label: str, labels: np.ndarray, embedding: np.ndarray) -> None:
    """The label, then the numbers that stand for the row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([label, *(f"e{number}" for number in range(1, embedding.shape[1] + 1))])
        for text, row in zip(labels, embedding.tolist(), strict=True):
            writer.writerow([text, *(f"{value:.6f}" for value in row)])


def run(arguments: argparse.Namespace, fit: Fit) -> None:
    """Read, fit, measure, write."""
    names, labels, raw = {}, {}, {}
    for name in SPLITS:
        names[name], labels[name], raw[name] = read_split(getattr(arguments, name))
    if names["train"] != names["test"]:
        raise InputError("train and test have different columns")
    if arguments.width >= raw["train"].shape[1]:
        raise InputError(f"--width {arguments.width} is no less than the {raw['train'].shape[1]} features")
    mean, deviation = raw["train"].mean(axis=0), raw["train"].std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    rows = {name: ((values - mean) / scale).astype(np.float32) for name, values in raw.items()}
    found = fit(rows["train"], arguments)
    measured = explained_shares(rows["train"], rows["test"], found, arguments.width)
    for name in SPLITS:
        path = arguments.embeddings / f"{name}.csv"
        write_embedding(path, names[name][0], labels[name], found.encode(rows[name]))
    for folder in (arguments.metrics, arguments.model):
        folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: np.ascontiguousarray(value) for name, value in found.weights.items()},
        arguments.model / "encoder.safetensors",
    )
    metrics = {"framework": found.framework, "features": len(names["train"]) - 1, "width": arguments.width, **measured}
    (arguments.metrics / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    shares = ", ".join(f"{name} {share:.3f}" for name, share in measured["explained"].items())
    print(
        f"{found.framework}: {metrics['features']} features as {arguments.width} numbers explain: {shares}", flush=True
    )


def leave_message(reason: str, folder: Path) -> None:
    """Write the reason where SageMaker reads a job's ExitMessage: 1 KB of UTF-8. Outside a container only if asked."""
    if folder != OUTPUT or OUTPUT.parent.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "message").write_bytes(reason.encode()[:1024].decode(errors="ignore").encode())


def main(fit: Fit, words: Sequence[str] | None = None) -> int:
    """Run with these words; the exit code is 0, or 1 when the input cannot be used."""
    folder = OUTPUT
    try:
        arguments = read_arguments(words)
        folder = arguments.message_folder
        run(arguments, fit)
    except (InputError, OSError) as error:
        print(f"embedding: {error}", file=sys.stderr)
        leave_message(str(error), folder)
        return 1
    return 0
