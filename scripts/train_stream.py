"""Train a classifier on a table that is never kept (SageMaker script mode): one FIFO an epoch, in Pipe mode.

In:  channel `train`: in Pipe mode the FIFOs `<train>_0`, `<train>_1`, ..., through each of which the CSV files come one
     after the other; in File mode a folder with them. Each file begins with the same header and ends with a newline.
     Channel `totals`: totals.json of stream_totals.py: the columns with their means and deviations, and the classes.
     Hyperparameters arrive as words: `--epochs 20 --alpha 0.001 ...`.
Out: model folder: `model.joblib` and `model.json` (columns, scaling, metrics, library versions).

The model is a logistic regression that learns from batches of rows (SGDClassifier.partial_fit). Every row whose id, or
number in the stream, has a checksum that is a multiple of 5 is held out; a last reading, after all epochs, measures.
Of the two classes the later one in order is the positive one: `B` is 0 and `M` is 1.

Metric lines, one an epoch and one for the model that is kept, with the regexes for MetricDefinitions:
     validation:logloss=0.093211; validation:accuracy=0.964602;
     `validation:logloss=([0-9.]+);`  `validation:accuracy=([0-9.]+);`
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import platform
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import joblib
import numpy as np
import sklearn
from sklearn.linear_model import SGDClassifier

OUTPUT = Path("/opt/ml/output")
HELD_OUT_EVERY = 5
SMALLEST = 1e-15  # a probability of 0 would have an infinite loss


class InputError(Exception):
    """What came in cannot be used; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence, in the failure file too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


class Table(NamedTuple):
    """What totals.json says of the table: where its cells go, and how they are scaled."""

    label: str
    id_column: str
    classes: list[str]
    columns: list[str]
    mean: np.ndarray
    scale: np.ndarray


class Batch(NamedTuple):
    """Rows on their way: scaled features, labels 0 and 1, and which of them are held out."""

    features: np.ndarray
    labels: np.ndarray
    held_out: np.ndarray


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Hyperparameters and folders; the folders default to what SageMaker says, else to the container's."""
    parser = Parser(description="Train a classifier on a stream.", allow_abbrev=False)
    parser.add_argument("--epochs", type=int, default=20, help="how often the stream is learned from, at least 1")
    parser.add_argument("--alpha", type=float, default=0.001, help="strength of the regularization, above 0")
    parser.add_argument("--batch_rows", type=int, default=50, help="rows that are learned from at once, at least 1")
    parser.add_argument("--seed", type=int, default=42, help="0 to 4294967295")
    for name in ("train", "totals"):
        folder = os.environ.get(f"SM_CHANNEL_{name.upper()}", f"/opt/ml/input/data/{name}")
        parser.add_argument(f"--{name}", type=Path, default=Path(folder), help=f"place of the channel {name}")
    model = Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    parser.add_argument("--model-dir", type=Path, default=model, help="becomes model.tar.gz")
    output = Path(os.environ.get("SM_OUTPUT_DIR", str(OUTPUT)))
    parser.add_argument("--output-dir", type=Path, default=output, help="where a failure leaves its reason")
    arguments = parser.parse_args(words)
    if arguments.epochs < 1 or arguments.batch_rows < 1 or not arguments.alpha > 0:
        raise InputError("epochs and batch_rows must be at least 1, and alpha above 0")
    if not 0 <= arguments.seed < 2**32:
        raise InputError(f"the seed {arguments.seed} is not between 0 and {2**32 - 1}")
    return arguments


def read_table(folder: Path) -> Table:
    """The content of totals.json; columns without any number, or with only one, are left out."""
    path = folder / "totals.json"
    try:
        totals = json.loads(path.read_text(encoding="utf-8"))
        classes = sorted(name for name in totals["classes"] if name)
        columns = {name: item for name, item in totals["columns"].items() if item.get("standard_deviation")}
        mean = np.array([float(item["mean"]) for item in columns.values()])
        scale = np.array([float(item["standard_deviation"]) for item in columns.values()])
        if not np.isfinite([mean, scale]).all() or not (scale > 0).all():
            raise ValueError("a mean or standard deviation is no such number")
        table = Table(totals["label"], totals["id_column"], classes, list(columns), mean, scale)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} was not written by stream_totals.py: {error!r}") from error
    if len(classes) != 2:
        raise InputError(f"the label {table.label!r} needs two classes and has {len(classes)}")
    if not columns:
        raise InputError("no column has two different numbers")
    return table


def find_sources(channel: Path, epoch: int) -> list[Path]:
    """What an epoch is read from: its FIFO, or the CSV files of the folder."""
    fifo = channel.with_name(f"{channel.name}_{epoch}")
    if fifo.is_fifo():
        return [fifo]
    found = sorted(path for path in channel.rglob("*.csv") if path.is_file())
    if not found:
        raise InputError(f"there is neither a FIFO {fifo} nor a *.csv file below {channel}")
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


def parse_number(text: str, instead: float) -> float:
    """The number; another for what is none or is not finite."""
    try:
        number = float(text)
    except ValueError:
        return instead
    return number if math.isfinite(number) else instead


def read_batches(paths: Sequence[Path], table: Table, batch_rows: int) -> Iterator[Batch]:
    """The stream in batches; rows without a label are left out."""
    rows = read_rows(paths)
    header = next(rows)
    missing = [name for name in (table.label, *table.columns) if name not in header]
    if missing:
        raise InputError(f"the stream lacks the column {missing[0]!r}, which totals.json knows")
    places = [header.index(name) for name in table.columns]
    label, named = header.index(table.label), header.index(table.id_column) if table.id_column in header else None
    features: list[list[float]] = []
    labels: list[int] = []
    held_out: list[bool] = []
    for number, cells in enumerate(rows):
        name = cells[label].strip()
        if name in table.classes:
            features.append([parse_number(cells[at], mean) for at, mean in zip(places, table.mean)])  # noqa: B905 - 3.9
            labels.append(table.classes.index(name))
            key = cells[named] if named is not None else str(number)
            held_out.append(zlib.crc32(key.encode()) % HELD_OUT_EVERY == 0)
        if len(labels) == batch_rows:
            yield Batch((np.array(features) - table.mean) / table.scale, np.array(labels), np.array(held_out))
            features, labels, held_out = [], [], []
    if labels:
        yield Batch((np.array(features) - table.mean) / table.scale, np.array(labels), np.array(held_out))


class Score:
    """How good the probabilities for held-out rows were; its size does not grow with them."""

    def __init__(self) -> None:
        self.rows = 0
        self._loss = 0.0
        self._right = 0

    def add(self, labels: np.ndarray, positive: np.ndarray) -> None:
        of_label = np.clip(np.where(labels == 1, positive, 1 - positive), SMALLEST, 1)
        self.rows += len(labels)
        self._loss -= float(np.log(of_label).sum())
        self._right += int(((positive >= 0.5) == (labels == 1)).sum())

    def metrics(self) -> dict[str, float]:
        return {"logloss": self._loss / self.rows, "accuracy": self._right / self.rows}


def print_metrics(title: str, metrics: dict[str, float]) -> None:
    """The line that MetricDefinitions read; the numbers are never in scientific notation."""
    print(title, *(f"validation:{name}={value:.6f};" for name, value in metrics.items()), flush=True)


def read_epoch(model: SGDClassifier, batches: Iterator[Batch], learn: bool) -> tuple[int, Score]:
    """Go through an epoch once, measuring the held-out rows and learning from the others; how many those were."""
    score = Score()
    learned = 0
    for batch in batches:
        seen = batch.features[~batch.held_out]
        try:
            if learn and len(seen):
                model.partial_fit(seen, batch.labels[~batch.held_out], classes=[0, 1])
                learned += len(seen)
            if batch.held_out.any() and hasattr(model, "coef_"):
                score.add(batch.labels[batch.held_out], model.predict_proba(batch.features[batch.held_out])[:, 1])
        except ValueError as error:  # numbers that overflow, and settings that let the weights do so
            raise InputError(f"the model cannot be fitted: {' '.join(str(error).split())}") from error
    return learned, score


def run(arguments: argparse.Namespace) -> None:
    """Read, learn, measure, write."""
    table = read_table(arguments.totals)
    model = SGDClassifier(loss="log_loss", alpha=arguments.alpha, average=True, random_state=arguments.seed)
    metrics: dict[str, float] = {}
    rows = 0
    for epoch in range(arguments.epochs + 1):
        learn = epoch < arguments.epochs
        batches = read_batches(find_sources(arguments.train, epoch), table, arguments.batch_rows)
        with np.errstate(over="ignore", invalid="ignore"):  # said in a sentence
            learned, score = read_epoch(model, batches, learn)
        if (learn and not learned) or not score.rows:
            raise InputError(f"epoch {epoch} has {learned} rows to learn from and {score.rows} held out")
        rows, metrics = learned or rows, score.metrics()
        print_metrics(f"epoch {epoch}:" if learn else f"kept, learned from {rows} rows an epoch:", metrics)
    libraries = {module.__name__: module.__version__ for module in (sklearn, np, joblib)}
    card = {
        "label": table.label,
        "classes": table.classes,
        "columns": table.columns,
        "mean": table.mean.tolist(),
        "scale": table.scale.tolist(),
        "epochs": arguments.epochs,
        "metrics": metrics,
        "versions": {"python": platform.python_version(), **libraries},
    }
    arguments.model_dir.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, arguments.model_dir / "model.joblib", compress=3)
    text = json.dumps(card, indent=2, allow_nan=False)
    (arguments.model_dir / "model.json").write_text(text + "\n", encoding="utf-8")


def leave_failure(reason: str, folder: Path) -> None:
    """Write the reason where SageMaker reads a job's FailureReason: 1024 characters. Outside only if asked."""
    if folder != OUTPUT or OUTPUT.parent.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "failure").write_text(reason[:1024], encoding="utf-8")


def main(words: Sequence[str] | None = None) -> int:
    """Run with these words; the exit code is 0, or 1 when the input cannot be used."""
    folder = Path(os.environ.get("SM_OUTPUT_DIR", str(OUTPUT)))
    try:
        arguments = read_arguments(words)
        folder = arguments.output_dir
        run(arguments)
    except (InputError, OSError, UnicodeDecodeError, csv.Error) as error:
        print(f"train_stream: {error}", file=sys.stderr)
        leave_failure(str(error), folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
