"""Keys, VPC, time limits and encrypted traffic, for every kind of job."""

from __future__ import annotations

from typing import Any

import pytest
from definition.rules.samples import (
    GONE,
    KEY,
    VPC,
    changed,
    found,
    get,
    given,
    model,
    output,
    parameter,
    processing,
    step,
    training,
)

from dagwright.definition.rules.protection import (
    NVME,
    network_problems,
    output_key_problems,
    time_limit_problems,
    traffic_problems,
    volume_key_problems,
)

EVERY_RULE = (volume_key_problems, output_key_problems, network_problems, time_limit_problems, traffic_problems)


def tuning(**changes: Any) -> dict[str, Any]:
    return step("Tune", "Tuning", {"TrainingJobDefinition": training(**changes)["Arguments"]})


def transform(**changes: Any) -> dict[str, Any]:
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeKmsKeyId": KEY}
    request = {"TransformOutput": {"S3OutputPath": "s3://a/b", "KmsKeyId": KEY}, "TransformResources": resources}
    return step("Score", "Transform", changed(request, changes))


def auto_ml(**changes: Any) -> dict[str, Any]:
    security = {"VolumeKmsKeyId": KEY, "VpcConfig": VPC}
    config = {"SecurityConfig": security, "CompletionCriteria": {"MaxAutoMLJobRuntimeInSeconds": 3600}}
    request = {"AutoMLJobConfig": config, "OutputDataConfig": {"S3OutputPath": "s3://a/b", "KmsKeyId": KEY}}
    return step("Search", "AutoML", changed(request, changes))


@pytest.mark.parametrize("rule", EVERY_RULE)
def test_a_protected_job_of_every_kind_is_no_problem(rule: Any) -> None:
    written = processing(ProcessingOutputConfig=output("s3://a/b"))
    assert found(rule, written, training(), tuning(), transform(), auto_ml(), model()) == []


@pytest.mark.parametrize("rule", EVERY_RULE)
def test_a_bare_job_of_every_kind_is_told_once_by_each_rule_that_concerns_it(rule: Any) -> None:
    bare = [
        step(
            "P",
            "Processing",
            {
                "ProcessingResources": {"ClusterConfig": {}},
                "ProcessingOutputConfig": {"Outputs": [1, {"S3Output": {}}]},
            },
        ),
        step("T", "Training", {"ResourceConfig": {}, "OutputDataConfig": {"S3OutputPath": "s3://a/b"}}),
        step("S", "Transform", {"TransformResources": {}, "TransformOutput": {"S3OutputPath": "s3://a/b"}}),
        step("A", "AutoML", {"OutputDataConfig": {"S3OutputPath": "s3://a/b"}}),
        step("M", "Model", {}),
    ]
    expected = {
        volume_key_problems: ("no-volume-key", 4),
        output_key_problems: ("no-output-key", 4),
        network_problems: ("no-vpc", 4),
        time_limit_problems: ("no-time-limit", 3),
        traffic_problems: ("", 0),
    }
    code, count = expected[rule]
    assert [found_code for found_code, _ in found(rule, *bare)] == [code] * count


@pytest.mark.parametrize(
    "family", ["m5", "m6i", "m7i-flex", "c5", "c5n", "c7i", "r5", "r6i", "t3", "m4", "p2", "p3", "inf2"]
)
def test_families_without_local_disks_take_a_key(family: str) -> None:
    assert not NVME.match(f"ml.{family}.xlarge")


LOCAL_DISKS = "r5d m5d m6id g4dn g5 g6 g6e g7e p3dn p4d p4de p5 p5e p5en p6-b200 p6-b300 p6e-gb200 trn1 trn1n trn2"


@pytest.mark.parametrize("family", LOCAL_DISKS.split())
def test_families_with_local_disks_take_none(family: str) -> None:
    kind = f"ml.{family}.xlarge"
    assert found(volume_key_problems, training(ResourceConfig={"InstanceType": kind, "VolumeKmsKeyId": GONE})) == []
    assert found(volume_key_problems, training(ResourceConfig={"InstanceType": kind})) == [
        ("volume-key-on-nvme", "Arguments.ResourceConfig.VolumeKmsKeyId")
    ]


def test_a_type_from_a_parameter_is_its_default() -> None:
    job = training(ResourceConfig={"InstanceType": get("Parameters.Machine")})
    assert found(volume_key_problems, job, parameters=[parameter("Machine", DefaultValue="ml.g5.xlarge")]) != []
    assert found(volume_key_problems, job, parameters=[parameter("Machine", DefaultValue="ml.m5.xlarge")]) == []
    assert found(volume_key_problems, job, parameters=[parameter("Machine")]) == []


def test_every_group_of_instances_is_looked_at() -> None:
    groups = [
        {"InstanceType": kind, "InstanceCount": 1, "InstanceGroupName": kind}
        for kind in ("ml.m5.large", "ml.g5.xlarge")
    ]
    job = training(ResourceConfig={"InstanceType": GONE, "InstanceCount": GONE, "InstanceGroups": groups})
    assert [code for code, _ in found(volume_key_problems, job)] == ["volume-key-on-nvme"]
    assert [code for code, _ in found(traffic_problems, job)] == ["unencrypted-traffic"]


def test_a_serverless_training_has_no_volume() -> None:
    job = training(ResourceConfig=GONE, ServerlessJobConfig={})
    assert found(volume_key_problems, job) == []


def test_a_job_that_writes_nothing_needs_no_key_for_it() -> None:
    assert found(output_key_problems, processing()) == []
    assert found(output_key_problems, processing(ProcessingOutputConfig={"Outputs": []})) == []
    features = {"OutputName": "f", "AppManaged": True, "FeatureStoreOutput": {"FeatureGroupName": "claims"}}
    assert found(output_key_problems, processing(ProcessingOutputConfig={"Outputs": [features]})) == []


def test_one_instance_has_nobody_to_talk_to() -> None:
    for count in (1, get("Parameters.Count"), "two", None):
        job = processing(ProcessingResources={"ClusterConfig": {"InstanceCount": count}})
        assert found(traffic_problems, job, parameters=[parameter("Count", "Integer")]) == []


@pytest.mark.parametrize("switch", [False, GONE])
def test_several_instances_talk_in_clear_text(switch: Any) -> None:
    cluster = {"ClusterConfig": {"InstanceCount": get("Parameters.Count")}}
    network = {"EnableInterContainerTrafficEncryption": switch}
    job = processing(ProcessingResources=cluster, NetworkConfig=network)
    assert found(traffic_problems, job, parameters=[parameter("Count", "Integer", DefaultValue=3)]) == [
        ("unencrypted-traffic", "Arguments.NetworkConfig.EnableInterContainerTrafficEncryption")
    ]


def test_a_switch_that_is_given_at_the_start_is_trusted() -> None:
    job = training(
        ResourceConfig={"InstanceCount": 2}, EnableInterContainerTrafficEncryption=get("Parameters.Encrypted")
    )
    assert found(traffic_problems, job, parameters=[parameter("Encrypted", "Boolean")]) == []
    off = [parameter("Encrypted", "Boolean", DefaultValue=False)]
    assert [code for code, _ in found(traffic_problems, job, parameters=off)] == ["unencrypted-traffic"]


def test_every_definition_of_a_tuning_is_a_job() -> None:
    definitions = [training()["Arguments"], 1, training(VpcConfig=GONE)["Arguments"]]
    several = step("Tune", "Tuning", {"TrainingJobDefinitions": definitions})
    assert found(network_problems, several) == [("no-vpc", "Arguments.TrainingJobDefinitions[2].VpcConfig")]


def test_a_quality_check_is_a_processing_job() -> None:
    check = {**processing(NetworkConfig=GONE, ProcessingInputs=given("s3://a/b")), "Type": "QualityCheck"}
    assert found(network_problems, check) == [("no-vpc", "Arguments.NetworkConfig.VpcConfig")]


@pytest.mark.parametrize("kind", ["Processing", "Training", "Tuning", "Transform", "AutoML", "Model", "RegisterModel"])
@pytest.mark.parametrize(
    "odd", [None, 1, "a", [], {}, {"ResourceConfig": [1]}, {"TrainingJobDefinition": 1}, {"ProcessingResources": 1}]
)
def test_odd_requests_break_nothing(kind: str, odd: Any) -> None:
    for rule in EVERY_RULE:
        assert {code for code, _ in found(rule, step("S", kind, odd))} <= {"no-vpc", "no-time-limit", "no-volume-key"}
