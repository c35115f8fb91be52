"""The example as a state machine, executed here: it comes to what the plain run comes to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Deploy
from cli.hints import commands

VOLATILE = ("Time", "Timestamp", "TimeInSeconds")


@pytest.fixture
def copied(trained: tuple[Deploy, Any], tmp_path: Path) -> tuple[Deploy, Any]:
    """A copy of the project in which the pipeline has run, and what that run printed."""
    deploy, execution = trained
    copy = Deploy(tmp_path / "project")
    shutil.copytree(deploy.folder, copy.folder, symlinks=True)
    return copy, execution


def neutral(text: str, execution: Any) -> str:
    """A printed execution without what is new in every one: its id, and the names of its jobs."""
    for step in execution["PipelineExecutionSteps"]:
        for member in ("ProcessingJobName", "TrainingJobName"):
            if member in step.get("Output", {}):
                text = text.replace(step["Output"][member], f"JOB-{step['StepName']}")
    return text.replace(execution["PipelineExecutionArn"], "ID")


def outputs(execution: Any) -> dict[str, Any]:
    """The output of each step as far as it does not differ from run to run."""

    def stays(key: str) -> bool:
        return not key.endswith(VOLATILE) and not key.startswith(("ModelPackageArn", "ModelPackageVersion"))

    text = neutral(json.dumps(execution["PipelineExecutionSteps"]), execution)
    steps = json.loads(text, object_pairs_hook=lambda pairs: {key: value for key, value in pairs if stays(key)})
    for step in steps:
        step.get("Output", {}).get("CustomerMetadataProperties", {}).pop("PipelineExecutionArn", None)
    return {step["StepName"]: (step["StepStatus"], step.get("Output")) for step in steps}


def test_the_example_comes_to_the_same(copied: tuple[Deploy, Any]) -> None:
    deploy, plain = copied
    machine = deploy.json("run", "training", "-p", "Trees=20", "--engine", "stepfunctions")
    assert machine["PipelineExecutionStatus"] == "Succeeded"
    assert machine["PipelineParameters"] == plain["PipelineParameters"]
    assert outputs(machine) == outputs(plain)
    versions = [step["Output"] for step in machine["PipelineExecutionSteps"] if step["StepName"] == "Register"]
    assert versions[0]["ModelPackageVersion"] == 2
    folder = deploy.stored("s3://acme-sm-rc-churn")
    reports = [
        folder / "metrics" / run["PipelineExecutionArn"] / "evaluation/evaluation.json" for run in (plain, machine)
    ]
    assert json.loads(reports[0].read_text()) == json.loads(reports[1].read_text())
    run = machine["PipelineExecutionArn"]
    assert deploy.json("status", run) == machine
    assert deploy.json("history")["PipelineExecutionSummaries"][0]["PipelineExecutionArn"] == run
    assert "validation:auc=" in deploy("logs", run, "--step", "Train").stdout


def test_a_model_that_is_not_good_enough(copied: tuple[Deploy, Any]) -> None:
    deploy, _ = copied
    done = deploy("run", "training", "-p", "Trees=1", "-p", "MinAuc=1.0", "--engine", "stepfunctions", "--json")
    assert done.returncode == 3, done.stderr
    assert "things do not carry over to Step Functions, see: deploy.py validate training --target" in done.stderr
    assert "lineage" not in done.stderr
    machine = json.loads(done.stdout)
    run = machine["PipelineExecutionArn"]
    assert commands(done.stderr)[1:] == [["status", run], ["logs", run]], "which need no --engine here"
    assert machine["FailureReason"].startswith("step 'TooWeak' failed: ")
    statuses = {step["StepName"]: step["StepStatus"] for step in machine["PipelineExecutionSteps"]}
    assert (statuses["GoodEnough"], statuses["TooWeak"]) == ("Succeeded", "Failed")
    assert "Register" not in statuses
