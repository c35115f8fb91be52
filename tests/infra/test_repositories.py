"""Repositories of own images: which there are, what becomes of their images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from infra.grounds import BASE, ROOT, ground_of, made, properties, site_of

from dagwright.errors import ConfigurationError

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
IMAGES = f"""
images:
  sklearn: {{framework: sklearn, version: 1.2-1}}
  trainer: {REGISTRY}/acme-sm-rc-churn/deep/trainer@sha256:{"0" * 64}
  again: {REGISTRY}/acme-sm-rc-churn/deep/trainer:src-0123
  shared: {REGISTRY}/acme-sagemaker-shared/python:3.11
  theirs: {REGISTRY}/somebody/else
  elsewhere: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme-sm-rc-churn/elsewhere
  of-others: 999999999999.dkr.ecr.us-east-1.amazonaws.com/acme-sm-rc-churn/of-others
"""
TEXT = BASE + "environment_suffix: true\ninfra: {key: none}\n" + IMAGES
PLATFORM = TEXT.replace("{key: none}", "{key: none, platform: true}")


def repositories(template: Any) -> dict[str, Any]:
    found = {name: one for name, one in template.resources.items() if one["Type"] == "AWS::ECR::Repository"}
    return {one["Properties"]["RepositoryName"]: one["Properties"] for one in found.values()}


def test_each_own_image_in_this_registry_has_one(tmp_path: Path) -> None:
    assert [*repositories(made(tmp_path, TEXT))] == ["acme-sm-rc-churn/deep/trainer"]
    assert "RepositoryDeepTrainer" in made(tmp_path, TEXT).resources


def test_two_that_differ_in_their_punctuation_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        made(tmp_path, TEXT + f"  twin: {REGISTRY}/acme-sm-rc-churn/deep_trainer\n")
    assert [(one.code, one.field) for one in caught.value.problems] == [("name-clash", "images")]


def test_shared_ones_are_made_by_the_platform(tmp_path: Path) -> None:
    assert [*repositories(made(tmp_path, PLATFORM))] == [
        "acme-sagemaker-shared/python",
        "acme-sm-rc-churn/deep/trainer",
    ]


def test_what_an_environment_before_makes_is_not_made_again(tmp_path: Path) -> None:
    own = f"  late: {REGISTRY}/acme-sm-rc-churn/late\n"
    text = TEXT + f"staging:\n images:\n {own}\n"

    assert [*repositories(made(tmp_path, text, "dev"))] == ["acme-sm-rc-churn/deep/trainer"]
    assert [*repositories(made(tmp_path, text, "staging"))] == ["acme-sm-rc-churn/late"]


def test_the_example_has_one_in_each_account() -> None:
    made_by = {
        name: [*repositories(ground_of(site_of(ROOT / "config" / "project.yaml", name)))]
        for name in ("dev", "staging", "production")
    }

    assert made_by == {
        "dev": ["acme-sagemaker-shared/python", "acme-sm-rc-churn/file-report"],
        "staging": [],
        "production": ["acme-sm-rc-churn/file-report"],
    }


def test_tags_do_not_move_but_those_that_people_try_things_with(tmp_path: Path) -> None:
    (one,) = repositories(made(tmp_path, TEXT)).values()

    assert one["ImageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert [row["ImageTagMutabilityExclusionFilterValue"] for row in one["ImageTagMutabilityExclusionFilters"]] == [
        "latest",
        "dev-*",
    ]
    assert one["ImageScanningConfiguration"] == {"ScanOnPush": True}


def test_images_that_jobs_may_name_never_expire(tmp_path: Path) -> None:
    (one,) = repositories(made(tmp_path, TEXT)).values()

    rules = json.loads(one["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]

    first, tried, untagged = sorted(rules, key=lambda rule: rule["rulePriority"])
    assert first["selection"]["tagPatternList"] == ["src-*"], "whose tags fit here is left alone by the others"
    assert first["selection"]["countNumber"] == 100_000
    assert tried["selection"] | {"countNumber": 20, "tagPatternList": ["dev-*"]} == tried["selection"]
    assert untagged["selection"] == {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": 14,
    }


def test_other_accounts_may_pull_and_no_more(tmp_path: Path) -> None:
    text = TEXT.replace("{key: none}", '{key: none, registry_readers: ["444455556666"]}')
    (one,) = repositories(made(tmp_path, text)).values()

    (said,) = one["RepositoryPolicyText"]["Statement"]
    assert said["Principal"] == {"AWS": ["arn:aws:iam::444455556666:root"]}
    assert said["Action"] == ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]
    assert "RepositoryPolicyText" not in next(iter(repositories(made(tmp_path, TEXT)).values()))


def test_the_registry_copies_to_a_second_region_where_the_platform_is(tmp_path: Path) -> None:
    text = PLATFORM.replace("platform: true", "platform: true, replica_region: eu-west-1")
    (rule,) = properties(made(tmp_path, text), "RegistryReplication")["ReplicationConfiguration"]["Rules"]

    assert rule["Destinations"] == [{"Region": "eu-west-1", "RegistryId": "123456789012"}]
    assert [one["Filter"] for one in rule["RepositoryFilters"]] == ["acme-sm-rc-churn/", "acme-sagemaker-shared/"]
    assert "RegistryReplication" not in made(tmp_path, text.replace("platform: true, ", "")).resources
