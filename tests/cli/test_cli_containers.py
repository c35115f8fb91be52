"""The file-report pipeline on real data, by the program of its image; and `--runtime docker` without Docker."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import copied_project


@pytest.fixture
def parted(tmp_path: Path) -> Any:
    """The project, with the sample uploaded in five files."""
    deploy = copied_project(tmp_path / "project", "file-report")
    header, *rows = deploy.sample("breast-cancer").read_text().splitlines(keepends=True)
    (tmp_path / "parts").mkdir()
    for number in range(5):
        (tmp_path / "parts" / f"part {number}.csv").write_text(header + "".join(rows[number::5]))
    deploy.upload(tmp_path / "parts", "raw/uploads/breast-cancer")
    return deploy


@pytest.mark.parametrize("sandbox", ["auto", "paths"])
def test_two_hosts_clean_every_file_once(parted: Any, tmp_path: Path, sandbox: str) -> None:
    settings = parted.folder / "config/project.yaml"
    settings.write_text(settings.read_text().replace("sandbox: auto", f"sandbox: {sandbox}"))
    done = parted("run", "file-report", "--json")
    assert done.returncode == 0, done.stderr
    assert "image file-report@sha256:000000000000… is what scripts/file_report/Dockerfile copies" in done.stderr
    made = parted.outputs(json.loads(done.stdout))
    checked = made["CheckFiles"]
    for number in range(5):
        name = f"part {number}.csv"
        cleaned = gzip.decompress((checked["clean"] / f"{name}.gz").read_bytes())
        assert cleaned == (tmp_path / "parts" / name).read_bytes()
    reports = [json.loads((checked["report"] / f"report-algo-{host}.json").read_text()) for host in (1, 2)]
    assert [report["totals"]["files"] for report in reports] == [3, 2]
    seen = [file["name"] for report in reports for file in report["files"]]
    assert sorted(seen) == [f"part {number}.csv" for number in range(5)]
    rows = sum(len(path.read_text().splitlines()) - 1 for path in (tmp_path / "parts").iterdir())
    summary = json.loads((made["MergeReports"]["summary"] / "summary.json").read_text())
    assert (summary["totals"]["rows"], summary["totals"]["rejected"], rows) == (569, 0, 569)
    printed = parted("logs", "--step", "CheckFiles").stdout
    metrics = [json.loads(line) for line in printed.splitlines() if line.startswith('{"_aws"')]
    assert sorted(metric["Rows"] for metric in metrics) == sorted(report["totals"]["rows"] for report in reports)
    assert {(metric["Pipeline"], metric["Step"], metric["Environment"]) for metric in metrics} == {
        ("file-report", "CheckFiles", "local")
    }


def test_too_many_rejected_records_fail_the_run(parted: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    parted("upload", str(tmp_path / "bad.csv"), "--to", "raw/bad")
    done = parted("run", "file-report", "-p", "RawData=s3://acme-sm-rc-churn/raw/bad")
    assert done.returncode == 3
    assert "Rejected records: 0.5 of all, allowed are 0.01" in done.stdout


def test_a_file_that_is_no_csv_fails_its_step_by_name(parted: Any, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("")
    parted("upload", str(tmp_path / "empty.csv"), "--to", "raw/empty")
    done = parted("run", "file-report", "-p", "RawData=s3://acme-sm-rc-churn/raw/empty")
    assert done.returncode == 3
    assert "AlgorithmError: 'empty.csv' is empty: it has no header, exit code 1 on algo-1" in done.stdout + done.stderr


def test_without_docker_nothing_starts(parted: Any, tmp_path: Path) -> None:
    done = parted("run", "file-report", "--runtime", "docker", variables={"PATH": str(tmp_path)})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("There is no program 'docker' on this machine\n")
    assert parted.json("history")["PipelineExecutionSummaries"] == []


def test_the_runtime_is_this_machines(deploy: Any) -> None:
    done = deploy("run", "training", "--runtime", "docker", "--env", "dev", variables={"PATH": os.environ["PATH"]})
    assert done.returncode == 64
    assert "--runtime is for runs on this machine" in done.stderr
