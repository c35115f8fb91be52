"""What AWS gave: from the stack's outputs, and by tag from EC2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from stacks.cloudformation import wanted

from dagwright.engines.aws.clients import Clients
from dagwright.errors import UserError
from dagwright.outputs import Outputs
from dagwright.stacks.found import look_up, with_given
from dagwright.stacks.wanted import Find

if TYPE_CHECKING:
    from aws import AWS

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
IMAGES = {"python": f"example.com/python@sha256:{'0a' * 32}"}


class Network:
    """Two VPCs with subnets and groups that carry tags."""

    def __init__(self, aws: AWS) -> None:
        self.ec2 = aws.client("ec2")
        self.main, self.other = (self.vpc("main"), self.vpc("other"))
        self.subnets = [self.subnet(self.main, "10.0.1.0/24"), self.subnet(self.main, "10.0.2.0/24")]
        self.subnet(self.other, "10.0.1.0/24")
        made = self.ec2.create_security_group(GroupName="jobs", Description="jobs", VpcId=self.main)
        self.group = made["GroupId"]
        self.tag(self.group, Name="jobs")

    def vpc(self, name: str) -> str:
        made: str = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.tag(made, Name=name, Kind="data")
        return made

    def subnet(self, vpc: str, block: str) -> str:
        made: str = self.ec2.create_subnet(VpcId=vpc, CidrBlock=block)["Subnet"]["SubnetId"]
        self.tag(made, Tier="private")
        return made

    def tag(self, arn: str, **tags: str) -> None:
        self.ec2.create_tags(Resources=[arn], Tags=[{"Key": key, "Value": value} for key, value in tags.items()])


def found(find: Find, given: dict[str, str] | None = None) -> Outputs:
    before = Outputs({"processing": ("sg-00000000",)}, images=IMAGES)
    return with_given(look_up(wanted(find=find), Clients("us-east-1")), given or {}, before)


def test_what_the_stack_gives_is_known_by_its_keys(aws: AWS) -> None:
    given = {"SecurityGroupTraining": "sg-0a1b2c3d", "KeyArn": KEY, "TopicArn": "arn:aws:sns:us-east-1:1:t"}
    assert found(Find(), given) == Outputs({"training": ("sg-0a1b2c3d",)}, key=KEY, images=IMAGES)
    assert aws.operations == [], "nothing is looked for that nobody asked for"


def test_what_is_there_is_found_by_its_tags(aws: AWS) -> None:
    network = Network(aws)
    find = Find({"Tier": "private"}, {"processing": {"Name": "jobs"}}, {"Name": "main", "Kind": "data"})
    outputs = found(find)
    assert outputs.vpc == network.main
    assert outputs.subnets == tuple(sorted(network.subnets)), "those of the other VPC are others"
    assert outputs.security_groups == {"processing": (network.group,)}
    (asked,) = aws.of("DescribeSubnets")
    assert asked["Filters"] == [
        {"Name": "tag:Tier", "Values": ["private"]},
        {"Name": "vpc-id", "Values": [network.main]},
    ]


def test_a_vpc_that_is_known_is_searched_alone(aws: AWS) -> None:
    network = Network(aws)
    assert len(found(Find({"Tier": "private"}, within=network.other)).subnets) == 1
    assert len(found(Find({"Tier": "private"})).subnets) == 3


UNCLEAR: list[tuple[Any, list[str]]] = [
    (Find(vpc={"Kind": "data"}), ["infra.find.vpc: 2 VPCs have the tag Kind=data: vpc-"]),
    (Find(vpc={"Name": "gone"}), ["infra.find.vpc: nothing has the tag Name=gone"]),
    (
        Find({"Tier": "none"}, {"training": {"Name": "x"}, "inference": {"Name": "y"}}),
        [
            "infra.find.security_groups.training: nothing",
            "security_groups.inference: nothing",
            "infra.find.subnets: noth",
        ],
    ),
]


@pytest.mark.parametrize(("find", "problems"), UNCLEAR)
def test_all_that_is_not_clear_is_said(aws: AWS, find: Find, problems: list[str]) -> None:
    Network(aws)
    with pytest.raises(UserError, match="is not clear") as caught:
        found(find)
    assert len(caught.value.problems) == len(problems)
    for problem in problems:
        assert problem in str(caught.value)
