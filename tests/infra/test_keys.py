"""The key, its policy and its alias."""

from __future__ import annotations

from pathlib import Path

from infra.grounds import BASE, MADE, made, properties, references, statements


def test_administrators_stay_in_and_roles_are_left_to_their_own_policies(tmp_path: Path) -> None:
    policy = properties(made(tmp_path, MADE), "Key")["KeyPolicy"]

    assert statements(policy)["AccountAdministration"] == {
        "Sid": "AccountAdministration",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        "Action": ["kms:*"],
        "Resource": ["*"],
    }
    assert references(policy) == set()
    assert ":role/" not in str(policy)


def test_it_turns_and_takes_its_time_to_go(tmp_path: Path) -> None:
    key = properties(made(tmp_path, MADE), "Key")

    assert key["EnableKeyRotation"] is True
    assert key["PendingWindowInDays"] == 30


def test_logs_are_encrypted_for_this_account_alone(tmp_path: Path) -> None:
    said = statements(properties(made(tmp_path, MADE), "Key")["KeyPolicy"])["CloudWatchLogs"]

    assert said["Principal"] == {"Service": "logs.us-east-1.amazonaws.com"}
    assert said["Condition"] == {
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:us-east-1:123456789012:log-group:*"}
    }
    # a condition by the encryption context would never be met for it
    assert "kms:DescribeKey" not in said["Action"]


def test_rules_and_alarms_may_write_to_the_topic(tmp_path: Path) -> None:
    said = statements(properties(made(tmp_path, MADE), "Key")["KeyPolicy"])

    assert "Condition" not in said["EventBridgeToTopic"]
    assert said["AlarmsToTopic"]["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_china_has_another_service_for_logs(tmp_path: Path) -> None:
    template = made(tmp_path, MADE.replace("us-east-1", "cn-north-1"))

    said = statements(properties(template, "Key")["KeyPolicy"])

    assert said["CloudWatchLogs"]["Principal"] == {"Service": "logs.cn-north-1.amazonaws.com.cn"}


def test_each_environment_has_an_alias_of_its_own(tmp_path: Path) -> None:
    text = MADE + "environment_suffix: true\nstaging: {bucket: acme-sm-rc-churn-staging}\n"

    aliases = [properties(made(tmp_path, text, name), "KeyAlias")["AliasName"] for name in ("dev", "staging")]

    assert aliases == ["alias/sagemaker-rc-churn-dev", "alias/sagemaker-rc-churn-staging"]


def test_readers_of_models_decrypt_what_they_read_in_s3(tmp_path: Path) -> None:
    template = made(tmp_path, BASE + 'infra: {registry_readers: ["444455556666"]}\n')

    said = statements(properties(template, "Key")["KeyPolicy"])["ReadersOfModels"]

    assert said["Principal"] == {"AWS": "arn:aws:iam::444455556666:root"}
    assert said["Action"] == ["kms:Decrypt", "kms:DescribeKey"]
    assert said["Condition"] == {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
