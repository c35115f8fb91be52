"""What every part of the template is built on: the project, its names, its pipelines, its neighbours and its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dagwright.infra.names import Names
from dagwright.infra.template import get_att
from dagwright.infra.workload import Workloads

if TYPE_CHECKING:
    from dagwright.infra_settings import InfraSettings
    from dagwright.project import Project

KEY = "Key"


@dataclass(frozen=True)
class Site:
    """One environment of a project. `neighbours` are its environments before this one, in the order dev, staging,
    production, that are in the same account: what several would make under one name, the first of them makes."""

    project: Project
    workloads: Workloads
    neighbours: Sequence[Project] = ()

    @property
    def names(self) -> Names:
        return Names(self.project)

    @property
    def infra(self) -> InfraSettings:
        return self.project.infra

    @property
    def key(self) -> Any:
        """The ARN of the key that everything here is encrypted with: what the stack makes, else what the file names;
        None where only an alias is known, or no key at all."""
        if self.infra.makes("keys"):
            return get_att(KEY, "Arn")
        arns = self.key_arns
        return arns[0] if arns else None

    @property
    def object_key(self) -> Any:
        """What objects in the bucket are encrypted with: the ARN of a key, or of an alias; None if by S3 itself."""
        if self.infra.makes("keys"):
            return get_att(KEY, "Arn")
        key = self.project.output_key
        if not key or key.startswith("arn:"):
            return key
        return self.names.arn("kms", key) if key.startswith("alias/") else self._key_arn(key)

    @property
    def key_arns(self) -> list[Any]:
        """The ARNs of all keys in use, each once; keys that are known by an alias are in `key_aliases`."""
        if self.infra.makes("keys"):
            return [get_att(KEY, "Arn")]
        return [*dict.fromkeys(arn for key in self._given_keys if (arn := self._key_arn(key)))]

    @property
    def key_aliases(self) -> list[str]:
        """Aliases, `alias/…`, of keys whose ARN is not known: a policy allows them by a condition."""
        if self.infra.makes("keys"):
            return []
        return [*dict.fromkeys(f"alias/{key.partition('alias/')[2]}" for key in self._given_keys if "alias/" in key)]

    @property
    def tags(self) -> list[dict[str, str]]:
        """The project's tags, as most resources take them."""
        return [{"Key": name, "Value": value} for name, value in self.project.tags.items() if value]

    @property
    def dead_letter_queue(self) -> str:
        """The ARN of the queue that schedules leave failed starts in: the stack's own, else what the file names; empty
        if there is none. What AWS has told of the stack's own is no other."""
        if self.infra.makes("scheduler.dead_letter_queue"):
            return self.names.arn("sqs", self.names.dead_letter_queue)
        return self.project.dead_letter_queue or ""

    def made_before(self, member: str, *, same_region: bool = True) -> bool:
        """Whether an environment before this one makes what both call by one name, `bucket` or
        `model_package_group`."""
        mine = getattr(self.project, member)
        return any(
            getattr(other, member) == mine and (other.region == self.project.region or not same_region)
            for other in self.neighbours
            if other.infra.is_used
        )

    @property
    def _given_keys(self) -> list[str]:
        return [key for key in (self.project.volume_key, self.project.output_key) if key]

    def _key_arn(self, key: str) -> str:
        if "alias/" in key:
            return ""
        return key if key.startswith("arn:") else self.names.arn("kms", f"key/{key.removeprefix('key/')}")
