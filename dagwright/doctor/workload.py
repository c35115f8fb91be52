"""What the pipelines of a project ask of their account: read from their definitions, started with their defaults.

In: graphs by the names of their pipelines. Out: a `Workload`: machines by quota, images, security groups that hosts of
one job meet in, log groups, model package groups.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from dagwright.definition.graph import Graph, Step
from dagwright.definition.rules.jobs import Defaults, Job, jobs, usual
from dagwright.definition.rules.models import images
from dagwright.infra.names import JOB_LOG_GROUPS

_LOG_GROUPS = {kind.title(): group for kind, group in JOB_LOG_GROUPS.items()}
_VPC = {"Processing": "NetworkConfig.VpcConfig", "Training": "VpcConfig", "Model": "VpcConfig"}
_ISOLATED = {
    "Processing": "NetworkConfig.EnableNetworkIsolation",
    "Training": "EnableNetworkIsolation",
    "Model": "EnableNetworkIsolation",
}


class Asked(NamedTuple):
    """How many instances at once, and who asks: `training: Train`."""

    instances: int
    who: str


@dataclass(frozen=True)
class Workload:
    """The definitions of an environment."""

    graphs: Mapping[str, Graph]

    @cached_property
    def quotas(self) -> dict[str, Asked]:
        """What is asked by the names of SageMaker's quotas, such as `ml.m5.xlarge for processing job usage`."""
        found: dict[str, Asked] = {}
        for name, graph in self.graphs.items():
            for job in jobs(graph, *_LOG_GROUPS):
                asked = Asked(job.instance_count * _at_once(graph.steps[job.step], graph), f"{name}: {job.step}")
                spot = "spot " if job.usual("EnableManagedSpotTraining") is True else ""
                for kind in job.instance_types:
                    quota = f"{kind} for {spot}{job.kind.lower()} job usage"
                    found[quota] = max(found.get(quota, asked), asked, key=lambda one: one.instances)
        return found

    @cached_property
    def most_instances(self) -> Asked:
        """The largest job."""
        none = Asked(0, "")
        every = (Asked(job.instance_count, f"{name}: {job.step}") for name, job in self._jobs("Processing", "Training"))
        return max(every, key=lambda one: one.instances, default=none)

    @cached_property
    def images(self) -> dict[str, str]:
        """Addresses of images, and who uses them first."""
        found: dict[str, str] = {}
        for name, graph in self.graphs.items():
            for image in images(graph):
                found.setdefault(image.address, f"{name}: {image.step}")
        return found

    @cached_property
    def subnets(self) -> tuple[str, ...]:
        """Subnets that jobs name."""
        return tuple(dict.fromkeys(one for _, job in self._jobs(*_VPC) for one in _ids(job, "Subnets")))

    @cached_property
    def security_groups(self) -> dict[str, int]:
        """Security groups that jobs name, each with the most instances of a job in it."""
        found: dict[str, int] = {}
        for _, job in self._jobs(*_VPC):
            for group in _ids(job, "SecurityGroupIds"):
                found[group] = max(found.get(group, 1), job.instance_count)
        return found

    @cached_property
    def is_isolated(self) -> bool:
        """Whether none of the containers has a network."""
        switches = [job.usual(_ISOLATED[job.kind]) for _, job in self._jobs(*_ISOLATED)]
        return all(switch is True for switch in switches)

    @cached_property
    def log_groups(self) -> tuple[str, ...]:
        """Where its jobs log."""
        kinds = {job.kind for _, job in self._jobs(*_LOG_GROUPS)}
        return tuple(group for kind, group in _LOG_GROUPS.items() if kind in kinds)

    @cached_property
    def package_groups(self) -> tuple[str, ...]:
        """The model package groups that models are registered in."""
        found = (
            usual(step.arguments.get("ModelPackageGroupName"), Defaults(graph))
            for graph in self.graphs.values()
            for step in graph.steps.values()
            if step.type == "RegisterModel"
        )
        return tuple(dict.fromkeys(name for name in found if isinstance(name, str)))

    def _jobs(self, *kinds: str) -> Iterator[tuple[str, Job]]:
        return ((name, job) for name, graph in self.graphs.items() for job in jobs(graph, *kinds))


def _at_once(step: Step, graph: Graph) -> int:
    """How many jobs of a step run side by side: several of a tuning step."""
    limits = step.arguments.get("HyperParameterTuningJobConfig")
    limits = limits.get("ResourceLimits") if isinstance(limits, Mapping) else None
    most = usual(limits.get("MaxParallelTrainingJobs"), Defaults(graph)) if isinstance(limits, Mapping) else None
    return most if isinstance(most, int) else 1


def _ids(job: Job, member: str) -> list[str]:
    found = job.usual(f"{_VPC[job.kind]}.{member}")
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
