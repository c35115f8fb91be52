"""Models and the model registry of local runs.

What comes in: CreateModel and CreateModelPackage requests. What goes out: their Describe responses, kept in the record;
a package's version is the next of its group.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagwright.engines.local.database import Database
from dagwright.engines.local.request import member, objects
from dagwright.engines.local.scope import RunScope
from dagwright.engines.local.store import Store
from dagwright.errors import ExecutionError


class Registry:
    """The models of one project."""

    def __init__(self, database: Database, store: Store) -> None:
        self._database = database
        self._store = store

    def create_model(self, step: str, scope: RunScope, request: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a model. Raises ExecutionError if the data it names do not exist."""
        containers = [member(request, "PrimaryContainer", dict, {}), *objects(request, "Containers")]
        self._require_data(containers)
        created = scope.now()
        arn = scope.account.arn(f"model/{scope.job}")
        response = {**request, "ModelName": scope.job, "ModelArn": arn, "CreationTime": created}
        self._database.insert(
            "models", name=scope.job, created=created, execution=scope.execution_id, step=step, content=response
        )
        return response

    def create_model_package(self, step: str, scope: RunScope, request: Mapping[str, Any]) -> dict[str, Any]:
        """Keep the next version of a group. Raises ExecutionError if the data it names do not exist."""
        self._require_data(objects(request, "InferenceSpecification.Containers"))
        group = member(request, "ModelPackageGroupName", str, "")
        if not group:
            raise ExecutionError("ModelPackageGroupName is missing: a model package is a version of a group")
        group = group.rpartition("/")[2]
        status = member(request, "ModelApprovalStatus", str, "PendingManualApproval")
        created = scope.now()
        with self._database.transaction() as connection:
            query = "SELECT coalesce(max(version), 0) + 1 FROM model_packages WHERE package_group = ?"
            version = connection.execute(query, [group]).fetchone()[0]
            arn = scope.account.arn(f"model-package/{group.lower()}/{version}")
            response = {
                **request,
                "ModelPackageArn": arn,
                "ModelPackageGroupName": group,
                "ModelPackageVersion": version,
                "ModelPackageStatus": "Completed",
                "ModelApprovalStatus": status,
                "CreationTime": created,
            }
            self._database.insert_row(
                connection, "model_packages", package_group=group, version=version, arn=arn, status=status,
                created=created, execution=scope.execution_id, step=step, content=response,
            )  # fmt: skip
        return response

    def _require_data(self, containers: list[Mapping[str, Any]]) -> None:
        for container in containers:
            uri = member(container, "ModelDataUrl", str, "")
            if uri.startswith("s3://") and not self._store.objects(uri):
                raise ExecutionError(f"The model's data {uri} do not exist", hint="Did the training step write them?")
