"""Pipeline definitions of any length, as the JSON that every engine reads."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

_ROLE = "arn:aws:iam::123456789012:role/SageMaker-Rc-Churn-ExecutionRole"
_CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30}
NOTHING = "pass"
BURN = "total = 0\nfor number in range(12_000_000): total += number * number % 7"
"""About a second of one core; the same for us and for the floor."""


def definition(steps: Iterable[dict[str, Any]]) -> str:
    """The JSON of a pipeline with these steps."""
    return json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": list(steps)})


def job(name: str, program: str, after: Sequence[str] = ()) -> dict[str, Any]:
    """A processing step that runs a Python program, after others."""
    started = {"ImageUri": "", "ContainerEntrypoint": ["python3", "-c", program]}
    arguments = {"ProcessingResources": {"ClusterConfig": _CLUSTER}, "AppSpecification": started, "RoleArn": _ROLE}
    return {"Name": name, "Type": "Processing", "DependsOn": list(after), "Arguments": arguments}


def reader(name: str, sources: Sequence[str]) -> dict[str, Any]:
    """A processing step that reads the output of others and writes one."""
    step = job(name, NOTHING)
    del step["DependsOn"]
    outputs = "ProcessingOutputConfig.Outputs['data'].S3Output.S3Uri"
    step["Arguments"]["ProcessingInputs"] = [
        {
            "InputName": f"input-{number}",
            "S3Input": {
                "S3Uri": {"Get": f"Steps.{source}.{outputs}"},
                "LocalPath": f"/opt/ml/processing/input/{number}",
                "S3DataType": "S3Prefix",
                "S3InputMode": "File",
            },
        }
        for number, source in enumerate(sources, start=1)
    ]
    target = {"S3Uri": f"s3://acme-sm-rc-churn/processed/{name}", "LocalPath": "/opt/ml/processing/output/data"}
    output = {"OutputName": "data", "S3Output": {**target, "S3UploadMode": "EndOfJob"}}
    step["Arguments"]["ProcessingOutputConfig"] = {"Outputs": [output]}
    return step


def jobs_in_a_row(count: int) -> str:
    """Empty jobs, each after the one before."""
    return definition(job(f"Step{n}", NOTHING, [f"Step{n - 1}"] if n else []) for n in range(count))


def two_branches(length: int) -> str:
    """Two rows of `length` jobs that keep a core busy, with nothing between the rows."""
    rows = [(row, n) for n in range(length) for row in "AB"]
    return definition(job(f"{row}{n}", BURN, [f"{row}{n - 1}"] if n else []) for row, n in rows)


def readers_in_a_row(count: int) -> str:
    """Steps that each read the output of the one before."""
    return definition(reader(f"Step{n}", [f"Step{n - 1}"] if n else []) for n in range(count))


def diamonds(count: int) -> str:
    """Diamonds one after another: two steps read from one, a third from both and is the next diamond's first."""
    steps = [reader("Join0", [])]
    for n in range(1, count + 1):
        steps += [reader(f"{side}{n}", [f"Join{n - 1}"]) for side in ("Left", "Right")]
        steps.append(reader(f"Join{n}", [f"Left{n}", f"Right{n}"]))
    return definition(steps)
