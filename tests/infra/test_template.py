"""The template as data: what is added is there, once, and its text is always the same."""

from __future__ import annotations

import json

import pytest

from dagwright.errors import InternalError
from dagwright.infra.template import Template, get_att, logical_id, ref


def test_what_is_not_said_is_left_out_at_every_depth() -> None:
    template = Template("for a test")
    template.add("Rule", "AWS::Events::Rule", {"Name": None, "Targets": [{"Id": "a", "Input": None}], "State": ""})
    assert template.as_json()["Resources"]["Rule"]["Properties"] == {"Targets": [{"Id": "a"}], "State": ""}


def test_what_is_kept_outlives_the_stack_but_not_a_creation_that_failed() -> None:
    template = Template("for a test")
    template.add("Bucket", "AWS::S3::Bucket", {}, kept=True)
    template.add("Policy", "AWS::S3::BucketPolicy", {"Bucket": ref("Bucket")}, after=["Bucket"])
    bucket, policy = template.as_json()["Resources"].values()
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")
    assert policy["DependsOn"] == ["Bucket"]
    assert "DeletionPolicy" not in policy
    assert template.kept == {"Bucket"}


def test_two_resources_of_one_name_are_refused() -> None:
    template = Template("for a test")
    template.add("Key", "AWS::KMS::Key", {})
    with pytest.raises(InternalError, match="called Key"):
        template.add("Key", "AWS::KMS::Key", {})


def test_a_part_of_it_is_a_template_without_outputs() -> None:
    template = Template("for a test")
    template.add("Key", "AWS::KMS::Key", {})
    template.add("Topic", "AWS::SNS::Topic", {"KmsMasterKeyId": get_att("Key", "Arn")})
    template.output("KeyArn", get_att("Key", "Arn"), "the key")
    assert [*template.only(["Key"]).as_json()] == ["AWSTemplateFormatVersion", "Description", "Resources"]
    assert [*template.only(["Key"]).resources] == ["Key"]


def test_its_text_reads_back_as_it_is() -> None:
    template = Template("Überwachung")
    template.add("Topic", "AWS::SNS::Topic", {"TopicName": "rc-churn-alerts"})
    assert json.loads(template.text()) == template.as_json()
    assert "Überwachung" in template.text()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("repository", "file-report"), "RepositoryFileReport"),
        (("Rule", "rc_churn.x"), "RuleRcChurnX"),
        (("a", "é1"), "A1"),
    ],
)
def test_ids_have_letters_and_digits_alone(words: tuple[str, ...], expected: str) -> None:
    assert logical_id(*words) == expected
