"""What of its surroundings a project makes, and how: the keys below `infra` of config/project.yaml.

In: the settings of one environment. Out: an `InfraSettings`. What the file names by id or ARN is there already; what it
does not name is made, once there is an `infra` section.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from dagwright.errors import Problem
from dagwright.project_forms import PURPOSES

if TYPE_CHECKING:
    from dagwright.project_file import Settings

_ROLES = ("role", "pipeline_role", "state_machines.role", "scheduler.role")
_QUEUE = "scheduler.dead_letter_queue"


@dataclass(frozen=True)
class InfraSettings:
    """How the stack of an environment is made.

    `made` are the keys of the configuration, such as `role` and `keys`, whose things the stack makes. `find` holds tags
    by what is found by them: `vpc`, `subnets`, `processing`, `training`, `inference`. Times are in days.
    """

    is_used: bool = False
    stack: str = ""
    platform: bool = False
    made: frozenset[str] = frozenset()
    vpc: str = ""
    find: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    group_prefix: str = ""
    endpoints: tuple[str, ...] = ()
    route_tables: tuple[str, ...] = ()
    endpoint_group: str = ""
    s3_prefix_list: str = ""
    retention: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    expire: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    emails: tuple[str, ...] = ()
    repository: str = ""
    studio_roles: tuple[str, ...] = ()
    approver_roles: tuple[str, ...] = ()
    permissions_boundary: str = ""
    replica_region: str = ""
    registry_readers: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    """Where endpoints are put: known, although a group of the jobs may not be."""
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """Security groups by purpose, as far as they are known."""

    def makes(self, key: str) -> bool:
        """Whether the stack makes what this key of the configuration would name."""
        return key in self.made


def is_used(settings: Settings) -> bool:
    """Whether the environment has an `infra` section, its own or the base's."""
    return any(path[0] == "infra" for path in settings.values)


def suffix_of(settings: Settings) -> str:
    """`-dev` behind the names of an environment's things, where several environments share an account; and what
    `infra.suffix` adds."""
    apart = settings.value("environment_suffix") and settings.environment != "local"
    words = (settings.environment if apart else "", settings.value("infra.suffix"))
    return "".join(f"-{word}" for word in words if word)


def infra_settings(settings: Settings) -> InfraSettings:
    """The section, with the names it leaves open."""
    company, team, project = (settings.value(key) for key in ("company", "team", "project"))
    if not is_used(settings):
        return InfraSettings()
    return InfraSettings(
        is_used=True,
        stack=settings.value("infra.stack") or f"{company}-sm-{team}-{project}-{settings.environment}",
        platform=settings.value("infra.platform"),
        made=frozenset(_made(settings)),
        vpc=settings.value("infra.vpc") or "",
        find=MappingProxyType(dict(_found_by_tag(settings))),
        group_prefix=settings.value("infra.group_prefix") or f"{team}-{project}{suffix_of(settings)}",
        endpoints=settings.value("infra.endpoints.services") or (),
        route_tables=settings.value("infra.endpoints.route_tables") or (),
        endpoint_group=settings.value("infra.endpoints.security_group") or "",
        s3_prefix_list=settings.value("infra.endpoints.s3_prefix_list") or "",
        retention=MappingProxyType({name: settings.value(f"infra.retention.{name}") for name in RETAINED}),
        expire=MappingProxyType({name: settings.value(f"infra.expire.{name}") for name in EXPIRING}),
        emails=settings.value("infra.alert_emails") or (),
        repository=settings.value("infra.github_repository") or "",
        studio_roles=settings.value("infra.studio_roles") or (),
        approver_roles=settings.value("infra.approver_roles") or (),
        permissions_boundary=settings.value("infra.permissions_boundary") or "",
        replica_region=settings.value("infra.replica_region") or "",
        registry_readers=settings.value("infra.registry_readers") or (),
    )


#: Logs with how long they are kept, and data with the time after which it goes, unless the file says another.
RETAINED: Mapping[str, int] = MappingProxyType(
    {"processing": 30, "training": 90, "transform": 30, "states": 30, "trigger": 30}
)
EXPIRING: Mapping[str, int] = MappingProxyType(
    {"processed": 90, "pipelines": 365, "noncurrent": 30, "untagged_images": 14}
)


def _made(settings: Settings) -> Iterator[str]:
    """The keys of what the stack makes."""
    yield from (key for key in (*_ROLES, _QUEUE) if settings.value(key) is None)
    if settings.value("infra.bucket") == "create":
        yield "bucket"
    if settings.value("infra.key") == "create" and not _keys_given(settings):
        yield "keys"
    if has_vpc(settings) and _has_subnets(settings):
        for purpose in PURPOSES:
            key = f"network.security_groups.{purpose}"
            if not settings.value(key) and not settings.below(f"infra.find.security_groups.{purpose}"):
                yield key


def _keys_given(settings: Settings) -> bool:
    return bool(settings.value("keys.volume") or settings.value("keys.output"))


def has_vpc(settings: Settings) -> bool:
    """Whether it is said in which VPC security groups are to be made."""
    return bool(settings.value("infra.vpc") or settings.below("infra.find.vpc"))


def _has_subnets(settings: Settings) -> bool:
    return bool(settings.value("network.subnets") or settings.below("infra.find.subnets"))


def _found_by_tag(settings: Settings) -> Iterator[tuple[str, Mapping[str, str]]]:
    paths = {"vpc": "vpc", "subnets": "subnets", **{purpose: f"security_groups.{purpose}" for purpose in PURPOSES}}
    for name, path in paths.items():
        tags = settings.below(f"infra.find.{path}")
        if tags:
            yield name, MappingProxyType(tags)


#: Services whose endpoints are entries of route tables; all others are addresses in subnets.
GATEWAYS = ("s3", "dynamodb")
_BUCKET_NAME = 63
# Lists whose entries become things of one name each: CloudFormation takes no entry twice.
_ONCE = (
    "infra.endpoints.services", "infra.endpoints.route_tables", "infra.alert_emails", "infra.studio_roles",
    "infra.approver_roles", "infra.registry_readers",
)  # fmt: skip
# Prefixes of the layout that go after a while, and those that never do.
_GOING, _STAYING = ("processed", "pipelines"), ("raw", "features", "models", "metrics", "code")
# Those into which jobs write.
_WRITTEN = ("processed", "features", "models", "metrics", "pipelines")


def replica_bucket(bucket: str, region: str) -> str:
    """What the bucket's replica in a second Region is called."""
    return f"{bucket}-{region}"


def bucket_name(settings: Settings) -> str:
    """The bucket of an environment, made of the placeholders unless it is given."""
    company, team, project = (settings.value(key) for key in ("company", "team", "project"))
    return settings.value("bucket") or f"{company}-sm-{team}-{project}"


def _expiring_too_much(settings: Settings) -> Iterator[Problem]:
    """A rule of the bucket for one prefix is for all that lies below it."""
    if settings.value("infra.bucket") != "create" or not is_used(settings):
        return
    for going in _GOING:
        above = f"{settings.value(f'layout.{going}')}".strip("/") + "/"
        for staying in _STAYING:
            if f"{settings.value(f'layout.{staying}')}/".startswith(above):
                what = f"in {settings.environment} this lies below layout.{going}, whose objects expire"
                yield settings.problem("bad-value", f"layout.{staying}", what, f"take another place than {above}")


def _written_by_jobs(settings: Settings) -> Iterator[Problem]:
    """A deployment takes templates and functions from the code: no job may leave any there."""
    if not is_used(settings):
        return
    code = f"{settings.value('layout.code')}/"
    for name in _WRITTEN:
        written = f"{settings.value(f'layout.{name}')}/".partition("{version}")[0]
        if written.startswith(code) or code.startswith(written):
            what = f"in {settings.environment} jobs write here, and layout.code is what deployments take"
            yield settings.problem("bad-value", f"layout.{name}", what, f"take another place than {code}")


def _endpoint_problems(settings: Settings) -> Iterator[Problem]:
    services = settings.value("infra.endpoints.services") or ()
    gateways = [service for service in services if service in GATEWAYS]
    if gateways and not settings.value("infra.endpoints.route_tables"):
        what = f"in {settings.environment} an endpoint for {' and '.join(gateways)} is an entry of route tables"
        hint = "list those of the subnets, such as rtb-0a1b2c3d4e5f60718"
        yield settings.problem("missing-key", "infra.endpoints.route_tables", what, hint)


def _twice(settings: Settings) -> Iterator[Problem]:
    for path in _ONCE:
        values = settings.value(path) or ()
        names = [one for one in values if isinstance(one, str)]
        for name in dict.fromkeys(one for one in names if names.count(one) > 1):
            what = f"in {settings.environment} {name!r} stands here more than once"
            yield settings.problem("bad-value", path, what, "keep one of them")


def _boundary_problems(settings: Settings) -> Iterator[Problem]:
    """A boundary is a policy of the role's own account, or one of AWS's."""
    boundary, account = settings.value("infra.permissions_boundary"), settings.value("account_id")
    if isinstance(boundary, str) and not any(f"::{owner}:" in boundary for owner in (account, "aws")):
        what = f"in {settings.environment} this policy is not of the account {account}: no role there can have it"
        hint = "write the ARN of a policy of that account"
        yield settings.problem("bad-value", "infra.permissions_boundary", what, hint)


def platform_problems(every: Sequence[Settings]) -> Iterator[Problem]:
    """What an account has once in a Region, only one of its environments can make."""
    first: dict[tuple[str, str], str] = {}
    for settings in every:
        if settings.environment == "local" or settings.value("infra.platform") is not True:
            continue
        place = (settings.value("account_id"), settings.value("region"))
        other = first.setdefault(place, settings.environment)
        if other != settings.environment:
            what = f"in {settings.environment} it is true as in {other}, of the same account and Region, which has one"
            yield settings.problem("bad-value", "infra.platform", what, "make it false in all of them but one")


# What PutRetentionPolicy takes (CloudWatch Logs API reference); botocore's model says it in words only.
_KEPT_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


def infra_problems(settings: Settings) -> Iterator[Problem]:
    """What is wrong with the section as a whole."""
    replica = settings.value("infra.replica_region")
    if replica is not None and replica == settings.value("region"):
        what = f"in {settings.environment} the replica would be in the Region that the bucket is in"
        yield settings.problem("bad-value", "infra.replica_region", what, "name another Region")
    if replica and len(name := replica_bucket(bucket_name(settings), replica)) > _BUCKET_NAME:
        what = (
            f"in {settings.environment} the replica would be {name}: {len(name)} characters; AWS takes {_BUCKET_NAME}"
        )
        yield settings.problem("name-too-long", "infra.replica_region", what, "give a shorter 'bucket'")
    yield from _expiring_too_much(settings)
    yield from _written_by_jobs(settings)
    yield from _endpoint_problems(settings)
    yield from _twice(settings)
    yield from _boundary_problems(settings)
    for path in ("infra.endpoints.services", "infra.group_prefix"):
        if settings.value(path) and not has_vpc(settings):
            what = f"in {settings.environment} it is not said in which VPC"
            yield settings.problem("missing-key", path, what, "add infra.vpc, or tags to find it by: infra.find.vpc")
    if settings.value("infra.bucket") == "existing" and replica:
        what = f"in {settings.environment} the bucket is there already: its replication is its owner's to set up"
        yield settings.problem("bad-value", "infra.replica_region", what, "leave it out, or say infra.bucket: create")
    for name in RETAINED:
        days = settings.value(f"infra.retention.{name}")
        if isinstance(days, int) and days not in _KEPT_DAYS:
            nearest = min(_KEPT_DAYS, key=lambda kept: (abs(kept - days), -kept))
            what = f"logs cannot be kept for {days} days"
            yield settings.problem("bad-value", f"infra.retention.{name}", what, f"such as {nearest}")
