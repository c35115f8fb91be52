"""Many runs of one project at the same time, each a process of its own, and what else happens meanwhile.

Jobs meet at a door of the test: as long as it holds them, all of these runs are known to be running.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from engines.place import Meeting, definition, get, join

from dagwright.engines.local.database import Database
from dagwright.engines.local.home import Home

ROOT = Path(__file__).parents[2]
MEET = """
import os, socket, sys
def meet():
    with socket.create_connection(("127.0.0.1", int(os.environ["MEETING"]))) as other:
        other.recv(1)
def write(name):
    os.makedirs("/opt/ml/processing/out", exist_ok=True)
    open("/opt/ml/processing/out/" + name, "w").write(os.environ["WHO"] * 100000)
"""
OWN = join("s3://bucket/own", get("Execution.PipelineExecutionId"), on="/")


class Project:
    """A folder with nothing but the command, and what it starts there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[subprocess.Popen[str]] = []
        shutil.copy(ROOT / "deploy.py", folder)

    @property
    def home(self) -> Home:
        return Home(self.folder / ".dagwright")

    def start(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(self.folder / "deploy.py"), *words], cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, name: str, *steps: Mapping[str, Any]) -> subprocess.Popen[str]:
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(definition(*steps)), encoding="utf-8")
        return self.start("run", "--file", str(path))

    def said(self, *words: str) -> str:
        return finished(self.start(*words))


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    return out + err


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project(tmp_path)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def sandboxed_project(project: Project, namespaces: str) -> Project:
    """Scripts with /opt/ml written into them."""
    return project


def step(name: str, script: str, port: str = "", output: Any = OWN, who: str = "x") -> dict[str, Any]:
    place = {"LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob", "S3Uri": output}
    arguments = {
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1}},
        "AppSpecification": {"ImageUri": "image:1", "ContainerEntrypoint": ["python3", "-c", MEET + script]},
        "Environment": {"MEETING": port, "WHO": who},
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": place}]},
        "RoleArn": "arn:aws:iam::123456789012:role/r",
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments}


def test_ten_runs_at_once(sandboxed_project: Project, meeting: Callable[[int], Meeting]) -> None:
    """Of five pipelines, two of each, from an empty folder; looked at, and one of them stopped, meanwhile."""
    project, door = sandboxed_project, meeting(10)
    runs = [project.run(f"p{place % 5}", step("S", "meet(); write('a')", door.port)) for place in range(10)]
    assert door.complete.wait(60)
    executions = project.home.living()
    assert len(executions) == 10
    assert project.said("history").count("Executing") == 10
    assert "Executing" in project.said("status", executions[0])
    networks = set()
    for execution in executions:
        (hosts,) = (project.home.jobs(execution)).glob("*/hosts")
        networks.add(hosts.read_text().splitlines()[-1].split(".")[1])
    assert len(networks) == 10, "each has a loopback network of its own"
    assert f"Execution {executions[0]}: Stopped" in project.said("stop", executions[0])
    door.release()
    codes = [process.wait(60) for process in runs]
    assert sorted(codes) == [0] * 9 + [3]
    states = [line.split()[2] for line in project.said("history").splitlines()[1:]]
    assert sorted(states) == ["Stopped", *["Succeeded"] * 9]
    assert len(project.home.store.objects("s3://bucket/own")) == 9
    assert os.listdir(project.home.path / "runs") == os.listdir(project.home.path / "jobs") == []


def test_two_runs_that_write_the_same_objects(sandboxed_project: Project, meeting: Callable[[int], Meeting]) -> None:
    """Each object is one's or the other's, whole; the run that begins later says it."""
    project, doors = sandboxed_project, [meeting(1), meeting(1)]
    script = "meet(); [write(str(n)) for n in range(20)]"
    runs = []
    for who, door in zip("ab", doors, strict=True):
        runs.append(project.run("same", step("S", script, door.port, "s3://bucket/same", who)))
        assert door.complete.wait(60)
    first = min(project.home.living(), key=lambda one: (project.home.path / "runs" / one).stat().st_mtime_ns)
    for door in doors:
        door.release()
    early, late = map(finished, runs)
    said = f"execution {first} of the same pipeline is running and writes s3://bucket/same too"
    assert (said in late, "is running and writes" in early) == (True, False)
    texts = [item.path.read_text() for item in project.home.store.objects("s3://bucket/same")]
    assert len(texts) == 20
    assert {*texts} <= {"a" * 100000, "b" * 100000}


def test_a_clean_during_a_run_and_a_run_during_a_clean(
    sandboxed_project: Project, meeting: Callable[[int], Meeting]
) -> None:
    project = sandboxed_project
    finished(project.run("old", step("S", "write('a')", output="s3://bucket/shared")))
    finished(project.run("other", step("S", "write('a')")))
    door = meeting(1)
    reading = step("S", "meet(); write(str(len(open('/opt/ml/processing/in/a').read())))", door.port)
    given = {"S3Uri": "s3://bucket/shared", "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix"}
    later = step("Later", "assert os.listdir('/opt/ml/processing/in') == ['a']; write('b')")
    later["Arguments"]["ProcessingInputs"] = [{"InputName": "in", "S3Input": {**given, "S3InputMode": "File"}}]
    reading["Arguments"]["ProcessingInputs"] = later["Arguments"]["ProcessingInputs"]
    running = project.run("reader", reading, {**later, "DependsOn": ["S"]})
    assert door.complete.wait(60)
    said = json.loads(project.said("clean", "--older-than", "0s", "--yes", "--json"))
    assert (len(said["executions"]), said["running"]) == (2, project.home.living())
    assert [item.name for item in project.home.store.objects("s3://bucket")] == ["shared/a"]
    door.release()
    finished(running)
    with project.home.gate.closed(10):
        begins = project.run("next", step("S", "write('a')"))
        with pytest.raises(subprocess.TimeoutExpired):
            begins.wait(1)  # it cannot be through: as long as it likes
        assert project.home.living() == []
    finished(begins)


LOCKER = """
import sqlite3, sys
other = sqlite3.connect(sys.argv[1], isolation_level=None)
other.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
other.execute("ROLLBACK")
"""


@pytest.mark.parametrize("version", ["new", "old", "of today"])
def test_a_record_that_another_program_holds_is_waited_for(project: Project, version: str) -> None:
    """At opening, at bringing it up to date, and in the midst of things."""
    path = project.home.path / "record.sqlite3"
    path.parent.mkdir()
    if version == "of today":
        Database(path).close()
    elif version == "old":
        from dagwright.engines.local.schema import VERSIONS

        with sqlite3.connect(path) as old:
            old.executescript(VERSIONS[0] + "PRAGMA user_version = 1;")
        old.close()
    words = [sys.executable, "-c", LOCKER, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as locker:
        assert locker.stdout is not None
        assert locker.stdin is not None
        assert locker.stdout.readline() == "locked\n"
        run = project.run("p", step("S", "pass"))
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(3)
        locker.stdin.close()
        assert "Succeeded" in finished(run)


def test_an_execution_goes_on_while_others_settle_it(project: Project) -> None:
    """It was killed, and many look: whoever goes on with it is never taken for dead."""
    home = project.home
    home.database.insert(
        "executions", id="abc", pipeline="p", status="Executing", started="now", parameters={}, definition={}
    )
    stop = threading.Event()

    def settle() -> None:
        other = project.home
        while not stop.is_set():
            other.settle()
        other.close()

    threads = [threading.Thread(target=settle) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(100):
        with home.at_work("abc") as begun:
            home.database.update("executions", {"id": "abc"}, status="Executing")
            begun()
            home.jobs("abc").mkdir(parents=True)
            for _ in range(3):
                assert home.process_of("abc") == os.getpid()
                assert home.jobs("abc").is_dir()
            assert home.database.rows("executions", columns="status", id="abc") == [{"status": "Executing"}]
    stop.set()
    for thread in threads:
        thread.join()
    home.close()
