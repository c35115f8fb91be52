"""Judge the digit classifier of distributed/train.py on digits it has not seen.

In:  `--model`: a folder with model.tar.gz (as SageMaker stores it) or with its content, model.npz;
     `--test`: a folder with CSV files, the digit first, then the features.
Out: `evaluation.json`: metrics in SageMaker's model-quality layout, `multiclass_classification_metrics.accuracy.value`
     and the like (`confusion_matrix`: actual -> predicted -> count).

The archive is never unpacked: the one file is read out of it. The layout: "Model Quality Metrics" in the Amazon
SageMaker developer guide; "NaN" (a text) is its word for a standard deviation that was not measured.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tarfile
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, precision_score, recall_score

PROCESSING = Path("/opt/ml/processing")
OUTPUT = Path("/opt/ml/output")
ARRAYS = ("mean", "deviation", "first", "first_bias", "second", "second_bias")
#: What reading an .npz raises that is broken, or is none.
UNREADABLE = (
    ValueError, TypeError, AttributeError, KeyError, IndexError, EOFError, NotImplementedError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip


class InputError(Exception):
    """What came in cannot be used; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence, in the message file too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The folders of this run, which default to the container's."""
    parser = Parser(description="Judge the digit classifier.", allow_abbrev=False)
    parser.add_argument("--model", type=Path, default=PROCESSING / "input/model", help="folder with model.tar.gz")
    parser.add_argument("--test", type=Path, default=PROCESSING / "input/test", help="folder with the test CSV")
    parser.add_argument("--output", type=Path, default=PROCESSING / "output/evaluation", help="for evaluation.json")
    parser.add_argument("--message-folder", type=Path, default=OUTPUT, help="where a failure leaves its reason")
    return parser.parse_args(words)


def read_model(folder: Path) -> dict[str, np.ndarray]:
    """The numbers of the network, by name."""
    file = io.BytesIO(read_file(folder, "model.npz"))
    try:
        with np.load(file, allow_pickle=False) as content:
            model = {name: content[name].astype(float) for name in ARRAYS}
        (features, hidden), classes = model["first"].shape, model["second"].shape[1]
        shapes = [(features,), (features,), (features, hidden), (hidden,), (hidden, classes), (classes,)]
        if [array.shape for array in model.values()] != shapes:
            raise ValueError("its arrays do not fit each other")
    except UNREADABLE as error:
        raise InputError(f"model.npz was not written by distributed/train.py: {error}") from error
    return model


def read_file(folder: Path, name: str) -> bytes:
    """A file of the model, out of its archive if there is one."""
    archive = folder / "model.tar.gz"
    if not archive.is_file() and (folder / name).is_file():
        return (folder / name).read_bytes()
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                file = tar.extractfile(member) if member.name.lstrip("./") == name and member.isfile() else None
                if file is not None:
                    return file.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise InputError(f"{archive} is not a readable .tar.gz: {error}") from error
    raise InputError(f"{archive} lacks {name}: it was not written by distributed/train.py")


def read_test(folder: Path, features: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The features and the digits. Raises InputError unless they are what the model takes and tells."""
    paths = sorted(path for path in folder.rglob("*.csv") if path.is_file())
    if not paths:
        raise InputError(f"no *.csv file below {folder}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of no rows, which is said below
            tables = [np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2) for path in paths]
        values = np.concatenate([table for table in tables if table.size] or tables)
    except ValueError as error:
        raise InputError(f"a CSV below {folder} is not a table of numbers: {error}") from error
    if not values.size:
        raise InputError(f"the CSV below {folder} has no rows")
    if values.shape[1] != features + 1:
        what = f"the CSV below {folder} has {values.shape[1] - 1} features and the model takes {features}"
        raise InputError(what)
    if not np.isfinite(values).all() or not np.isin(values[:, 0], range(classes)).all():
        raise InputError(f"a CSV below {folder} has cells without a number, or digits that are not 0 to {classes - 1}")
    return values[:, 1:], values[:, 0].astype(int)


def predict(model: dict[str, np.ndarray], features: np.ndarray) -> np.ndarray:
    """The digit of each row."""
    scaled = (features - model["mean"]) / model["deviation"]
    raised = np.maximum(scaled @ model["first"] + model["first_bias"], 0)
    digits: np.ndarray = (raised @ model["second"] + model["second_bias"]).argmax(axis=1)
    return digits


def measure(actual: np.ndarray, predicted: np.ndarray, classes: int) -> dict[str, Any]:
    """The content of evaluation.json; precision, recall and F1 are weighted by how often a digit is there."""
    weighted: dict[str, Any] = {"average": "weighted", "zero_division": 0}
    values = {
        "accuracy": accuracy_score(actual, predicted),
        "weighted_precision": precision_score(actual, predicted, **weighted),
        "weighted_recall": recall_score(actual, predicted, **weighted),
        "weighted_f1": f1_score(actual, predicted, **weighted),
    }
    metrics: dict[str, Any] = {k: {"value": float(v), "standard_deviation": "NaN"} for k, v in values.items()}
    counts = confusion_matrix(actual, predicted, labels=range(classes))
    metrics["confusion_matrix"] = {
        str(row): {str(column): int(counts[row, column]) for column in range(classes)} for row in range(classes)
    }
    return {"multiclass_classification_metrics": metrics}


def run(arguments: argparse.Namespace) -> None:
    """Read, predict, measure, write."""
    model = read_model(arguments.model)
    classes = len(model["second_bias"])
    features, actual = read_test(arguments.test, len(model["mean"]), classes)
    evaluation = measure(actual, predict(model, features), classes)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "evaluation.json").write_text(json.dumps(evaluation, indent=2) + "\n", encoding="utf-8")
    accuracy = evaluation["multiclass_classification_metrics"]["accuracy"]["value"]
    print(f"{len(actual)} digits, accuracy {accuracy:.4f}", flush=True)


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
        print(f"evaluate_digits: {error}", file=sys.stderr)
        leave_message(str(error), folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
