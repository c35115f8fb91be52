"""The second Region: what is copied there, under which rights, and that restoring is an update of its stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from infra.grounds import BASE, ROOT, findings, ground_of, made, properties, site_of, statements, types, written
from pages import snippets

from dagwright.errors import ConfigurationError
from dagwright.infra.replica import replica_of
from dagwright.infra.template import Template
from dagwright.project import load_project

IMAGES = """
images:
  own: 123456789012.dkr.ecr.us-east-1.amazonaws.com/acme-sm-rc-churn/own@sha256:{0}
""".replace("{0}", "1" * 64)
INFRA = "infra: {platform: true, replica_region: eu-west-1}\n"
TEXT = BASE + INFRA + IMAGES
#: The changes of docs/disaster-recovery.md.
RESTORED = (
    TEXT.replace("us-east-1", "eu-west-1").replace(INFRA, "infra: {suffix: eu-west-1}\n")
    + "bucket: acme-sm-rc-churn-eu-west-1\n"
)


def replica(folder: Path, text: str, environment: str = "dev") -> Template:
    template = replica_of(site_of(written(folder, text), environment))
    assert template is not None
    return template


def policy(template: Template) -> dict[str, Any]:
    return statements(properties(template, "ReplicationRole")["Policies"][0]["PolicyDocument"])


def test_there_is_none_unless_a_region_is_named(tmp_path: Path) -> None:
    assert replica_of(site_of(written(tmp_path, BASE + "infra: {bucket: create}\n"))) is None


def test_the_bucket_is_copied_to_one_like_it(tmp_path: Path) -> None:
    here, there = properties(made(tmp_path, TEXT), "Bucket"), properties(replica(tmp_path, TEXT), "Bucket")

    assert there["BucketName"] == "acme-sm-rc-churn-eu-west-1"
    same = ("VersioningConfiguration", "LifecycleConfiguration", "PublicAccessBlockConfiguration", "OwnershipControls")
    assert {name: there[name] for name in same} == {name: here[name] for name in same}
    assert "ReplicationConfiguration" not in there
    (rule,) = here["ReplicationConfiguration"]["Rules"]
    assert rule["Destination"]["Bucket"] == "arn:aws:s3:::acme-sm-rc-churn-eu-west-1"
    assert rule["DeleteMarkerReplication"] == {"Status": "Enabled"}
    assert rule["SourceSelectionCriteria"] == {"SseKmsEncryptedObjects": {"Status": "Enabled"}}


def test_what_the_first_region_names_is_what_the_second_makes(tmp_path: Path) -> None:
    rules, there = properties(made(tmp_path, TEXT), "Bucket")["ReplicationConfiguration"], replica(tmp_path, TEXT)

    key = rules["Rules"][0]["Destination"]["EncryptionConfiguration"]["ReplicaKmsKeyID"]
    assert key == f"arn:aws:kms:eu-west-1:123456789012:{properties(there, 'KeyAlias')['AliasName']}"
    assert rules["Role"] == f"arn:aws:iam::123456789012:role/{properties(there, 'ReplicationRole')['RoleName']}"


def test_the_role_may_copy_and_no_more(tmp_path: Path) -> None:
    said = policy(replica(tmp_path, TEXT))

    assert said["ReadVersions"]["Resource"] == ["arn:aws:s3:::acme-sm-rc-churn/*"]
    assert said["WriteCopies"]["Resource"] == ["arn:aws:s3:::acme-sm-rc-churn-eu-west-1/*"]
    assert said["EncryptCopies"]["Resource"] == [{"Fn::GetAtt": ["Key", "Arn"]}]
    assert said["EncryptCopies"]["Condition"] == {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}
    assert said["DecryptVersions"]["Condition"] == {
        "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/sagemaker-rc-churn"},
    }


def test_a_key_that_is_named_is_decrypted_with_by_its_arn(tmp_path: Path) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    said = policy(replica(tmp_path, TEXT + f"keys: {{output: {key}}}\n"))

    assert said["DecryptVersions"]["Resource"] == [key]
    assert "ForAnyValue:StringEquals" not in said["DecryptVersions"]["Condition"]


def test_without_a_key_nothing_of_keys_is_said(tmp_path: Path) -> None:
    text = TEXT.replace("platform: true", "platform: true, key: none")

    assert types(replica(tmp_path, text)) == ["S3::Bucket", "S3::BucketPolicy", "ECR::Repository", "IAM::Role"]
    assert {*policy(replica(tmp_path, text))} == {"ReadRules", "ReadVersions", "WriteCopies"}
    (rule,) = properties(made(tmp_path, text), "Bucket")["ReplicationConfiguration"]["Rules"]
    assert "SourceSelectionCriteria" not in rule
    assert "EncryptionConfiguration" not in rule["Destination"]


def test_images_are_copied_where_the_platform_copies_them(tmp_path: Path) -> None:
    assert properties(replica(tmp_path, TEXT), "RepositoryOwn")["RepositoryName"] == "acme-sm-rc-churn/own"
    assert "RepositoryOwn" not in replica(tmp_path, TEXT.replace("platform: true, ", "")).resources


def test_a_shared_bucket_has_one_replica(tmp_path: Path) -> None:
    assert replica_of(site_of(written(tmp_path, TEXT), "staging")) is None


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1"])
def test_nothing_is_found_in_it(region: str, tmp_path: Path) -> None:
    second = {"us-east-1": "eu-west-1", "cn-north-1": "cn-northwest-1", "us-gov-west-1": "us-gov-east-1"}[region]
    text = TEXT.replace("us-east-1", region).replace("eu-west-1", second)

    template = replica(tmp_path, text)

    assert findings(template, second) == []
    assert "arn:aws:" not in template.text() or region == "us-east-1"


def test_a_name_that_the_second_region_makes_too_long_is_told_before(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_project(written(tmp_path, TEXT + f"bucket: {'b' * 54}\n"), "dev")

    assert {(one.code, one.field) for one in caught.value.problems} == {("name-too-long", "infra.replica_region")}
    load_project(written(tmp_path, TEXT + f"bucket: {'b' * 53}\n"), "dev")


class TestRestored:
    """docs/disaster-recovery.md: the same configuration, with the second Region."""

    def test_the_stack_there_goes_on_under_its_ids_and_names(self, tmp_path: Path) -> None:
        before = replica(tmp_path, TEXT)
        after = made(tmp_path, RESTORED)

        assert findings(after, "eu-west-1") == []
        for name in ("Key", "KeyAlias", "Bucket", "BucketPolicy", "RepositoryOwn"):
            assert after.resources[name] == before.resources[name], f"{name} is neither replaced nor made a second time"
        assert {*before.resources} - {*after.resources} == {"ReplicationRole"}
        assert after.kept > before.kept

    def test_it_has_the_same_stack_name_and_roles_of_its_own(self, tmp_path: Path) -> None:
        first = load_project(written(tmp_path, TEXT), "dev")
        again = load_project(written(tmp_path, RESTORED), "dev")

        assert again.infra.stack == first.infra.stack
        assert first.role.endswith(":role/SageMaker-Rc-Churn-ExecutionRole")
        assert again.role.endswith(":role/SageMaker-Rc-Churn-Eu-West-1-ExecutionRole")
        assert again.stem == "rc-churn-eu-west-1"
        assert again.pipeline_name("training") == first.pipeline_name("training")
        assert again.image("own").partition("@")[2] == first.image("own").partition("@")[2]

    def test_production_of_the_example_is_restored_by_what_the_page_says(self, tmp_path: Path) -> None:
        section = snippets("disaster-recovery", "yaml")[1]
        text = (ROOT / "config" / "project.yaml").read_text(encoding="utf-8")
        start = text.index("\nproduction:")
        before = replica(tmp_path, text, "production")

        site = site_of(written(tmp_path, text[:start] + "\n" + section), "production")
        after = ground_of(site)

        assert site.project.region == "us-west-2"
        assert findings(after, "us-west-2") == []
        for name in ("Key", "KeyAlias", "Bucket", "BucketPolicy", "RepositoryFileReport"):
            assert after.resources[name] == before.resources[name]
