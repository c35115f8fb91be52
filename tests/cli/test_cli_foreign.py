"""A pipeline as other people write them, run from its definition on real data with real models.

Its script downloads its input with boto3, XGBoost has no script, the evaluation unpacks the model where it stands; the
model is tuned, served and registered.
"""

from __future__ import annotations

import csv
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Deploy

from dagwright.definition.graph import read_definition

pytest.importorskip("xgboost")

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
SKLEARN, XGBOOST = f"{REGISTRY}/sagemaker-scikit-learn:1.2-1-cpu-py3", f"{REGISTRY}/sagemaker-xgboost:1.7-1"
BUCKET = "s3://sagemaker-us-east-1-123456789012"
PREPARE = """
import argparse, pathlib, boto3
parser = argparse.ArgumentParser()
parser.add_argument("--input-data", required=True)
bucket, _, key = parser.parse_args().input_data.removeprefix("s3://").partition("/")
base = "/opt/ml/processing"
boto3.resource("s3").Bucket(bucket).download_file(key, f"{base}/data.csv")
rows = open(f"{base}/data.csv").read().splitlines()
for name, part in (("train", rows[:300]), ("validation", rows[300:400]), ("test", rows[400:])):
    open(f"{base}/{name}/{name}.csv", "w").write("\\n".join(part) + "\\n")
"""
EVALUATE = """
import json, math, tarfile, xgboost
with tarfile.open("/opt/ml/processing/model/model.tar.gz") as tar:
    tar.extractall(path=".")
booster = xgboost.Booster(model_file="xgboost-model")
rows = [[float(x) for x in line.split(",")] for line in open("/opt/ml/processing/test/test.csv")]
found = booster.predict(xgboost.DMatrix([row[1:] for row in rows]))
mse = sum((row[0] - float(one)) ** 2 for row, one in zip(rows, found)) / len(rows)
report = {"regression_metrics": {"rmse": {"value": math.sqrt(mse)}}}
open("/opt/ml/processing/evaluation/evaluation.json", "w").write(json.dumps(report))
"""


def get(path: str) -> dict[str, str]:
    return {"Get": path}


def output(step: str, name: str) -> dict[str, str]:
    return get(f"Steps.{step}.ProcessingOutputConfig.Outputs['{name}'].S3Output.S3Uri")


def processing(name: str, image: str, inputs: dict[str, Any], outputs: list[str], *words: Any) -> dict[str, Any]:
    place = "/opt/ml/processing"
    given = {**inputs, "input/code": f"{BUCKET}/{name}/code/{name.lower()}.py"}
    return {
        "ProcessingResources": {
            "ClusterConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
        },
        "AppSpecification": {
            "ImageUri": image,
            "ContainerEntrypoint": ["python3", f"{place}/input/code/{name.lower()}.py"],
            **({"ContainerArguments": list(words)} if words else {}),
        },
        "RoleArn": "arn:aws:iam::123456789012:role/r",
        "ProcessingInputs": [
            {
                "InputName": folder,
                "S3Input": {
                    "S3Uri": uri,
                    "LocalPath": f"{place}/{folder}",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
            for folder, uri in given.items()
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": out,
                    "S3Output": {
                        "S3Uri": {
                            "Std:Join": {"On": "/", "Values": [BUCKET, name, get("Execution.PipelineExecutionId"), out]}
                        },
                        "LocalPath": f"{place}/{out}",
                        "S3UploadMode": "EndOfJob",
                    },
                }
                for out in outputs
            ]
        },
    }


CHANNELS = [
    {
        "ChannelName": name,
        "ContentType": "text/csv",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": output("Prepare", name)}},
    }
    for name in ("train", "validation")
]
HYPERPARAMETERS = {"objective": "reg:linear", "num_round": "20", "eta": "0.2", "silent": "0"}
ALGORITHM = {"TrainingImage": XGBOOST, "TrainingInputMode": "File"}
RESOURCES = {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 30}
TRAIN = {
    "AlgorithmSpecification": ALGORITHM,
    "HyperParameters": {
        **HYPERPARAMETERS,
        "max_depth": {"Std:Join": {"On": "", "Values": [get("Parameters.MaxDepth")]}},
    },
    "InputDataConfig": CHANNELS,
    "OutputDataConfig": {"S3OutputPath": f"{BUCKET}/Train"},
    "ResourceConfig": RESOURCES,
    "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    "RoleArn": "arn:aws:iam::123456789012:role/r",
}
TUNE = {
    "HyperParameterTuningJobConfig": {
        "Strategy": "Random",
        "RandomSeed": 7,
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
        "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "validation:rmse"},
        "ParameterRanges": {
            "IntegerParameterRanges": [{"Name": "max_depth", "MinValue": "1", "MaxValue": "4", "ScalingType": "Auto"}]
        },
    },
    "TrainingJobDefinition": {
        **{key: value for key, value in TRAIN.items() if key != "HyperParameters"},
        "StaticHyperParameters": HYPERPARAMETERS,
    },
}
BEST = {
    "Std:Join": {
        "On": "/",
        "Values": [f"{BUCKET}/Train", get("Steps.Tune.TrainingJobSummaries[0].TrainingJobName"), "output/model.tar.gz"],
    }
}
SCORE = {
    "ModelName": get("Steps.Create.ModelName"),
    "TransformInput": {
        "ContentType": "text/csv",
        "SplitType": "Line",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": output("Prepare", "test")}},
    },
    "TransformOutput": {"S3OutputPath": f"{BUCKET}/scores", "Accept": "text/csv", "AssembleWith": "Line"},
    "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    "DataProcessing": {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
}
REGISTER = {
    "ModelPackageGroupName": "theirs",
    "ModelApprovalStatus": "PendingManualApproval",
    "ModelMetrics": {
        "ModelQuality": {
            "Statistics": {
                "ContentType": "application/json",
                "S3Uri": {"Std:Join": {"On": "/", "Values": [output("Evaluate", "evaluation"), "evaluation.json"]}},
            }
        }
    },
    "InferenceSpecification": {
        "Containers": [{"Image": XGBOOST, "ModelDataUrl": get("Steps.Train.ModelArtifacts.S3ModelArtifacts")}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    },
}
RMSE = {
    "Std:JsonGet": {
        "PropertyFile": get("Steps.Evaluate.PropertyFiles.Report"),
        "Path": "regression_metrics.rmse.value",
    }
}


def definition() -> dict[str, Any]:
    prepare = processing(
        "Prepare", SKLEARN, {}, ["train", "validation", "test"], "--input-data", get("Parameters.InputDataUrl")
    )
    model = get("Steps.Train.ModelArtifacts.S3ModelArtifacts")
    evaluate = processing("Evaluate", XGBOOST, {"model": model, "test": output("Prepare", "test")}, ["evaluation"])
    report = [{"PropertyFileName": "Report", "OutputName": "evaluation", "FilePath": "evaluation.json"}]
    container = {"Image": XGBOOST, "Environment": {}}
    branch = [
        {"Name": "Create", "Type": "Model", "Arguments": {"PrimaryContainer": {**container, "ModelDataUrl": model}}},
        {"Name": "Score", "Type": "Transform", "Arguments": SCORE},
        {"Name": "Register", "Type": "RegisterModel", "Arguments": REGISTER},
    ]
    good = {"Type": "LessThanOrEqualTo", "LeftValue": RMSE, "RightValue": get("Parameters.Worst")}
    best = {"PrimaryContainer": {**container, "ModelDataUrl": BEST}}
    refuse = {"Name": "Refuse", "Type": "Fail", "Arguments": {"ErrorMessage": "too far off"}}
    decision = {"Conditions": [good], "IfSteps": branch, "ElseSteps": [refuse]}
    return {
        "Version": "2020-12-01",
        "Metadata": {},
        "Parameters": [
            {"Name": "InputDataUrl", "Type": "String", "DefaultValue": f"{BUCKET}/raw/diabetes.csv"},
            {"Name": "MaxDepth", "Type": "Integer", "DefaultValue": 3},
            {"Name": "Worst", "Type": "Float", "DefaultValue": 80.0},
        ],
        "Steps": [
            {"Name": "Prepare", "Type": "Processing", "Arguments": prepare},
            {"Name": "Train", "Type": "Training", "Arguments": TRAIN},
            {"Name": "Evaluate", "Type": "Processing", "Arguments": evaluate, "PropertyFiles": report},
            {"Name": "Good", "Type": "Condition", "Arguments": decision},
            {"Name": "Tune", "Type": "Tuning", "Arguments": TUNE},
            {"Name": "CreateBest", "Type": "Model", "Arguments": best},
        ],
    }  # fmt: skip


@pytest.fixture
def theirs(empty: Deploy) -> tuple[Deploy, list[str]]:
    """A folder with their definition, scripts and data; the words that run it."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    with open(empty.folder / "diabetes.csv", "w", newline="") as file:
        csv.writer(file).writerows([float(y), *map(float, row)] for row, y in zip(data.data, data.target, strict=True))
    (empty.folder / "prepare.py").write_text(PREPARE)
    (empty.folder / "evaluate.py").write_text(EVALUATE)
    (empty.folder / "theirs.json").write_text(json.dumps(definition()))
    words = ["--file", "theirs.json", "--map", f"{BUCKET}/raw/diabetes.csv=diabetes.csv"]
    for name in ("Prepare", "Evaluate"):
        words += ["--map", f"{BUCKET}/{name}/code/{name.lower()}.py={name.lower()}.py"]
    return empty, words


@pytest.mark.parametrize("engine", ["sagemaker", "stepfunctions"])
def test_it_runs_to_a_registered_model(theirs: tuple[Deploy, list[str]], engine: str) -> None:
    deploy, words = theirs
    checked = deploy.json("run", "--check", *words)
    assert {step["how"] for step in checked["steps"]} == {"runs"}
    execution = deploy.json("run", *words, *(["--engine", engine] if engine == "stepfunctions" else []))
    steps = {step["StepName"]: step for step in execution["PipelineExecutionSteps"]}
    assert {step["StepStatus"] for step in steps.values()} == {"Succeeded"}
    assert steps.keys() == read_definition(definition()).steps.keys() - {"Refuse"}
    _assert_scores_are_the_models(deploy, steps)
    summaries = steps["Tune"]["Output"]["TrainingJobSummaries"]
    values = [one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in summaries]
    assert values == sorted(values)
    best = steps["CreateBest"]["Output"]["PrimaryContainer"]["ModelDataUrl"]
    assert summaries[0]["TrainingJobName"] in best
    package = deploy.json("models", "theirs/1")
    assert package["ModelApprovalStatus"] == "PendingManualApproval"


def _assert_scores_are_the_models(deploy: Deploy, steps: dict[str, Any]) -> None:
    """What the transform wrote is what the trained model says of the same rows, beside their labels."""
    import xgboost

    archive = deploy.stored(steps["Train"]["Output"]["ModelArtifacts"]["S3ModelArtifacts"])
    with tarfile.open(archive) as tar:
        content = tar.extractfile("xgboost-model")
        assert content
        (deploy.folder / "model.ubj").write_bytes(content.read())
    booster = xgboost.Booster(model_file=deploy.folder / "model.ubj")
    test = _rows(deploy.stored(deploy_output(steps, "Prepare", "test")) / "test.csv")
    scores = _rows(deploy.stored(f"{BUCKET}/scores") / "test.csv.out")
    assert [row[0] for row in scores] == [row[0] for row in test]
    assert [row[1] for row in scores] == pytest.approx(
        booster.predict(xgboost.DMatrix([row[1:] for row in test])), rel=1e-5
    )


def deploy_output(steps: dict[str, Any], step: str, name: str) -> str:
    outputs = steps[step]["Output"]["ProcessingOutputConfig"]["Outputs"]
    return next(str(one["S3Output"]["S3Uri"]) for one in outputs if one["OutputName"] == name)


def _rows(path: Path) -> list[list[float]]:
    return [[float(value) for value in row] for row in csv.reader(path.read_text().splitlines())]
