"""The model registry of SageMaker, against moto; what moto does not do, through botocore's Stubber."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
from aws import AWS
from botocore.stub import ANY, Stubber

from dagwright.engines.aws.clients import Clients
from dagwright.engines.registry import APPROVED, LARGEST_EVALUATION, REJECTED, PackageName
from dagwright.engines.sagemaker.registry import Registry
from dagwright.errors import AWSError, UsageError

REGION = "eu-west-1"
PACKAGES = f"arn:aws:sagemaker:{REGION}:123456789012:model-package"


class Account:
    """An account's registry, and what puts packages into it behind its back."""

    def __init__(self, aws: AWS) -> None:
        self.aws = aws
        self.registry = Registry(Clients(REGION))
        self.sagemaker, self.s3 = aws.client("sagemaker", REGION), aws.client("s3", REGION)

    def group(self, name: str) -> None:
        self.sagemaker.create_model_package_group(ModelPackageGroupName=name)

    def register(self, group: str = "rc-churn", **members: Any) -> str:
        groups = self.sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
        if group not in [item["ModelPackageGroupName"] for item in groups]:
            self.group(group)
        arn: str = self.sagemaker.create_model_package(
            ModelPackageGroupName=group, ModelApprovalStatus="PendingManualApproval", **members
        )["ModelPackageArn"]
        return arn

    def put(self, **objects: bytes) -> None:
        self.s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": REGION})
        for name, content in objects.items():
            self.s3.put_object(Bucket="bucket", Key=f"metrics/{name}.json", Body=content)


@pytest.fixture
def account(aws: AWS) -> Account:
    return Account(aws)


def metrics_at(uri: str) -> dict[str, Any]:
    return {"ModelMetrics": {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": uri}}}}


def test_packages_come_newest_first_with_their_numbers_and_where_they_come_from(account: Account) -> None:
    account.put(e=b'{"auc": {"value": 0.75}}')
    account.register()
    own = {"Commit": "c1", "PipelineExecutionArn": "arn:aws:sagemaker:x:1:pipeline/p/execution/e1"}
    account.register(CustomerMetadataProperties=own, **metrics_at("s3://bucket/metrics/e.json"))
    account.register("other")
    newest, oldest = account.registry.packages("rc-churn", 20)
    assert (newest.name, oldest.name) == ("rc-churn/2", "rc-churn/1")
    assert newest.evaluation.numbers == (("auc", 0.75),)
    assert (newest.commit, newest.execution) == ("c1", own["PipelineExecutionArn"])
    assert newest.content["ModelPackageStatus"] == "Completed"
    assert datetime.fromisoformat(newest.content["CreationTime"].replace("Z", "+00:00")).tzinfo is not None
    assert "ResponseMetadata" not in newest.as_json()
    assert account.aws.writes == []


def test_no_more_packages_are_described_than_are_asked_for(account: Account) -> None:
    for _ in range(4):
        account.register()
    assert [package.name for package in account.registry.packages("rc-churn", 2)] == ["rc-churn/4", "rc-churn/3"]
    assert sorted(account.aws.operations) == ["DescribeModelPackage", "DescribeModelPackage", "ListModelPackages"]


@pytest.mark.foreign("model-package/empty/1", "model-package/nothing/1")
def test_a_group_without_packages_and_no_group_have_none(account: Account) -> None:
    account.group("empty")
    assert account.registry.packages("empty", 20) == []
    assert account.registry.packages("nothing", 20) == []
    assert account.registry.groups() == ["empty"]


@pytest.mark.foreign(":nowhere/e.json")
@pytest.mark.parametrize(
    ("uri", "part"),
    [
        ("s3://bucket/metrics/none.json", "(NoSuchKey)"),
        ("s3://nowhere/e.json", "(NoSuchBucket)"),
        ("s3://bucket", "no address of an object"),
        ("s3://bucket/metrics/large.json", "more than 1 MiB"),
        ("s3://bucket/metrics/text.json", "no JSON"),
    ],
)
def test_an_evaluation_that_cannot_be_read_is_said_and_does_no_harm(account: Account, uri: str, part: str) -> None:
    account.put(large=b" " * (LARGEST_EVALUATION + 1), text=b"auc=1")
    account.register(**metrics_at(uri))
    (package,) = account.registry.packages("rc-churn", 20)
    assert package.evaluation.numbers == ()
    assert part in package.evaluation.unread


def test_a_decision_is_one_call_and_can_be_taken_back(account: Account) -> None:
    account.register()
    arn = account.register()
    before = account.registry.package(PackageName("rc-churn", 2))
    after = account.registry.decide(before, APPROVED, "better than 1")
    assert account.aws.writes == ["UpdateModelPackage"]
    assert (after.approval, after.reason) == ("Approved", "better than 1")
    account.registry.decide(after, REJECTED, "it was not")
    by_arn = account.registry.package(PackageName(arn=arn))
    assert (by_arn.name, by_arn.approval, by_arn.reason) == ("rc-churn/2", "Rejected", "it was not")
    assert account.registry.package(PackageName("rc-churn", 1)).approval == "PendingManualApproval"


@pytest.mark.foreign("model-package/chrun/1")
def test_a_package_that_is_not_there_is_answered_with_those_that_are(account: Account) -> None:
    for _ in range(4):
        account.register()
    with pytest.raises(UsageError, match="no model package rc-churn/9") as refused:
        account.registry.package(PackageName("rc-churn", 9))
    assert refused.value.hint.startswith("its group's newest: 4 (PendingManualApproval), 3 ")
    with pytest.raises(UsageError) as refused:
        account.registry.package(PackageName("chrun", 1))
    assert refused.value.hint == "did you mean 'rc-churn'?"
    with pytest.raises(UsageError, match="no model package arn:"):
        account.registry.package(PackageName(arn=f"{PACKAGES}/rc-churn/9"))


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Registry, Stubber]]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "t")
    clients = Clients(REGION)
    with Stubber(clients("sagemaker")) as stubber:
        yield Registry(clients), stubber
        stubber.assert_no_pending_responses()


def summaries(*versions: int) -> list[dict[str, Any]]:
    return [
        {
            "ModelPackageArn": f"{PACKAGES}/rc-churn/{version}",
            "ModelPackageVersion": version,
            "CreationTime": datetime(2026, 11, 21, tzinfo=timezone.utc),
            "ModelPackageStatus": "Completed",
        }
        for version in versions
    ]


LIST = {"ModelPackageGroupName": "rc-churn", "SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 100}


def described(version: int) -> dict[str, Any]:
    (summary,) = summaries(version)
    return {**summary, "ModelPackageName": "rc-churn", "ModelPackageStatusDetails": {"ValidationStatuses": []}}


def test_pages_are_followed_until_the_version_is_found(stub: tuple[Registry, Stubber]) -> None:
    registry, service = stub
    service.add_response(
        "list_model_packages", {"ModelPackageSummaryList": summaries(9, 8), "NextToken": "n1"}, dict(LIST)
    )
    service.add_response(
        "list_model_packages",
        {"ModelPackageSummaryList": summaries(7), "NextToken": "n2"},
        {**LIST, "NextToken": "n1"},
    )
    service.add_response("describe_model_package", described(7), {"ModelPackageName": f"{PACKAGES}/rc-churn/7"})
    package = registry.package(PackageName("rc-churn", 7))
    assert package.content["CreationTime"] == "2026-11-21T00:00:00.000Z"


def test_every_write_carries_a_token_of_its_own(stub: tuple[Registry, Stubber]) -> None:
    registry, service = stub
    tokens: list[str] = []
    registry._clients("sagemaker").meta.events.register(
        "provide-client-params.sagemaker.UpdateModelPackage", lambda params, **_: tokens.append(params["ClientToken"])
    )
    arn = f"{PACKAGES}/rc-churn/7"
    service.add_response("describe_model_package", described(7), {"ModelPackageName": arn})
    for status in ("Approved", "Rejected"):
        wanted = {"ModelPackageArn": arn, "ModelApprovalStatus": status, "ApprovalDescription": "r", "ClientToken": ANY}
        service.add_response("update_model_package", {"ModelPackageArn": arn}, wanted)
        service.add_response("describe_model_package", described(7), {"ModelPackageName": arn})
    package = registry.package(PackageName(arn=arn))
    for status in ("Approved", "Rejected"):
        registry.decide(package, status, "r")
    assert len(set(tokens)) == 2


REFUSED: dict[str, Callable[[Registry], Any]] = {
    "list_model_packages": lambda registry: registry.packages("rc-churn", 20),
    "describe_model_package": lambda registry: registry.package(PackageName(arn=f"{PACKAGES}/rc-churn/7")),
}


@pytest.mark.parametrize("operation", REFUSED)
def test_what_aws_refuses_is_said_with_what_to_do(operation: str, stub: tuple[Registry, Stubber]) -> None:
    registry, service = stub
    service.add_client_error(operation, "AccessDeniedException", "not you")
    with pytest.raises(AWSError, match=r"not you \(AccessDeniedException\)") as refused:
        REFUSED[operation](registry)
    assert "permission" in refused.value.hint


def test_a_group_that_the_service_does_not_know_is_an_empty_one(stub: tuple[Registry, Stubber]) -> None:
    registry, service = stub
    service.add_client_error("list_model_packages", "ValidationException", "ModelPackageGroup churn does not exist.")
    assert registry.packages("rc-churn", 20) == []
