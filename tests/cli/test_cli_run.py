"""`run`, `stop` and what is refused before anything starts."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.listening import read_all, until

WAITS = "import time; print('waiting', flush=True); time.sleep(600)"


def test_every_wrong_parameter_is_said_at_once_and_nothing_starts(deploy: Any) -> None:
    words = ["-p", "Sead=1", "-p", "Trees=many", "-p", "LearningRate=", "-p", "NoEquals"]
    done = deploy("run", "training", *words)
    assert done.returncode == 1
    assert "'NoEquals' is not a parameter" in done.stderr
    done = deploy("run", "training", *words[:-2])
    assert done.returncode == 1
    for part in ("Sead", "did you mean 'Seed'?", "Trees", "LearningRate"):
        assert part in done.stderr
    assert deploy.json("history")["PipelineExecutionSummaries"] == []


def test_without_raw_data_nothing_starts(deploy: Any) -> None:
    done = deploy("run", "training")
    assert done.returncode == 1
    assert "nothing was started" in done.stderr
    assert "Preprocess: its input 'raw' is not there: s3://acme-sm-rc-churn/raw/uploads/breast-cancer" in done.stderr
    assert "deploy.py upload" in done.stderr
    assert deploy.json("history")["PipelineExecutionSummaries"] == []


def test_a_definition_runs_where_there_is_no_project(deploy: Any, definition_file: Callable[..., Path]) -> None:
    (deploy.folder / "config" / "project.yaml").unlink()
    path = definition_file(First="print('hello')")
    done = deploy("run", "--file", str(path), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["PipelineName"] == "small"
    assert deploy("logs").stdout == "hello\n"


def test_of_many_hosts_the_one_that_failed_is_shown_with_its_log(
    deploy: Any, definition_file: Callable[..., Path]
) -> None:
    script = (
        "import os, signal, sys; host = os.environ['HOSTNAME']; print('here is', host, flush=True)\n"
        "sys.exit('no luck') if host == 'algo-10' else signal.pause()"
    )
    path = definition_file(Shards=script)
    definition = json.loads(path.read_text())
    definition["Steps"][0]["Arguments"]["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = 10
    path.write_text(json.dumps(definition))
    done = deploy("run", "--file", str(path))
    assert done.returncode == 3
    assert "AlgorithmError: no luck, exit code 1 on algo-10" in done.stdout
    assert "algo-10, its last lines:\n    here is algo-10\n    no luck\n" in done.stdout
    assert "algo-1, its last lines" not in done.stdout
    address = done.stdout.partition("all of algo-10: ")[2].splitlines()[0]
    assert Path(address).read_text() == "here is algo-10\nno luck\n"
    assert "exit code 1 on algo-10" in deploy("status").stdout


def test_a_step_type_that_cannot_run_here_is_refused_before_anything_runs(deploy: Any, tmp_path: Path) -> None:
    path = tmp_path / "emr.json"
    path.write_text(json.dumps({"Version": "2020-12-01", "Steps": [{"Name": "Big", "Type": "EMR", "Arguments": {}}]}))
    done = deploy("run", "--file", str(path))
    assert done.returncode == 1
    assert "Big" in done.stderr
    assert "a step of type EMR does not run on this machine" in done.stderr


def test_a_file_that_is_no_definition_is_explained(deploy: Any, tmp_path: Path) -> None:
    for content, part in ((b"{", "line 1"), (b"\xff\xfe", "UTF-8"), (b"[]", "not an object")):
        path = tmp_path / "bad.json"
        path.write_bytes(content)
        done = deploy("run", "--file", str(path))
        assert done.returncode == 1
        assert part in done.stderr
    assert deploy("run", "--file", "nowhere.json").returncode == 1


def test_stop_ends_the_jobs_and_the_run(deploy: Any, definition_file: Callable[..., Path]) -> None:
    run = deploy.start("run", "--file", str(definition_file(Waits=WAITS)))
    until(run, "executing")
    (summary,) = deploy.json("history")["PipelineExecutionSummaries"]
    assert summary["PipelineExecutionStatus"] == "Executing"
    stopped = deploy("stop", summary["PipelineExecutionArn"], "--json")
    assert json.loads(stopped.stdout)["PipelineExecutionStatus"] == "Stopped"
    output, _ = run.communicate(timeout=30)
    assert run.returncode == 3
    assert "Stopped after" in output
    again = deploy("stop", summary["PipelineExecutionArn"])
    assert again.returncode == 64
    assert "is not running: it is Stopped" in again.stderr


def test_ctrl_c_stops_the_run_and_says_so(deploy: Any, definition_file: Callable[..., Path]) -> None:
    run = deploy.start("run", "--file", str(definition_file(Waits=WAITS)), "--json")
    until(run, "executing")
    run.send_signal(signal.SIGINT)
    output, errors = run.communicate(timeout=30)
    assert run.returncode == 3
    execution = json.loads(output)
    assert execution["PipelineExecutionStatus"] == "Stopped"
    assert execution["PipelineExecutionSteps"][0]["StepStatus"] == "Stopped"
    assert "stopping" in errors


def test_two_runs_at_once_both_work(deploy: Any, definition_file: Callable[..., Path]) -> None:
    path = definition_file(One="print('one')", Two="print('two')")
    runs = [deploy.start("run", "--file", str(path)) for _ in range(2)]
    assert [run.communicate(timeout=60) and run.returncode for run in runs] == [0, 0]
    assert len(deploy.json("history")["PipelineExecutionSummaries"]) == 2


def test_on_a_terminal_the_steps_are_a_table(deploy: Any, definition_file: Callable[..., Path]) -> None:
    primary, secondary = pty.openpty()
    path = definition_file(First="print(1)")
    run = subprocess.Popen(
        deploy.command("run", "--file", str(path)),
        cwd=deploy.folder,
        stdout=secondary,
        stderr=secondary,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )
    os.close(secondary)
    shown = read_all(primary)
    assert run.wait(timeout=30) == 0
    assert "step" in shown
    assert "succeeded" in shown
    assert "Succeeded after" in shown
