"""Models and the model registry of local runs.

What comes in: CreateModel and CreateModelPackage requests, decisions. What goes out: their Describe responses, kept in
the record; a package's version is the next of its group.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagwright.engines.addresses import s3_form
from dagwright.engines.local.database import Database
from dagwright.engines.local.request import member, objects
from dagwright.engines.local.scope import RunScope
from dagwright.engines.local.store import Store, storage_errors
from dagwright.engines.registry import (
    APPROVED,
    LARGEST_EVALUATION,
    NEWEST_SHOWN,
    Evaluation,
    ModelPackage,
    PackageName,
    evaluation_of,
    no_package,
    read_evaluation,
)
from dagwright.engines.times import now
from dagwright.errors import ExecutionError, StorageError, did_you_mean

if TYPE_CHECKING:
    import sqlite3

_NEWEST_FIRST = "version DESC"
_NAMES_SHOWN = 5
_APPROVAL = "ModelApprovalStatus"
_ANSWERED = {
    "ModelName", "ModelArn", "ModelPackageArn", "ModelPackageVersion", "ModelPackageStatus", "CreationTime", _APPROVAL,
    "ApprovalDescription", "LastModifiedTime",
}  # fmt: skip
"""Members of a response that are not, or not always, those of its request."""


class Registry:
    """The models of one project. Its packages are an `engines.registry.Registry`."""

    def __init__(self, database: Database, store: Store) -> None:
        self._database = database
        self._store = store

    def create_model(self, step: str, scope: RunScope, request: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a model. Raises ExecutionError if the data it names do not exist."""
        self._require_data(request)
        created = scope.now()
        arn = scope.account.arn(f"model/{scope.job}")
        response = {**request, "ModelName": scope.job, "ModelArn": arn, "CreationTime": created}
        with self._database.transaction() as connection:
            if known := _made_before(connection, "models", step, scope, request):
                return known
            self._database.insert_row(
                connection, "models", name=scope.job, created=created, execution=scope.execution_id, step=step,
                content=response,
            )  # fmt: skip
        return response

    def model(self, name: str) -> dict[str, Any]:
        """A model that a run has made. Raises ExecutionError, with names like it, if there is none."""
        rows = self._database.rows("models", columns="content", name=name)
        if not rows:
            names = [row["name"] for row in self._database.rows("models", "created DESC, rowid DESC", "name")]
            raise ExecutionError(
                f"No run on this machine has made a model named '{name}'",
                hint="Name one that a Model step made here, or say what the job does instead: "
                f"--stand-in STEP=file.py:function. {did_you_mean(name, names[:_NAMES_SHOWN])}".rstrip(),
            )
        content: dict[str, Any] = json.loads(rows[0]["content"])
        return content

    def create_model_package(self, step: str, scope: RunScope, request: Mapping[str, Any]) -> dict[str, Any]:
        """Keep the next version of a group. Raises ExecutionError if the data it names do not exist."""
        self._require_data(request)
        group = member(request, "ModelPackageGroupName", str, "")
        if not group:
            raise ExecutionError("ModelPackageGroupName is missing: a model package is a version of a group")
        group = group.rpartition("/")[2]
        status = member(request, "ModelApprovalStatus", str, "PendingManualApproval")
        created = scope.now()
        with self._database.transaction() as connection:
            asked = {**request, "ModelPackageGroupName": group}
            if known := _made_before(connection, "model_packages", step, scope, asked):
                return known
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

    def groups(self) -> list[str]:
        """The names of all groups."""
        rows = self._database.rows("model_packages", "package_group", "DISTINCT package_group")
        return [row["package_group"] for row in rows]

    def packages(self, group: str, limit: int) -> list[ModelPackage]:
        """The newest packages of a group, newest first; none if there is no such group."""
        rows = self._database.rows("model_packages", _NEWEST_FIRST, package_group=group.rpartition("/")[2])
        return [self._package(row) for row in rows[:limit]]

    def package(self, name: PackageName) -> ModelPackage:
        """One package. Raises UsageError, with the newest ones of its group, if it is not there."""
        group = name.group.rpartition("/")[2]
        wanted = {"arn": name.arn} if name.arn else {"package_group": group, "version": name.version}
        rows = self._database.rows("model_packages", **wanted)
        if not rows:
            newest = self._database.rows("model_packages", _NEWEST_FIRST, "content", package_group=group)
            raise no_package(name, [json.loads(row["content"]) for row in newest[:NEWEST_SHOWN]], self.groups())
        return self._package(rows[0])

    def newest_approved(self, group: str) -> dict[str, Any] | None:
        """The Describe response of the newest approved version of a group; None if there is none."""
        wanted = {"package_group": group.rpartition("/")[2], "status": APPROVED}
        rows = self._database.rows("model_packages", _NEWEST_FIRST, "content", **wanted)
        return dict(json.loads(rows[0]["content"])) if rows else None

    def decide(self, package: ModelPackage, approval: str, reason: str) -> ModelPackage:
        """Set ModelApprovalStatus and ApprovalDescription; the package as it is afterwards."""
        with self._database.transaction() as connection:
            query = "SELECT content FROM model_packages WHERE arn = ?"
            row = connection.execute(query, [package.arn]).fetchone()
            if row is None:
                raise ExecutionError(f"{package.name} is not there any more", hint="A clean has just taken it away.")
            content = json.loads(row[0])
            content |= {"ModelApprovalStatus": approval, "ApprovalDescription": reason, "LastModifiedTime": now()}
            changed = {"status": approval, "content": content}
            self._database.update_rows(connection, "model_packages", {"arn": package.arn}, **changed)
        return ModelPackage(content, package.evaluation, package.made_by)

    def _package(self, row: Mapping[str, Any]) -> ModelPackage:
        content = json.loads(row["content"])
        return ModelPackage(content, self._evaluation(content), row["execution"])

    def _evaluation(self, content: Mapping[str, Any]) -> Evaluation:
        uri = evaluation_of(content)
        if not uri:
            return Evaluation()
        try:
            path = self._store.path(uri)
            with storage_errors(f"{uri} cannot be read"):
                size = os.path.getsize(path)
            if size > LARGEST_EVALUATION:
                return Evaluation(unread=f"it has more than {LARGEST_EVALUATION >> 20} MiB")
            return read_evaluation(self._store.read_text(uri))
        except StorageError as error:
            return Evaluation(unread=error.message)

    def _require_data(self, request: Mapping[str, Any]) -> None:
        for uri in model_data(request):
            if uri.startswith("s3://") and not self._store.holds(uri):
                raise ExecutionError(
                    f"The model's data {uri} do not exist",
                    hint=f"Did the training step write them? --map {uri}=PATH brings yours.",
                )


def _made_before(
    connection: sqlite3.Connection, table: str, step: str, scope: RunScope, request: Mapping[str, Any]
) -> dict[str, Any] | None:
    """The response to the same request of this step in an earlier part of the execution, which was killed before the
    step was said to have succeeded."""
    query = f"SELECT content FROM {table} WHERE execution = ? AND step = ? ORDER BY rowid DESC"  # noqa: S608 - our own
    for (text,) in connection.execute(query, [scope.execution_id, step]):
        content: dict[str, Any] = json.loads(text)
        is_decided, approval = "LastModifiedTime" in content, content.get(_APPROVAL)
        if _asked(content) == _asked(request) and (is_decided or request.get(_APPROVAL, approval) == approval):
            return content
    return None


def _asked(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in _ANSWERED}


def model_data(request: Mapping[str, Any]) -> list[str]:
    """The addresses of the data that a CreateModel or CreateModelPackage request names, in their S3 form."""
    containers = [member(request, "PrimaryContainer", dict, {}), *objects(request, "Containers")]
    containers += objects(request, "InferenceSpecification.Containers")
    return [s3_form(member(container, "ModelDataUrl", str, "")) for container in containers]
