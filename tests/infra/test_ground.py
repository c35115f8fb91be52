"""What is encrypted with, stored and connected, as a whole: golden files, edge configurations, what cfn-lint says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from infra.grounds import BASE, GOLDEN, MADE, NETWORK, examples, findings, made, properties, references, types

from dagwright.infra.stack import GROUND

ENDPOINTS = """
  vpc: vpc-0a1b2c3d
  endpoints:
    services: [s3, sagemaker.api, logs]
    route_tables: [rtb-0a1b2c3d]
    s3_prefix_list: pl-63a5400a
"""
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY_ARN = f"arn:aws:kms:us-east-1:123456789012:key/{KEY_ID}"
IMAGES = """
images:
  own: 123456789012.dkr.ecr.us-east-1.amazonaws.com/acme-sm-rc-churn/own
"""
EDGES = {
    "no VPC": MADE,
    "existing bucket": BASE + "infra: {bucket: existing}\n",
    "no key": BASE + "infra: {key: none}\n" + IMAGES,
    "key by ARN": MADE + f"keys: {{output: {KEY_ARN}, volume: {KEY_ARN}}}\n" + IMAGES,
    "key by alias": MADE + "keys: {output: alias/theirs}\n" + IMAGES,
    "key by id": MADE + f"keys: {{output: {KEY_ID}}}\n",
    "second Region": BASE + "infra: {platform: true, replica_region: eu-west-1}\n" + IMAGES,
    "readers": BASE + 'infra: {registry_readers: ["444455556666", "777788889999"]}\n' + IMAGES,
    "groups": BASE + NETWORK + "infra: {vpc: vpc-0a1b2c3d}\n",
    "endpoints": BASE + NETWORK + "infra:" + ENDPOINTS,
}
PARTITIONS = {"us-east-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"}
SOME = tuple(EDGES[name] for name in ("second Region", "readers", "endpoints"))


@pytest.mark.parametrize("name", examples())
def test_the_example_is_its_golden_file(name: str) -> None:
    """After a wanted change: python -m infra.grounds in tests/."""
    assert examples()[name].text() == (GOLDEN / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", examples())
def test_nothing_is_found_in_the_example(name: str) -> None:
    region = "us-west-2" if name.startswith("replica") else "us-east-1"

    assert findings(examples()[name], region) == []


@pytest.mark.parametrize("edge", EDGES)
def test_nothing_is_found_in_edge_configurations(edge: str, tmp_path: Path) -> None:
    template = made(tmp_path, EDGES[edge])

    assert findings(template) == []
    assert template.text() == made(tmp_path, EDGES[edge]).text()
    # what several stacks of one environment would have to agree on is told by nobody but AWS
    assert references(template.resources) <= {*template.resources}


@pytest.mark.parametrize("region", PARTITIONS)
@pytest.mark.parametrize("text", SOME)
def test_every_partition_has_its_own_names(region: str, text: str, tmp_path: Path) -> None:
    there = text.replace("us-east-1", region).replace("eu-west-1", f"{region[:-1]}9")
    if region.startswith("cn-"):
        there = there.replace(".amazonaws.com/", ".amazonaws.com.cn/")

    template = made(tmp_path, there)

    arns = [word for word in json.dumps(template.as_json()).split('"') if word.startswith("arn:")]
    assert arns
    assert all(arn.startswith(f"arn:{PARTITIONS[region]}:") for arn in arns)
    assert findings(template, region) == []


@pytest.mark.parametrize("edge", EDGES)
def test_the_ground_refers_to_nothing_outside_itself(edge: str, tmp_path: Path) -> None:
    ground = made(tmp_path, EDGES[edge]).only(GROUND)

    assert references(ground.resources) <= {*ground.resources}
    if ground.resources:
        assert findings(ground) == []


def test_what_holds_data_is_kept(tmp_path: Path) -> None:
    template = made(tmp_path, EDGES["second Region"])

    assert template.kept == {"Key", "Bucket", "RepositoryOwn", "ModelPackageGroup"}


def test_an_existing_bucket_is_left_alone(tmp_path: Path) -> None:
    assert types(made(tmp_path, EDGES["existing bucket"])) == ["KMS::Key", "KMS::Alias", "SageMaker::ModelPackageGroup"]


def test_what_is_named_is_not_made(tmp_path: Path) -> None:
    template = made(tmp_path, EDGES["key by ARN"])

    assert "Key" not in template.resources
    assert template.outputs == {}
    assert properties(template, "RepositoryOwn")["EncryptionConfiguration"]["KmsKey"] == KEY_ARN
