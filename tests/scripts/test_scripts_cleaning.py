"""preprocess.py and feature_engineering.py on small made-up data: what is cleaned, split and fitted."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"
SPLITS = ("train", "validation", "test")
LoadScript = Callable[[str], ModuleType]

# two files with their columns in another order, and one of everything that real files have
FIRST = """ id ,diagnosis, size ,texture,site,note
a1,B,1.5,10,7,first
a2, M ,2.5,?,7,
a3,B,abc,12,7,
a4,,3.5,13,7,no label
a5,M,,,,nothing measured
a6,M,4.5,1e400,7,too large
a7,B,1.5,10.0,7,a1 once more
"""
SECOND = "id,size,texture,site,note,diagnosis\n" + "".join(
    f"b{number},{number / 7!r},{number * 3 % 11},7,,{'BM'[number % 2]}\n" for number in range(30)
)


def write_raw(folder: Path) -> Path:
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_text(FIRST)
    (folder / "deep/b.csv").write_text(SECOND)
    return folder


def words_for(folder: Path) -> list[str]:
    outputs = {f"--{name}": folder / name for name in (*SPLITS, "summary")}
    return ["--input", str(folder / "raw"), *(str(word) for pair in outputs.items() for word in pair)]


def read_splits(folder: Path) -> dict[str, list[dict[str, str]]]:
    rows = {}
    for name in SPLITS:
        with (folder / name / f"{name}.csv").open(newline="") as file:
            rows[name] = list(csv.DictReader(file))
    return rows


@pytest.fixture
def cleaned(load_script: LoadScript, tmp_path: Path) -> tuple[dict[str, Any], dict[str, list[dict[str, str]]]]:
    write_raw(tmp_path / "raw")
    assert load_script("preprocess").main(words_for(tmp_path)) == 0
    return json.loads((tmp_path / "summary/summary.json").read_text()), read_splits(tmp_path)


def test_what_is_dropped_is_counted_and_listed(cleaned: tuple[dict[str, Any], Any]) -> None:
    summary = cleaned[0]
    assert summary["input"] == {"files": 2, "rows": 37, "columns": 6}
    assert summary["dropped_rows"] == {"without_label": 1, "without_measurements": 1, "duplicates": 1}
    assert summary["dropped_columns"] == {"not_numeric": ["note"], "constant": ["site"]}
    assert summary["not_a_number"] == {"size": 1, "texture": 1}
    assert summary["missing"] == {"size": 1, "texture": 2}
    assert summary["columns"] == ["id", "size", "texture", "diagnosis"]
    assert summary["rows"] == 34


def test_kept_rows_are_whole_and_labelled(cleaned: tuple[Any, dict[str, list[dict[str, str]]]]) -> None:
    rows = {row["id"]: row for split in cleaned[1].values() for row in split}
    assert len(rows) == 34
    assert not {"a4", "a5", "a7"} & set(rows)
    assert rows["a2"] == {"id": "a2", "size": "2.5", "texture": "", "diagnosis": "1"}
    assert rows["a3"] == {"id": "a3", "size": "", "texture": "12.0", "diagnosis": "0"}
    assert rows["b5"]["size"] == repr(5 / 7)


def test_every_class_is_split_in_the_shares(load_script: LoadScript) -> None:
    labels = np.array([0] * 70 + [1] * 30)
    drawn = load_script("preprocess").draw_splits(labels, 3, 0.2, 0.1)
    assert {name: (len(rows), int(labels[rows].sum())) for name, rows in drawn.items()} == {
        "train": (70, 21),
        "validation": (20, 6),
        "test": (10, 3),
    }
    assert sorted(np.concatenate(list(drawn.values()))) == list(range(100))


def test_another_seed_is_another_split(load_script: LoadScript) -> None:
    draw = load_script("preprocess").draw_splits
    labels = np.array([0, 1] * 50)
    first, again, other = draw(labels, 1, 0.2, 0.2), draw(labels, 1, 0.2, 0.2), draw(labels, 2, 0.2, 0.2)
    assert first["test"].tolist() == again["test"].tolist() != other["test"].tolist()


def test_old_libraries_clean_and_split_alike(cleaned: object, tmp_path: Path) -> None:
    python = os.environ.get("DAGWRIGHT_OLD_PYTHON")
    if not python:
        pytest.skip("DAGWRIGHT_OLD_PYTHON names no interpreter with the image's libraries")
    write_raw(tmp_path / "old/raw")
    subprocess.run([python, str(SCRIPTS / "preprocess.py"), *words_for(tmp_path / "old")], check=True)
    for name in ("train/train.csv", "validation/validation.csv", "test/test.csv", "summary/summary.json"):
        assert (tmp_path / "old" / name).read_bytes() == (tmp_path / name).read_bytes()


def engineer(script: ModuleType, folder: Path, tables: dict[str, str]) -> dict[str, Any]:
    """features.json for these CSV texts."""
    words: list[object] = ["--metadata-output", folder / "metadata"]
    for name, text in tables.items():
        (folder / name).mkdir()
        (folder / name / "part.csv").write_text(text)
        words += [f"--{name}", folder / name, f"--{name}-output", folder / "out" / name]
    assert script.main(list(map(str, words))) == 0
    content: dict[str, Any] = json.loads((folder / "metadata/features.json").read_text())
    return content


def test_only_train_is_fitted(load_script: LoadScript, tmp_path: Path) -> None:
    train = "id,size,twin,flat,diagnosis\nx,1,2,5,0\nx,3,6,5,1\nx,,4,5,0\nx,8,16.5,5,1\n"
    other = "id,size,twin,flat,diagnosis\nx,,1000,6,0\nx,-900,1,7,1\n"
    metadata = engineer(
        load_script("feature_engineering"), tmp_path, {"train": train, "validation": other, "test": other}
    )
    assert metadata["dropped"] == {"flat": "constant in train", "twin": "repeats size"}
    (feature,) = metadata["features"]
    assert (feature["name"], feature["median"], feature["mean"]) == ("size", 3.0, 3.75)
    first = (tmp_path / "out/test/test.csv").read_text().splitlines()[1]
    assert first == f"0,{(3.0 - 3.75) / feature['scale']!r}"


def test_ratios_need_both_columns_and_a_divisor(load_script: LoadScript, tmp_path: Path) -> None:
    text = "mean_area,worst_area,diagnosis\n2,5,0\n0,7,1\n4,4,0\n5,20,1\n"
    metadata = engineer(load_script("feature_engineering"), tmp_path, dict.fromkeys(SPLITS, text))
    features = {feature["name"]: feature for feature in metadata["features"]}
    assert set(features) == {"mean_area", "worst_area", "worst_to_mean_area"}
    assert features["worst_to_mean_area"]["source"] == ["worst_area", "mean_area"]
    assert features["worst_to_mean_area"]["median"] == 2.5
