"""The one place where a job gets what its step left open: role, network, keys, sizes, limits, tags.

In: what a step says itself and the project. Out: JobSettings with every value that is known. Every step that starts
a job goes through `filled`, so none escapes the project's rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from dagwright.variables import Number, PipelineVariable, Text

if TYPE_CHECKING:
    from dagwright.project import Project


@dataclass(frozen=True)
class JobSettings:
    """What the project may decide for a job. None means: not said; an empty value or False means: none of it.

    Network isolation may be a variable. How code reaches the container is settled before its value is known: as if
    there were no network, which works in both cases.
    """

    role: Text | None = None
    instance_type: Text | None = None
    instance_count: Number | None = None
    volume_size_in_gb: Number | None = None
    max_runtime_in_seconds: Number | None = None
    subnets: Sequence[Text] | None = None
    security_group_ids: Sequence[Text] | None = None
    enable_network_isolation: bool | PipelineVariable | None = None
    encrypt_inter_container_traffic: bool | PipelineVariable | None = None
    volume_kms_key: Text | None = None
    output_kms_key: Text | None = None
    tags: Mapping[str, Text] | None = None

    @property
    def said(self) -> frozenset[str]:
        """The names of the values that are not None."""
        return frozenset(one.name for one in fields(self) if getattr(self, one.name) is not None)

    @property
    def isolated(self) -> bool:
        """Whether the container may be without a network."""
        isolation = self.enable_network_isolation
        return isinstance(isolation, PipelineVariable) or bool(isolation)

    @property
    def vpc_config(self) -> dict[str, Any] | None:
        """AWS's VpcConfig, or None outside a VPC."""
        if not self.subnets or not self.security_group_ids:
            return None
        return {"SecurityGroupIds": self.security_group_ids, "Subnets": self.subnets}

    @property
    def tag_list(self) -> list[dict[str, Any]] | None:
        """AWS's Tags, or None without any."""
        return [{"Key": key, "Value": value} for key, value in (self.tags or {}).items()] or None


def filled(own: JobSettings, kind: str, takes: frozenset[str], project: Project | None) -> JobSettings:
    """The step's own values, and the project's for what it left open.

    `kind` is the purpose of the job: processing, training, transform or inference. `takes` are the values this kind
    of request has a place for. Tags are merged, the step's own winning; traffic between containers is encrypted by
    default only where there can be more than one container.
    """
    if project is None:
        return own
    default = {name: value for name, value in _of_project(project, kind).items() if name in takes}
    count = own.instance_count if own.instance_count is not None else default.get("instance_count")
    if isinstance(count, int) and count == 1:
        default.pop("encrypt_inter_container_traffic", None)
    missing = {name: value for name, value in default.items() if getattr(own, name) is None}
    if "tags" in takes:
        missing["tags"] = {**project.tags, **(own.tags or {})}
    return replace(own, **missing)


def unless_empty(value: Any) -> Any:
    """The value; None for an empty text and for False, which say that there is to be none."""
    return None if isinstance(value, str | bool) and not value else value


def _of_project(project: Project, kind: str) -> dict[str, Any]:
    size = project.sizes.get(kind)
    return {
        "role": project.role,
        "instance_type": getattr(size, "instance_type", None),
        "instance_count": getattr(size, "instance_count", None),
        "volume_size_in_gb": getattr(size, "volume_size_in_gb", None),
        "max_runtime_in_seconds": getattr(size, "max_runtime_in_seconds", None),
        "subnets": project.subnets,
        "security_group_ids": project.security_groups.get(kind, ()),
        "enable_network_isolation": project.network_isolation,
        "encrypt_inter_container_traffic": project.encrypt_traffic,
        "volume_kms_key": project.volume_key,
        "output_kms_key": project.output_key,
    }
