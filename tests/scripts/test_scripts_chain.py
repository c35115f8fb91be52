"""The chain from the raw sample to the evaluation, on the real data."""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
SPLITS = ("train", "validation", "test")
Chain = tuple[Path, dict[str, str]]


def read_csv(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def read_json(path: Path) -> dict[str, Any]:
    def refuse(literal: str) -> None:
        raise AssertionError(f"{path.name} holds {literal}, which is not JSON")

    content: dict[str, Any] = json.loads(path.read_text(), parse_constant=refuse)
    return content


def fingerprint(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "model.tar.gz")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_sample_is_the_whole_set_under_snake_case_names(chain: Chain) -> None:
    header, *rows = read_csv(chain[0] / "raw/sample.csv")
    assert len(rows) == 569
    assert (header[0], header[1], header[-1]) == ("id", "mean_radius", "diagnosis")
    assert len(header) == 32
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in header)
    assert sum(row[-1] == "M" for row in rows) == 212


def test_every_row_is_in_exactly_one_split(chain: Chain) -> None:
    splits = {name: read_csv(chain[0] / f"processed/{name}/{name}.csv")[1:] for name in SPLITS}
    ids = [row[0] for rows in splits.values() for row in rows]
    assert sorted(ids) == [f"P{number + 1:04d}" for number in range(569)]
    measurements = [tuple(row[1:]) for rows in splits.values() for row in rows]
    assert len(set(measurements)) == 569


def test_the_summary_adds_up(chain: Chain) -> None:
    summary = read_json(chain[0] / "processed/summary/summary.json")
    assert summary["input"]["rows"] == summary["rows"] + sum(summary["dropped_rows"].values())
    assert summary["classes"] == {"0": "B", "1": "M"}
    for name, split in summary["splits"].items():
        header, *rows = read_csv(chain[0] / f"processed/{name}/{name}.csv")
        assert header == summary["columns"]
        assert split["rows"] == len(rows) == sum(split["class_balance"].values())
        assert split["class_balance"]["1"] == sum(row[-1] == "1" for row in rows)
        assert split["positive_share"] == pytest.approx(212 / 569, abs=0.01)


def test_features_have_the_label_first_and_train_is_standardised(chain: Chain) -> None:
    header, *rows = read_csv(chain[0] / "features/train/train.csv")
    assert header[0] == "diagnosis"
    assert "id" not in header
    for place in range(1, len(header)):
        values = [float(row[place]) for row in rows]
        mean = sum(values) / len(values)
        assert mean == pytest.approx(0, abs=1e-9)
        assert sum((value - mean) ** 2 for value in values) / len(values) == pytest.approx(1)
    for name in SPLITS:
        before, after = (read_csv(chain[0] / f"{stage}/{name}/{name}.csv") for stage in ("processed", "features"))
        assert after[0] == header
        assert [row[0] for row in after[1:]] == [row[-1] for row in before[1:]]


def test_the_features_are_described_as_they_are(chain: Chain) -> None:
    metadata = read_json(chain[0] / "features/metadata/features.json")
    assert metadata["version"] == "7"
    names = [feature["name"] for feature in metadata["features"]]
    assert names == read_csv(chain[0] / "features/train/train.csv")[0][1:]
    counts = metadata["counts"]
    assert counts["columns"] + counts["ratios"] - counts["constant"] - counts["repeated"] == counts["features"]
    assert counts["features"] == len(names)
    assert metadata["dropped"]["mean_perimeter"] == "repeats mean_radius"
    steps = {feature["name"]: feature["transformation"] for feature in metadata["features"]}
    assert steps["mean_radius"] == ["impute", "standardise"]
    assert steps["area_error"] == ["impute", "log1p", "standardise"]
    assert steps["worst_to_mean_concavity"][0] == "ratio"


def test_the_metric_lines_are_found_by_the_documented_expressions(chain: Chain) -> None:
    documentation = ast.get_docstring(ast.parse((SCRIPTS / "train.py").read_text()))
    assert documentation is not None
    expressions = re.findall(r"`(\S+=\(\S+\);)`", documentation)
    assert len(expressions) == 4
    final = read_json(chain[0] / "model/model.json")["metrics"]
    for expression in expressions:
        found = re.findall(expression, chain[1]["train"])
        assert len(found) == 11, "ten stages and the model that is kept"
        split, metric = expression.split("=")[0].split(":")
        assert float(found[-1]) == pytest.approx(final[split][metric], abs=1e-6)


def test_the_model_folder_is_complete(chain: Chain) -> None:
    folder = chain[0] / "model"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert names == {"model.joblib", "model.json", "features.json", "code/inference.py"}
    assert (folder / "code/inference.py").read_bytes() == (SCRIPTS / "train.py").read_bytes()
    card = read_json(folder / "model.json")
    assert card["hyperparameters"]["n_estimators"] == 60
    assert 1 <= card["trees"] <= 60
    assert set(card["versions"]) == {"python", "sklearn", "numpy", "pandas", "joblib"}
    header, *rows = read_csv(chain[0] / "data/feature_importances.csv")
    assert header == ["feature", "importance", "standard_deviation"]
    assert sorted(row[0] for row in rows) == sorted(card["features"])


def test_the_evaluation_has_the_model_quality_layout(chain: Chain) -> None:
    evaluation = read_json(chain[0] / "evaluation/evaluation.json")
    assert list(evaluation) == ["binary_classification_metrics"]
    metrics = evaluation["binary_classification_metrics"]
    for name in ("accuracy", "precision", "recall", "f1", "auc"):
        assert 0 <= metrics[name]["value"] <= 1
        assert metrics[name]["standard_deviation"] == "NaN"
    assert metrics["auc"]["value"] > 0.95
    counts = metrics["confusion_matrix"]
    labels = [row[0] for row in read_csv(chain[0] / "features/test/test.csv")[1:]]
    assert {actual: sum(row.values()) for actual, row in counts.items()} == {
        "0": labels.count("0"),
        "1": labels.count("1"),
    }
    assert metrics["accuracy"]["value"] == pytest.approx((counts["0"]["0"] + counts["1"]["1"]) / len(labels))
    assert metrics["recall"]["value"] == pytest.approx(counts["1"]["1"] / labels.count("1"))
    curve = metrics["receiver_operating_characteristic_curve"]
    false, true = curve["false_positive_rates"], curve["true_positive_rates"]
    area = sum((false[i] - false[i - 1]) * (true[i] + true[i - 1]) / 2 for i in range(1, len(false)))
    assert area == pytest.approx(metrics["auc"]["value"])
    assert len(metrics["precision_recall_curve"]["precisions"]) == len(metrics["precision_recall_curve"]["recalls"])


def test_the_picture_shows_the_numbers(chain: Chain) -> None:
    metrics = read_json(chain[0] / "evaluation/evaluation.json")["binary_classification_metrics"]
    root = ElementTree.parse(chain[0] / "evaluation/evaluation.svg").getroot()  # noqa: S314 - our own file
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert f"ROC curve, AUC {metrics['auc']['value']:.4f}" in texts
    for row in metrics["confusion_matrix"].values():
        assert {str(count) for count in row.values()} <= set(texts)


def test_the_same_seed_gives_the_same_bytes(
    chain: Chain, run_again: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    printed = run_again(tmp_path)
    assert fingerprint(tmp_path) == fingerprint(chain[0])
    assert printed["train"] == chain[1]["train"]


def test_the_libraries_of_the_sagemaker_image_agree(
    chain: Chain, run_again: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    """Needs an interpreter with scikit-learn 1.2.1, pandas 1.1.3 and numpy 1.24.1."""
    python = os.environ.get("DAGWRIGHT_OLD_PYTHON")
    if not python:
        pytest.skip("DAGWRIGHT_OLD_PYTHON names no interpreter with the image's libraries")
    run_again(tmp_path, python)
    assert fingerprint(tmp_path / "raw") == fingerprint(chain[0] / "raw")
    assert fingerprint(tmp_path / "processed") == fingerprint(chain[0] / "processed")
    old, new = (read_json(folder / "features/metadata/features.json") for folder in (tmp_path, chain[0]))
    assert [item["name"] for item in old["features"]] == [item["name"] for item in new["features"]]
    metrics = read_json(tmp_path / "evaluation/evaluation.json")["binary_classification_metrics"]
    assert metrics["auc"]["value"] > 0.95


def test_the_scripts_import_nothing_of_the_project() -> None:
    allowed = {"joblib", "numpy", "pandas", "py4j", "pydicom", "pyspark", "sklearn", *sys.stdlib_module_names}
    for path in SCRIPTS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 8))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed, path.name
