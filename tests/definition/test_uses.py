"""What a definition uses of AWS, found wherever it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dagwright.definition.graph import read_definition
from dagwright.definition.uses import Uses, known_text, uses_of

GOLDEN = Path(__file__).parents[1] / "golden/example/training.json"


def uses(*steps: dict[str, Any], parameters: list[dict[str, Any]] | None = None) -> Uses:
    named = [{"Name": f"S{number}", "Arguments": {}, **step} for number, step in enumerate(steps)]
    return uses_of(read_definition({"Version": "2020-12-01", "Parameters": parameters or [], "Steps": named}))


def test_the_example_uses_what_its_steps_say() -> None:
    found = uses_of(read_definition(GOLDEN.read_text(encoding="utf-8")))
    assert found.kinds == ("Processing", "Training", "Condition", "RegisterModel", "Fail")
    assert found.images == ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3",)
    assert found.groups == ("rc-churn",)
    assert "s3://acme-sm-rc-churn/raw/uploads/breast-cancer" in found.reads
    assert "s3://acme-sm-rc-churn/features/v1/*/train" in found.writes
    assert not set(found.reads) & set(found.writes)
    assert not found.approves


def test_a_parameter_counts_by_its_default_and_a_run_by_a_star() -> None:
    join = {"Std:Join": {"On": "/", "Values": ["s3://b", {"Get": "Parameters.P"}, {"Get": "Execution.X"}]}}
    assert known_text(join, {"P": "data"}) == "s3://b/data/*"
    assert known_text(join, {}) == "s3://b/*/*"
    assert known_text({"Get": "nonsense"}, {}) == "*"
    assert known_text({"Std:JsonGet": {}}, {}) == "*"
    assert known_text(7, {}) == "7"
    assert known_text(None, {}) == "*"


@pytest.mark.parametrize(
    ("step", "kind", "expected"),
    [
        ({"Type": "Lambda", "FunctionArn": "arn:aws:lambda:r:1:f"}, "functions", "arn:aws:lambda:r:1:f"),
        ({"Type": "Callback", "SqsQueueUrl": "https://sqs.r.amazonaws.com/1/q"}, "queues", "https://sqs.r.amazonaws.com/1/q"),
        ({"Type": "EMR", "ClusterId": "j-1"}, "clusters", "j-1"),
        ({"Type": "Training", "Arguments": {"RoleArn": "arn:aws:iam::1:role/R"}}, "roles", "arn:aws:iam::1:role/R"),
        ({"Type": "Training", "Arguments": {"OutputDataConfig": {"KmsKeyId": "k"}}}, "keys", "k"),
        ({"Type": "Training", "Arguments": {"OutputDataConfig": {"S3OutputPath": "s3://o/m"}}}, "writes", "s3://o/m"),
        ({"Type": "Training", "Arguments": {"CheckpointConfig": {"S3Uri": "s3://o/c"}}}, "writes", "s3://o/c"),
        ({"Type": "Training", "Arguments": {"ModelUri": "s3://o/c"}}, "reads", "s3://o/c"),
        ({"Type": "Training", "Arguments": {"A": [{"InstanceType": "ml.x"}]}}, "instance_types", "ml.x"),
        ({"Type": "X", "Arguments": {"Containers": [{"Image": "r/i:1"}]}}, "images", "r/i:1"),
    ],
)  # fmt: skip
def test_each_thing_is_found_by_the_member_that_holds_it(step: dict[str, Any], kind: str, expected: str) -> None:
    assert getattr(uses(step), kind) == (expected,)


def test_what_stands_in_branches_counts_once() -> None:
    job = {"Type": "Training", "Arguments": {"TrainingImage": "a/b:1"}}
    condition = {
        "Type": "Condition",
        "Arguments": {"Conditions": [], "IfSteps": [{"Name": "In", **job}], "ElseSteps": []},
    }
    found = uses(condition)
    assert found.kinds == ("Condition", "Training")
    assert found.images == ("a/b:1",)


def test_a_model_that_is_approved_at_once_is_told() -> None:
    status = {"Type": "RegisterModel", "Arguments": {"ModelApprovalStatus": {"Get": "Parameters.Status"}}}
    parameter = {"Name": "Status", "Type": "String", "DefaultValue": "Approved"}
    assert uses(status, parameters=[parameter]).approves
    assert not uses(status, parameters=[{**parameter, "DefaultValue": "PendingManualApproval"}]).approves
