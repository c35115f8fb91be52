"""Small steps that no rule complains about, to be broken by the tests of one rule each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any

from dagwright.definition.graph import Graph, examine_definition
from dagwright.errors import Problem

ACCOUNT = "123456789012"
REGISTRY = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
IMAGE = f"{REGISTRY}/churn@sha256:{'0123456789abcdef' * 4}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Jobs"
KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"
VPC = {"SecurityGroupIds": ["sg-0a1b2c3d"], "Subnets": ["subnet-0a1b2c3d"]}
GONE: Any = object()
"""Takes a member out: `processing(NetworkConfig=GONE)`."""


def graph_of(*steps: Any, parameters: Any = (), **top: Any) -> Graph:
    """The graph of a definition of these steps, whatever is wrong with it."""
    definition = {"Version": "2020-12-01", "Parameters": [*parameters], "Steps": [*steps], **top}
    return examine_definition(definition)[0]


def found(rule: Callable[[Graph], Iterable[Problem]], *steps: Any, parameters: Any = ()) -> list[tuple[str, str]]:
    """The code and the field of each problem that one rule finds."""
    return [(problem.code, problem.field) for problem in rule(graph_of(*steps, parameters=parameters))]


def step(name: str, kind: str, arguments: Any, **siblings: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": arguments, **siblings}


def processing(name: str = "Prepare", /, **changes: Any) -> dict[str, Any]:
    cluster = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30, "VolumeKmsKeyId": KEY}
    request = {
        "ProcessingResources": {"ClusterConfig": cluster},
        "AppSpecification": {"ImageUri": IMAGE},
        "RoleArn": ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "NetworkConfig": {"VpcConfig": VPC},
    }
    return step(name, "Processing", changed(request, changes))


def training(name: str = "Train", /, **changes: Any) -> dict[str, Any]:
    request = {
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": "s3://acme-data/models", "KmsKeyId": KEY},
        "ResourceConfig": {
            "InstanceType": "ml.m5.large",
            "InstanceCount": 1,
            "VolumeSizeInGB": 30,
            "VolumeKmsKeyId": KEY,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "VpcConfig": VPC,
    }
    return step(name, "Training", changed(request, changes))


def model(name: str = "Create", /, **changes: Any) -> dict[str, Any]:
    container = {"Image": IMAGE, "ModelDataUrl": "s3://acme-data/models/model.tar.gz"}
    request = {"PrimaryContainer": container, "ExecutionRoleArn": ROLE, "VpcConfig": VPC}
    return step(name, "Model", changed(request, changes))


def function(name: str = "Notify", /, depends_on: Any = None, **arguments: Any) -> dict[str, Any]:
    arn = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:notify"
    waits = {"DependsOn": depends_on} if depends_on else {}
    return step(name, "Lambda", arguments, FunctionArn=arn, **waits)


def condition(name: str, if_steps: Any = (), else_steps: Any = (), conditions: Any = None, **siblings: Any) -> Any:
    compared = conditions if conditions is not None else [compare(1, 1)]
    arguments = {"Conditions": compared, "IfSteps": [*if_steps], "ElseSteps": [*else_steps]}
    return step(name, "Condition", arguments, **siblings)


def compare(left: Any, right: Any, kind: str = "Equals") -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


def parameter(name: str, kind: str = "String", **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, **members}


def get(text: str) -> dict[str, Any]:
    return {"Get": text}


def join(*values: Any, on: str = "/") -> dict[str, Any]:
    return {"Std:Join": {"On": on, "Values": [*values]}}


def output(uri: Any, name: str = "data") -> dict[str, Any]:
    target = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/output/{name}", "S3UploadMode": "EndOfJob"}
    return {"Outputs": [{"OutputName": name, "S3Output": target}], "KmsKeyId": KEY}


def given(uri: Any, name: str = "raw") -> list[Any]:
    source = {"S3Uri": uri, "LocalPath": f"/opt/ml/processing/input/{name}", "S3DataType": "S3Prefix"}
    return [{"InputName": name, "S3Input": source}]


def changed(request: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a request with other members: objects are merged, `GONE` takes a member out."""
    copy: dict[str, Any] = deepcopy({**request})
    for key, value in changes.items():
        if value is GONE:
            copy.pop(key, None)
        elif isinstance(value, dict) and isinstance(copy.get(key), dict):
            copy[key] = changed(copy[key], value)
        else:
            copy[key] = value
    return copy
