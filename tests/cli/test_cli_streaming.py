"""The streaming example, on real data cut into several objects: the same numbers as from the plain file."""

from __future__ import annotations

import csv
import json
import random
import runpy
import statistics
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Deploy, copied_project, step_of

from steps.train_stream import SHUFFLE_SEED

EPOCHS = 3
PARTS = 4


@pytest.fixture(scope="module")
def streamed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Deploy, Any, Path]:
    """A project in which the streaming pipeline has run once, what `run --json` printed, and the folder of the data."""
    deploy = copied_project(tmp_path_factory.mktemp("streamed") / "project", "streaming")
    whole = deploy.sample("breast-cancer")
    header, *rows = whole.read_text().splitlines(keepends=True)
    parts = deploy.folder / "parts"
    parts.mkdir()
    for number in range(PARTS):
        (parts / f"part-{number}.csv").write_text("".join([header, *rows[number * 150 : (number + 1) * 150]]))
    deploy.upload(parts, "raw/uploads/breast-cancer")
    return deploy, deploy.json("run", "streaming", "-p", f"Epochs={EPOCHS}"), whole


def totals_of(streamed: tuple[Deploy, Any, Path]) -> Path:
    deploy, execution, _ = streamed
    (folder,) = deploy.outputs(execution)["StreamTotals"].values()
    return folder / "totals.json"


def test_the_statistics_are_those_of_the_plain_file(streamed: tuple[Deploy, Any, Path]) -> None:
    totals = json.loads(totals_of(streamed).read_text())
    with streamed[2].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert totals["rows"] == len(rows) == 569
    assert totals["classes"] == {"B": 357, "M": 212}
    assert set(totals["columns"]) == set(rows[0]) - {"id", "diagnosis"}
    for name, found in totals["columns"].items():
        values = [float(row[name]) for row in rows]
        assert (found["count"], found["missing"]) == (569, 0)
        assert found["mean"] == pytest.approx(statistics.fmean(values), rel=1e-12)
        assert found["standard_deviation"] == pytest.approx(statistics.stdev(values), rel=1e-9)
        assert (found["minimum"], found["maximum"]) == (min(values), max(values))
        assert found["quartiles"] == pytest.approx(statistics.quantiles(values, n=4, method="inclusive"))


def test_the_statistics_are_those_of_file_mode(streamed: tuple[Deploy, Any, Path], tmp_path: Path) -> None:
    deploy, _, whole = streamed
    script = deploy.folder / "scripts/stream_totals.py"
    folder = tmp_path / "table"
    folder.mkdir()
    (folder / "whole.csv").write_bytes(whole.read_bytes())
    subprocess.run([sys.executable, script, "--input", folder, "--totals", tmp_path / "totals"], check=True)
    assert (tmp_path / "totals/totals.json").read_bytes() == totals_of(streamed).read_bytes()


def test_the_model_is_the_one_that_the_plain_files_give(streamed: tuple[Deploy, Any, Path]) -> None:
    """Read in the order that the channel's seed gives the objects in each epoch."""
    deploy, execution, _ = streamed
    trained = step_of(execution, "TrainStream")["Output"]
    metrics = {item["MetricName"]: item["Value"] for item in trained["FinalMetricDataList"]}
    assert metrics["validation:accuracy"] > 0.95
    with tarfile.open(deploy.stored(trained["ModelArtifacts"]["S3ModelArtifacts"])) as tar:
        card = json.load(tar.extractfile("model.json"))  # type: ignore[arg-type]

    script = runpy.run_path(str(deploy.folder / "scripts/train_stream.py"))
    table = script["read_table"](totals_of(streamed).parent)
    model = script["SGDClassifier"](loss="log_loss", alpha=0.001, average=True, random_state=42)
    for epoch in range(EPOCHS + 1):
        order = list(range(PARTS))
        random.Random(f"{SHUFFLE_SEED}:{epoch}").shuffle(order)
        paths = [deploy.folder / f"parts/part-{number}.csv" for number in order]
        _, score = script["read_epoch"](model, script["read_batches"](paths, table, 50), epoch < EPOCHS)
    assert card["metrics"] == score.metrics()
    assert metrics == pytest.approx({f"validation:{name}": value for name, value in card["metrics"].items()}, abs=1e-6)


def test_a_step_that_is_told_to_look_for_files_says_why_there_are_none(streamed: tuple[Deploy, Any, Path]) -> None:
    deploy, _, _ = streamed
    step = deploy.folder / "steps/stream_totals.py"
    text = step.read_text()
    try:
        step.write_text(
            text.replace("scripts/stream_totals.py", "scripts/preprocess.py").replace('"--totals"', '"--x"')
        )
        step.write_text(step.read_text().replace("*folder_arguments(made)", '"--summary", made["totals"]'))
        done = deploy("run", "streaming", "--json")
    finally:
        step.write_text(text)
    assert done.returncode == 3
    reason = json.loads(done.stdout)["FailureReason"]
    assert "no *.csv file below" in reason
    assert "input 'table' is in Pipe mode" in reason
    assert "/opt/ml/processing/input/table_0, which the program never opened" in reason
