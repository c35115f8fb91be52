from __future__ import annotations

import re

import pytest

from dagwright.engines.local import image_libraries
from dagwright.engines.local.image_libraries import Libraries, distributions, libraries_of, pythons

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"


def held(name: str) -> Libraries:
    found = libraries_of(f"{REGISTRY}/{name}")
    assert found, name
    return found


@pytest.mark.parametrize(
    ("image", "python", "library"),
    [
        ("sagemaker-scikit-learn:0.23-1-cpu-py3", "3.7", "scikit-learn 0.23.2"),
        ("sagemaker-scikit-learn:1.2-1-cpu-py3", "3.9", "scikit-learn 1.2.1"),
        ("sagemaker-scikit-learn:1.4-2-cpu-py3", "3.10", "scikit-learn 1.4.2"),
        ("sagemaker-scikit-learn:1.4-2-py312-cpu-py3", "3.12", "scikit-learn 1.4.2"),
        ("sagemaker-xgboost:1.0-1-cpu-py3", "3.7", "xgboost 1.0.0"),
        ("sagemaker-xgboost:1.7-1", "3.8", "xgboost 1.7.4"),
        ("sagemaker-xgboost:3.0-5", "3.10", "xgboost 3.0.5"),
        ("pytorch-training:2.3.0-cpu-py311-ubuntu20.04-sagemaker", "3.11", "torch 2.3.0"),
        ("pytorch-inference:1.8.0-cpu-py3", "3.10", "torch 1.8.0"),
        ("tensorflow-training:2.14.1-cpu-py310", "3.10", "tensorflow 2.14.1"),
        ("tensorflow-inference:2.4.1-cpu", "3.8", "tensorflow 2.4.1"),
        ("sagemaker-spark-processing:3.5-cpu-py312-v1.0", "3.12", ""),  # which 3.5 Amazon's is, nobody says
        ("sagemaker-base-python-310:1.0", "3.10", ""),
    ],
)
def test_an_image_is_known_by_its_name_and_tag(image: str, python: str, library: str) -> None:
    found = held(image)
    assert (found.python, str(found).partition(",")[0]) == (python, library)


@pytest.mark.parametrize("registry", [REGISTRY, "1.dkr.ecr.cn-north-1.amazonaws.com.cn", "public.ecr.aws/x"])
def test_in_whatever_registry_of_amazons_it_is(registry: str) -> None:
    assert libraries_of(f"{registry}/sagemaker-xgboost:1.7-1")
    assert libraries_of(f"{registry}/mirror/sagemaker-xgboost:1.7-1@sha256:{'0' * 64}")


@pytest.mark.parametrize(
    "image",
    [
        "",
        f"{REGISTRY}/sagemaker-xgboost@sha256:{'0' * 64}",  # a digest does not tell
        f"{REGISTRY}/sagemaker-xgboost:1.7-10",
        f"{REGISTRY}/my-sagemaker-xgboost:1.7-1",
        "docker.io/somebody/sagemaker-xgboost:1.7-1",
        "pytorch-training:2.3.0-cpu-py311",
    ],
)
def test_what_may_be_another_image_is_not_known(image: str) -> None:
    assert libraries_of(image) is None


def test_the_nearest_is_where_the_fewest_versions_differ_then_the_closest_python() -> None:
    image = held("sagemaker-scikit-learn:1.0-1-cpu-py3")  # Python 3.8
    assert image.unlike(image.on("3.8")) == ""
    on_a_newer = image.nearest(["3.13", "3.10", "3.9"])
    assert on_a_newer
    assert image.unlike(on_a_newer) == "Python 3.8, scipy 1.5.3"
    assert on_a_newer.versions["scipy"] == "1.5.4"  # the first with wheels for Python 3.9
    exact = image.nearest(["3.13", "3.7", "3.8"])
    assert exact
    assert exact.python == "3.8"
    assert image.nearest(["2.7"]) is None


def test_a_library_that_is_too_new_for_a_python_is_the_last_that_works_there() -> None:
    image = held("sagemaker-xgboost:3.0-5")
    assert image.on("3.9").versions["xgboost"] == "2.1.4"
    assert image.on("3.9").versions["numpy"] == "2.0.2"


def test_what_no_source_says_is_not_said_of_the_image() -> None:
    image = held("pytorch-training:1.12.1-cpu-py38")
    assert str(image) == "torch 1.12.1"
    assert image.unlike(image.on("3.12")) == "Python 3.8, torch 1.12.1"
    assert "pandas==2.1.1" in Libraries("3.12", image.on("3.12").versions | {"pandas": "2.1.1"}).requirements()


def test_requirements_are_pinned_come_as_wheels_and_hold_what_every_image_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_libraries, "_has_small_builds", lambda: False)
    lines = held("sagemaker-xgboost:3.0-5").requirements().splitlines()
    assert "xgboost==3.0.5" in lines
    assert "--only-binary xgboost" in lines
    assert [line for line in lines if line.startswith("boto3")]
    assert [line for line in lines if line.startswith("requests")]
    assert "--only-binary pyspark" not in held("sagemaker-spark-processing:3.5-cpu").requirements()


def test_builds_for_a_gpu_are_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_libraries, "_has_small_builds", lambda: True)
    assert "xgboost-cpu==3.0.5" in held("sagemaker-xgboost:3.0-5").requirements()
    assert "\nxgboost==1.7.4" in held("sagemaker-xgboost:1.7-1").requirements()  # there is none of that version
    torch = held("pytorch-training:2.3.0-gpu-py311").requirements()
    assert "torch==2.3.0+cpu" in torch
    assert "--extra-index-url https://download.pytorch.org/whl/cpu" in torch
    assert "tensorflow-cpu==2.14.1" in held("tensorflow-training:2.14.1-gpu-py310").requirements()


def test_a_library_has_the_names_it_may_be_installed_under() -> None:
    assert distributions("sklearn") == ("scikit-learn",)
    assert distributions("xgboost") == ("xgboost", "xgboost-cpu")
    assert distributions("torch") == ("torch",)
    assert distributions("pandas") == ("pandas",)


def test_the_table_is_whole() -> None:
    table = image_libraries._table()
    for row in table["images"]:
        re.compile(row["image"])
        assert row["source"]
        assert set(row["unsaid"]) <= {"Python", *row["libraries"]}
        assert row["python"] in pythons()
    for works in table["works"].values():
        for first, last in works.values():
            assert not last or image_libraries._key(first) <= image_libraries._key(last)
