"""Turn the three splits into features; everything that is fitted is fitted on train only.

In:  `--train`, `--validation`, `--test`: folders with the CSV files of preprocess.py (every *.csv below them is read).
Out: three folders with one CSV each, the label first (`train.csv`, `validation.csv`, `test.csv`), rows in the order
     they came; and `features.json`, from which anybody can compute the same features again (train.py packs it beside
     the model, so that an endpoint takes raw measurements):

     version, label, columns (the raw numeric columns, in order), counts, dropped ({name: why}) and features, a list of
     {name, source, transformation, median, mean, scale}. A feature is computed by the steps of its transformation:
       ratio        source[0] / source[1], missing where the divisor is 0; without it the feature is source[0]
       impute       missing -> median
       log1p        log(1 + x), x not below 0
       standardise  (x - mean) / scale

A ratio is made where the names say that it means something: `worst_area` and `area_error` against `mean_area` give
`worst_to_mean_area` (how uneven the cells are) and `error_to_mean_area` (how sure the mean is).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

PROCESSING = Path("/opt/ml/processing")
OUTPUT = Path("/opt/ml/output")
SPLITS = ("train", "validation", "test")


class InputError(Exception):
    """What came in cannot be used; the text is the sentence that the person sees."""


class Parser(argparse.ArgumentParser):
    """Wrong words end like every other bad input: one sentence, in the message file too."""

    def error(self, message: str) -> NoReturn:
        raise InputError(message)


def read_arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The folders and numbers of this run; the folders default to the container's."""
    parser = Parser(description="Fit features on train and apply them to all splits.", allow_abbrev=False)
    for name in SPLITS:
        parser.add_argument(f"--{name}", type=Path, default=PROCESSING / "input" / name, help=f"folder with {name} CSV")
        output = PROCESSING / "output" / name
        parser.add_argument(f"--{name}-output", type=Path, default=output, help=f"folder for {name}.csv")
    metadata = PROCESSING / "output/metadata"
    parser.add_argument("--metadata-output", type=Path, default=metadata, help="folder for features.json")
    parser.add_argument("--message-folder", type=Path, default=OUTPUT, help="where a failure leaves its reason")
    parser.add_argument("--label", default="diagnosis", help="the column to predict, 0 or 1")
    parser.add_argument("--id-column", default="id", help="names the row and becomes no feature; may be absent")
    parser.add_argument("--feature-version", default="1", help="written into features.json")
    parser.add_argument("--skew-threshold", type=float, default=1.0, help="log1p above this skewness on train")
    parser.add_argument("--correlation-threshold", type=float, default=0.98, help="drop the later of a pair above it")
    arguments = parser.parse_args(words)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", arguments.feature_version):
        raise InputError(f"the feature version {arguments.feature_version!r} is not made of letters, digits, . _ and -")
    return arguments


def list_names(names: Sequence[str]) -> str:
    """The first five of the names, quoted, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(repr(name) for name in names[:5]) + more


def read_table(folder: Path) -> pd.DataFrame:
    """All rows of all *.csv below the folder, as text."""
    paths = sorted(path for path in folder.rglob("*.csv") if path.is_file())
    if not paths:
        raise InputError(f"no *.csv file below {folder}")
    try:
        # as text and through Python's float: exact, and the same under every version of pandas
        table = pd.concat([pd.read_csv(path, dtype=str) for path in paths], ignore_index=True)
    except (UnicodeDecodeError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise InputError(f"a CSV below {folder} cannot be read: {str(error).strip()}") from error
    if table.empty:
        raise InputError(f"the CSV below {folder} has no rows")
    return table


def read_split(folder: Path, label: str, id_column: str) -> pd.DataFrame:
    """The rows of a split as numbers, without the id; the label is 0 or 1."""
    texts = read_table(folder).drop(columns=[id_column], errors="ignore")
    if label not in texts.columns:
        raise InputError(f"the CSV below {folder} has no label column {label!r}")
    numbers: dict[str, np.ndarray] = {}
    for name in texts.columns:
        try:
            numbers[name] = texts[name].to_numpy(dtype=object).astype(float)
        except ValueError as error:
            raise InputError(f"the column {name!r} below {folder} is not numeric: {error}") from error
    if not np.isin(numbers[label], (0, 1)).all():
        raise InputError(f"the label {label!r} below {folder} is not 0 or 1 everywhere")
    return pd.DataFrame(numbers)


def find_sources(columns: Sequence[str]) -> dict[str, list[str]]:
    """Feature name -> the one column it is, or the two columns it is the ratio of; columns first."""
    known = set(columns)
    sources = {name: [name] for name in columns}
    for mean in (name for name in columns if name.startswith("mean_")):
        measure = mean[len("mean_") :]
        for kind, name in (("worst", f"worst_{measure}"), ("error", f"{measure}_error")):
            if name in known:
                sources[f"{kind}_to_mean_{measure}"] = [name, mean]
    return sources


def compute_source(table: pd.DataFrame, source: Sequence[str]) -> np.ndarray:
    """The values of a feature before anything fitted touches them, NaN where it has none."""
    values: np.ndarray = table[source[0]].to_numpy(dtype=float)
    if len(source) == 2:
        divisor = table[source[1]].to_numpy(dtype=float)
        values = np.divide(values, divisor, out=np.full(len(values), np.nan), where=divisor != 0)
    return values


def measure_skewness(values: np.ndarray) -> float:
    """Fisher's moment coefficient of skewness; 0 for a constant."""
    deviations = values - values.mean()
    spread = np.mean(deviations**2)
    return float(np.mean(deviations**3) / spread**1.5) if spread > 0 else 0.0


def fit_feature(name: str, source: list[str], values: np.ndarray, skew_threshold: float) -> dict[str, Any] | None:
    """The feature's entry in features.json, or None if train holds no two different values of it."""
    if np.isnan(values).all():
        return None
    steps = ["ratio"] if len(source) == 2 else []
    median = float(np.nanmedian(values))
    filled = np.where(np.isnan(values), median, values)
    steps.append("impute")
    if filled.min() >= 0 and measure_skewness(filled) > skew_threshold:
        filled = np.log1p(filled)
        steps.append("log1p")
    mean, scale = float(filled.mean()), float(filled.std())
    if filled.min() == filled.max() or scale == 0:
        return None
    steps.append("standardise")
    return {"name": name, "source": source, "transformation": steps, "median": median, "mean": mean, "scale": scale}


def apply_feature(feature: dict[str, Any], table: pd.DataFrame) -> np.ndarray:
    """The values of one feature for every row of a raw table."""
    values = compute_source(table, feature["source"])
    values = np.where(np.isnan(values), feature["median"], values)
    if "log1p" in feature["transformation"]:
        values = np.log1p(np.maximum(values, 0))
    standardised: np.ndarray = (values - feature["mean"]) / feature["scale"]
    return standardised


def find_repetitions(values: np.ndarray, names: Sequence[str], threshold: float) -> dict[str, str]:
    """Features to drop -> the earlier, kept feature that they repeat: |correlation| above the threshold on train."""
    correlations = np.abs(np.atleast_2d(np.corrcoef(values, rowvar=False)))
    kept: list[int] = []
    repeated: dict[str, str] = {}
    for position, name in enumerate(names):
        twin = next((other for other in kept if correlations[position, other] > threshold), None)
        if twin is None:
            kept.append(position)
        else:
            repeated[name] = names[twin]
    return repeated


def fit_features(train: pd.DataFrame, arguments: argparse.Namespace) -> dict[str, Any]:
    """The content of features.json, from the train split alone."""
    columns = [name for name in train.columns if name != arguments.label]
    fitted: list[dict[str, Any]] = []
    dropped: dict[str, str] = {}
    sources = find_sources(columns)
    for name, source in sources.items():
        feature = fit_feature(name, source, compute_source(train, source), arguments.skew_threshold)
        if feature is None:
            dropped[name] = "constant in train"
        else:
            fitted.append(feature)
    if not fitted:
        raise InputError("no feature is left: every column of train is constant or empty")
    values = np.column_stack([apply_feature(feature, train) for feature in fitted])
    twins = find_repetitions(values, [feature["name"] for feature in fitted], arguments.correlation_threshold)
    dropped.update({name: f"repeats {twin}" for name, twin in twins.items()})
    features = [feature for feature in fitted if feature["name"] not in twins]
    counts = {
        "train_rows": len(train),
        "columns": len(columns),
        "ratios": len(sources) - len(columns),
        "constant": len(sources) - len(fitted),
        "repeated": len(twins),
        "features": len(features),
    }
    return {
        "version": arguments.feature_version,
        "label": arguments.label,
        "columns": columns,
        "counts": counts,
        "dropped": dropped,
        "features": features,
    }


def apply_features(metadata: dict[str, Any], table: pd.DataFrame, split: str) -> pd.DataFrame:
    """The table that train.py and evaluate.py read: the label, then the features."""
    missing = [name for name in metadata["columns"] if name not in table.columns]
    if missing:
        raise InputError(f"{split} lacks columns that train has: {list_names(missing)}")
    features = {feature["name"]: apply_feature(feature, table) for feature in metadata["features"]}
    return pd.DataFrame({metadata["label"]: table[metadata["label"]].astype(int), **features})


def run(arguments: argparse.Namespace) -> None:
    """Read, fit, apply, write."""
    raw = {name: read_split(getattr(arguments, name), arguments.label, arguments.id_column) for name in SPLITS}
    print("read " + ", ".join(f"{name} {len(table)}" for name, table in raw.items()) + " rows", flush=True)
    metadata = fit_features(raw["train"], arguments)
    counts = metadata["counts"]
    print(
        f"features version {metadata['version']}: {counts['columns']} columns and {counts['ratios']} ratios, less "
        f"{counts['constant']} constant and {counts['repeated']} repeated, make {counts['features']} features",
        flush=True,
    )
    engineered = {name: apply_features(metadata, table, name) for name, table in raw.items()}
    for name, table in engineered.items():
        folder: Path = getattr(arguments, f"{name}_output")
        folder.mkdir(parents=True, exist_ok=True)
        table.to_csv(folder / f"{name}.csv", index=False)
        print(f"{name}: wrote {len(table)} rows with {len(table.columns)} columns", flush=True)
    arguments.metadata_output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(metadata, indent=2, allow_nan=False)
    (arguments.metadata_output / "features.json").write_text(text + "\n", encoding="utf-8")


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
        print(f"feature_engineering: {error}", file=sys.stderr)
        leave_message(str(error), folder)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
