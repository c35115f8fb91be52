"""The SDK's image tables reduced: from a folder of the SDK's form to the same bytes each time."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from dagwright.errors import StorageError, UserError
from dagwright.image_source import installed_tables, table_text
from dagwright.images import ImageTable, by_number

ACCOUNTS = {"eu-west-1": "111111111111", "cn-north-1": "222222222222", "eu-west-2": "111111111111"}


def one(repository: str, **members: Any) -> dict[str, Any]:
    return {"repository": repository, "registries": ACCOUNTS, **members}


# The forms that the SDK's files have: each with a version or two.
FILES: dict[str, Any] = {
    "sklearn": {
        scope: {"versions": {version: one("learn", processors=["cpu"], py_versions=["py3"]) for version in versions}}
        for scope, versions in {"training": ["1.2-1", "0.20.0"], "inference_graviton": ["1.0-1"]}.items()
    },
    "xgboost": {"training": {"version_aliases": {"latest": "1"}, "versions": {"1": one("boost")}}},
    "spark": {"processing": {"processors": ["cpu"], "versions": {"3.5": one("spark", py_versions=["py39", "py312"])}}},
    "pytorch": {
        "eia": {"processors": ["cpu"], "versions": {"1.3.1": one("elastic", py_versions=["py3"])}},
        "inference": {"processors": ["cpu", "gpu"], "versions": {"2.10": one("torch"), "2.9": one("torch")}},
        "inference_graviton": {
            "processors": ["cpu"],
            "versions": {"2.9": one("torch-arm", py_versions=["py312"], container_version={"cpu": "ubuntu22.04"})},
        },
    },
    "pytorch-neuron": {
        "training": {
            "processors": ["trn"],
            "versions": {
                "1.11.0": one(
                    "neuron",
                    py_versions=["py38"],
                    container_version={"trn": "ubuntu20.04"},
                    sdk_versions=["sdk2.4.0", "sdk2.5.0"],
                )
            },
        }
    },
    "tensorflow": {
        "training": {
            "processors": ["cpu", "gpu"],
            "versions": {
                "1.13.1": {"py2": one("script"), "py3": one("flow")},
                "2.3.1": one("flow", py_versions=["py37"]),
            },
        }
    },
    "huggingface": {
        "training": {
            "processors": ["gpu"],
            "versions": {
                "4.49.0": {
                    "version_aliases": {"pytorch2.5": "pytorch2.5.1"},
                    "pytorch2.5.1": one("face", py_versions=["py311"], container_version={"gpu": "cu124"}),
                    "tensorflow2.4.1": one("unnamed", py_versions=["py37"]),
                }
            },
        }
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As in version 3 of the SDK: sagemaker/core/image_uri_config."""
    made = tmp_path / "packages" / "sagemaker" / "core" / "image_uri_config"
    made.mkdir(parents=True)
    for name, content in FILES.items():
        (made / f"{name}.json").write_text(json.dumps(content))
    return made


def table(folder: Path, where: Path) -> ImageTable:
    return ImageTable(table_text(folder, "sagemaker-core 1.0", "2026-01-02"), "it")


def images(made: ImageTable, framework: str) -> list[tuple[str, str, str, str, str]]:
    return [
        (one.use, one.version, one.python, one.processor, f"{one.repository}:{one.tag}")
        for one in made.variants(framework)
    ]


def test_each_form_of_the_sdk_comes_to_its_tags(folder: Path, tmp_path: Path) -> None:
    made = table(folder, tmp_path / "t.json")

    assert (made.sdk, made.date) == ("sagemaker-core 1.0", "2026-01-02")
    assert images(made, "sklearn") == [
        ("training", "0.20.0", "py3", "cpu", "learn:0.20.0-cpu-py3"),
        ("training", "1.2-1", "py3", "cpu", "learn:1.2-1-cpu-py3"),
        ("inference", "1.0-1", "py3", "graviton", "learn:1.0-1-arm64-cpu-py3"),
    ]
    assert images(made, "xgboost") == [
        ("training", version, "", processor, f"boost:{version}")
        for version in ("1", "latest")
        for processor in ("cpu", "gpu")
    ]
    assert images(made, "spark") == [
        ("processing", "3.5", "", "cpu", "spark:3.5-cpu"),
        ("processing", "3.5", "py39", "cpu", "spark:3.5-cpu-py39"),
        ("processing", "3.5", "py312", "cpu", "spark:3.5-cpu-py312"),
    ]
    assert images(made, "pytorch") == [
        ("inference", "2.9", "", "cpu", "torch:2.9-cpu"),
        ("inference", "2.9", "", "gpu", "torch:2.9-gpu"),
        ("inference", "2.10", "", "cpu", "torch:2.10-cpu"),
        ("inference", "2.10", "", "gpu", "torch:2.10-gpu"),
        ("inference", "2.9", "py312", "graviton", "torch-arm:2.9-cpu-py312-ubuntu22.04-sagemaker"),
        ("training", "1.11.0", "py38", "trn", "neuron:1.11.0-neuron-py38-sdk2.5.0-ubuntu20.04"),
    ]
    assert images(made, "tensorflow") == [
        ("training", "1.13.1", "py2", "cpu", "script:1.13.1-cpu-py2"),
        ("training", "1.13.1", "py2", "gpu", "script:1.13.1-gpu-py2"),
        ("training", "1.13.1", "py3", "cpu", "flow:1.13.1-cpu-py3"),
        ("training", "1.13.1", "py3", "gpu", "flow:1.13.1-gpu-py3"),
        ("training", "2.3.1", "py37", "cpu", "flow:2.3.1-cpu-py37"),
        ("training", "2.3.1", "py37", "gpu", "flow:2.3.1-gpu-py37"),
        ("training", "2.3.1", "py37", "p4d", "flow:2.3.1-gpu-py37-cu110-ubuntu18.04"),
    ]
    assert images(made, "huggingface-pytorch") == [
        ("training", "2.5.1-transformers4.49.0", "py311", "gpu", "face:2.5.1-transformers4.49.0-gpu-py311-cu124")
    ]
    assert "huggingface-tensorflow" not in made.frameworks
    assert all(one.registries == ACCOUNTS for one in made.variants("spark"))


def test_the_same_folder_gives_the_same_bytes(folder: Path) -> None:
    first = table_text(folder, "s 1", "2026-01-02")
    for path in folder.iterdir():
        content = json.loads(path.read_text())
        path.write_text(json.dumps(dict(reversed(content.items())), indent=3))

    assert table_text(folder, "s 1", "2026-01-02") == first
    assert first.count("222222222222") == 1, "versions that share their registries share one map"
    assert all(len(line) < 1000 for line in first.splitlines()), "a line for each entry"


def test_a_missing_file_and_another_form_are_said(folder: Path) -> None:
    (folder / "spark.json").write_text('{"processing": {"versions": {"3.5": {"py_versions": ["py39"]}}}}')
    with pytest.raises(UserError, match=r"spark\.json is not in the form"):
        table_text(folder, "s 1", "2026-01-02")

    (folder / "spark.json").unlink()
    with pytest.raises(StorageError, match=r"spark\.json cannot be read"):
        table_text(folder, "s 1", "2026-01-02")


@pytest.mark.parametrize(
    "image",
    [
        {"repository": {}},
        {"repository": 5},
        {"repository": "a b"},
        {"registries": {"us-east-1": "12"}},
        {"registries": {"us-east-1": []}},
        {"py_versions": [5]},
        {"processors": ["{version}"]},
    ],
)
def test_images_that_make_no_table_are_said(folder: Path, image: dict[str, Any]) -> None:
    config = {"training": {"versions": {"1.2-1": one("learn", processors=["cpu"], py_versions=["py3"]) | image}}}
    (folder / "sklearn.json").write_text(json.dumps(config))

    with pytest.raises(UserError, match="is not in the form that this version of dagwright reads: "):
        table_text(folder, "s 1", "2026-01-02")


@pytest.mark.parametrize("content", ["{}", "[" * 100_000, " " * (5 << 20), '{"training": {"versions": {}}}'])
def test_a_file_that_holds_no_images_is_said(folder: Path, content: str) -> None:
    (folder / "sklearn.json").write_text(content)

    with pytest.raises(UserError, match=r"sklearn\.json is not in the form"):
        table_text(folder, "s 1", "2026-01-02")


def test_only_files_of_the_sdk_are_read(folder: Path) -> None:
    path = folder / "sklearn.json"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UserError, match=r"sklearn\.json is not in the form .* it is no file"):
        table_text(folder, "s 1", "2026-01-02")

    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(UserError, match=r"sklearn\.json is not in the form .* it is no file"):
        table_text(folder, "s 1", "2026-01-02")


def test_an_installed_sdk_is_found_and_not_imported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = folder.parents[2]
    (packages / "sagemaker" / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(packages)
    assert installed_tables() == (folder, "sagemaker-core")

    (packages / "sagemaker_core-3.27.0.dist-info").mkdir()
    (packages / "sagemaker_core-3.27.0.dist-info" / "METADATA").write_text("Name: sagemaker-core\nVersion: 3.27.0\n")
    assert installed_tables() == (folder, "sagemaker-core 3.27.0")

    second = packages / "sagemaker" / "image_uri_config"
    folder.rename(second)
    assert installed_tables() == (second, "sagemaker")
    assert "sagemaker" not in sys.modules


def test_without_an_sdk_it_is_said_where_the_tables_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(UserError, match="no SageMaker SDK") as caught:
        installed_tables()
    assert "pip install --no-deps sagemaker-core" in caught.value.hint


def test_versions_are_sorted_by_their_numbers() -> None:
    versions = ["2.10", "2.9.0", "latest", "2.9", "1.4-2-py312", "1.4-2", "0.90-2"]

    assert sorted(versions, key=by_number) == ["0.90-2", "1.4-2", "1.4-2-py312", "2.9", "2.9.0", "2.10", "latest"]
    assert sorted(["\u00b2", "1" * 5000, "2"], key=by_number) == ["2", "1" * 5000, "\u00b2"]
