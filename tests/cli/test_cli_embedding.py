"""The embedding pipeline: PyTorch and TensorFlow at work in the environments of their images (make test-frameworks)."""

from __future__ import annotations

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import REPOSITORY, Deploy, project_with

STEPS = {"EmbedWithTorch": "PyTorch 2.", "EmbedWithTensorflow": "TensorFlow 2."}
NOT_TO_BE_HAD = ("No matching distribution", "Could not find a version", "Temporary failure", "ConnectionError")


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Deploy, Any]:
    """A project in which the pipeline has run, with the checkout's own environments, and what `run --json` printed."""
    deploy = project_with(tmp_path_factory.mktemp("embedding"), "breast-cancer", "embedding")
    environments = REPOSITORY / ".dagwright/environments"
    environments.mkdir(parents=True, exist_ok=True)
    (deploy.folder / ".dagwright/environments").symlink_to(environments)
    return deploy, first_run(deploy)


def first_run(deploy: Deploy) -> Any:
    """What `run --json` printed; skips where the packages cannot be had."""
    done = subprocess.run(
        deploy.command("run", "embedding", "--json"), cwd=deploy.folder, capture_output=True, text=True, check=False
    )
    if done.returncode == 1 and any(words in done.stderr for words in NOT_TO_BE_HAD):
        pytest.skip(f"PyTorch and TensorFlow cannot be had here: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is not mapped: its jobs run on this Python" in done.stderr, "scikit-learn's image"
    for image in ("pytorch-training:2.3.0-cpu-py311", "tensorflow-training:2.14.1-cpu-py310"):
        assert f"image {image} runs in its environment: " in done.stderr
    return json.loads(done.stdout)


def output(embedded: tuple[Deploy, Any], step: str, name: str) -> Path:
    deploy, execution = embedded
    return deploy.outputs(execution)[step][name]


@pytest.mark.frameworks
@pytest.mark.parametrize("step", STEPS)
def test_four_numbers_tell_more_of_a_row_than_the_mean_does(step: str, embedded: tuple[Deploy, Any]) -> None:
    metrics = json.loads((output(embedded, step, "metrics") / "metrics.json").read_text())
    assert metrics["framework"].startswith(STEPS[step])
    assert metrics["error"]["autoencoder"] < 0.5 * metrics["error"]["mean"]
    assert metrics["explained"]["autoencoder"] > metrics["explained"]["pca"] - 0.05


@pytest.mark.frameworks
@pytest.mark.parametrize("step", STEPS)
def test_every_row_is_embedded_with_its_label(step: str, embedded: tuple[Deploy, Any]) -> None:
    for split in ("train", "test"):
        with (output(embedded, step, "embeddings") / f"{split}.csv").open(newline="") as file:
            header, *rows = list(csv.reader(file))
        with (output(embedded, "FeatureEngineering", split) / f"{split}.csv").open(newline="") as file:
            given = list(csv.reader(file))[1:]
        assert header == ["diagnosis", "e1", "e2", "e3", "e4"]
        assert [row[0] for row in rows] == [row[0] for row in given]
        assert len({tuple(row[1:]) for row in rows}) > 0.99 * len(rows), "an encoder that tells rows apart"


@pytest.mark.frameworks
@pytest.mark.parametrize("step", STEPS)
def test_the_encoder_is_kept_with_the_library_of_requirements_txt(step: str, embedded: tuple[Deploy, Any]) -> None:
    content = (output(embedded, step, "model") / "encoder.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    tensors = json.loads(content[8 : 8 + length])
    shapes = {name: sorted(one["shape"]) for name, one in tensors.items()}
    features = json.loads((output(embedded, step, "metrics") / "metrics.json").read_text())["features"]
    assert sorted(shapes.values()) == sorted([[32, features], [32], [4, 32], [4]])


@pytest.mark.frameworks
def test_a_run_that_explains_too_little_fails_with_both_shares(embedded: tuple[Deploy, Any]) -> None:
    deploy, _ = embedded
    done = subprocess.run(
        deploy.command("run", "embedding", "-p", "MinExplained=0.99"),
        cwd=deploy.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert "PyTorch explains 0." in done.stdout
    assert "of 0.99 at least" in done.stdout
