"""VPC endpoints: their names, who reaches them, what passes the one for S3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from infra.grounds import BASE, NETWORK, made, properties, statements

from dagwright.definition.uses import Uses
from dagwright.errors import ConfigurationError
from dagwright.infra.template import Template
from dagwright.infra.workload import Workload, Workloads

SERVICES = "{services: [s3, sagemaker.api, logs], route_tables: [rtb-0a1b2c3d], s3_prefix_list: pl-63a5400a}"
TEXT = BASE + NETWORK + f"infra: {{vpc: vpc-0a1b2c3d, endpoints: {SERVICES}}}\n"


def service(template: Template, word: str) -> Any:
    return properties(template, f"Endpoint{word}")


def test_s3_is_an_entry_of_route_tables_and_others_have_addresses(tmp_path: Path) -> None:
    template = made(tmp_path, TEXT)

    assert service(template, "S3")["RouteTableIds"] == ["rtb-0a1b2c3d"]
    api = service(template, "SagemakerApi")
    assert api["ServiceName"] == "com.amazonaws.us-east-1.sagemaker.api"
    assert api["SubnetIds"] == ["subnet-0a1b2c3d", "subnet-1a1b2c3d"]
    assert api["PrivateDnsEnabled"] is True
    assert api["SecurityGroupIds"] == [{"Fn::GetAtt": ["EndpointSecurityGroup", "GroupId"]}]


def test_only_the_jobs_reach_them(tmp_path: Path) -> None:
    template = made(tmp_path, TEXT)

    entrances = {name: one for name, one in template.resources.items() if name.startswith("EndpointSecurityGroupFrom")}
    assert {one["Properties"]["SourceSecurityGroupId"]["Fn::GetAtt"][0] for one in entrances.values()} == {
        "SecurityGroupProcessing",
        "SecurityGroupTraining",
        "SecurityGroupInference",
    }
    assert {one["Properties"]["FromPort"] for one in entrances.values()} == {443}
    assert "SecurityGroupTrainingToEndpoints" in template.resources


def test_groups_that_are_there_reach_them_too_each_once(tmp_path: Path) -> None:
    groups = "security_groups: {processing: [sg-0a1b2c3d], training: [sg-0a1b2c3d], inference: [sg-1a1b2c3d]}"
    template = made(tmp_path, TEXT.replace("subnet-1a1b2c3d]", f"subnet-1a1b2c3d], {groups}"))

    entrances = [name for name in template.resources if name.startswith("EndpointSecurityGroupFrom")]
    assert entrances == ["EndpointSecurityGroupFromSg0a1b2c3d", "EndpointSecurityGroupFromSg1a1b2c3d"]


def test_china_and_whole_names(tmp_path: Path) -> None:
    there = TEXT.replace("us-east-1", "cn-north-1").replace("logs", "aws.sagemaker.cn-north-1.studio")
    template = made(tmp_path, there)

    assert service(template, "S3")["ServiceName"] == "com.amazonaws.cn-north-1.s3"
    assert service(template, "SagemakerApi")["ServiceName"] == "cn.com.amazonaws.cn-north-1.sagemaker.api"
    assert service(template, "AwsSagemakerCnNorth1Studio")["ServiceName"] == "aws.sagemaker.cn-north-1.studio"


def test_through_s3s_pass_the_projects_buckets_and_those_its_pipelines_name(tmp_path: Path) -> None:
    uses = Uses(reads=("s3://theirs/in", "s3://acme-sm-rc-churn/raw", "s3://*/x"), writes=("s3://out/there",))

    policy = service(made(tmp_path, TEXT, workloads=Workloads((Workload("one", "rc-churn-one", uses),))), "S3")
    said = statements(policy["PolicyDocument"])

    assert said["ProjectObjects"]["Resource"] == ["arn:aws:s3:::acme-sm-rc-churn*/*"]
    assert said["OutsideObjects"]["Resource"] == ["arn:aws:s3:::theirs/*"]
    assert "s3:PutObject" not in said["OutsideObjects"]["Action"]
    assert said["OutsideOutputs"]["Resource"] == ["arn:aws:s3:::out/*"]
    assert said["ImageLayers"]["Resource"] == ["arn:aws:s3:::prod-us-east-1-starport-layer-bucket/*"]
    assert said["ImageLayers"]["Action"] == ["s3:GetObject"]


def test_a_bucket_of_another_name_passes_too(tmp_path: Path) -> None:
    policy = service(made(tmp_path, TEXT + "bucket: lake\n"), "S3")["PolicyDocument"]

    assert statements(policy)["ProjectObjects"]["Resource"] == [
        "arn:aws:s3:::acme-sm-rc-churn*/*",
        "arn:aws:s3:::lake/*",
    ]


def test_environments_that_share_a_vpc_share_its_endpoints(tmp_path: Path) -> None:
    staging = "staging: {bucket: acme-sm-rc-churn-staging, infra: {endpoints: {security_group: sg-0e0e0e0e}}}\n"
    template = made(tmp_path, TEXT + "environment_suffix: true\n" + staging, "staging")

    assert "AWS::EC2::VPCEndpoint" not in {one["Type"] for one in template.resources.values()}
    entrance = properties(template, "EndpointSecurityGroupFromTraining")
    assert entrance["GroupId"] == "sg-0e0e0e0e"
    egress = properties(template, "SecurityGroupTrainingToEndpoints")
    assert egress["DestinationSecurityGroupId"] == "sg-0e0e0e0e"


def test_route_tables_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        made(tmp_path, TEXT.replace("route_tables: [rtb-0a1b2c3d], ", ""))

    assert {one.field for one in caught.value.problems} == {"infra.endpoints.route_tables"}
