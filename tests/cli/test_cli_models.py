"""`models`, `approve` and `reject`, on this machine and on AWS."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from cli.deploying import Site, site

from dagwright.engines.local.database import Database
from dagwright.engines.local.registry import Registry
from dagwright.engines.local.scope import Account, RunScope
from dagwright.engines.local.store import Store

__all__ = ["site"]

STEPS = itertools.count(1)
"""A step registers the same once in an execution."""
STARTED = "2026-11-21T10:00:00.000Z"
EVALUATION = "s3://acme-sm-rc-churn/metrics/e1/evaluation.json"
METRICS = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": EVALUATION}}}


def register(deploy: Any, count: int = 1, group: str = "rc-churn", **members: Any) -> None:
    """Packages as runs of a pipeline on this machine would put them there."""
    database = Database(deploy.folder / ".dagwright" / "record.sqlite3")
    store = Store(deploy.folder / ".dagwright" / "s3")
    scope = RunScope(None, store, Account(), "uuwkqcbosp8h", "training", STARTED, lambda: STARTED, {}, {}, "j")  # type: ignore[arg-type]
    for _ in range(count):
        Registry(database, store).create_model_package(
            f"Register{next(STEPS)}", scope, {"ModelPackageGroupName": group, "ModelMetrics": METRICS, **members}
        )
    store.put_bytes(b'{"auc": {"value": 0.75}, "loss": {"value": 0.5}}', EVALUATION)
    database.close()


def test_the_packages_of_the_project_are_listed_newest_first(deploy: Any) -> None:
    nothing = deploy("models")
    assert (nothing.returncode, nothing.stdout) == (
        0, "rc-churn has no model packages yet: a register step puts them there.\n"
    )  # fmt: skip
    assert deploy.json("models") == {"ModelPackageSummaryList": []}
    register(deploy, 1, group="theirs")
    assert deploy("models").stdout.endswith("puts them there. Others here: theirs (--group).\n")
    register(deploy, 2, CustomerMetadataProperties={"Commit": "0123456789abcdef-modified"})
    lines = deploy("models").stdout.splitlines()
    assert lines[0] == "rc-churn"
    assert lines[1].split() == ["version", "approval", "status", "metrics", "execution", "commit", "created", "reason"]
    assert lines[2].split()[:4] == ["2", "PendingManualApproval", "Completed", "auc"]
    for part in ("auc 0.75, loss 0.5", "uuwkqcbosp8h", "0123456789ab-modified"):
        assert part in lines[2]
    assert lines[3].split()[0] == "1"
    listed = deploy.json("models", "--limit", "1")["ModelPackageSummaryList"]
    assert [item["ModelPackageVersion"] for item in listed] == [2]
    assert listed[0]["Metrics"] == [{"MetricName": "auc", "Value": 0.75}, {"MetricName": "loss", "Value": 0.5}]
    assert listed[0]["PipelineExecutionArn"] == "uuwkqcbosp8h"


def test_everything_about_one_package(deploy: Any) -> None:
    register(deploy, ModelPackageDescription="first", CustomerMetadataProperties={"Commit": "c1"})
    text = deploy("models", "1").stdout
    assert text.startswith("rc-churn/1  PendingManualApproval\n")
    for part in ("first", "c1", "auc 0.75", EVALUATION, "uuwkqcbosp8h", 'approve rc-churn/1 --reason "…"'):
        assert part in text
    whole = deploy.json("models", "1")
    assert (whole["ModelPackageDescription"], whole["ModelMetrics"]) == ("first", METRICS)
    assert deploy.json("models", whole["ModelPackageArn"]) == whole


def test_metrics_that_cannot_be_read_are_said_once(deploy: Any) -> None:
    register(deploy, 2)
    deploy.stored(EVALUATION).unlink()
    done = deploy("models")
    assert done.returncode == 0
    assert done.stderr.startswith("no metrics of rc-churn/2: ")
    assert done.stderr.endswith(", and 1 more\n")
    assert "cannot be read" in deploy("models", "1").stdout


def test_a_decision_says_what_was_and_what_is(deploy: Any) -> None:
    register(deploy, 2)
    done = deploy("approve", "2", "--reason", "better than 1")
    assert (done.returncode, done.stdout) == (0, "rc-churn/2: PendingManualApproval -> Approved (better than 1)\n")
    before = deploy.json("models", "2")
    again = deploy("approve", "rc-churn/2", "--reason", "better than 1")
    assert (again.returncode, again.stdout) == (
        0, "rc-churn/2 is Approved (better than 1) already; nothing was changed.\n"
    )  # fmt: skip
    assert deploy.json("models", "2") == before
    taken_back = deploy.json("reject", before["ModelPackageArn"], "--reason", "it was not")
    assert taken_back["Changed"] is True
    assert taken_back["Before"] == {"ModelApprovalStatus": "Approved", "ApprovalDescription": "better than 1"}
    assert (taken_back["ModelApprovalStatus"], taken_back["ApprovalDescription"]) == ("Rejected", "it was not")
    assert "it was not" in deploy("models").stdout


WRONG = {
    "no such version": (["models", "9"], "There is no model package rc-churn/9", "its group's newest: 1 (Pending"),
    "no such group": (["models", "--group", "rc-chrn"], "no model package group 'rc-chrn'", "did you mean 'rc-churn'?"),
    "no such group's version": (["approve", "rc-chrn/1", "--reason", "x"], "rc-chrn/1", "did you mean 'rc-churn'?"),
    "no name": (["reject", "newest", "--reason", "x"], "'newest' names no model package", "group/version"),
    "no reason": (["approve", "1", "--reason", " "], "--reason says nothing", "Write why"),
    "a long reason": (["approve", "1", "--reason", "x" * 1025], "1025 characters; AWS keeps 1024", "Shorten it."),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_is_said_with_what_to_write(case: str, deploy: Any) -> None:
    register(deploy)
    words, what, hint = WRONG[case]
    done = deploy(*words)
    assert done.returncode == 64
    assert what in done.stderr
    assert hint in done.stderr
    assert "PendingManualApproval" in deploy("models").stdout, "nothing was decided"


def test_without_a_project_the_only_group_is_meant(deploy: Any) -> None:
    register(deploy)
    (deploy.folder / "config" / "project.yaml").unlink()
    assert deploy("models").stdout.startswith("rc-churn\n")
    register(deploy, group="other")
    done = deploy("models")
    assert done.returncode == 64
    assert "groups here: other, rc-churn" in done.stderr
    assert deploy("approve", "other/1", "--reason", "x").returncode == 0


@pytest.mark.foreign("model-package/rc-chrn/1")
def test_the_same_words_work_on_aws(site: Site) -> None:
    assert site("models").out.startswith("rc-churn has no model packages yet")
    sagemaker = site.aws.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="rc-churn")
    sagemaker.create_model_package(ModelPackageGroupName="rc-churn", ModelApprovalStatus="PendingManualApproval")
    assert "PendingManualApproval" in site("models").out
    assert site.aws.writes == []
    done = site("approve", "1", "--reason", "good")
    assert (done.code, done.out) == (0, "rc-churn/1: PendingManualApproval -> Approved (good)\n")
    assert site.aws.writes == ["UpdateModelPackage"]
    (arn,) = [call["ModelPackageArn"] for call in site.aws.of("UpdateModelPackage")]
    described = sagemaker.describe_model_package(ModelPackageName=arn)
    assert (described["ModelApprovalStatus"], described["ApprovalDescription"]) == ("Approved", "good")
    again = site("approve", "1", "--reason", "good")
    assert (again.code, again.out) == (0, "rc-churn/1 is Approved (good) already; nothing was changed.\n")
    assert site.aws.writes == []
    assert site("models", "1", "--json").json["CreationTime"].endswith("Z")
    missing = site("models", "--group", "rc-chrn")
    assert missing.code == 64
    assert "did you mean 'rc-churn'?" in missing.err
    assert not (site.folder / ".dagwright").exists()


def test_nothing_is_decided_in_an_account_that_is_not_the_environments(site: Site) -> None:
    done = site("approve", "1", "--reason", "good", env="production")
    assert done.code == 1
    assert "production is in the account 444455556666" in done.err
    assert site.aws.writes == []


def test_what_aws_refuses_is_said_with_what_to_do(site: Site) -> None:
    site.aws.fail("denied", "ListModelPackages")
    done = site("models")
    assert done.code == 1
    assert "The model registry cannot be read: as the test wants it (AccessDeniedException)" in done.err
    assert "permission" in done.err
