"""Real scikit-learn models through tune, evaluate, decide and register."""

from __future__ import annotations

from typing import Any

import pytest
from engines.place import IMAGE, Place, condition, get, join, json_get

from dagwright.engines.local.machine import LocalMachineEngine
from dagwright.engines.local.scope import Account

pytest.importorskip("sklearn")

TRAIN = """
import argparse, os
import joblib
import numpy as np
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import roc_auc_score

options = argparse.ArgumentParser()
options.add_argument("--alpha", type=float)
options.add_argument("--loss")
options.add_argument("--epochs", type=int)
options = options.parse_args()
data = np.loadtxt(os.environ["SM_CHANNEL_TRAIN"] + "/data.csv", delimiter=",")
x, y = data[:, 1:], data[:, 0]
model = SGDClassifier(loss=options.loss, alpha=options.alpha, random_state=1)
for epoch in range(options.epochs):
    model.partial_fit(x[::2], y[::2], classes=[0, 1])
    print(f"epoch {epoch} validation:auc={roc_auc_score(y[1::2], model.decision_function(x[1::2])):.6f}", flush=True)
joblib.dump(model, os.environ["SM_MODEL_DIR"] + "/model.joblib")
"""
EVALUATE = """
import tarfile
import joblib
import numpy as np
from sklearn.metrics import roc_auc_score

tarfile.open(ML + "/processing/model/model.tar.gz").extractall("/tmp/model")
data = np.loadtxt(ML + "/processing/data/data.csv", delimiter=",")
auc = roc_auc_score(data[1::2, 0], joblib.load("/tmp/model/model.joblib").decision_function(data[1::2, 1:]))
write("evaluation.json", {"metrics": {"auc": {"value": round(auc, 6)}}})
"""
CATEGORIES = [{"Name": "loss", "Values": ['"log_loss"', '"modified_huber"']}]
ALPHA = {"Name": "alpha", "MinValue": "0.000001", "MaxValue": "1", "ScalingType": "Logarithmic"}
PROPERTY_FILES = [{"PropertyFileName": "Report", "OutputName": "out", "FilePath": "evaluation.json"}]


def tune(place: Place, strategy: str) -> dict[str, Any]:
    archive = place.put_archive("code/sourcedir.tar.gz", {"train.py": TRAIN})
    grid = strategy == "Grid"
    alphas = {"Name": "alpha", "Values": ["0.001"]}
    ranges: dict[str, Any] = {"CategoricalParameterRanges": [*CATEGORIES, *([alphas] if grid else [])]}
    if not grid:
        ranges["ContinuousParameterRanges"] = [ALPHA]
    config: dict[str, Any] = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:auc"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": get("Parameters.Jobs"), "MaxParallelTrainingJobs": 2},
        "ParameterRanges": ranges,
        "RandomSeed": 11,
    }
    if strategy == "Hyperband":
        config["StrategyConfig"] = {"HyperbandStrategyConfig": {"MinResource": 1}}
    definition = place.training(
        "Tune",
        channels={"train": "s3://bucket/data"},
        AlgorithmSpecification={"MetricDefinitions": [{"Name": "validation:auc", "Regex": "auc=([0-9.]+)"}]},
    )["Arguments"]
    del definition["HyperParameters"]
    definition["StaticHyperParameters"] = {
        "sagemaker_program": '"train.py"', "sagemaker_submit_directory": f'"{archive}"', "epochs": "4",
    }  # fmt: skip
    arguments = {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": definition}
    return {"Name": "Tune", "Type": "Tuning", "Arguments": arguments}


def pipeline(place: Place, strategy: str) -> list[dict[str, Any]]:
    best = get("Steps.Tune.TrainingJobSummaries[0].TrainingJobName")
    model = join("s3:/", "bucket/models", best, "output/model.tar.gz", on="/")
    evaluate = place.writing(
        "Evaluate", EVALUATE, inputs={"model": model, "data": "s3://bucket/data"}, PropertyFiles=PROPERTY_FILES
    )
    container = {"Image": IMAGE, "ModelDataUrl": model}
    package = {
        "ModelPackageGroupName": "tuned",
        "InferenceSpecification": {
            "Containers": [container], "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        "ModelApprovalStatus": "PendingManualApproval",
    }  # fmt: skip
    register = {"Name": "Register", "Type": "RegisterModel", "Arguments": package}
    auc = json_get("Evaluate", "Report", "metrics.auc.value")
    good = {"Type": "GreaterThanOrEqualTo", "LeftValue": auc, "RightValue": 0.8}
    return [tune(place, strategy), evaluate, condition("Good", good, then=[register])]


def data() -> str:
    from sklearn.datasets import load_breast_cancer
    from sklearn.preprocessing import scale

    x, y = load_breast_cancer(return_X_y=True)
    rows = zip(y, scale(x), strict=True)
    return "\n".join(",".join(map(str, [label, *values.round(4)])) for label, values in rows)


@pytest.mark.parametrize(("strategy", "jobs"), [("Random", 2), ("Grid", 2), ("Bayesian", 4), ("Hyperband", 4)])
def test_a_model_is_tuned_evaluated_and_registered(place: Place, strategy: str, jobs: int) -> None:
    place.put("data/data.csv", data())
    execution = place.run(*pipeline(place, strategy), parameters={"Jobs": jobs})
    assert execution.status == "Succeeded", execution.failure_reason
    best = place.output(execution, "Tune")["BestTrainingJob"]
    auc = best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    assert place.json("Evaluate/evaluation.json")["metrics"]["auc"]["value"] == pytest.approx(auc, abs=1e-6)
    package = place.output(execution, "Register")
    url = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    assert url == f"s3://bucket/models/{best['TrainingJobName']}/output/model.tar.gz"
    assert "model.joblib" in place.archive(url)


def test_the_same_as_a_state_machine(place: Place) -> None:
    place.put("data/data.csv", data())
    steps = pipeline(place, "Random")
    here = place.output(place.run(*steps, parameters={"Jobs": 2}), "Tune")
    place.engine = LocalMachineEngine(place.folder, Account(), place.settings)
    execution = place.run(*steps, parameters={"Jobs": 2})
    assert execution.status == "Succeeded", execution.failure_reason
    there = place.output(execution, "Tune")
    for member in ("TunedHyperParameters", "FinalHyperParameterTuningJobObjectiveMetric", "TrainingJobStatus"):
        assert [one[member] for one in there["TrainingJobSummaries"]] == [
            one[member] for one in here["TrainingJobSummaries"]
        ]
    assert there["TrainingJobStatusCounters"] == here["TrainingJobStatusCounters"]
