"""The rule itself: bytes in, machines out."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from dagwright.shapes import model
from dagwright.sizing import GB, RULES, Machines, Measured, Row, Rule, TooLargeError, measured, size_of

TB = 1000 * GB
LARGEST = model("sagemaker")["ProcessingVolumeSizeInGB"]["max"]


def sized(amount: int, rule: str = "standard", **words: Any) -> Machines:
    return size_of(amount, RULES[rule], largest_volume_in_gb=LARGEST, **words)


@pytest.mark.parametrize(
    ("amount", "instance_type"),
    [
        (0, "ml.m5.xlarge"),
        (10 * GB - 1, "ml.m5.xlarge"),
        (10 * GB, "ml.m5.4xlarge"),
        (100 * GB - 1, "ml.m5.4xlarge"),
        (100 * GB, "ml.m5.12xlarge"),
        (TB - 1, "ml.m5.12xlarge"),
    ],
)
def test_the_first_table_of_the_documents(amount: int, instance_type: str) -> None:
    assert (sized(amount).instance_type, sized(amount).instance_count) == (instance_type, 1)


@pytest.mark.parametrize(
    ("amount", "machines"),
    [
        (GB - 1, Machines("ml.t3.medium", 1, 10)),
        (GB, Machines("ml.t3.medium", 1, 20)),
        (10 * GB - 1, Machines("ml.t3.medium", 1, 30)),
        (10 * GB, Machines("ml.m5.large", 1, 50)),
        (100 * GB, Machines("ml.m5.xlarge", 1, 250)),
    ],
)
def test_the_second_table_on_types_that_there_are_and_volumes_that_hold_the_data(
    amount: int, machines: Machines
) -> None:
    assert sized(amount, "economy") == machines


@pytest.mark.parametrize("rule", RULES)
def test_above_1_tb_only_spark_is_sized(rule: str) -> None:
    with pytest.raises(TooLargeError, match=f"from 1,000 GB on the rule {rule} is for Spark steps only") as caught:
        sized(TB, rule)
    assert caught.value.hint == "Use Spark: docs/spark.md."
    assert sized(TB, rule, spark=True).instance_count == 4
    assert sized(TB, rule, spark=True).volume_size_in_gb == 550, "a quarter each"


def test_a_spark_step_begins_with_the_same_rows() -> None:
    assert sized(5 * GB, spark=True) == sized(5 * GB)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.name)
def test_the_tables_are_machines_that_aws_has(rule: Rule) -> None:
    shapes = model("sagemaker")
    for row in rule.rows:
        assert row.instance_type in shapes["ProcessingInstanceType"]["enum"]
        assert row.instance_count <= shapes["ProcessingInstanceCount"]["max"]
    limits = [row.below_gb for row in rule.rows[:-1]]
    assert limits == sorted(limits)  # type: ignore[type-var]


def test_a_volume_holds_the_input_twice_and_room_and_grows_in_steps() -> None:
    amounts = range(0, TB, 777_777_777)
    volumes = [sized(amount).volume_size_in_gb for amount in amounts]
    assert all(volume * GB >= 2 * amount + 5 * GB for amount, volume in zip(amounts, volumes, strict=True))
    assert all(after >= before for before, after in itertools.pairwise(volumes))
    assert volumes[0] == 30
    assert len(set(volumes)) == 29, "1 TB of growth changes the volume 28 times"


def test_a_little_growth_is_the_same_machines() -> None:
    assert sized(34_200_000_000) == sized(37_400_000_000) == Machines("ml.m5.4xlarge", 1, 80)
    assert sized(400 * GB) == sized(420 * GB) == Machines("ml.m5.12xlarge", 1, 850)


def test_machines_that_share_the_input_have_smaller_volumes() -> None:
    rule = Rule("own", (Row("ml.m5.large", instance_count=8),))
    words: dict[str, Any] = {"largest_volume_in_gb": LARGEST}
    assert size_of(80 * GB, rule, **words).volume_size_in_gb == 200
    assert size_of(80 * GB, rule, sharded=True, **words).volume_size_in_gb == 30


def test_no_volume_is_larger_than_aws_has() -> None:
    rule = Rule("own", (Row("ml.m5.large", instance_count=2),))
    words: dict[str, Any] = {"largest_volume_in_gb": LARGEST}
    assert size_of(8 * TB, rule, **words).volume_size_in_gb == LARGEST, "16,005 in steps of 500 would be too large"
    with pytest.raises(TooLargeError, match="a volume of 18,005 GB, and AWS has none above 16,384") as alone:
        size_of(9 * TB, rule, **words)
    assert "ShardedByS3Key and sharded=True" in alone.value.hint
    with pytest.raises(TooLargeError) as shared:
        size_of(20 * TB, rule, sharded=True, **words)
    assert "instance_count in sizing.own" in shared.value.hint


def test_a_rule_that_ends_says_so() -> None:
    with pytest.raises(TooLargeError, match="the rule own ends below 1,500 GB") as caught:
        size_of(2 * TB, Rule("own", (Row("ml.m5.large", 1500),)), largest_volume_in_gb=LARGEST)
    assert caught.value.hint == "Add a row to sizing.own in config/project.yaml."


def test_pages_of_objects_are_summed_without_the_markers_of_folders() -> None:
    pages = [
        {"Contents": [{"Key": "a/", "Size": 0}, {"Key": "a/1", "Size": 5}]},
        {},
        {"Contents": [{"Key": "b", "Size": 7}]},
    ]
    assert measured(pages) == Measured(12, 2)


def test_a_count_of_ones_own_shares_the_input_among_so_many() -> None:
    rule = Rule("r", (Row("ml.m5.2xlarge", below_gb=200, instance_count=4),))
    own = size_of(128_800_000_000, rule, largest_volume_in_gb=16384, sharded=True, instance_count=1)
    assert (own.instance_count, own.volume_size_in_gb) == (1, 300)
    assert size_of(128_800_000_000, rule, largest_volume_in_gb=16384, sharded=True).volume_size_in_gb == 70
