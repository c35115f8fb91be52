"""The signals' pipeline: eight hosts, each with its share of 64 objects of a real recording."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli.conftest import Deploy, project_with

OBJECTS = 64
NAMES = [f"ecg_{number:03d}.csv" for number in range(1, OBJECTS + 1)]
RAW = "s3://acme-sm-rc-churn/raw"


@pytest.fixture(scope="module")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    """A project with the recording uploaded."""
    return project_with(tmp_path_factory.mktemp("ward"), "ecg", "ecg-pca")


def run(deploy: Deploy, *words: str) -> dict[str, Path]:
    """The folder of each output of a run that succeeds, by its name."""
    made = deploy.outputs(deploy.json("run", "ecg-pca", *words))
    return {name: folder for folders in made.values() for name, folder in folders.items()}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def eight(ward: Deploy) -> dict[str, Path]:
    return run(ward, "-p", f"Objects={OBJECTS}")


def test_every_object_is_reduced_by_one_host(eight: dict[str, Path]) -> None:
    reports = {path.stem: json.loads(path.read_text()) for path in eight["reports"].iterdir()}
    assert sorted(reports) == [f"algo-{number}" for number in range(1, 9)]
    assert [report["files"] for report in reports.values()] == [8] * 8
    assert sorted(line["name"] for report in reports.values() for line in report["objects"]) == NAMES
    assert sorted(contents(eight["components"])) == [f"pca_{name}" for name in NAMES]


def test_the_reports_become_one_summary(eight: dict[str, Path]) -> None:
    summary = json.loads((eight["summary"] / "summary.json").read_text())
    assert (summary["objects"], summary["rows"], summary["missing"]) == (OBJECTS, 10_000, 0)
    assert set(summary["hosts"].values()) == {8}
    assert summary["explained_variance"]["mean"] > 0.9


def test_one_host_makes_the_same_bytes_as_eight(ward: Deploy, eight: dict[str, Path]) -> None:
    alone = run(ward, "-p", "Hosts=1")
    assert contents(alone["components"]) == contents(eight["components"])


def test_more_hosts_than_objects_leave_some_without_work(ward: Deploy) -> None:
    made = run(ward, "-p", "Hosts=3", "-p", f"Signals={RAW}/uploads/ecg/{NAMES[0]}")
    summary = json.loads((made["summary"] / "summary.json").read_text())
    assert summary["hosts"] == {"algo-1": 1, "algo-2": 0, "algo-3": 0}


def test_it_runs_the_same_where_there_are_no_namespaces(ward: Deploy, eight: dict[str, Path]) -> None:
    config = ward.folder / "config/project.yaml"
    before = config.read_text()
    config.write_text(before.replace("sandbox: auto", "sandbox: paths"))
    plain = run(ward, "-p", f"Objects={OBJECTS}")
    config.write_text(before)
    assert contents(plain["components"]) == contents(eight["components"])
    assert contents(plain["reports"]) == contents(eight["reports"])


def test_a_share_that_cannot_be_reduced_fails_the_step_by_name(ward: Deploy) -> None:
    source, broken = ward.stored(f"{RAW}/uploads/ecg"), ward.stored(f"{RAW}/broken")
    broken.mkdir()
    for path in source.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    # every eighth object goes to the same host: the third to algo-3
    (broken / NAMES[2]).write_text("time,I,II\n0,12.5,\x00\x00garbage\n")
    done = ward("run", "ecg-pca", "-p", f"Signals={RAW}/broken")
    assert done.returncode == 3
    (reason,) = (line for line in done.stdout.splitlines() if line.startswith("  reason"))
    assert f"AlgorithmError: algo-3: {NAMES[2]}: it is no table of numbers" in reason
    assert "exit code 1 on algo-3" in reason
    assert "Collect will not run" in done.stderr
    logs = ward.json("logs", "--step", "EcgPca")["logs"]
    said = {log["host"]: log["text"] for log in logs}
    assert f"ecg_pca: algo-3: {NAMES[2]}: " in said["algo-3"]
    assert ward("status").stdout.count("Failed") >= 2


def test_an_object_that_is_missing_fails_the_account(ward: Deploy) -> None:
    done = ward("run", "ecg-pca", "-p", f"Objects={OBJECTS + 1}")
    assert done.returncode == 3
    assert f"{OBJECTS} objects reduced, and there are {OBJECTS + 1}" in done.stdout
