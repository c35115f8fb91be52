"""An execution that failed or was killed goes on by the command that is printed; a part of a pipeline runs alone."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Deploy, step_of
from cli.hints import commands
from cli.listening import until

FAILS_ONCE = "import sys\nsys.exit('no luck')\n"


def printed_command(text: str) -> list[str]:
    """The words of the command by which an execution goes on, behind `deploy.py`."""
    words, *mended = [words for words in commands(text) if words[:2] == ["run", "--resume"]]
    assert mended in ([], [[*words, "--with-current-code"]])
    return words


@pytest.fixture
def failed(deploy: Deploy, definition_file: Callable[..., Path]) -> Any:
    """An execution of a file whose second step has failed, after its first."""
    path = definition_file(First="print('first')", Second=FAILS_ONCE)
    definition = json.loads(path.read_text())
    definition["Steps"][1]["DependsOn"] = ["First"]
    path.write_text(json.dumps(definition))
    done = deploy("run", "--file", str(path))
    assert done.returncode == 3, done.stderr
    return done


def test_the_printed_command_goes_on(deploy: Deploy, failed: Any) -> None:
    words = printed_command(failed.stdout)
    assert printed_command(deploy("status").stdout) == words
    again = deploy(*words)
    assert again.returncode == 3
    assert "1 of 2 steps need not run again: First" in again.stderr
    assert deploy("logs", "--step", "First").stdout == "first\n"
    assert len(deploy.json("history")["PipelineExecutionSummaries"]) == 1


def test_the_code_that_was_mended_is_asked_for(
    deploy: Deploy, failed: Any, definition_file: Callable[..., Path]
) -> None:
    words = printed_command(failed.stdout)
    path = definition_file(First="print('first')", Second="print('now it works')")
    definition = json.loads(path.read_text())
    definition["Steps"][1]["DependsOn"] = ["First"]
    path.write_text(json.dumps(definition))
    done = deploy(*words, "--with-current-code")
    assert done.returncode == 0, done.stderr
    assert "1 of 2 steps need not run again: First" in done.stderr
    assert deploy("logs", "--step", "Second").stdout == "now it works\n"


def test_a_killed_execution_says_how_it_goes_on(deploy: Deploy, definition_file: Callable[..., Path]) -> None:
    path = definition_file(First="import time; time.sleep(600)")
    process = deploy.start("run", "--file", str(path))
    until(process, "executing")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    said = deploy("status").stdout
    assert "the run's process ended without a word" in said
    words = printed_command(said)
    going_on = deploy.start(*words)
    until(going_on, "executing")
    stopped = deploy("stop")
    assert "Stopped" in stopped.stdout
    assert printed_command(stopped.stdout) == words
    output, _ = going_on.communicate(timeout=30)
    assert (going_on.returncode, printed_command(output)) == (3, words)


def test_a_state_machine_goes_on_as_one(trained: tuple[Deploy, Any], tmp_path: Path) -> None:
    deploy = Deploy(tmp_path / "project")
    shutil.copytree(trained[0].folder, deploy.folder, symlinks=True)
    script = deploy.folder / "scripts" / "evaluate.py"
    text = script.read_text()
    script.write_text(FAILS_ONCE + text)
    done = deploy("run", "training", "-p", "Trees=10", "--engine", "stepfunctions")
    assert done.returncode == 3, done.stderr
    words = printed_command(done.stdout)
    script.write_text(text)
    execution = deploy.json(*words, "--with-current-code")
    assert execution["PipelineExecutionStatus"] == "Succeeded"
    trees = {one["Name"]: one["Value"] for one in execution["PipelineParameters"]}["Trees"]
    assert trees == 10
    assert step_of(execution, "Train")["AttemptCount"] == 1
    assert step_of(execution, "Evaluate")["AttemptCount"] == 2


def test_a_part_runs_on_what_the_newest_execution_gave(trained: tuple[Deploy, Any], tmp_path: Path) -> None:
    deploy = Deploy(tmp_path / "project")
    shutil.copytree(trained[0].folder, deploy.folder, symlinks=True)
    execution = deploy.json("run", "training", "--from", "Evaluate")
    source = trained[1]["PipelineExecutionArn"]
    assert execution["PipelineExecutionStatus"] == "Succeeded"
    assert step_of(execution, "Train")["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": source}
    assert "Preprocess" not in {step["StepName"] for step in execution["PipelineExecutionSteps"]}
    assert step_of(execution, "Register")["StepStatus"] == "Succeeded"


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("run --resume ID -p A=1", "--resume goes on with an execution as it was started: -p cannot be given with it"),
        ("run --resume ID --engine stepfunctions", "goes on as it was begun, not with --engine stepfunctions"),
        ("run --resume nobody", "'nobody' is no execution of this project"),
    ],
)
def test_what_does_not_go_with_it_is_said(deploy: Deploy, failed: Any, words: str, part: str) -> None:
    identity = printed_command(failed.stdout)[2]
    done = deploy(*shlex.split(words.replace("ID", identity)))
    assert done.returncode == 64
    assert part in done.stderr


def test_one_job_alone_is_run_again_by_its_own_command(deploy: Deploy, definition_file: Callable[..., Path]) -> None:
    done = deploy("job", "run", "First", "--file", str(definition_file(First=FAILS_ONCE)))
    assert done.returncode == 3
    assert "--resume" not in done.stdout + deploy("status").stdout
    identity = deploy.json("status")["PipelineExecutionArn"]
    again = deploy("run", "--resume", identity)
    assert again.returncode == 64
    assert "is of one job, which goes on from nothing" in again.stderr
