"""The words of the model registry, and the registry of local runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dagwright.definition.graph import read_definition
from dagwright.engines.local.database import Database
from dagwright.engines.local.registry import Registry
from dagwright.engines.local.scope import Account, RunScope
from dagwright.engines.local.store import Store
from dagwright.engines.registry import (
    APPROVED,
    LARGEST_EVALUATION,
    REJECTED,
    ModelPackage,
    PackageName,
    check_reason,
    read_evaluation,
    read_package_name,
)
from dagwright.errors import StorageError, UsageError
from dagwright.shapes import model

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn/3"


def test_a_package_is_named_by_its_version_its_group_or_its_arn() -> None:
    assert read_package_name("3", "churn") == PackageName("churn", 3)
    assert read_package_name("other/12", "churn") == PackageName("other", 12)
    assert read_package_name(ARN, "churn") == PackageName(arn=ARN)
    assert [str(read_package_name(text, "churn")) for text in ("3", ARN)] == ["churn/3", ARN]


@pytest.mark.parametrize("text", ["", "x", "churn/", "churn/x", "0", "-1", "1.0", "²", "9" * 10, "churn/0", "/3"])
def test_what_names_no_package_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="names no model package"):
        read_package_name(text, "churn")


def test_a_reason_is_held_to_what_aws_keeps() -> None:
    most = model("sagemaker")["ApprovalDescription"]["max"]
    check_reason("é" * most)
    for reason, part in (
        ("é" * (most + 1), f"has {most + 1} characters; AWS keeps {most}"),
        (" ", "says nothing"),
        ("one\ntwo", "several lines"),
        ("half \ud800", "not UTF-8"),
    ):
        with pytest.raises(UsageError, match=part):
            check_reason(reason)


def test_the_decisions_are_the_services() -> None:
    assert {APPROVED, REJECTED} < set(model("sagemaker")["ModelApprovalStatus"]["enum"])


def test_what_made_a_package_is_read_from_its_properties_or_from_what_the_service_notes() -> None:
    noted = {"ModelPackageArn": ARN, "MetadataProperties": {"CommitId": "c0", "GeneratedBy": "arn:execution/e0"}}
    package = ModelPackage(noted)
    assert (package.commit, package.execution, package.name) == ("c0", "arn:execution/e0", ARN)
    own = {"Commit": "c1", "PipelineExecutionArn": "arn:execution/e1"}
    package = ModelPackage({**noted, "CustomerMetadataProperties": own})
    assert (package.commit, package.execution) == ("c1", "arn:execution/e1")
    assert ModelPackage(noted, made_by="e2").execution == "e2"


def test_numbers_of_an_evaluation_are_read_at_any_depth() -> None:
    report = {
        "binary_classification_metrics": {
            "confusion_matrix": {"0": {"0": 5, "1": 1}},
            "auc": {"value": 0.9, "standard_deviation": "NaN"},
            "count": {"value": 4},
            "good": {"value": True},
            "many": {"value": 1 << 60},
        }
    }
    assert read_evaluation(json.dumps(report)).numbers == (("auc", 0.9), ("count", 4.0))
    deep = '{"a":' * 3000 + '{"value": 1}' + "}" * 3000
    assert read_evaluation(deep).numbers in ((("a", 1.0),), ()), "it is read or given up, and never fails"
    assert "it is no JSON" in read_evaluation(b"\xff\xfe").unread


def test_a_number_without_end_is_null_for_programs() -> None:
    package = ModelPackage({"ModelPackageArn": ARN}, read_evaluation('{"loss": {"value": NaN}}'))
    assert package.summary()["Metrics"] == [{"MetricName": "loss", "Value": None}]


class Keeper:
    """A local registry, and what puts packages into it."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.store = Store(folder / "s3")
        self.database = Database(folder / "record.sqlite3", read_only=read_only)
        self.registry = Registry(self.database, self.store)

    def register(self, group: str = "churn", **members: Any) -> dict[str, Any]:
        graph = read_definition({"Version": "2020-12-01", "Steps": []})
        scope = RunScope(
            graph, self.store, Account(), "e1", "training", "", lambda: "2026-11-21T10:00:00.000Z", {}, {}, "j"
        )
        return self.registry.create_model_package("Register", scope, {"ModelPackageGroupName": group, **members})


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    kept = Keeper(tmp_path)
    yield kept
    kept.database.close()


def test_what_was_registered_before_the_run_was_killed_is_not_registered_again(keeper: Keeper) -> None:
    first = keeper.register(CustomerMetadataProperties={"Commit": "c1"})
    assert keeper.register(CustomerMetadataProperties={"Commit": "c1"}) == first
    (package,) = keeper.registry.packages("churn", 9)
    keeper.registry.decide(package, APPROVED, "good")
    again = keeper.register(CustomerMetadataProperties={"Commit": "c1"}, ModelApprovalStatus="PendingManualApproval")
    assert (again["ModelPackageArn"], again["ModelApprovalStatus"]) == (first["ModelPackageArn"], APPROVED)
    assert keeper.register(CustomerMetadataProperties={"Commit": "c2"})["ModelPackageVersion"] == 2


def metrics_at(uri: str) -> dict[str, Any]:
    return {"ModelMetrics": {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": uri}}}}


def test_packages_come_newest_first_with_their_numbers_and_their_execution(keeper: Keeper) -> None:
    keeper.store.put_bytes(b'{"auc": {"value": 0.75}}', "s3://bucket/e.json")
    keeper.register()
    keeper.register(**metrics_at("s3://bucket/e.json"))
    keeper.register("other")
    packages = keeper.registry.packages("churn", 20)
    assert [package.name for package in packages] == ["churn/2", "churn/1"]
    assert packages[0].evaluation.numbers == (("auc", 0.75),)
    assert packages[0].execution == "e1"
    assert packages[0].summary()["PipelineExecutionArn"] == "e1"
    assert [package.name for package in keeper.registry.packages("churn", 1)] == ["churn/2"]
    assert keeper.registry.packages("nothing", 20) == []
    assert keeper.registry.groups() == ["churn", "other"]


@pytest.mark.parametrize(
    ("content", "part"), [(None, "cannot be read"), (b"no", "no JSON"), (b" " * (LARGEST_EVALUATION + 1), "1 MiB")]
)
def test_an_evaluation_that_cannot_be_read_is_said_and_does_no_harm(
    keeper: Keeper, content: bytes | None, part: str
) -> None:
    if content is not None:
        keeper.store.put_bytes(content, "s3://bucket/e.json")
    keeper.register(**metrics_at("s3://bucket/e.json"))
    (package,) = keeper.registry.packages("churn", 20)
    assert package.evaluation.numbers == ()
    assert part in package.evaluation.unread


def test_an_evaluation_address_that_leads_out_of_the_store_is_not_followed(keeper: Keeper) -> None:
    keeper.register(**metrics_at("s3://bucket/../../record.sqlite3"))
    (package,) = keeper.registry.packages("churn", 20)
    assert "would leave the bucket's folder" in package.evaluation.unread


def test_a_decision_is_kept_as_the_service_keeps_it(keeper: Keeper, tmp_path: Path) -> None:
    created = keeper.register(CustomerMetadataProperties={"Commit": "c"})
    before = keeper.registry.package(PackageName("churn", 1))
    assert (before.approval, before.reason) == ("PendingManualApproval", "")
    after = keeper.registry.decide(before, APPROVED, "good enough")
    keeper.registry.decide(after, REJECTED, "it was not")
    content = keeper.registry.package(PackageName(arn=created["ModelPackageArn"])).content
    assert content["LastModifiedTime"] > created["CreationTime"]
    expected = {"ModelApprovalStatus": "Rejected", "ApprovalDescription": "it was not"}
    assert content == {**created, **expected, "LastModifiedTime": content["LastModifiedTime"]}
    assert keeper.database.rows("model_packages", columns="status") == [{"status": "Rejected"}]
    reader = Keeper(tmp_path, read_only=True)
    kept = reader.registry.package(PackageName("churn", 1))
    assert kept.reason == "it was not"
    with pytest.raises(StorageError, match="readonly"):
        reader.registry.decide(kept, APPROVED, "after all")
    reader.database.close()


def test_a_package_that_is_not_there_is_answered_with_those_that_are(keeper: Keeper) -> None:
    for number in range(5):
        keeper.register(CustomerMetadataProperties={"Commit": f"c{number}"})
    keeper.registry.decide(keeper.registry.package(PackageName("churn", 5)), APPROVED, "good")
    with pytest.raises(UsageError, match="no model package churn/9") as refused:
        keeper.registry.package(PackageName("churn", 9))
    assert (
        refused.value.hint == "its group's newest: 5 (Approved), 4 (PendingManualApproval), 3 (PendingManualApproval)"
    )
    with pytest.raises(UsageError) as refused:
        keeper.registry.package(PackageName("chrn", 1))
    assert refused.value.hint == "did you mean 'churn'?"
    with pytest.raises(UsageError, match="no model package arn:"):
        keeper.registry.package(PackageName(arn=ARN))
