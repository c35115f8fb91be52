"""What a pipeline uses of AWS besides itself: images, addresses, functions, queues, roles, keys, machines.

In: a definition, as the reader gives it. Out: a `Uses`, by which roles are cut. Nothing is evaluated: a parameter
counts by its default, and what only a run can know is `*`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from dagwright.definition.declaration import BRANCHES
from dagwright.definition.expression import Computation, function_of, parse_reference, unrolled
from dagwright.definition.graph import Graph
from dagwright.errors import DefinitionError

UNKNOWN = "*"
# Members of requests, wherever they stand, by what their value is.
_IMAGES = ("ImageUri", "TrainingImage", "Image")
_WRITTEN = ("S3OutputPath", "S3OutputLocation")
_WRITING = ("S3Output", "OutputDataConfig", "CheckpointConfig", "TransformOutput", "DebugHookConfig")
# Steps whose arguments are data for somebody else, who has a role of his own.
_FOR_OTHERS = ("Lambda", "Callback")
_BY_NAME = {
    **dict.fromkeys(("RoleArn", "ExecutionRoleArn"), "roles"),
    **dict.fromkeys(("KmsKeyId", "VolumeKmsKeyId", "KmsKeyArn", "S3KmsKeyId"), "keys"),
    **dict.fromkeys(("ServiceRole", "JobFlowRole", "AutoScalingRole"), "cluster_roles"),
    **dict.fromkeys(("ApplicationId", "applicationId"), "applications"),
    **dict.fromkeys(("EndpointName", "EndpointConfigName", "InferenceComponentName"), "endpoints"),
    "FunctionArn": "functions",
    "SqsQueueUrl": "queues",
    "ClusterId": "clusters",
    "FeatureGroupName": "feature_groups",
    "ModelPackageGroupName": "groups",
    "Subnets": "subnets",
}


@dataclass(frozen=True)
class Uses:
    """What one definition names. Texts hold `*` for what only a run can know; each is there once, in document order."""

    kinds: tuple[str, ...] = ()
    """The types of its steps, as in `Type`."""
    images: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    """S3 addresses, `s3://…`; what lies below them is meant too."""
    writes: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    """ARNs of Lambda functions."""
    queues: tuple[str, ...] = ()
    """URLs of SQS queues."""
    clusters: tuple[str, ...] = ()
    """Ids of EMR clusters."""
    cluster_roles: tuple[str, ...] = ()
    """Roles of EMR clusters that steps make, by name or ARN."""
    applications: tuple[str, ...] = ()
    """Ids of EMR Serverless applications."""
    endpoints: tuple[str, ...] = ()
    """Names of endpoints, their configurations and inference components."""
    feature_groups: tuple[str, ...] = ()
    """Names of feature groups that jobs write to."""
    subnets: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    """Names of model package groups."""
    instance_types: tuple[str, ...] = ()
    longest_in_seconds: int = 0
    """The longest time limit that any of its jobs has."""
    approves: bool = False
    """Whether it registers a model that is approved already."""


@dataclass
class _Found:
    """The values of one definition by what they are."""

    by_kind: dict[str, dict[str, None]]
    longest_in_seconds: int = 0
    approves: bool = False

    def add(self, kind: str, text: str) -> None:
        if text and text != UNKNOWN:
            self.by_kind.setdefault(kind, {})[text] = None

    def of(self, kind: str) -> tuple[str, ...]:
        return tuple(self.by_kind.get(kind, ()))


def uses_of(graph: Graph) -> Uses:
    """What the steps of a definition use."""
    found = _Found({})
    defaults = {name: one.default for name, one in graph.parameters.items() if one.has_default}
    for step in graph.steps.values():
        found.add("kinds", step.type)
        ours = {name: one for name, one in step.envelope.items() if step.type not in _FOR_OTHERS or name != "Arguments"}
        for inside, name, value in _members(ours):
            _note(found, inside, name, value, defaults)
    return Uses(
        **{one.name: found.of(one.name) for one in fields(Uses) if one.default == ()},
        longest_in_seconds=found.longest_in_seconds,
        approves=found.approves,
    )


def _note(found: _Found, inside: frozenset[str], name: str, value: Any, defaults: Mapping[str, Any]) -> None:
    text = known_text(value, defaults)
    if text.startswith("s3a://"):  # Spark's word for the same
        text = f"s3://{text.removeprefix('s3a://')}"
    kind = _kind(name, text, inside)
    if kind:
        found.add(kind, text)
    if name == "MaxRuntimeInSeconds" and text.isdecimal():
        found.longest_in_seconds = max(found.longest_in_seconds, int(text))
    found.approves = found.approves or (name == "ModelApprovalStatus" and text == "Approved")


def _kind(name: str, text: str, inside: frozenset[str]) -> str:
    if text.startswith("s3://"):
        return "writes" if name in _WRITTEN or inside.intersection(_WRITING) else "reads"
    if name in _IMAGES:
        return "images"
    if name == "InstanceType":
        return "instance_types" if text.startswith("ml.") else ""
    return _BY_NAME.get(name, "")


def _members(envelope: Mapping[str, Any]) -> Iterator[tuple[frozenset[str], str, Any]]:
    """Every single value below a step with the name of its member, and the names of those it is inside of. Steps of a
    branch have envelopes of their own."""
    waiting: list[tuple[frozenset[str], str, Any]] = [(frozenset(), "", envelope)]  # what is next is last
    while waiting:
        inside, name, value = waiting.pop()
        if function_of(value) is not None or not isinstance(value, Mapping | list):
            yield inside, name, value
        elif isinstance(value, list):
            waiting += ((inside, name, member) for member in reversed(value))
        else:
            below = inside | {name}
            waiting += ((below, key, value[key]) for key in reversed(value) if key not in BRANCHES)


def known_text(value: Any, defaults: Mapping[str, Any], execution: Mapping[str, Any] | None = None) -> str:
    """A single value as a text: parameters by their defaults, the variables of an `execution` if they are given, `*`
    for each part that only a run can know."""
    return str(unrolled(_known(value, {"Parameters": defaults, "Execution": execution or {}})))


def _known(value: Any, given: Mapping[str, Mapping[str, Any]]) -> Computation:
    function = function_of(value)
    if function is None:
        return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else UNKNOWN
    if function == "Get":
        return _given(value["Get"], given)
    body = value[function]
    if function != "Std:Join" or not isinstance(body, dict) or not isinstance(body.get("Values"), list):
        return UNKNOWN
    parts = []
    for part in body["Values"]:
        parts.append((yield _known(part, given)))
    return str(body.get("On", "")).join(parts)


def _given(text: Any, given: Mapping[str, Mapping[str, Any]]) -> str:
    try:
        reference = parse_reference(text)
    except DefinitionError:
        return UNKNOWN
    value = given.get(reference.root, {}).get(reference.name)
    return UNKNOWN if value in (None, "") else str(value)
