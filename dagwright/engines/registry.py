"""The model registry, whichever engine keeps it: versions of a group, how good they are, whether one may be deployed.

What comes in: a group, a package's name, a decision. What goes out: packages, in the words of DescribeModelPackage.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dagwright.errors import UsageError, did_you_mean
from dagwright.shapes import model

APPROVED, REJECTED = "Approved", "Rejected"
NEWEST_SHOWN = 3  # of the packages that are there, when one is asked for that is not
LARGEST_EVALUATION = 1 << 20
"""Bytes of an evaluation file that are read at most: it holds a few numbers."""

_LOCATION = ("ModelMetrics", "ModelQuality", "Statistics", "S3Uri")
_SUMMARY = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "LastModifiedTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ApprovalDescription",
    "CustomerMetadataProperties",
    "ModelMetrics",
)


@dataclass(frozen=True)
class Evaluation:
    """The numbers of an evaluation file in its order, or the reason why there are none."""

    numbers: tuple[tuple[str, float], ...] = ()
    unread: str = ""


@dataclass(frozen=True)
class ModelPackage:
    """One version: `content` is its Describe response, with its times as ISO-8601 texts in UTC.

    `made_by` is the execution that registered it, where the engine knows better than the package's own properties.
    """

    content: Mapping[str, Any]
    evaluation: Evaluation = Evaluation()
    made_by: str = ""

    @property
    def arn(self) -> str:
        return str(self.content["ModelPackageArn"])

    @property
    def name(self) -> str:
        """`group/3`; the package's own name if it is no version of a group."""
        group, version = self.content.get("ModelPackageGroupName"), self.content.get("ModelPackageVersion")
        if group and version:
            return f"{group}/{version}"
        return str(self.content.get("ModelPackageName") or self.arn)

    @property
    def approval(self) -> str:
        return str(self.content.get("ModelApprovalStatus") or "")

    @property
    def reason(self) -> str:
        return str(self.content.get("ApprovalDescription") or "")

    @property
    def properties(self) -> Mapping[str, str]:
        """CustomerMetadataProperties."""
        return self.content.get("CustomerMetadataProperties") or {}

    @property
    def commit(self) -> str:
        """The version of the code that made it: the property `Commit`, else the one the service keeps."""
        return str(self.properties.get("Commit") or self._metadata.get("CommitId") or "")

    @property
    def execution(self) -> str:
        """The execution that registered it; the service notes its ARN as GeneratedBy."""
        own = self.properties.get("PipelineExecutionArn")
        return self.made_by or str(own or self._metadata.get("GeneratedBy") or "")

    @property
    def _metadata(self) -> Mapping[str, Any]:
        return self.content.get("MetadataProperties") or {}

    def summary(self) -> dict[str, Any]:
        """A member of ModelPackageSummaryList, with what Describe adds that a list is read for."""
        kept = {name: self.content[name] for name in _SUMMARY if self.content.get(name) not in (None, "")}
        return {**kept, **self._additions()}

    def as_json(self) -> dict[str, Any]:
        """The Describe response, with the execution and the numbers."""
        return {**self.content, **self._additions()}

    def _additions(self) -> dict[str, Any]:
        numbers = self.evaluation.numbers
        metrics = [{"MetricName": name, "Value": value if math.isfinite(value) else None} for name, value in numbers]
        return {**({"PipelineExecutionArn": self.execution} if self.execution else {}), "Metrics": metrics}


@dataclass(frozen=True)
class PackageName:
    """What names a package: a version of a group, or an ARN."""

    group: str = ""
    version: int = 0
    arn: str = ""

    def __str__(self) -> str:
        return self.arn or f"{self.group}/{self.version}"


class Registry(Protocol):
    """What keeps model packages. A group may be given by its ARN where the engine knows ARNs."""

    def groups(self) -> list[str]:
        """The names of all groups."""

    def packages(self, group: str, limit: int) -> list[ModelPackage]:
        """The newest packages of a group, newest first; none if there is no such group."""

    def package(self, name: PackageName) -> ModelPackage:
        """One package. Raises UsageError, with the newest ones of its group, if it is not there."""

    def decide(self, package: ModelPackage, approval: str, reason: str) -> ModelPackage:
        """Set ModelApprovalStatus and ApprovalDescription; the package as it is afterwards."""


def read_package_name(text: str, group: str) -> PackageName:
    """`3` is version 3 of `group`; `other/3` and an ARN say it all. Raises UsageError for anything else."""
    if re.fullmatch(model("sagemaker")["ModelPackageArn"]["pattern"], text):
        return PackageName(arn=text)
    before, _, version = text.rpartition("/")
    if not (version.isascii() and version.isdigit() and len(version) < 10 and int(version)) or text.startswith("/"):
        raise UsageError(
            f"'{text}' names no model package", hint="Write its version (3), group/version (churn/3) or its ARN."
        )
    return PackageName(before or group, int(version))


def check_reason(reason: str) -> None:
    """Raises UsageError for a reason that AWS would not keep, or that says nothing."""
    limits = model("sagemaker")["ApprovalDescription"]
    if not reason.strip():
        raise UsageError("--reason says nothing", hint="Write why, in a few words: it is kept with the package.")
    if len(reason) > limits["max"]:
        raise UsageError(f"--reason has {len(reason)} characters; AWS keeps {limits['max']}", hint="Shorten it.")
    if not re.fullmatch(limits["pattern"], reason):
        raise UsageError("--reason has several lines; AWS keeps one", hint="Write it in one line.")
    if not reason.isascii() and any("\ud800" <= char <= "\udfff" for char in reason):
        raise UsageError("--reason is not UTF-8 text")


def no_package(name: PackageName, newest: Sequence[Mapping[str, Any]], groups: Sequence[str] = ()) -> UsageError:
    """The error for a package that is not there; `newest` are summaries of those of its group that are, `groups` the
    groups that there are if it has none."""
    shown = [f"{item['ModelPackageVersion']} ({item.get('ModelApprovalStatus') or 'undecided'})" for item in newest]
    hint = f"its group's newest: {', '.join(shown)}" if shown else did_you_mean(name.group.rpartition("/")[2], groups)
    return UsageError(f"There is no model package {name}", hint=hint)


def evaluation_of(content: Mapping[str, Any]) -> str:
    """The S3 address of a package's evaluation file; empty if it names none."""
    node: Any = content
    for name in _LOCATION:
        node = node.get(name) if isinstance(node, Mapping) else None
    return node if isinstance(node, str) else ""


def read_evaluation(text: str | bytes) -> Evaluation:
    """The single numbers of an evaluation file's JSON."""
    try:
        return Evaluation(tuple(single_numbers(json.loads(text))))
    except (ValueError, RecursionError) as error:
        return Evaluation(unread=f"it is no JSON: {error}")


def single_numbers(report: Any) -> Iterator[tuple[str, float]]:
    """(key, number) of every object of the report with a `value` that is a number, in its order: the form of
    SageMaker's model-quality reports."""
    waiting = [("", report)]
    while waiting:
        name, node = waiting.pop()
        if isinstance(node, dict):
            value = node.get("value")
            if isinstance(value, float) or (type(value) is int and abs(value) < 1 << 53):
                yield name, float(value)
            waiting.extend(reversed([(key, child) for key, child in node.items() if isinstance(child, dict)]))
