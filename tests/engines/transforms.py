"""Words for the tests of transform jobs: a model, the step that uses it, a program for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.place import IMAGE, get

# Every number of a row, by a factor that lies in the model: a row of CSV gives a row, a list of JSON a list.
PROGRAM = """
import json, os
CALLS = []
def model_fn(folder):
    with open(os.path.join(folder, "factor")) as file:
        return float(file.read())
def input_fn(body, content_type):
    CALLS.append(1)
    if content_type == "text/csv":
        return [[float(cell) for cell in line.split(",")] for line in body.splitlines()]
    return [json.loads(line) for line in body.splitlines()]
def predict_fn(data, model):
    return [[model * cell for cell in row] for row in data]
def output_fn(prediction, accept):
    if accept == "text/csv":
        return "".join(",".join(map(str, row)) + "\\n" for row in prediction), accept
    return "\\n".join(json.dumps(row) for row in prediction)
"""
FILES = {"factor": "2", "code/inference.py": PROGRAM}


def model(
    data: str, image: Any = IMAGE, variables: Mapping[str, Any] | None = None, name: str = "M", **others: Any
) -> dict[str, Any]:
    """A Model step of one container, by default with the program `inference.py`."""
    environment = {"SAGEMAKER_PROGRAM": "inference.py"} if variables is None else variables
    container = {"Image": image, "ModelDataUrl": data, "Environment": environment}
    return {"Name": name, "Type": "Model", "Arguments": {"PrimaryContainer": container, **others}}


def transform(
    source: str,
    given: Mapping[str, Any] | None = None,
    made: Mapping[str, Any] | None = None,
    name: str = "T",
    model_name: Any = None,
    kind: str = "S3Prefix",
    count: int = 1,
    **members: Any,
) -> dict[str, Any]:
    """A Transform step by the model of step M; what it makes goes to s3://bucket/out. `given` and `made` are members of
    TransformInput and TransformOutput."""
    arguments = {
        "ModelName": model_name or get("Steps.M.ModelName"),
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": kind, "S3Uri": source}},
            "ContentType": "text/csv",
            **(given or {}),
        },
        "TransformOutput": {"S3OutputPath": "s3://bucket/out", "Accept": "text/csv", **(made or {})},
        "TransformResources": {"InstanceCount": count, "InstanceType": "ml.m5.large"},
        **members,
    }
    return {"Name": name, "Type": "Transform", "Arguments": arguments}
