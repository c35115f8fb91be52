"""Attempts of steps on the command line: shown while they rest, listed by `status`, each with its own logs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

AGAIN = {"ExceptionType": ["SageMaker.JOB_INTERNAL_ERROR"], "MaxAttempts": 2, "IntervalSeconds": 1, "BackoffRate": 1}


@pytest.fixture
def tried(empty: Any, definition_file: Callable[..., Path]) -> Any:
    """A project in which a step with a retry policy can run: `small.json`."""
    path = definition_file(One="print('hello')")
    definition = json.loads(path.read_text())
    definition["Steps"][0]["RetryPolicies"] = [AGAIN]
    path.write_text(json.dumps(definition))
    return empty


@pytest.mark.parametrize("engine", [(), ("--engine", "stepfunctions")], ids=["local", "machine"])
def test_attempts_are_shown_and_kept(tried: Any, engine: tuple[str, ...]) -> None:
    run = ("run", "--file", "small.json", *engine)
    done = tried(*run, "--fail", "One=JOB_INTERNAL_ERROR", "--fail", "One=exit=3")
    assert done.returncode == 3, done.stderr
    rests = r"One  rests  InternalServerError: .*  attempt 2 of 3 in [01] s \(SageMaker.JOB_INTERNAL_ERROR\)\n"
    assert re.search(rests, done.stderr)
    assert "One is not tried again: no policy covers AlgorithmError, exit code 3\n" in done.stderr
    said = tried("status").stdout
    assert re.search(r"\nOne +Processing +Failed .*; attempt 2\n  attempt 1 +Failed .*InternalServerError: We", said)
    assert re.search(r"\n  attempt 2 +Failed .*AlgorithmError: --fail One=exit=3, exit code 3\n", said)
    (step,) = tried.json("status")["PipelineExecutionSteps"]
    assert step["AttemptCount"] == 2
    assert [(attempt["Attempt"], attempt["Status"]) for attempt in step["Attempts"]] == [(1, "Failed"), (2, "Failed")]
    assert len({attempt["JobName"] for attempt in step["Attempts"]}) == 2
    logs = tried("logs", "--step", "One")
    assert logs.stdout == "--fail One=exit=3\n"
    assert re.search(r"One: this is attempt 2; for 1: .*deploy.py logs \w+ --step One --attempt 1\n", logs.stderr)
    logs = tried("logs", "--step", "One", "--attempt", "1")
    assert logs.stdout == ""
    assert "Nothing was printed there: attempt 1 ended as Failed: InternalServerError" in logs.stderr
    assert tried("logs", "--step", "One", "--attempt", "2").stdout == "--fail One=exit=3\n"


def test_an_ordinary_step_shows_no_attempts(tried: Any) -> None:
    done = tried("run", "--file", "small.json", "--json")
    assert json.loads(done.stdout)["PipelineExecutionSteps"][0]["Attempts"][0]["Status"] == "Succeeded"
    assert "attempt" not in tried("status").stdout + tried("logs").stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("logs", "--step", "One", "--attempt", "4"), "has no attempt 4"),
        (("logs", "--attempt", "1"), "--attempt goes with --step"),
        (("logs", "--step", "One", "--attempt", "1", "--follow"), "--attempt goes with --step, and without --follow"),
    ],
)
def test_attempts_that_there_are_not(tried: Any, words: tuple[str, ...], said: str) -> None:
    assert tried("run", "--file", "small.json").returncode == 0
    done = tried(*words)
    assert done.returncode == 64
    assert said in done.stderr


def test_failures_are_for_this_machine(deploy: Any) -> None:
    done = deploy("run", "training", "--env", "dev", "--fail", "Train=CAPACITY_ERROR")
    assert done.returncode == 64
    assert "--fail: only a run on this machine can be told" in done.stderr
    done = deploy("run", "training", "--check", "--fail", "Train=CAPACITY")
    assert "--fail Train=CAPACITY: it is not STEP=TYPE" in done.stdout + done.stderr
