"""The pipelines that the fault harness runs: small, and with one of each thing that can be left half done.

`example()` is the one whose every point is tried: a job with two outputs in folders of several files, one that takes
long enough for its Continuous output to be uploaded, a training with a model, other output, metrics and checkpoints, a
condition, and a model that is registered. Each script prints when it begins and when it has done its work: the logs are
evidence of how often a step ran that is independent of the record.
"""

from __future__ import annotations

import json
import random
from typing import Any

Json = dict[str, Any]

ROLE = "arn:aws:iam::123456789012:role/any"
INPUT = "s3://work/raw/rows.csv"
LARGE_BYTES = 300_000
# What every script starts with: `knock` lets the harness in at this moment, if it listens.
_PRELUDE = """
import json, os, socket, sys
STEP, DOOR = sys.argv[1:3]
ML = os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml")
def say(word):
    print(word, STEP, flush=True)
def knock(moment):
    with socket.socket(socket.AF_UNIX) as door:
        try:
            door.connect("\\0" + DOOR)
        except OSError:
            return
        door.sendall(f"{STEP} {moment}\\n".encode())
        door.recv(1)
def write(name, text):
    path = f"{ML}/{name}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
say("begun")
knock("start")
"""
_PREPARE = """
rows = open(f"{ML}/processing/raw/rows.csv").read()
write("processing/table/a.csv", rows[:1000])
knock("middle")
write("processing/table/deep/b.csv", rows)
write("processing/table/deep/c.csv", rows[::-1])
write("processing/report/report.json", json.dumps({"rows": 3}))
knock("end")
say("done")
"""
_SIDE = """
write("processing/side/1.txt", "first")
knock("uploaded s3/work/side/1.txt")
knock("middle")
write("processing/side/2.txt", "second")
knock("end")
say("done")
"""
_TRAIN = """
rows = open(f"{ML}/input/data/train/deep/b.csv").read()
write("checkpoints/1.txt", "one")
knock("uploaded s3/work/checkpoints/1.txt")
knock("middle")
write("checkpoints/2.txt", "two")
write("model/weights.txt", rows)
write("model/deep/names.txt", "a b")
write("output/data/curve.txt", "1 2 3")
print("auc=0.75;", flush=True)
knock("end")
say("done")
"""


def example(door: str) -> Json:
    """The definition; `door` is the abstract address at which the jobs knock."""
    prepare = _processing("Prepare", _PREPARE, door, {"raw": "s3://work/raw"}, ["table", "report"])
    prepare["PropertyFiles"] = [{"PropertyFileName": "Report", "OutputName": "report", "FilePath": "report.json"}]
    side = _processing("Side", _SIDE, door, {}, ["side"])
    side["Arguments"]["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3UploadMode"] = "Continuous"
    table = {"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['table'].S3Output.S3Uri"}
    model = {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
    rows = {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Prepare.PropertyFiles.Report"}, "Path": "rows"}}
    enough = {"Type": "GreaterThanOrEqualTo", "LeftValue": rows, "RightValue": 3}
    choice = {
        "Name": "Enough",
        "Type": "Condition",
        "Arguments": {
            "Conditions": [enough],
            "IfSteps": [_register("Register", model)],
            "ElseSteps": [{"Name": "TooFew", "Type": "Fail", "Arguments": {"ErrorMessage": "too few rows"}}],
        },
    }
    return _definition(prepare, side, _training("Train", _TRAIN, door, table), choice)


def random_example(door: str, seed: int) -> Json:
    """Any pipeline of up to seven jobs, each of which reads what some before it wrote."""
    dice = random.Random(seed)
    steps: list[Json] = []
    for number in range(dice.randint(1, 7)):
        name = f"Step{number}"
        before = dice.sample(steps, dice.randint(0, min(2, len(steps))))
        inputs = {f"from{i}": f"s3://work/out-{step['Name'].lower()}" for i, step in enumerate(before)}
        files = [
            (f"{'deep/' * dice.randint(0, 2)}{i}.txt", dice.choice([0, 1, 10, 50_000]))
            for i in range(dice.randint(1, 4))
        ]
        script = "\n".join(
            [
                "seen = sorted(n for _, _, names in os.walk(f'{ML}/processing') for n in names)",
                *(
                    f"write('processing/out-{name.lower()}/{file}', (str(len(seen)) + '.') * {size})"
                    for file, size in files
                ),
                "knock('middle')",
                "say('done')",
            ]
        )
        step = _processing(name, script, door, inputs, [f"out-{name.lower()}"])
        steps.append(step | {"DependsOn": [one["Name"] for one in before]} if before else step)
    return _definition(*steps)


def outputs_together(definition: Json) -> dict[str, tuple[str, ...]]:
    """Step -> where the objects are that appear together, at the end of its job; by their names in the evidence."""
    found: dict[str, tuple[str, ...]] = {}
    for step in definition["Steps"]:
        if step["Type"] == "Training":
            found[step["Name"]] = (f"work/models/job-{step['Name']}/",)
        if step["Type"] == "Processing":
            outputs = [one["S3Output"] for one in step["Arguments"]["ProcessingOutputConfig"]["Outputs"]]
            found[step["Name"]] = tuple(
                f"{one['S3Uri'].removeprefix('s3://')}/" for one in outputs if one["S3UploadMode"] == "EndOfJob"
            )
    return found


def _definition(*steps: Json) -> Json:
    return json.loads(json.dumps({"Version": "2020-12-01", "Parameters": [], "Steps": steps}))


def _command(name: str, script: str, door: str) -> list[str]:
    return ["python3", "-c", _PRELUDE + script, name, door]


def _processing(name: str, script: str, door: str, inputs: dict[str, str], outputs: list[str]) -> Json:
    cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    place = {"S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": cluster},
            "AppSpecification": {"ImageUri": "example:1", "ContainerEntrypoint": _command(name, script, door)},
            "RoleArn": ROLE,
            "ProcessingInputs": [
                {"InputName": folder, "S3Input": {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/{folder}", **place}}
                for folder, uri in inputs.items()
            ],
            "ProcessingOutputConfig": {
                "Outputs": [
                    {
                        "OutputName": folder,
                        "S3Output": {
                            "S3Uri": f"s3://work/{folder}",
                            "LocalPath": f"/opt/ml/processing/{folder}",
                            "S3UploadMode": "EndOfJob",
                        },
                    }
                    for folder in outputs
                ]
            },
        },
    }


def _training(name: str, script: str, door: str, channel: Any) -> Json:
    return {
        "Name": name,
        "Type": "Training",
        "Arguments": {
            "AlgorithmSpecification": {
                "TrainingImage": "example:1",
                "TrainingInputMode": "File",
                "ContainerEntrypoint": _command(name, script, door),
                "MetricDefinitions": [{"Name": "auc", "Regex": "auc=([0-9.]+);"}],
            },
            "InputDataConfig": [
                {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": channel}}}
            ],
            "OutputDataConfig": {"S3OutputPath": "s3://work/models"},
            "CheckpointConfig": {"S3Uri": "s3://work/checkpoints"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
            "RoleArn": ROLE,
        },
    }


def _register(name: str, model: Any) -> Json:
    container = {"Image": "example:1", "ModelDataUrl": model}
    specification = {
        "Containers": [container],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    return {
        "Name": name,
        "Type": "RegisterModel",
        "Arguments": {"ModelPackageGroupName": "faults", "InferenceSpecification": specification},
    }
