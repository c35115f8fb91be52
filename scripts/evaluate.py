"""Judge a model on the test split.

In:  `--model`: a folder with model.tar.gz (as SageMaker stores it) or with its content, model.joblib and model.json;
     `--test`: a folder with CSV files, the label (0 or 1) first, then the features.
Out: `evaluation.json`: metrics in SageMaker's model-quality layout, so that a condition step and the model registry
     read it: `binary_classification_metrics.auc.value` and the like (`confusion_matrix`: actual -> predicted -> count);
     and `evaluation.svg`: the ROC curve and the confusion matrix as one picture.

The archive is never unpacked: the two files are read out of it, so no name in it can lead outside a folder.
The layout: "Model Quality Metrics" in the Amazon SageMaker developer guide; "NaN" (a text) is its word for a standard
deviation that was not measured.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tarfile
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import joblib
import numpy as np
import pandas as pd
import sklearn
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    precision_recall_curve,
    precision_score,
    recall_score,
    roc_auc_score,
    roc_curve,
)

PROCESSING = Path("/opt/ml/processing")
OUTPUT = Path("/opt/ml/output")
SIDE = 240  # of each of the two panels of the picture, in SVG units


class InputError(Exception):
    """What came in cannot be used; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence, in the message file too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The folders of this run, which default to the container's, and the threshold."""
    parser = Parser(description="Judge a model on the test split.", allow_abbrev=False)
    parser.add_argument("--model", type=Path, default=PROCESSING / "input/model", help="folder with model.tar.gz")
    parser.add_argument("--test", type=Path, default=PROCESSING / "input/test", help="folder with the test CSV")
    parser.add_argument(
        "--output", type=Path, default=PROCESSING / "output/evaluation", help="for evaluation.json, .svg"
    )
    parser.add_argument("--message-folder", type=Path, default=OUTPUT, help="where a failure leaves its reason")
    parser.add_argument("--threshold", type=float, default=0.5, help="class 1 from this probability on")
    arguments = parser.parse_args(words)
    if not 0 < arguments.threshold < 1:
        raise InputError(f"the threshold {arguments.threshold} is not between 0 and 1")
    return arguments


def list_names(names: Sequence[str]) -> str:
    """The first five of the names, quoted, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(repr(name) for name in names[:5]) + more


def read_archive(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The plain files of these names at the top of a .tar.gz. Raises InputError if it is no such archive."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = member.name[2:] if member.name.startswith("./") else member.name
                file = archive.extractfile(member) if name in names and member.isfile() else None
                if file is not None:
                    found[name] = file.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path} is not a readable .tar.gz: {error}") from error
    return found


def parse_card(text: bytes) -> dict[str, Any]:
    """What is needed of model.json: label, features, and sklearn, the version that trained."""
    try:
        card = json.loads(text)
        return {"label": card["label"], "features": list(card["features"]), "sklearn": card["versions"]["sklearn"]}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"model.json was not written by train.py: {error!r}") from error


def read_model(folder: Path) -> tuple[Any, dict[str, Any]]:
    """The model and its card."""
    names = ("model.json", "model.joblib")
    archive = folder / "model.tar.gz"
    if archive.is_file():
        files = read_archive(archive, names)
    else:
        files = {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}
    missing = [name for name in names if name not in files]
    if missing:
        place = archive if archive.is_file() else folder
        raise InputError(f"{place} lacks {' and '.join(missing)}: it was not written by train.py")
    card = parse_card(files["model.json"])
    trained = card["sklearn"]
    if trained != sklearn.__version__:
        print(f"note: trained with scikit-learn {trained}, judged with {sklearn.__version__}", flush=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # three times what the note says once
            return joblib.load(io.BytesIO(files["model.joblib"])), card
    except Exception as error:  # unpickling what another version wrote may raise anything
        raise InputError(
            f"model.joblib, written with scikit-learn {trained}, cannot be loaded with {sklearn.__version__}: {error}"
        ) from error


def read_test(folder: Path, card: dict[str, Any]) -> tuple[pd.DataFrame, np.ndarray]:
    """The features that the model was trained on, and the labels."""
    paths = sorted(path for path in folder.rglob("*.csv") if path.is_file())
    if not paths:
        raise InputError(f"no *.csv file below {folder}")
    try:
        table = pd.concat([pd.read_csv(path, dtype=str) for path in paths], ignore_index=True)
        missing = [name for name in [card["label"], *card["features"]] if name not in table.columns]
        if missing:
            raise InputError(f"the CSV below {folder} lacks columns of the model: {list_names(missing)}")
        features = table[card["features"]].astype(object).astype(float)
        labels = table[card["label"]].astype(object).astype(float).to_numpy()
    except (ValueError, pd.errors.EmptyDataError) as error:
        raise InputError(f"a CSV below {folder} is not a table of numbers: {str(error).strip()}") from error
    if not np.isfinite(features.to_numpy()).all():
        raise InputError(f"a CSV below {folder} has empty cells")
    if sorted(set(labels)) != [0.0, 1.0]:
        raise InputError(f"the label {card['label']!r} below {folder} needs both classes, 0 and 1, and no other value")
    return features, labels.astype(int)


def measure(labels: np.ndarray, positive: np.ndarray, threshold: float) -> dict[str, Any]:
    """The content of evaluation.json from the labels and the probabilities of class 1."""
    predicted = (positive >= threshold).astype(int)
    values = {
        "accuracy": accuracy_score(labels, predicted),
        "precision": precision_score(labels, predicted, zero_division=0),
        "recall": recall_score(labels, predicted, zero_division=0),
        "f1": f1_score(labels, predicted, zero_division=0),
        "auc": roc_auc_score(labels, positive),
    }
    counts = confusion_matrix(labels, predicted, labels=[0, 1])
    false_positive_rates, true_positive_rates, _ = roc_curve(labels, positive)
    precisions, recalls, _ = precision_recall_curve(labels, positive)
    metrics: dict[str, Any] = {
        name: {"value": float(value), "standard_deviation": "NaN"} for name, value in values.items()
    }
    metrics["confusion_matrix"] = {
        str(actual): {str(guess): int(counts[actual, guess]) for guess in (0, 1)} for actual in (0, 1)
    }
    metrics["receiver_operating_characteristic_curve"] = {
        "false_positive_rates": false_positive_rates.tolist(),
        "true_positive_rates": true_positive_rates.tolist(),
    }
    metrics["precision_recall_curve"] = {"precisions": precisions.tolist(), "recalls": recalls.tolist()}
    return {"binary_classification_metrics": metrics}


def draw_curve(metrics: dict[str, Any]) -> list[str]:
    """The ROC panel as SVG elements; the lower left corner of the square is (0, 0)."""
    curve = metrics["receiver_operating_characteristic_curve"]
    places = np.column_stack([curve["false_positive_rates"], curve["true_positive_rates"]])
    points = " ".join(f"{x * SIDE:.1f},{(1 - y) * SIDE:.1f}" for x, y in places)
    middle = SIDE / 2
    return [
        f'<rect class="frame" width="{SIDE}" height="{SIDE}"/>',
        f'<path class="guide" d="M0 {SIDE} L{SIDE} 0"/>',
        f'<polyline class="curve" points="{points}"/>',
        f'<text class="title" x="{middle}" y="-14">ROC curve, AUC {metrics["auc"]["value"]:.4f}</text>',
        f'<text x="{middle}" y="{SIDE + 34}">false positive rate</text>',
        f'<text transform="translate(-34 {middle}) rotate(-90)">true positive rate</text>',
        *(f'<text x="{share * SIDE}" y="{SIDE + 16}">{share:g}</text>' for share in (0, 0.5, 1)),
        *(f'<text x="-14" y="{(1 - share) * SIDE + 4}">{share:g}</text>' for share in (0, 0.5, 1)),
    ]


def draw_confusion(metrics: dict[str, Any]) -> list[str]:
    """The confusion matrix as SVG elements: rows are actual, columns predicted, darker is a larger share of the row."""
    half = SIDE / 2
    accuracy = metrics["accuracy"]["value"]
    parts = [f'<text class="title" x="{half}" y="-14">Confusion matrix, accuracy {accuracy:.4f}</text>']
    for row, actual in enumerate("01"):
        counts = metrics["confusion_matrix"][actual]
        for column, predicted in enumerate("01"):
            share = counts[predicted] / max(1, sum(counts.values()))
            kind = "count light" if share > 0.6 else "count"
            x, y = column * half, row * half
            parts += [
                f'<rect x="{x}" y="{y}" width="{half}" height="{half}" fill="#2166ac" fill-opacity="{share:.3f}"/>',
                f'<text class="{kind}" x="{x + half / 2}" y="{y + half / 2 + 8}">{counts[predicted]}</text>',
            ]
        parts.append(f'<text x="-14" y="{(row + 0.5) * half + 4}">{actual}</text>')
        parts.append(f'<text x="{(row + 0.5) * half}" y="{SIDE + 16}">{actual}</text>')
    parts.append(f'<text x="{half}" y="{SIDE + 34}">predicted</text>')
    parts.append(f'<text transform="translate(-34 {half}) rotate(-90)">actual</text>')
    return [*parts, f'<rect class="frame" width="{SIDE}" height="{SIDE}"/>']


def draw(evaluation: dict[str, Any]) -> str:
    """The picture: two panels side by side, on white."""
    metrics = evaluation["binary_classification_metrics"]
    style = (
        "text{font:12px sans-serif;text-anchor:middle;fill:#222} .title{font-weight:bold} .count{font-size:22px} "
        ".light{fill:#fff} .frame{fill:none;stroke:#888} .guide{stroke:#bbb;stroke-dasharray:4} "
        ".curve{fill:none;stroke:#2166ac;stroke-width:2}"
    )
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 330" width="640" height="330" role="img">',
            "<title>Evaluation on the test split</title>",
            f"<style>{style}</style>",
            '<rect width="640" height="330" fill="#fff"/>',
            '<g transform="translate(56 40)">',
            *draw_curve(metrics),
            "</g>",
            '<g transform="translate(376 40)">',
            *draw_confusion(metrics),
            "</g>",
            "</svg>",
            "",
        ]
    )


def run(arguments: argparse.Namespace) -> None:
    """Read, predict, measure, write."""
    model, card = read_model(arguments.model)
    features, labels = read_test(arguments.test, card)
    print(f"test {len(labels)} rows, {features.shape[1]} features", flush=True)
    evaluation = measure(labels, model.predict_proba(features)[:, 1], arguments.threshold)
    metrics = evaluation["binary_classification_metrics"]
    names = ("auc", "accuracy", "precision", "recall", "f1")
    print(" ".join(f"test:{name}={metrics[name]['value']:.6f};" for name in names), flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(evaluation, indent=2, allow_nan=False)
    (arguments.output / "evaluation.json").write_text(text + "\n", encoding="utf-8")
    (arguments.output / "evaluation.svg").write_text(draw(evaluation), encoding="utf-8")


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
        print(f"evaluate: {error}", file=sys.stderr)
        leave_message(str(error), folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
