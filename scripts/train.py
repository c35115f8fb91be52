"""Train the classifier (SageMaker script mode), and serve it: this file is the model's own inference code too.

In:  channel `train` and channel `validation`: CSV files, the label (0 or 1) first, then the features; if there is a
     channel `features` with features.json (of feature_engineering.py), it is packed and the endpoint takes raw rows.
     Hyperparameters arrive as words: `--n_estimators 200 --max_depth 3 ...`.
Out: model folder: `model.joblib`, `model.json` (features, hyperparameters, metrics, library versions),
     `features.json` if given, and `code/inference.py`, a copy of this file, so that the package can be deployed with
     SAGEMAKER_PROGRAM=inference.py and SAGEMAKER_SUBMIT_DIRECTORY=/opt/ml/model/code.
     Output data folder: `feature_importances.csv`.

The model is the mean of two that err differently on a few hundred rows: a logistic regression and boosted trees.
`n_estimators` is the most trees that are tried; as many are kept as give the lowest log loss on validation.

Metric lines, one a stage and one for the model that is kept, with the regexes for MetricDefinitions:
     train:logloss=0.061523; validation:logloss=0.093211; validation:auc=0.993400; validation:accuracy=0.964602;
     `train:logloss=([0-9.]+);`  `validation:logloss=([0-9.]+);`  `validation:auc=([0-9.]+);`
     `validation:accuracy=([0-9.]+);`
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import joblib
import numpy as np
import pandas as pd
import sklearn
from sklearn.ensemble import GradientBoostingClassifier, VotingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

OUTPUT = Path("/opt/ml/output")
STAGES = 10


class InputError(Exception):
    """What came in cannot be used; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence, in the failure file too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


class Split(NamedTuple):
    """One channel: features as rows x columns of float, labels as rows of 0 and 1."""

    label: str
    features: pd.DataFrame
    labels: np.ndarray


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Hyperparameters and folders; the folders default to what SageMaker says, else to the container's."""
    parser = Parser(description="Train the classifier.", allow_abbrev=False)
    parser.add_argument("--n_estimators", type=int, default=200, help="most trees that are tried, at least 1")
    parser.add_argument("--max_depth", type=int, default=3, help="of a tree, at least 1")
    parser.add_argument("--learning_rate", type=float, default=0.1, help="weight of a tree, above 0")
    parser.add_argument(
        "--subsample", type=float, default=0.7, help="share of the rows a tree sees, above 0, at most 1"
    )
    parser.add_argument("--max_features", type=float, default=0.3, help="share of the features a node tries, likewise")
    parser.add_argument("--l2_regularization", type=float, default=10.0, help="of the logistic regression, above 0")
    parser.add_argument("--seed", type=int, default=42, help="0 to 4294967295")
    for name in ("train", "validation", "features"):
        folder = os.environ.get(f"SM_CHANNEL_{name.upper()}", f"/opt/ml/input/data/{name}")
        parser.add_argument(f"--{name}", type=Path, default=Path(folder), help=f"folder of the channel {name}")
    model = Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    parser.add_argument("--model-dir", type=Path, default=model, help="becomes model.tar.gz")
    data = Path(os.environ.get("SM_OUTPUT_DATA_DIR", str(OUTPUT / "data")))
    parser.add_argument("--output-data-dir", type=Path, default=data, help="becomes output.tar.gz")
    output = Path(os.environ.get("SM_OUTPUT_DIR", str(OUTPUT)))
    parser.add_argument("--output-dir", type=Path, default=output, help="where a failure leaves its reason")
    return parser.parse_args(words)


def read_hyperparameters(arguments: argparse.Namespace) -> dict[str, Any]:
    """Name -> value. Raises InputError with everything that is out of range."""
    ranges = {
        "n_estimators": (arguments.n_estimators >= 1, "at least 1"),
        "max_depth": (arguments.max_depth >= 1, "at least 1"),
        "learning_rate": (arguments.learning_rate > 0, "above 0"),
        "subsample": (0 < arguments.subsample <= 1, "above 0 and at most 1"),
        "max_features": (0 < arguments.max_features <= 1, "above 0 and at most 1"),
        "l2_regularization": (arguments.l2_regularization > 0, "above 0"),
        "seed": (0 <= arguments.seed < 2**32, "between 0 and 4294967295"),
    }
    values = {name: getattr(arguments, name) for name in ranges}
    wrong = [f"{name} is {values[name]} and must be {text}" for name, (good, text) in ranges.items() if not good]
    if wrong:
        raise InputError("; ".join(wrong))
    return values


def list_names(names: Sequence[str]) -> str:
    """The first five of the names, quoted, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(repr(name) for name in names[:5]) + more


def read_split(folder: Path) -> Split:
    """All *.csv below the folder: the first column is the label."""
    paths = sorted(path for path in folder.rglob("*.csv") if path.is_file())
    if not paths:
        raise InputError(f"no *.csv file below {folder}")
    try:
        table = pd.concat([pd.read_csv(path, dtype=str) for path in paths], ignore_index=True)
        values = table.to_numpy(dtype=object).astype(float)
    except (ValueError, pd.errors.EmptyDataError) as error:
        raise InputError(f"a CSV below {folder} is not a table of numbers: {str(error).strip()}") from error
    if values.shape[1] < 2 or not np.isfinite(values).all():
        raise InputError(f"a CSV below {folder} has empty cells or no feature column beside the label")
    if sorted(set(values[:, 0])) != [0.0, 1.0]:
        raise InputError(
            f"the label {table.columns[0]!r} below {folder} needs both classes, 0 and 1, and no other value"
        )
    features = pd.DataFrame(values[:, 1:], columns=list(table.columns[1:]))
    return Split(str(table.columns[0]), features, values[:, 0].astype(int))


def read_features(folder: Path, names: Sequence[str]) -> dict[str, Any] | None:
    """The content of features.json, None if the channel is not there."""
    path = folder / "features.json"
    if not path.is_file():
        return None
    try:
        features: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        described = [feature["name"] for feature in features["features"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} was not written by feature_engineering.py: {error!r}") from error
    if described != list(names):
        raise InputError(f"{path} describes other features than the channel train has: use those of one run")
    return features


def measure(split: Split, positive: np.ndarray) -> dict[str, float]:
    """The metrics of probabilities for class 1."""
    return {
        "logloss": float(log_loss(split.labels, positive)),
        "auc": float(roc_auc_score(split.labels, positive)),
        "accuracy": float(accuracy_score(split.labels, positive >= 0.5)),
    }


def print_metrics(title: str, train: dict[str, float], validation: dict[str, float]) -> None:
    """The line that MetricDefinitions read; the numbers are never in scientific notation."""
    parts = [f"train:logloss={train['logloss']:.6f};"]
    parts += [f"validation:{name}={validation[name]:.6f};" for name in ("logloss", "auc", "accuracy")]
    print(title, *parts, flush=True)


def build_linear(values: dict[str, Any]) -> LogisticRegression:
    """The half of the model that sees straight lines."""
    return LogisticRegression(C=1 / values["l2_regularization"], max_iter=1000)


def build_trees(values: dict[str, Any], count: int) -> GradientBoostingClassifier:
    """The half that sees thresholds and interactions."""
    names = ("max_depth", "learning_rate", "subsample", "max_features")
    shape = {name: values[name] for name in names}
    return GradientBoostingClassifier(n_estimators=count, random_state=values["seed"], **shape)


def choose_trees(train: Split, validation: Split, values: dict[str, Any]) -> int:
    """The number of trees with the lowest log loss on validation; prints the metrics of every stage."""
    linear = build_linear(values).fit(train.features, train.labels)
    trees = build_trees(values, values["n_estimators"]).fit(train.features, train.labels)
    staged = {}
    for name, split in (("train", train), ("validation", validation)):
        straight = linear.predict_proba(split.features)[:, 1]
        staged[name] = [(straight + stage[:, 1]) / 2 for stage in trees.staged_predict_proba(split.features)]
    losses = [log_loss(validation.labels, positive) for positive in staged["validation"]]
    every = max(1, len(losses) // STAGES)
    for count in range(every, len(losses) + 1, every):
        metrics = [
            measure(split, staged[name][count - 1]) for name, split in (("train", train), ("validation", validation))
        ]
        print_metrics(f"trees={count}", *metrics)
    return int(np.argmin(losses)) + 1


def rank_features(model: VotingClassifier, validation: Split, seed: int) -> pd.DataFrame:
    """How much the log loss on validation rises when a feature is shuffled: mean and spread, largest first."""
    result = permutation_importance(
        model, validation.features, validation.labels, scoring="neg_log_loss", n_repeats=5, random_state=seed
    )
    table = pd.DataFrame(
        {
            "feature": validation.features.columns,
            "importance": result.importances_mean,
            "standard_deviation": result.importances_std,
        }
    )
    return table.sort_values(["importance", "feature"], ascending=[False, True])


def write_model(folder: Path, model: VotingClassifier, card: dict[str, Any], features: dict[str, Any] | None) -> None:
    """Everything that an endpoint needs, and what a person wants to know about it."""
    (folder / "code").mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib", compress=3)
    for name, content in (("model.json", card), ("features.json", features)):
        if content is not None:
            (folder / name).write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    shutil.copyfile(__file__, folder / "code" / "inference.py")


def run(arguments: argparse.Namespace) -> None:
    """Read, train, measure, write."""
    values = read_hyperparameters(arguments)
    train, validation = read_split(arguments.train), read_split(arguments.validation)
    if list(train.features.columns) != list(validation.features.columns):
        different = sorted(set(train.features.columns) ^ set(validation.features.columns))
        raise InputError(f"train and validation differ in their columns: {list_names(different) or 'another order'}")
    names = list(train.features.columns)
    features = read_features(arguments.features, names)
    print(
        f"train {len(train.labels)} rows, validation {len(validation.labels)} rows, {len(names)} features", flush=True
    )
    count = choose_trees(train, validation, values)
    model = VotingClassifier([("linear", build_linear(values)), ("trees", build_trees(values, count))], voting="soft")
    model.fit(train.features, train.labels)
    metrics = {
        name: measure(split, model.predict_proba(split.features)[:, 1])
        for name, split in (("train", train), ("validation", validation))
    }
    print_metrics(f"kept {count} trees:", metrics["train"], metrics["validation"])
    libraries = {module.__name__: module.__version__ for module in (sklearn, np, pd, joblib)}
    card = {
        "label": train.label,
        "features": names,
        "hyperparameters": values,
        "trees": count,
        "metrics": metrics,
        "versions": {"python": platform.python_version(), **libraries},
    }
    write_model(arguments.model_dir, model, card, features)
    arguments.output_data_dir.mkdir(parents=True, exist_ok=True)
    ranking = rank_features(model, validation, values["seed"])
    ranking.to_csv(arguments.output_data_dir / "feature_importances.csv", index=False)
    print("most telling: " + ", ".join(ranking["feature"].head(3)), flush=True)


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
    except (InputError, OSError) as error:
        print(f"train: {error}", file=sys.stderr)
        leave_failure(str(error), folder)
        return 1
    return 0


# What follows is called by the scikit-learn serving container.


class Served(NamedTuple):
    """A loaded model: its card (model.json) and, where it takes raw rows, the features to compute from them."""

    model: VotingClassifier
    card: dict[str, Any]
    features: dict[str, Any] | None

    def columns(self) -> list[str]:
        """The columns of a request, in the order of a row without a header."""
        return list(self.features["columns"] if self.features else self.card["features"])


def model_fn(model_dir: str) -> Served:
    """Load what write_model wrote."""
    folder = Path(model_dir)
    card = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    path = folder / "features.json"
    features = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return Served(joblib.load(folder / "model.joblib"), card, features)


def parse_cell(cell: Any) -> float:
    """A number, or NaN for an empty cell and for a null."""
    return float(cell) if cell not in ("", None) else float("nan")


def input_fn(body: str | bytes, content_type: str) -> list[Any]:
    """The rows of a request: mappings of column to number, or lists of numbers in the order of the columns.

    `text/csv` with or without a header; `application/json`: a list of rows, or one under `instances`.
    """
    text = body.decode("utf-8") if isinstance(body, (bytes, bytearray)) else body
    kind = content_type.split(";", maxsplit=1)[0].strip()
    if kind == "application/json":
        content = json.loads(text)
        return list(content["instances"] if isinstance(content, dict) else content)
    if kind != "text/csv":
        raise ValueError(f"the content type {content_type!r} is neither text/csv nor application/json")
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    try:
        return [[parse_cell(cell) for cell in row] for row in rows]
    except ValueError:
        header = [name.strip() for name in rows[0]]
        return [{name: cell for name, cell in zip(header, row)} for row in rows[1:]]  # noqa: B905, C416 - no strict in 3.9


def build_table(rows: list[Any], columns: Sequence[str]) -> pd.DataFrame:
    """The request as a table with exactly these columns. Raises ValueError for a row that does not fit."""
    if not rows:
        raise ValueError("the request has no rows")
    values = []
    for number, row in enumerate(rows):
        if isinstance(row, dict):
            missing = [name for name in columns if name not in row]
            if missing:
                raise ValueError(f"row {number + 1} lacks {', '.join(missing)}")
            values.append([parse_cell(row[name]) for name in columns])
        elif len(row) == len(columns):
            values.append([parse_cell(cell) for cell in row])
        else:
            raise ValueError(f"row {number + 1} has {len(row)} values and the model takes {len(columns)}")
    return pd.DataFrame(values, columns=list(columns), dtype=float)


def compute_feature(feature: dict[str, Any], table: pd.DataFrame) -> np.ndarray:
    """One feature for every row, as features.json says (the steps are explained in feature_engineering.py)."""
    steps = feature["transformation"]
    values = table[feature["source"][0]].to_numpy(dtype=float)
    if "ratio" in steps:
        divisor = table[feature["source"][1]].to_numpy(dtype=float)
        values = np.divide(values, divisor, out=np.full(len(values), np.nan), where=divisor != 0)
    values = np.where(np.isnan(values), feature["median"], values)
    if "log1p" in steps:
        values = np.log1p(np.maximum(values, 0))
    standardised: np.ndarray = (values - feature["mean"]) / feature["scale"]
    return standardised


def predict_fn(rows: list[Any], served: Served) -> np.ndarray:
    """The probability of class 1 for each row."""
    table = build_table(rows, served.columns())
    if served.features:
        table = pd.DataFrame({item["name"]: compute_feature(item, table) for item in served.features["features"]})
    positive: np.ndarray = served.model.predict_proba(table[served.card["features"]])[:, 1]
    return positive


def output_fn(positive: np.ndarray, accept: str) -> tuple[str, str]:
    """The answer and its type: one probability a line for text/csv, otherwise JSON with the class as well."""
    if accept.split(";", maxsplit=1)[0].strip() == "text/csv":
        return "".join(f"{value!r}\n" for value in positive.tolist()), "text/csv"
    predictions = [{"probability": value, "label": int(value >= 0.5)} for value in positive.tolist()]
    return json.dumps({"predictions": predictions}), "application/json"


if __name__ == "__main__":
    sys.exit(main())
