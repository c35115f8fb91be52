"""The model registry of SageMaker.

What comes in: a group, a package's name, a decision. What goes out: packages as DescribeModelPackage gives them, with
the numbers of their evaluation files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from uuid import uuid4

from dagwright.engines.aws.clients import Clients, aws_errors, is_absent, largest_page
from dagwright.engines.aws.objects import Objects
from dagwright.engines.aws.responses import plain
from dagwright.engines.registry import (
    LARGEST_EVALUATION,
    NEWEST_SHOWN,
    Evaluation,
    ModelPackage,
    PackageName,
    evaluation_of,
    no_package,
    read_evaluation,
)
from dagwright.errors import AWSError, StorageError

_SIDE_BY_SIDE = 8


class Registry:
    """The model packages of one account and Region: an `engines.registry.Registry`. Raises AWSError."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._objects = Objects(clients)

    def groups(self) -> list[str]:
        """The names of all groups, newest first."""
        pages = self._pages("list_model_package_groups", SortBy="CreationTime", SortOrder="Descending")
        return [item["ModelPackageGroupName"] for page in pages for item in page["ModelPackageGroupSummaryList"]]

    def packages(self, group: str, limit: int) -> list[ModelPackage]:
        """The newest packages of a group, newest first; none if there is no such group."""
        from concurrent.futures import ThreadPoolExecutor

        arns = [item["ModelPackageArn"] for item in islice(self._summaries(group), limit)]
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as threads:  # two calls each, of which none needs another
            return list(threads.map(self._described, arns))

    def package(self, name: PackageName) -> ModelPackage:
        """One package. Raises UsageError, with the newest ones of its group, if it is not there."""
        if not name.arn:
            return self._described(self._arn(name))
        try:
            return self._described(name.arn)
        except AWSError as error:
            if is_absent(error):
                raise no_package(name, []) from error
            raise

    def decide(self, package: ModelPackage, approval: str, reason: str) -> ModelPackage:
        """Set ModelApprovalStatus and ApprovalDescription; the package as it is afterwards."""
        with aws_errors(f"{package.name} cannot be updated"):
            self._clients("sagemaker").update_model_package(
                ModelPackageArn=package.arn,
                ModelApprovalStatus=approval,
                ApprovalDescription=reason,
                ClientToken=str(uuid4()),
            )
        return self._described(package.arn)

    def _arn(self, name: PackageName) -> str:
        """The ARN of a version, which the list knows: the service does not write every name into it as it is."""
        newest: list[Mapping[str, Any]] = []
        for item in self._summaries(name.group):
            if item.get("ModelPackageVersion") == name.version:
                return str(item["ModelPackageArn"])
            if len(newest) < NEWEST_SHOWN:
                newest.append(item)
        raise no_package(name, newest, [] if newest else self.groups())

    def _summaries(self, group: str) -> Iterator[Mapping[str, Any]]:
        """Newest first, page after page as they are asked for."""
        wanted = {"ModelPackageGroupName": group, "SortBy": "CreationTime", "SortOrder": "Descending"}
        try:
            for page in self._pages("list_model_packages", **wanted):
                yield from page["ModelPackageSummaryList"]
        except AWSError as error:
            if not is_absent(error):
                raise

    def _pages(self, operation: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
        what = "The model registry cannot be read"
        return self._clients.pages(what, "sagemaker", operation, **arguments, MaxResults=largest_page())

    def _described(self, arn: str) -> ModelPackage:
        with aws_errors(f"{arn} cannot be read"):
            response = self._clients("sagemaker").describe_model_package(ModelPackageName=arn)
        members = plain(response)
        return ModelPackage(members, self._evaluation(members))

    def _evaluation(self, content: Mapping[str, Any]) -> Evaluation:
        uri = evaluation_of(content)
        if not uri:
            return Evaluation()
        try:
            return read_evaluation(self._objects.read(uri, LARGEST_EVALUATION))
        except (AWSError, StorageError) as error:
            return Evaluation(unread=error.message)
