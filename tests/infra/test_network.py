"""Security groups: who reaches whom."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from infra.grounds import BASE, NETWORK, made, properties, types

from dagwright.errors import ConfigurationError
from dagwright.infra.template import Template

VPC = "vpc: vpc-0a1b2c3d"
TEXT = BASE + NETWORK + f"infra: {{{VPC}}}\n"
KNOWN = BASE + NETWORK + f"infra: {{{VPC}, endpoints: {{security_group: sg-0e0e0e0e, s3_prefix_list: pl-63a5400a}}}}\n"
GIVEN = NETWORK.replace("}", ", security_groups: {training: [sg-0a1b2c3d]}}")


def rules(template: Template, direction: str) -> dict[str, Any]:
    kind = f"AWS::EC2::SecurityGroup{direction}"
    return {name: one["Properties"] for name, one in template.resources.items() if one["Type"] == kind}


def test_there_is_one_for_each_purpose_and_the_stack_tells_its_id(tmp_path: Path) -> None:
    template = made(tmp_path, TEXT)

    assert types(template).count("EC2::SecurityGroup") == 3
    names = [
        properties(template, f"SecurityGroup{one}")["GroupName"] for one in ("Processing", "Training", "Inference")
    ]
    assert names == ["rc-churn-processing", "rc-churn-training", "rc-churn-inference"]
    assert template.outputs["SecurityGroupTraining"]["Value"] == {"Fn::GetAtt": ["SecurityGroupTraining", "GroupId"]}


def test_nothing_comes_in_but_from_hosts_of_the_same_kind(tmp_path: Path) -> None:
    incoming = rules(made(tmp_path, TEXT), "Ingress")

    assert [*incoming] == ["SecurityGroupProcessingFromItself", "SecurityGroupTrainingFromItself"]
    for name, rule in incoming.items():
        own = {"Fn::GetAtt": [name.removesuffix("FromItself"), "GroupId"]}
        assert (rule["GroupId"], rule["SourceSecurityGroupId"], rule["IpProtocol"]) == (own, own, "-1")


def test_without_a_rule_of_its_own_a_group_would_let_everything_out(tmp_path: Path) -> None:
    (rule,) = properties(made(tmp_path, TEXT), "SecurityGroupInference")["SecurityGroupEgress"]

    assert rule["CidrIp"] == "127.0.0.1/32"


def test_https_goes_to_the_endpoints_and_to_s3(tmp_path: Path) -> None:
    outgoing = rules(made(tmp_path, KNOWN), "Egress")

    of_inference = {name: one for name, one in outgoing.items() if name.startswith("SecurityGroupInference")}
    assert [
        (one.get("DestinationSecurityGroupId"), one.get("DestinationPrefixListId"), one["FromPort"], one["ToPort"])
        for one in of_inference.values()
    ] == [("sg-0e0e0e0e", None, 443, 443), (None, "pl-63a5400a", 443, 443)]
    assert all("CidrIp" not in one for one in outgoing.values())


def test_where_s3_is_not_known_https_goes_anywhere_and_the_rule_says_so(tmp_path: Path) -> None:
    outgoing = rules(made(tmp_path, TEXT), "Egress")

    anywhere = [one for one in outgoing.values() if one.get("CidrIp") == "0.0.0.0/0"]
    assert len(anywhere) == 3
    assert all(one["FromPort"] == 443 and "infra.endpoints.s3_prefix_list" in one["Description"] for one in anywhere)


def test_every_rule_is_described_as_ec2_takes_it(tmp_path: Path) -> None:
    for text in (TEXT, KNOWN):
        template = made(tmp_path, text)
        for one in (*rules(template, "Ingress").values(), *rules(template, "Egress").values()):
            assert re.fullmatch(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}", one["Description"])


def test_a_group_that_is_named_is_not_made(tmp_path: Path) -> None:
    template = made(tmp_path, BASE + GIVEN + f"infra: {{{VPC}}}\n")

    assert "SecurityGroupTraining" not in template.resources
    assert "SecurityGroupProcessing" in template.resources


def test_a_vpc_that_was_not_found_yet_is_asked_for(tmp_path: Path) -> None:
    text = BASE + NETWORK + "infra: {find: {vpc: {Name: main}}}\n"

    with pytest.raises(ConfigurationError) as caught:
        made(tmp_path, text)
    assert "infra outputs --env dev" in caught.value.problems[0].hint

    (tmp_path / "config" / "outputs").mkdir()
    (tmp_path / "config" / "outputs" / "dev.json").write_text('{"vpc": "vpc-0f0f0f0f"}', encoding="utf-8")
    assert properties(made(tmp_path, text), "SecurityGroupTraining")["VpcId"] == "vpc-0f0f0f0f"
