"""The example, end to end: one run that everything else looks at, and one that is not good enough."""

from __future__ import annotations

import json
from typing import Any

from cli.conftest import step_of


def test_the_run_is_told_in_the_services_own_words(trained: Any) -> None:
    _, execution = trained
    assert execution["PipelineName"] == "training"
    assert execution["PipelineExecutionStatus"] == "Succeeded"
    assert {"Name": "Trees", "Value": 20} in execution["PipelineParameters"]
    steps = {step["StepName"]: step["StepStatus"] for step in execution["PipelineExecutionSteps"]}
    ran = ("Preprocess", "FeatureEngineering", "Train", "Evaluate", "GoodEnough", "Register")
    assert steps == dict.fromkeys(ran, "Succeeded"), "the step of the untaken branch is absent"
    assert step_of(execution, "GoodEnough")["Metadata"] == {"Condition": {"Outcome": "True"}}


def test_the_model_is_trained_on_real_data_and_measured(trained: Any) -> None:
    deploy, execution = trained
    metrics = step_of(execution, "Train")["Output"]["FinalMetricDataList"]
    values = {item["MetricName"]: item["Value"] for item in metrics}
    assert values["validation:auc"] > 0.95
    (folder,) = deploy.outputs(execution)["Evaluate"].values()
    report = json.loads((folder / "evaluation.json").read_text())
    assert report["binary_classification_metrics"]["auc"]["value"] > 0.95
    assert (folder / "evaluation.svg").is_file()


def test_features_lie_under_their_version(trained: Any) -> None:
    deploy, execution = trained
    run = execution["PipelineExecutionArn"]
    bucket = deploy.stored("s3://acme-sm-rc-churn")
    assert sorted(path.name for path in (bucket / "features/v1" / run).iterdir()) == [
        "metadata",
        "test",
        "train",
        "validation",
    ]


def test_the_package_waits_for_approval_and_knows_where_it_comes_from(trained: Any) -> None:
    _, execution = trained
    package = step_of(execution, "Register")["Output"]
    assert package["ModelPackageGroupName"] == "rc-churn"
    assert package["ModelPackageVersion"] == 1
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    lineage = package["CustomerMetadataProperties"]
    assert lineage["PipelineExecutionArn"].endswith(f"/execution/{execution['PipelineExecutionArn']}")
    assert lineage["TrainingJobName"] == step_of(execution, "Train")["Output"]["TrainingJobName"]
    statistics = package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"]
    assert statistics.endswith("/evaluation/evaluation.json")


def test_status_logs_and_history_tell_the_same(trained: Any) -> None:
    deploy, execution = trained
    run = execution["PipelineExecutionArn"]
    assert deploy.json("status", run) == execution
    summaries = deploy.json("history")["PipelineExecutionSummaries"]
    assert run in [item["PipelineExecutionArn"] for item in summaries]
    (log,) = deploy.json("logs", run, "--step", "Train")["logs"]
    assert "validation:auc=" in log["text"]
    assert deploy("logs", run, "--step", "Train", "--tail", "1").stdout in log["text"] + "\n"
    text = deploy("status", run[:8]).stdout
    assert "Register" in text
    assert "Succeeded" in text


def test_the_example_also_runs_where_there_are_no_namespaces(trained: Any) -> None:
    deploy, _ = trained
    config = deploy.folder / "config" / "project.yaml"
    before = config.read_text()
    config.write_text(before.replace("sandbox: auto", "sandbox: paths"))
    done = deploy("run", "training", "-p", "Trees=5")
    config.write_text(before)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sandbox: none (the configuration says so)" in done.stderr


def test_a_model_that_is_not_good_enough_fails_with_both_numbers(trained: Any) -> None:
    deploy, _ = trained
    done = deploy("run", "training", "-p", "Trees=5", "-p", "MinAuc=1.01")
    assert done.returncode == 3
    assert "The model's AUC is 0.9" in done.stdout
    assert "and must be at least 1.01" in done.stdout
    assert "Register will not run: 'GoodEnough' took the other branch" in done.stderr
    assert "Evaluate auc" in done.stdout, "the metrics are shown for a failure too"


def test_a_failed_step_is_shown_with_its_reason_its_log_and_where_to_look(trained: Any) -> None:
    deploy, _ = trained
    done = deploy("run", "training", "-p", "RawData=s3://acme-sm-rc-churn/models")
    assert done.returncode == 3
    assert "step    Preprocess" in done.stdout
    assert "AlgorithmError" in done.stdout
    assert "its last lines:" in done.stdout
    assert "--step Preprocess" in done.stdout
