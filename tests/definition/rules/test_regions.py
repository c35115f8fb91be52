"""Regions, and images of another one."""

from __future__ import annotations

import pytest
from definition.rules.samples import REGISTRY, graph_of, processing

from dagwright.definition.rules.regions import image_region_problems, region_problems


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1", "eusc-de-east-1", ""])
def test_regions_of_every_partition_are_known(region: str) -> None:
    assert [*region_problems(region)] == []


def test_a_region_that_may_be_new_is_a_warning() -> None:
    assert [problem.severity for problem in region_problems("eu-south-7")] == ["warning"]
    (problem,) = region_problems("us-esat-one")
    assert problem.severity == "error"
    assert problem.hint.startswith("did you mean 'us-")
    assert [problem.severity for problem in region_problems("aws-global")] == ["error"]


@pytest.mark.parametrize(
    ("image", "region", "fits"),
    [
        (f"{REGISTRY}/a:1", "us-east-1", True),
        (f"{REGISTRY}/a:1", "us-west-2", False),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a", "cn-north-1", True),
        ("123456789012.dkr.ecr-fips.us-east-1.amazonaws.com/a", "us-west-2", False),
        ("123456789012.dkr-ecr.us-east-1.on.aws/a", "us-west-2", False),
        ("public.ecr.aws/a/b:1", "us-west-2", True),
        ("registry.example.com/us-east-1/a:1", "us-west-2", True),
        (f"{REGISTRY}/a:1", "", True),
    ],
)
def test_an_image_lies_in_the_region_of_the_job(image: str, region: str, fits: bool) -> None:
    graph = graph_of(processing(AppSpecification={"ImageUri": image}))
    codes = [problem.code for problem in image_region_problems(graph, region)]
    assert codes == ([] if fits else ["image-in-other-region"])
