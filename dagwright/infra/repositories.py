"""The repositories of the project's own images: a site comes in, repositories are added.

Images are pulled with the rights of the job's role, which is of the same account: no policy of a repository is needed
for it, but for the accounts that read the registry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dagwright.errors import ConfigurationError, Problem
from dagwright.infra.names import Names
from dagwright.infra.policy import Statement, document
from dagwright.infra.template import logical_id

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template
    from dagwright.project import Project

# Tags that people move while they try things. `src-…`, which tells the source of an image, never moves.
_MOVING = ("latest", "dev-*")
_NEWEST = 20
# As many as a repository can hold (ECR's quota): the rule is there to take its images from the rules after it.
_ALL = 100_000


def add_repositories(template: Template, site: Site) -> None:
    """A repository for each own image of the configuration, unless an environment before this one makes it."""
    before = {name for other in site.neighbours if other.region == site.project.region for name in own_of(other)}
    for name in own_of(site.project):
        if name not in before:
            _require_own_id(template, site, name)
            template.add(_logical_id(site, name), "AWS::ECR::Repository", _repository(site, name), kept=True)
    region = site.infra.replica_region
    if region and site.infra.platform:
        template.add("RegistryReplication", "AWS::ECR::ReplicationConfiguration", _replication(site, region))


def _require_own_id(template: Template, site: Site, name: str) -> None:
    """Raises ConfigurationError for two repositories whose names are the same letters and digits: a stack has no two
    ids for them."""
    if _logical_id(site, name) in template.resources:
        what = f"the repository {name} has the letters and digits of another one: the stack cannot tell them apart"
        problem = Problem("name-clash", what, "rename one of the two", field="images")
        raise ConfigurationError(f"the stack of {site.project.environment} cannot be written", [problem])


def own_of(project: Project) -> list[str]:
    """The repositories of images in this account and Region's registry that are the project's; of the environment that
    makes what an account has once, also those that all projects share."""
    names = Names(project)
    registry = f"{names.registry()}/"
    prefixes = (names.repositories, *((names.shared_repositories,) if project.infra.platform else ()))
    addresses = [image for image in project.images.values() if isinstance(image, str) and image.startswith(registry)]
    found = [_repository_of(address.removeprefix(registry)) for address in addresses]
    return sorted({name for name in found if name.startswith(prefixes)})


def _repository_of(image: str) -> str:
    """`acme/x@sha256:…` and `acme/x:tag` -> `acme/x`."""
    return image.partition("@")[0].partition(":")[0]


def _logical_id(site: Site, name: str) -> str:
    words = ("repository",) if name.startswith(site.names.repositories) else ("shared", "repository")
    return logical_id(*words, name.partition("/")[2])


def _repository(site: Site, name: str) -> dict[str, Any]:
    # ECR encrypts when an image comes in; the kind is fixed once the repository is made.
    encryption = {"EncryptionType": "KMS", "KmsKey": site.key} if site.key is not None else None
    return {
        "RepositoryName": name,
        "ImageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
        "ImageTagMutabilityExclusionFilters": [
            {"ImageTagMutabilityExclusionFilterType": "WILDCARD", "ImageTagMutabilityExclusionFilterValue": tag}
            for tag in _MOVING
        ],
        "ImageScanningConfiguration": {"ScanOnPush": True},
        "EncryptionConfiguration": encryption,
        "LifecyclePolicy": {"LifecyclePolicyText": json.dumps({"rules": [*_lifecycle(site)]})},
        "RepositoryPolicyText": _readers(site),
        "Tags": site.tags,
    }


def _lifecycle(site: Site) -> Iterator[dict[str, Any]]:
    """What goes by itself. An image that a pipeline or a model package names by its digest keeps its `src-` tag, and an
    image belongs to the first rule that its tags fit (ECR user guide, "Lifecycle policies")."""
    yield _rule(
        1, "what jobs run from source is kept", "tagged", ["src-*"], countType="imageCountMoreThan", countNumber=_ALL
    )
    yield _rule(
        2,
        "of what was tried, the newest are kept",
        "tagged",
        ["dev-*"],
        countType="imageCountMoreThan",
        countNumber=_NEWEST,
    )
    yield _rule(
        3,
        "what has lost its tag goes",
        "untagged",
        None,
        countType="sinceImagePushed",
        countUnit="days",
        countNumber=site.infra.expire["untagged_images"],
    )


def _rule(priority: int, description: str, status: str, tags: list[str] | None, **count: Any) -> dict[str, Any]:
    selection = {"tagStatus": status, **({"tagPatternList": tags} if tags else {}), **count}
    return {
        "rulePriority": priority,
        "description": description,
        "selection": selection,
        "action": {"type": "expire"},
    }


def _readers(site: Site) -> dict[str, Any] | None:
    """That other accounts may pull; in the policy of a repository the resource is the repository itself."""
    if not site.infra.registry_readers:
        return None
    accounts = [f"arn:{site.project.partition}:iam::{one}:root" for one in site.infra.registry_readers]
    pull = ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage")
    return document([Statement("ReadersOfImages", pull, principal={"AWS": accounts})])


def _replication(site: Site, region: str) -> dict[str, Any]:
    """What a registry has once. It copies what is pushed from now on, with its digest and tags."""
    names = site.names
    filters = [
        {"Filter": prefix, "FilterType": "PREFIX_MATCH"} for prefix in (names.repositories, names.shared_repositories)
    ]
    destination = {"Region": region, "RegistryId": site.project.account_id}
    return {"ReplicationConfiguration": {"Rules": [{"Destinations": [destination], "RepositoryFilters": filters}]}}
