"""Distributed training, end to end: interrupted and not, it comes to the same bytes."""

from __future__ import annotations

import json
import re
import tarfile
from typing import Any

import pytest
from cli.conftest import Deploy, project_with, step_of

Run = tuple[Any, str]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    """A project with the digits uploaded."""
    return project_with(tmp_path_factory.mktemp("distributed"), "digits", "distributed")


@pytest.fixture(scope="module")
def plain(digits: Deploy) -> Run:
    """What `run --json` printed, and what it said meanwhile."""
    return run(digits)


def run(deploy: Deploy, *words: str) -> Run:
    done = deploy("run", "distributed", "--json", *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def model_of(deploy: Deploy, execution: Any) -> dict[str, bytes]:
    archive = deploy.stored(step_of(execution, "Train")["Output"]["ModelArtifacts"]["S3ModelArtifacts"])
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]


def checkpoints_of(deploy: Deploy, execution: Any) -> dict[str, bytes]:
    folder = deploy.stored(step_of(execution, "Train")["Output"]["CheckpointConfig"]["S3Uri"])
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_two_instances_train_a_model_that_reads_digits(digits: Deploy, plain: Run) -> None:
    execution, _ = plain
    (report,) = digits.outputs(execution)["Evaluate"].values()
    metrics = json.loads((report / "evaluation.json").read_text())["multiclass_classification_metrics"]
    assert metrics["accuracy"]["value"] > 0.95
    assert sum(sum(row.values()) for row in metrics["confusion_matrix"].values()) == 359
    assert sorted(model_of(digits, execution)) == ["model.json", "model.npz"]
    assert sorted(checkpoints_of(digits, execution)) == ["epoch-00180.npz", "epoch-00190.npz", "epoch-00200.npz"]
    log = digits("logs", execution["PipelineExecutionArn"], "--step", "Train").stdout
    assert "algo-1 of 2: 719 rows" in log
    assert "algo-2 of 2: 719 rows" in log
    measured = {
        item["MetricName"]: item["Value"] for item in step_of(execution, "Train")["Output"]["FinalMetricDataList"]
    }
    assert measured["train:accuracy"] == 1.0


@pytest.mark.parametrize("words", [[], ["--engine", "stepfunctions"]])
def test_an_interrupted_training_comes_to_the_same_bytes(digits: Deploy, plain: Run, words: list[str]) -> None:
    execution, said = run(digits, "--interrupt", "Train", *words)
    assert re.search(r"Train interrupted, goes on from [1-9]\d* checkpoint files?\n", said)
    assert [phase["Status"] for phase in step_of(execution, "Train")["Output"]["SecondaryStatusTransitions"]] == [
        *("Starting", "Downloading", "Training", "Interrupted", "Starting", "Downloading", "Training"),
        *("Uploading", "Completed"),
    ]
    assert "goes on after epoch" in digits("logs", execution["PipelineExecutionArn"], "--step", "Train").stdout
    assert model_of(digits, execution) == model_of(digits, plain[0])
    assert checkpoints_of(digits, execution) == checkpoints_of(digits, plain[0])


def test_more_instances_than_objects_is_a_sentence_of_the_host_that_has_none(digits: Deploy) -> None:
    done = digits("run", "distributed", "-p", "Instances=13")
    assert done.returncode == 3
    assert "no *.csv file below /opt/ml/input/data/train: a job needs at least as many files as hosts" in done.stdout
    assert "algo-13" in done.stdout


def test_interruptions_are_refused_where_nothing_of_ours_interrupts(digits: Deploy) -> None:
    done = digits("run", "distributed", "--interrupt", "Train", "--env", "dev")
    assert done.returncode == 64
    assert "--interrupt: on AWS only Spot itself interrupts a training" in done.stderr
    done = digits("run", "distributed", "--interrupt", "Evaluate", "--interrupt", "Trian")
    assert done.returncode == 1
    for part in (
        "Evaluate: it is a Processing step",
        "--interrupt Trian: there is no such step (did you mean 'Train'?)",
    ):
        assert part in done.stderr
