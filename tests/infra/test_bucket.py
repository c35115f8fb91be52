"""The bucket: what its policy refuses, what expires, who makes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from infra.grounds import BASE, MADE, made, properties, statements

from dagwright.errors import ConfigurationError
from dagwright.infra.template import Template
from dagwright.project import load_project

KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
KEY = f"arn:aws:kms:us-east-1:123456789012:key/{KEY_ID}"
OTHER = KEY.replace("1234abcd", "5678abcd")
ALGORITHM, KEY_HEADER, CUSTOMER = (
    f"s3:x-amz-server-side-encryption{end}" for end in ("", "-aws-kms-key-id", "-customer-algorithm")
)
TLS = {"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}


def is_true(operator: str, given: str | None, wanted: Any) -> bool:
    """IAM's comparison of one key of a request, as far as these policies use it. A negated one is true of what is not
    there, every other false."""
    values = [str(one) for one in (wanted if isinstance(wanted, list) else [wanted])]
    if operator == "Null":
        return values == [str(given is None).lower()]
    if operator == "StringNotEquals":
        return given is None or given not in values
    if operator == "NumericLessThan":
        return given is not None and float(given) < float(values[0])
    assert operator in ("StringEquals", "Bool")
    return given in values


def refused(template: Template, request: Mapping[str, str], action: str = "s3:PutObject") -> list[str]:
    """The statements that refuse a request, of which these are the condition keys."""
    said = statements(properties(template, "BucketPolicy")["PolicyDocument"])
    return [
        sid
        for sid, one in said.items()
        if one["Effect"] == "Deny"
        and (action in one["Action"] or one["Action"] == ["s3:*"])
        and all(
            is_true(operator, {**TLS, **request}.get(key), wanted)
            for operator, keys in one["Condition"].items()
            for key, wanted in keys.items()
        )
    ]


class TestPolicy:
    @pytest.fixture
    def with_key(self, tmp_path: Path) -> Template:
        return made(tmp_path, BASE + f"infra: {{bucket: create}}\nkeys: {{output: {KEY}}}\n")

    def test_an_upload_that_says_nothing_takes_the_default(self, with_key: Template) -> None:
        assert refused(with_key, {}) == []

    def test_uploads_with_the_key_pass(self, with_key: Template) -> None:
        assert refused(with_key, {ALGORITHM: "aws:kms", KEY_HEADER: KEY}) == []

    @pytest.mark.parametrize(
        ("request_", "by"),
        [
            ({ALGORITHM: "AES256"}, ["OnlyEncryptedByKms"]),
            ({ALGORITHM: "aws:kms"}, ["OnlyWithKeyNamed"]),
            ({ALGORITHM: "aws:kms", KEY_HEADER: OTHER}, ["OnlyThisKey"]),
            ({ALGORITHM: "aws:kms", KEY_HEADER: "arn:aws:kms:us-east-1:123456789012:alias/aws/s3"}, ["OnlyThisKey"]),
            ({CUSTOMER: "AES256"}, ["NoKeysOfCallers"]),
        ],
    )
    def test_uploads_with_another_key_are_refused(
        self, with_key: Template, request_: dict[str, str], by: list[str]
    ) -> None:
        assert refused(with_key, request_) == by

    def test_only_new_tls_comes_in(self, with_key: Template) -> None:
        assert refused(with_key, {"aws:SecureTransport": "false"}, "s3:GetObject") == ["TlsOnly"]
        assert refused(with_key, {"s3:TlsVersion": "1.1"}, "s3:ListBucket") == ["Tls12AtLeast"]
        assert refused(with_key, {}, "s3:GetObject") == []

    def test_a_key_by_its_id_is_named_by_uploads_as_the_file_names_it(self, tmp_path: Path) -> None:
        template = made(tmp_path, BASE + f"infra: {{bucket: create}}\nkeys: {{output: {KEY_ID}}}\n")

        assert refused(template, {ALGORITHM: "aws:kms", KEY_HEADER: KEY_ID}) == []
        assert refused(template, {ALGORITHM: "aws:kms", KEY_HEADER: KEY}) == []
        assert refused(template, {ALGORITHM: "aws:kms", KEY_HEADER: OTHER}) == ["OnlyThisKey"]

    def test_a_key_by_its_alias_cannot_be_told_from_others(self, tmp_path: Path) -> None:
        template = made(tmp_path, BASE + "infra: {bucket: create}\nkeys: {output: alias/theirs}\n")

        assert refused(template, {ALGORITHM: "aws:kms", KEY_HEADER: OTHER}) == []
        assert refused(template, {ALGORITHM: "AES256"}) == ["OnlyEncryptedByKms"]
        default = properties(template, "Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
        assert default["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == (
            "arn:aws:kms:us-east-1:123456789012:alias/theirs"
        )

    def test_without_a_key_s3_encrypts_with_its_own(self, tmp_path: Path) -> None:
        template = made(tmp_path, BASE + "infra: {key: none}\n")

        assert properties(template, "Bucket")["BucketEncryption"] == {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        }
        assert refused(template, {ALGORITHM: "AES256"}) == []

    def test_only_readers_of_models_are_let_in(self, tmp_path: Path) -> None:
        template = made(tmp_path, BASE + 'infra: {registry_readers: ["444455556666"]}\n')

        said = statements(properties(template, "BucketPolicy")["PolicyDocument"])
        allowed = [one for one in said.values() if one["Effect"] == "Allow"]

        assert [(one["Action"], one["Resource"]) for one in allowed] == [
            (["s3:GetObject"], ["arn:aws:s3:::acme-sm-rc-churn/models/*"])
        ]


class TestLifecycle:
    def test_only_what_can_be_made_again_expires(self, tmp_path: Path) -> None:
        template = made(tmp_path, BASE + "infra: {expire: {processed: 7, pipelines: 8, noncurrent: 9}}\n")

        rules = properties(template, "Bucket")["LifecycleConfiguration"]["Rules"]

        assert {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules if "ExpirationInDays" in rule} == {
            "processed/": 7,
            "pipelines/": 8,
        }
        others = [rule for rule in rules if "ExpirationInDays" not in rule]
        assert others[0]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 9}
        assert others[1]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}

    @pytest.mark.parametrize(("going", "staying"), [("data", "data/raw"), ("all", "all")])
    def test_a_layout_in_which_data_would_expire_is_refused(self, going: str, staying: str, tmp_path: Path) -> None:
        made(tmp_path, MADE)
        path = tmp_path / "config" / "project.yaml"
        path.write_text(MADE + f"layout: {{processed: {going}, raw: {staying}}}\n", encoding="utf-8")

        with pytest.raises(ConfigurationError) as caught:
            load_project(path, "dev")

        assert {(one.code, one.field) for one in caught.value.problems} == {("bad-value", "layout.raw")}

    def test_a_name_that_begins_alike_is_another_place(self, tmp_path: Path) -> None:
        made(tmp_path, MADE + "layout: {processed: data, raw: data-in}\n")


class TestSharing:
    TEXT = BASE + "environment_suffix: true\ninfra: {bucket: create}\n"

    def test_the_first_environment_makes_it(self, tmp_path: Path) -> None:
        text = self.TEXT + f"keys: {{output: {KEY}}}\n"

        assert "Bucket" in made(tmp_path, text, "dev").resources
        assert "Bucket" not in made(tmp_path, text, "staging").resources

    def test_another_key_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError) as caught:
            made(tmp_path, self.TEXT, "staging")

        (problem,) = caught.value.problems
        assert problem.code == "shared-bucket"
        assert "keys.output" in problem.hint

    def test_the_key_of_the_first_may_be_named_once_it_is_known(self, tmp_path: Path) -> None:
        (tmp_path / "config" / "outputs").mkdir(parents=True)
        (tmp_path / "config" / "outputs" / "dev.json").write_text(f'{{"key": "{KEY}"}}', encoding="utf-8")

        made(tmp_path, self.TEXT + f"staging: {{keys: {{output: {KEY}}}}}\n", "staging")
        with pytest.raises(ConfigurationError):
            made(tmp_path, self.TEXT + f"staging: {{keys: {{output: {OTHER}}}}}\n", "staging")
