"""Words, exit codes, errors for programs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cli.hints import check_commands

from dagwright.errors import UsageError


def test_help_names_every_command(deploy: Any) -> None:
    done = deploy("--help")
    assert done.returncode == 0
    for command in ("list", "render", "run", "upload", "status", "logs", "stop", "history"):
        assert f"    {command} " in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["unknown"],
        ["run"],
        ["run", "training", "--file", "x.json"],
        ["render", "training", "--target", "nothing"],
        ["logs", "--tail", "0"],
        ["upload", "x"],
        ["run", "training", "--detach"],
        ["run", "training", "--source", "x"],
        ["run", "--resume", "x", "-p", "Trees=1"],
        ["status", "nothing-ran"],
        ["history", "--limit", "many"],
        ["history", "never-ran"],
        ["stop"],
        ["render", "--file", "d.json", "--env", "nonsense"],
        ["upload", "deploy.py", "--to", ""],
    ],
)
def test_wrong_words_are_wrong_usage(words: list[str], deploy: Any) -> None:
    done = deploy(*words)
    assert done.returncode == 64
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


def test_a_command_that_is_suggested_and_wrong_would_be_seen() -> None:
    """Every test that runs a command looks at what it suggests; here is what it looks for."""
    good = "look further: python deploy.py status x   python deploy.py logs x --step 'A b'\nor `deploy.py history` (x)"
    assert check_commands(good) == [["status", "x"], ["logs", "x", "--step", "A b"], ["history"]]
    with pytest.raises(UsageError, match="unrecognized arguments: --engine stepfunctions"):
        check_commands("1 error (look closer: python deploy.py validate training --engine stepfunctions)")


def test_an_error_is_one_json_object_for_programs(deploy: Any) -> None:
    done = deploy("run", "training", "-p", "Trees=many", "--json")
    assert done.returncode == 1
    error = json.loads(done.stdout)
    assert [problem["code"] for problem in error["problems"]] == ["bad-value"]
    assert "Trees" in error["problems"][0]["what"]


def test_debug_shows_the_traceback(deploy: Any) -> None:
    done = deploy("run", "training", "-p", "Trees=many", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert deploy("render", "trianing", "--debug").returncode == 64, "the exit code stays the same"


def test_nothing_has_run_yet(deploy: Any) -> None:
    assert deploy("history").stdout == "Nothing has run here yet.\n"
    assert deploy.json("history") == {"PipelineExecutionSummaries": []}
    done = deploy("status")
    assert done.returncode == 64
    assert "Nothing has run here yet" in done.stderr
