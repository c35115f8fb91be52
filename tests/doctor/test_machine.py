"""`doctor` on this machine."""

from __future__ import annotations

import json
import os
import stat
from collections import namedtuple
from pathlib import Path

import pytest
from cli.conftest import Deploy, copied_project

from dagwright.doctor import machine as machines
from dagwright.doctor.findings import Finding
from dagwright.doctor.machine import Machine
from dagwright.doctor.ward import Declared
from dagwright.errors import ExecutionError
from dagwright.project import EnvironmentRule, LocalSettings

_Usage = namedtuple("_Usage", "free")


def checks(deploy: Deploy, *words: str) -> tuple[int, dict[str, list[Finding]]]:
    """The exit code, and what was found by the checks' codes."""
    done = deploy("doctor", *words, "--json")
    found = [Finding(**one) for one in json.loads(done.stdout)["checks"]]
    return done.returncode, {code: [one for one in found if one.code == code] for code in {one.code for one in found}}


def test_a_machine_that_runs_the_example_has_no_problem(deploy: Deploy) -> None:
    code, found = checks(deploy)
    assert code == 0
    assert [one.status for one in found["pipelines"]] == ["ok"]
    assert "is not mapped: its jobs run on this Python" in found["image-environments"][0].what
    assert {"configuration", "python", "sandbox", "folder", "disk", "extras"} <= found.keys()
    assert not {"spark", "docker", "credentials"} & found.keys()
    assert not (deploy.folder / ".dagwright").exists(), "it looks, and makes nothing"


def test_a_broken_configuration_does_not_hide_the_machine(deploy: Deploy) -> None:
    (deploy.folder / "config/project.yaml").write_text("company: acme\n")
    code, found = checks(deploy)
    assert code == 1
    assert {one.status for one in found["configuration"]} == {"problem"}
    assert found["python"][0].status == "ok"


def test_an_interpreter_that_is_none_is_a_problem(deploy: Deploy) -> None:
    path = deploy.folder / "config/project.yaml"
    rule = (
        '    - image: "*/sagemaker-scikit-learn:*"\n      interpreter: /no/such/python\n    - image: "*/file-report@*"'
    )
    path.write_text(path.read_text().replace('    - image: "*/file-report@*"', rule))
    code, found = checks(deploy)
    assert code == 1
    (line,) = found["image-environments"]
    assert (line.status, "'/no/such/python'" in line.what) == ("problem", True)
    assert line.hint


def test_spark_needs_java_and_pyspark(tmp_path: Path) -> None:
    deploy = copied_project(tmp_path / "project", "spark-features")
    done = deploy("doctor", "--json", variables={"PATH": "/no/such/folder", "JAVA_HOME": ""})
    found = [one for one in json.loads(done.stdout)["checks"] if one["code"] == "spark"]
    assert [one["status"] for one in found] == ["problem"]
    assert "needs Java" in found[0]["what"]
    assert done.returncode == 1


def test_docker_is_looked_for_if_jobs_are_to_run_in_containers(deploy: Deploy) -> None:
    done = deploy("doctor", "--runtime", "docker", "--json", variables={"PATH": "/no/such/folder"})
    (line,) = [one for one in json.loads(done.stdout)["checks"] if one["code"] == "docker"]
    assert line["status"] == "problem"
    assert "There is no program 'docker'" in line["what"]


def test_runtime_is_about_this_machine(deploy: Deploy) -> None:
    done = deploy("doctor", "--runtime", "docker", "--env", "dev")
    assert done.returncode == 64
    assert "about this machine" in done.stderr


@pytest.mark.parametrize(("free", "status"), [(100e6, "problem"), (2e9, "warning"), (50e9, "ok")])
def test_disk_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, status: str) -> None:
    monkeypatch.setattr(machines.shutil, "disk_usage", lambda path: _Usage(free))
    assert [one.status for one in machines.disk(machine(tmp_path))] == [status]


def test_what_stands_where_the_folder_should_be_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / ".dagwright").write_text("")
    (line,) = machines.folder(machine(tmp_path))
    assert (line.status, "is no folder" in line.what) == ("problem", True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    (line,) = machines.folder(machine(tmp_path))
    tmp_path.chmod(stat.S_IRWXU)
    assert line.status == "problem"


@pytest.mark.parametrize(
    ("wanted", "refusal", "status"),
    [
        ("auto", "", "ok"),
        ("auto", "Operation not permitted", "warning"),
        ("namespaces", "Operation not permitted", "problem"),
        ("paths", "", "warning"),
    ],
)
def test_sandboxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, refusal: str, status: str) -> None:
    class Kernel:
        def __init__(self, folder: Path) -> None:
            assert folder.is_dir()

        def refusal(self) -> str:
            return refusal

        def close(self) -> None:
            """It has nothing open."""

    monkeypatch.setattr(machines, "Launcher", Kernel)
    assert [one.status for one in machines.sandbox(machine(tmp_path, sandbox=wanted))] == [status]


def test_what_is_not_installed_is_told_by_what_needs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "find_spec", lambda name: None if name == "optuna" else object())
    (line,) = machines.extras(machine(tmp_path))
    assert (
        line.what
        == "not installed, and needed by few: tuning (for tuning jobs whose strategy is Bayesian or Hyperband)"
    )


def test_an_error_of_one_check_ends_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagwright.doctor.checks import machine_checks, walk_here

    def refuses(folder: Path) -> None:
        raise ExecutionError("The process that starts jobs cannot be started: no room")

    monkeypatch.setattr(machines, "Launcher", refuses)
    found = {one.code: one for one in walk_here(machine(tmp_path), None)}
    assert "no room" in found["sandbox"].what
    assert found["sandbox"].status == "not seen"
    assert found["disk"].status
    assert [*found] == [check.code for check in machine_checks() if check.code in found]


def machine(folder: Path, *pipelines: Declared, sandbox: str = "auto", **rule: str) -> Machine:
    """A machine with these settings."""
    rules = (EnvironmentRule(**rule),) if rule else ()
    return Machine(folder, LocalSettings(sandbox=sandbox, environments=rules), pipelines)
