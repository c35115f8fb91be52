"""`upload`: into the local store, and into the bucket of an AWS environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from aws import AWS


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.csv").write_text("a\n")
    (folder / "deep" / "b.csv").write_text("b\n")
    return folder


def test_a_folder_keeps_its_names(deploy: Any, data: Path) -> None:
    done = deploy("upload", str(data), "--to", "raw/uploads")
    assert done.returncode == 0
    assert done.stdout.split() == [
        "s3://acme-sm-rc-churn/raw/uploads/a.csv",
        "s3://acme-sm-rc-churn/raw/uploads/deep/b.csv",
    ]
    stored = deploy.stored("s3://acme-sm-rc-churn/raw/uploads/deep/b.csv")
    assert stored.read_text() == "b\n"
    (data / "deep" / "b.csv").write_text("changed\n")
    assert stored.read_text() == "b\n", "it is a copy"


def test_a_file_lands_below_a_prefix_or_at_its_own_address(deploy: Any, data: Path) -> None:
    file = str(data / "a.csv")
    assert deploy("upload", file, "--to", "s3://other/in").stdout == "s3://other/in/a.csv\n"
    assert deploy("upload", file, "--to", "s3://other/in/a.csv").stdout == "s3://other/in/a.csv\n"
    assert deploy("upload", file, "--to", "s3://other/in/b.csv").stdout == "s3://other/in/b.csv\n"
    below = deploy.json("upload", file, "--to", "s3://third/in/a.csv/")
    assert below == {"objects": ["s3://third/in/a.csv/a.csv"], "bytes": 2}


def test_what_cannot_be_uploaded_is_said(deploy: Any, data: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for words, part in (
        (["nowhere.csv", "--to", "raw"], "There is no file or folder nowhere.csv"),
        ([str(empty), "--to", "raw"], "holds no files"),
        ([str(data / "a.csv"), str(data / "deep" / ".." / "a.csv"), "--to", "raw"], "would both become"),
        ([str(data), "--to", "s3://b1c/../../../x"], "would leave the bucket's folder"),
        ([str(data), "--to", "s3://No_Bucket/x"], "names no possible bucket"),
    ):
        done = deploy("upload", *words)
        assert done.returncode == 1, words
        assert part in done.stderr


def test_an_aws_environment_gets_it_encrypted_with_the_projects_key(deploy: Any, data: Path, aws: AWS) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="acme-sm-rc-churn-staging")
    done = deploy("upload", str(data / "a.csv"), "--to", "raw/uploads", "--env", "staging")
    assert done.returncode == 0, done.stderr
    head = s3.head_object(Bucket="acme-sm-rc-churn-staging", Key="raw/uploads/a.csv")
    assert head["ServerSideEncryption"] == "aws:kms"
    assert head["SSEKMSKeyId"] == "alias/sagemaker-rc-churn"
    assert not (deploy.folder / ".dagwright").exists()


@pytest.mark.foreign(":::acme-sm-rc-churn-staging/raw/a.csv")
def test_what_s3_refuses_is_said_with_what_to_do(deploy: Any, data: Path, aws: AWS) -> None:
    words = ("upload", str(data / "a.csv"), "--to", "raw", "--env", "staging")
    done = deploy(*words)
    assert done.returncode == 1
    assert "could not be put at s3://acme-sm-rc-churn-staging/raw/a.csv" in done.stderr
    assert "There is no such bucket: create it, or correct the bucket in config/project.yaml." in done.stderr
    aws.fail("denied", "PutObject")
    assert "Ask for this permission" in deploy(*words).stderr


def test_another_accounts_credentials_upload_nothing(deploy: Any, data: Path, aws: AWS) -> None:
    done = deploy("upload", str(data / "a.csv"), "--to", "raw", "--env", "production")
    assert done.returncode == 1
    assert "production is in the account 444455556666" in done.stderr
    assert aws.operations == ["GetCallerIdentity"]


def test_a_profile_that_is_not_there_is_said(deploy: Any, data: Path, aws: AWS) -> None:
    words = ("upload", str(data / "a.csv"), "--to", "raw", "--env", "staging")
    done = deploy(*words, variables={"AWS_PROFILE": "nobody-has-this"})
    assert done.returncode == 1
    assert "AWS_PROFILE names a profile" in done.stderr
    assert "bug" not in done.stderr
