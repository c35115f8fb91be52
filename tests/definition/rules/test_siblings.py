"""What stands beside Arguments."""

from __future__ import annotations

from typing import Any

import pytest
from definition.rules.samples import condition, found, function, get, join, processing, step

from dagwright.definition.rules.siblings import CHECK_TYPES, sibling_problems

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:notify:live"


@pytest.mark.parametrize("arn", [FUNCTION, get("Parameters.Function"), join(FUNCTION, "a", on=":")])
def test_a_function_is_an_arn_or_an_expression(arn: Any) -> None:
    assert found(sibling_problems, {**function("A"), "FunctionArn": arn}) == []


@pytest.mark.parametrize("arn", ["notify", "", 1, ["arn:aws:lambda"], {"a": 1}])
def test_anything_else_is_no_function(arn: Any) -> None:
    assert found(sibling_problems, {**function("A"), "FunctionArn": arn}) == [("bad-step-value", "FunctionArn")]


def test_a_queue_may_come_from_a_parameter() -> None:
    for queue in ("https://sqs.us-east-1.amazonaws.com/123456789012/q", get("Parameters.Queue")):
        assert found(sibling_problems, step("Ask", "Callback", {}, SqsQueueUrl=queue)) == []


def test_outputs_of_every_type_and_fifty_of_them() -> None:
    outputs = [{"OutputName": kind, "OutputType": kind} for kind in ("String", "Integer", "Boolean", "Float")]
    more = [{"OutputName": f"o{index}", "OutputType": "String"} for index in range(46)]
    assert found(sibling_problems, {**function("A"), "OutputParameters": [*outputs, *more]}) == []
    assert found(sibling_problems, {**function("A"), "OutputParameters": []}) == []


@pytest.mark.parametrize("kind", CHECK_TYPES)
def test_every_check_of_its_step_is_known(kind: str) -> None:
    for check in CHECK_TYPES[kind]:
        switches = {"SkipCheck": True, "FailOnViolation": get("Parameters.Strict"), "RegisterNewBaseline": None}
        texts = {"ModelPackageGroupName": None, "SuppliedBaselineConstraints": get("Parameters.Baseline")}
        assert found(sibling_problems, step("Check", kind, {}, CheckType=check, **switches, **texts)) == []


def test_a_cluster_exists_or_is_made() -> None:
    for arguments in ({"ClusterId": "j-1"}, {"ClusterConfig": {}}, {"ClusterId": get("Parameters.Cluster")}):
        assert found(sibling_problems, step("Spark", "EMR", arguments)) == []
    for arguments in ({}, {"ClusterId": "j-1", "ClusterConfig": {}}):
        assert found(sibling_problems, step("Spark", "EMR", arguments)) == [("emr-cluster", "Arguments")]
    assert found(sibling_problems, step("Spark", "EMRServerless", {"ApplicationId": "a"})) == []
    assert found(sibling_problems, step("Spark", "EMRServerless", {})) == [("emr-cluster", "Arguments")]


def test_a_message_may_be_an_expression() -> None:
    assert found(sibling_problems, step("Stop", "Fail", {"ErrorMessage": join("auc ", get("Parameters.Auc"))})) == []
    assert found(sibling_problems, step("Stop", "Fail", {"ErrorMessage": 1})) == [
        ("bad-step-value", "Arguments.ErrorMessage")
    ]
    assert found(sibling_problems, step("Stop", "Fail", None)) == [("fail-without-message", "Arguments.ErrorMessage")]


def test_a_condition_has_three_members() -> None:
    assert found(sibling_problems, condition("Gate", [function("A")])) == []
    assert found(sibling_problems, step("Gate", "Condition", {"Else.Steps": []})) == [
        ("unknown-argument", "Arguments['Else.Steps']")
    ]


def test_names_and_descriptions_are_texts() -> None:
    assert found(sibling_problems, {**processing(), "DisplayName": None, "Description": ""}) == []
    assert found(sibling_problems, {**processing(), "DisplayName": get("Parameters.Name")}) == [
        ("bad-step-value", "DisplayName")
    ]
