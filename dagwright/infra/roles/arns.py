"""ARNs of what definitions name in their own ways: names, ids, addresses of queues."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagwright.infra.site import Site

_QUEUE = re.compile(r"https://sqs\.([a-z0-9*-]+)\.[^/]+/([0-9*]+)/([^/]+)")

_SHORT_NAMES = ("hyper-parameter-tuning-job", "automl-job", "job")


def any_case(arns: Iterable[str]) -> list[str]:
    """The ARNs, and those with a name in lower case: SageMaker has written the names of pipelines and jobs so in their
    ARNs, and does not everywhere."""
    return [*dict.fromkeys(form for arn in arns for form in (arn, arn.lower()))]


def job_arns(site: Site, thing: str) -> list[str]:
    """What pipelines create of one kind. Names of 32 characters have no room for a word that is known."""
    return [site.names.arn("sagemaker", f"{thing}/*")] if thing in _SHORT_NAMES else site.names.jobs(thing)


def pipeline_arns(site: Site) -> list[str]:
    """All pipelines that the project has or will have."""
    named = (arn for one in site.workloads for arn in site.names.pipeline(one.deployed_name))
    return with_others(site.names.pipelines, named)


def machine_arns(site: Site) -> list[str]:
    """All state machines that the project has or will have."""
    return with_others(site.names.machines, (site.names.machine(one.deployed_name) for one in site.workloads))


def with_others(pattern: str, named: Iterable[str]) -> list[str]:
    """The pattern, and what it does not hold: pipelines that bring a name of their own."""
    start, _, end = pattern.partition("*")
    others = (arn for arn in named if not (arn.startswith(start) and arn.endswith(end)))
    return [*dict.fromkeys((pattern, *others))]


def role_arns(site: Site) -> list[str]:
    """The roles of jobs: the project's, and others that definitions name; one that only a run knows is not passed."""
    named = (role for role in site.workloads.all("roles") if role.startswith("arn:") and "*" not in role)
    return [*dict.fromkeys((site.project.role, *named))]


def queue_arns(site: Site, urls: Sequence[str]) -> list[str]:
    found = (_QUEUE.fullmatch(url) for url in urls)
    return [f"arn:{site.project.partition}:sqs:{one[1]}:{one[2]}:{one[3]}" for one in found if one is not None]


def start_queue_arns(site: Site) -> list[str]:
    """Where schedules leave the starts that failed: the project's queue, and those that schedules name."""
    starts = (start for one in site.workloads.scheduled for start in one.starts)
    named = (start.members["Target"].get("DeadLetterConfig", {}).get("Arn") for start in starts)
    return [*dict.fromkeys(queue for queue in (site.dead_letter_queue, *named) if queue)]


def package_arns(site: Site) -> tuple[list[str], list[str]]:
    """The groups that models are registered in, the project's and others that definitions name, and their packages."""
    named = (site.project.model_package_group, *site.workloads.all("groups"))
    groups = any_case(
        name if name.startswith("arn:") else site.names.arn("sagemaker", f"model-package-group/{name}")
        for name in named
    )
    return groups, [f"{arn.replace(':model-package-group/', ':model-package/', 1)}/*" for arn in groups]


def cluster_arns(site: Site) -> list[str]:
    """EMR clusters by their ids; any, where a step makes its own."""
    named = site.workloads.all("clusters")
    ids = ("*",) if site.workloads.make_clusters or not named else named
    return [site.names.arn("elasticmapreduce", f"cluster/{one}") for one in ids]


def cluster_role_arns(site: Site) -> list[str]:
    """The roles of clusters that steps make; one that only a run knows may not be passed."""
    start = f"arn:{site.project.partition}:iam::{site.project.account_id}:role/"
    named = (role for role in site.workloads.all("cluster_roles") if "*" not in role)
    return [role if role.startswith("arn:") else f"{start}{role}" for role in named]


def application_arns(site: Site) -> list[str]:
    """EMR Serverless applications by their ids; any, where only a run knows which."""
    ids = site.workloads.all("applications") or ("*",)
    return [site.names.arn("emr-serverless", f"/applications/{one}") for one in ids]


def named_endpoints(site: Site, thing: str) -> list[str]:
    """Endpoints, their configurations or inference components, by the names that definitions give."""
    return any_case(site.names.arn("sagemaker", f"{thing}/{name}") for name in site.workloads.all("endpoints"))
