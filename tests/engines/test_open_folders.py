"""The files of a job that is running."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dagwright.engines.local.job import Host
from dagwright.engines.local.open_folders import files_below

OUT = "/opt/ml/output/data"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host("algo-1", tmp_path / "job", tmp_path / "log")
    for name in ("b/2", "b/1", "a", "c"):
        path = made.path(f"{OUT}/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return made


def test_files_come_in_order_each_with_its_open_folder(host: Host) -> None:
    read = {}
    for path, name, folder in files_below(host, OUT):
        with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=folder)) as file:
            read[path] = file.read()
    assert list(read.items()) == [(name, name) for name in ("a", "b/1", "b/2", "c")]


def test_no_link_is_followed_wherever_it_is(host: Host, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").touch()
    host.path(f"{OUT}/folder").symlink_to(outside)
    host.path(f"{OUT}/file").symlink_to(outside / "secret")
    assert [path for path, _, _ in files_below(host, OUT)] == ["a", "b/1", "b/2", "c"]
    host.path("/opt/ml/output").rename(tmp_path / "moved")
    host.path("/opt/ml/output").symlink_to(tmp_path / "moved")
    assert list(files_below(host, OUT)) == []


def test_what_the_job_takes_away_meanwhile_is_not_there(host: Host) -> None:
    found = []
    for path, _, _ in files_below(host, OUT):
        found.append(path)
        if path == "a":
            host.path(f"{OUT}/b").rename(host.path("/opt/ml/b"))
    assert found == ["a", "c"]
    assert list(files_below(host, "/opt/ml/never")) == []


def test_nothing_stays_open(host: Host) -> None:
    before = len(os.listdir("/proc/self/fd"))
    next(files_below(host, OUT))
    assert len(list(files_below(host, OUT))) == 4
    assert len(os.listdir("/proc/self/fd")) == before
