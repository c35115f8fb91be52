"""config/project.yaml -> one frozen Project: every name, ARN, address, size and limit that follows from it.

In: the file and an environment (`local`, `dev`, `staging`, `production`). Out: a Project, or one ConfigurationError
with every problem of the file. Which keys there are is the table in `project_keys.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from dagwright.addresses import Addresses, Layout
from dagwright.errors import ConfigurationError, Problem, did_you_mean
from dagwright.project_forms import PURPOSES
from dagwright.project_keys import ENVIRONMENTS, MAX_TAGS
from dagwright.sizing import RULES, Rule
from dagwright.sizing_rules import rule_problems, rules_of

if TYPE_CHECKING:
    from dagwright.images import FrameworkImage
    from dagwright.project_file import Settings
    from dagwright.variables import Text

_TIMESTAMP = "-20240101-120000"
_JOB_NAME = 63
_PIPELINE_NAME = 256
_NAME_LIMITS = {"bucket": 63, "model package group": 63}
_ROLE_NAME = 64
# The roles by their keys, and the last word of what they are called unless the file names them.
_ROLES = {"role": "ExecutionRole", "state_machines.role": "StepFunctionsRole", "scheduler.role": "SchedulerRole"}
_SIZED = ("processing", "training", "transform")


@dataclass(frozen=True)
class Size:
    """Machines and time limit of one kind of job. A transform job has no use for the last two."""

    instance_type: str
    instance_count: int = 1
    volume_size_in_gb: int = 30
    max_runtime_in_seconds: int = 86400


@dataclass(frozen=True)
class EnvironmentRule:
    """What runs the jobs of images that fit a pattern: an interpreter, an environment of requirements, or what a
    Dockerfile copies.

    Paths are as written in the file: from the project's folder unless absolute.
    """

    image: str
    interpreter: str | None = None
    requirements: str | None = None
    python: str | None = None
    dockerfile: str | None = None


@dataclass(frozen=True)
class LocalSettings:
    """How pipelines run on this machine."""

    environments: tuple[EnvironmentRule, ...] = ()
    libraries: str = "here"
    lambdas: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    callbacks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    stand_ins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    max_parallel: int | None = None
    sandbox: str = "auto"
    stop_grace_seconds: int = 10
    copy_below_mib: int = 64


@dataclass(frozen=True)
class Project(Addresses):
    """What one environment of the configuration comes to. Mappings are read-only.

    Addresses are texts as long as every part is one; with a pipeline variable among the parts they are a Join.

    >>> project.raw("customers.csv")
    's3://acme-sm-rc-churn/raw/uploads/customers.csv'
    >>> project.features(3)
    's3://acme-sm-rc-churn/features/v3'
    """

    company: str
    team: str
    project: str
    environment: str
    account_id: str
    region: str
    partition: str
    role: str
    bucket: str
    layout: Layout
    subnets: tuple[str, ...]
    security_groups: Mapping[str, tuple[str, ...]]
    network_isolation: bool
    encrypt_traffic: bool
    volume_key: str | None
    output_key: str | None
    tags: Mapping[str, str]
    images: Mapping[str, str | FrameworkImage]
    sizes: Mapping[str, Size]
    environment_suffix: bool
    pipeline_role: str
    engine: Literal["sagemaker", "stepfunctions"]
    state_machine_role: str
    state_machine_log_group: str
    scheduler_role: str
    schedule_group: str
    dead_letter_queue: str | None
    checks: Mapping[str, str]
    local: LocalSettings
    root: Path
    sizing: Mapping[str, Rule] = field(default_factory=lambda: RULES)

    def image(self, name: str, instance_type: Text | None = None, use: str | None = None) -> str:
        """The address of an image by its name in the configuration.

        One that is named by framework and version is found in the Region. Give the `instance_type` of a step that has
        its own: on a GPU or on Graviton it is another image; without it that of `sizes` counts. `use` (processing,
        training, inference) wins over the configuration's; where neither says it, it is training, or what the framework
        is for. Raises ConfigurationError if there is no such image, if it depends on the machine and none is known, and
        for an instance type that is a pipeline variable or none at all.
        """
        if not isinstance(name, str) or name not in self.images:
            raise _nothing_named(name, "image", "images", self.images, self.environment)
        named = self.images[name]
        if isinstance(named, str):
            return named
        from dagwright.images import Missing, image_address, table_of

        sizes = {kind: size.instance_type for kind, size in self.sizes.items()}
        table = table_of(self.root)
        found = image_address(named, table, self.region, self.partition, sizes, instance_type, use)
        if isinstance(found, Missing):
            field = f"images.{name}.{found.member}".rstrip(".")
            raise _mistake(Problem("unknown-image", found.what, found.hint, field=field))
        return found

    def sizing_rule(self, name: str) -> Rule:
        """A rule of `sizing` by its name. Raises ConfigurationError if there is none of that name."""
        if not isinstance(name, str) or name not in self.sizing:
            raise _nothing_named(name, "rule", "sizing", self.sizing, self.environment)
        return self.sizing[name]

    @property
    def model_package_group(self) -> str:
        """`{team}-{project}`."""
        return f"{self.team}-{self.project}"

    def pipeline_name(self, name: str) -> str:
        """`{team}-{project}-{name}`, followed by the environment where several share an account.

        Raises ConfigurationError if AWS would not take it: 256 letters, digits and single hyphens inside.
        """
        suffix = f"-{self.environment}" if self.environment_suffix and self.environment != "local" else ""
        return _checked("pipeline", f"{self.model_package_group}-{name}{suffix}", _PIPELINE_NAME)

    def job_name_prefix(self, job_type: str) -> str:
        """`{team}-{project}-{job_type}`, to which `-{timestamp}` of 15 characters is added.

        Raises ConfigurationError if the job's name would not fit AWS's 63 letters, digits and hyphens inside.
        """
        prefix = f"{self.model_package_group}-{job_type}"
        _checked("job", prefix + _TIMESTAMP, _JOB_NAME)
        return prefix


def load_project(path: Path, environment: str = "local") -> Project:
    """The project that `path`, its config/project.yaml, describes for one environment.

    Raises ConfigurationError with every problem of the file: file and line, key, what is wrong, what to write.
    """
    from dagwright.project_file import read_settings  # whoever makes a Project by hand needs no YAML

    path = Path(os.path.abspath(path))  # not resolve(): a linked file still belongs to the folder it is seen in
    settings, every, problems = read_settings(path, environment)
    judged = {_group_of(problem) for problem in problems}
    root = path.parent.parent
    problems += [problem for one in every for problem in _together(one) if _group_of(problem) not in judged]
    if "images" not in judged and any(isinstance(it, dict) for one in every for it in one.below("images").values()):
        from dagwright.image_rules import image_problems  # a project whose images are all its own needs no table

        problems += [problem for one in every for problem in image_problems(one, root)]
    if problems:
        raise _refusal(settings.where, problems)
    return _project(settings, root)


def partition_of(region: str) -> str:
    """The partition of a Region, which its name tells: cn-… aws-cn, us-gov-… aws-us-gov, us-isob-… aws-iso-b."""
    first, second = region.split("-")[:2]
    if first in ("cn", "eusc"):
        return f"aws-{first}"
    if second == "gov":
        return "aws-us-gov"
    if second.startswith("iso"):
        return "-".join(filter(None, ("aws-iso", second[3:])))
    return "aws"


def _group_of(problem: Problem) -> str:
    """The key of the top level that a problem is about: what is wrong in itself is not judged together with others."""
    names = problem.field.split(".")
    return names[1] if names[0] in ENVIRONMENTS and len(names) > 1 else names[0]


def _refusal(where: str, problems: list[Problem]) -> ConfigurationError:
    once = dict.fromkeys(problems)
    ordered = sorted(once, key=_line)
    count = f"{len(ordered)} problems" if len(ordered) > 1 else "a problem"
    return ConfigurationError(f"{where} has {count}", ordered)


def _line(problem: Problem) -> int:
    number = problem.where.rpartition(":")[2]
    return int(number) if number.isdigit() else 0


def _mistake(problem: Problem) -> ConfigurationError:
    return ConfigurationError("the configuration does not fit", [problem])


def _nothing_named(name: object, thing: str, key: str, known: Iterable[str], environment: str) -> ConfigurationError:
    """What to raise for a name that is not below a key of the file."""
    if not isinstance(name, str):
        return _mistake(Problem(f"unknown-{thing}", f"{name!r} is no name", f"say one of those below '{key}'"))
    hint = did_you_mean(name, known) or f"add it below '{key}'"
    what = f"there is no {thing} '{name}' in {environment}"
    return _mistake(Problem(f"unknown-{thing}", what, hint, field=f"{key}.{name}"))


def _checked(thing: str, name: str, limit: int) -> str:
    """The name, if it has the form that AWS gives to the names of pipelines and jobs (botocore, PipelineName)."""
    if len(name) > limit:
        what = f"the {thing} name {name} has {len(name)} characters; AWS takes {limit}"
        raise _mistake(Problem("name-too-long", what, "shorten its last part, or 'team' or 'project'"))
    if not re.fullmatch("[a-zA-Z0-9](-*[a-zA-Z0-9])*", name):
        what = f"{name!r} cannot be the name of a {thing}"
        raise _mistake(Problem("bad-value", what, "letters and digits, with hyphens only between them"))
    return name


def _title(name: str) -> str:
    return "-".join(word.capitalize() for word in name.split("-"))


def _names(settings: Settings) -> dict[str, str]:
    """The names that AWS limits, made of the placeholders unless they are given."""
    company, team, project = (settings.value(key) for key in ("company", "team", "project"))
    return {
        "bucket": settings.value("bucket") or f"{company}-sm-{team}-{project}",
        "model package group": f"{team}-{project}",
    }


def _role_names(settings: Settings) -> dict[str, str]:
    """What each role is called, by its key: made of the placeholders, unless its ARN is given."""
    stem = f"SageMaker-{_title(settings.value('team'))}-{_title(settings.value('project'))}"
    return {key: (settings.value(key) or f"{stem}-{word}").rpartition("/")[2] for key, word in _ROLES.items()}


def _together(settings: Settings) -> Iterator[Problem]:
    """What is wrong although each key by itself is right. The limits: S3 63, IAM 64 for a role, SageMaker 63."""
    if all(isinstance(settings.value(key), str) for key in ("company", "team", "project")):
        yield from _too_long(settings)
    role, account = settings.value("role"), settings.value("account_id")
    if isinstance(role, str) and isinstance(account, str) and f"::{account}:" not in role:
        what = f"in {settings.environment} this role is not of the account {account}: jobs cannot run under it"
        yield settings.problem("role-of-other-account", "role", what, "write the ARN of a role of that account")
    for kind in _SIZED:
        if settings.below(f"sizes.{kind}") and settings.value(f"sizes.{kind}.instance_type") is None:
            what = f"this key is needed in {settings.environment}: other sizes of {kind} are given"
            hint = "for example instance_type: ml.m5.xlarge"
            yield settings.problem("missing-key", f"sizes.{kind}.instance_type", what, hint)
    yield from _network(settings)
    yield from rule_problems(settings)
    tags = {"Company", "Team", "Project", "Environment", *settings.below("tags")}
    if len(tags) > MAX_TAGS:
        what = f"in {settings.environment} there are {len(tags)} tags, with the project's own; AWS takes {MAX_TAGS}"
        yield settings.problem("too-many-tags", "tags", what, "remove some")


def _too_long(settings: Settings) -> Iterator[Problem]:
    for thing, name in _names(settings).items():
        if len(name) > _NAME_LIMITS[thing]:
            what = f"the {thing} would be {name}: {len(name)} characters; AWS takes {_NAME_LIMITS[thing]}"
            given = thing == "model package group" or settings.value(thing)
            hint = "shorten it" if given else f"shorten the words it is made of, or give '{thing}'"
            yield settings.problem("name-too-long", thing if settings.node(thing) else "project", what, hint)
    yield from _too_long_roles(settings)


def _too_long_roles(settings: Settings) -> Iterator[Problem]:
    """One problem for all that are made of the same words: the longest of them tells it."""
    names = {key: name for key, name in _role_names(settings).items() if len(name) > _ROLE_NAME}
    made = [key for key in names if not settings.value(key)]
    told = {key: "shorten it" for key in names if key not in made}
    if made:
        keys = ", ".join(f"'{key}'" for key in made)
        told[max(made, key=lambda key: len(names[key]))] = f"shorten the words it is made of, or give {keys}"
    for key, hint in told.items():
        what = f"the role would be {names[key]}: {len(names[key])} characters; AWS takes {_ROLE_NAME}"
        yield settings.problem("name-too-long", "project" if key in made else key, what, hint)


def _network(settings: Settings) -> Iterator[Problem]:
    groups = settings.below("network.security_groups")
    if not settings.value("network.subnets"):
        if any(groups.values()):
            what = f"in {settings.environment} there are security groups and no subnets: no job would use them"
            yield settings.problem("missing-key", "network.security_groups", what, "add network.subnets")
        return
    for purpose in PURPOSES:
        if not groups.get(purpose):
            what = f"in {settings.environment} there are subnets and no group for {purpose}: it would leave the VPC"
            hint = f"add network.security_groups.{purpose}; one group may serve several purposes"
            yield settings.problem("missing-key", "network.security_groups", what, hint)


def _project(settings: Settings, root: Path) -> Project:
    company, team, project = (settings.value(key) for key in ("company", "team", "project"))
    region, account, names = settings.value("region"), settings.value("account_id"), _names(settings)
    partition = partition_of(region)
    own = {"Company": company, "Team": team, "Project": project, "Environment": settings.environment}
    roles = {
        key: settings.value(key) or f"arn:{partition}:iam::{account}:role/{name}"
        for key, name in _role_names(settings).items()
    }
    return Project(
        company=company,
        team=team,
        project=project,
        environment=settings.environment,
        account_id=account,
        region=region,
        partition=partition,
        role=roles["role"],
        bucket=names["bucket"],
        layout=Layout(**{name: settings.value(f"layout.{name}").strip("/") for name in Layout.__dataclass_fields__}),
        subnets=settings.value("network.subnets") or (),
        security_groups=MappingProxyType({name: _group(settings, name) for name in PURPOSES if _group(settings, name)}),
        network_isolation=settings.value("network.isolation"),
        encrypt_traffic=settings.value("network.encrypt_traffic"),
        volume_key=settings.value("keys.volume"),
        output_key=settings.value("keys.output"),
        tags=MappingProxyType(own | settings.below("tags")),
        images=MappingProxyType(_images(settings)),
        sizes=MappingProxyType({kind: Size(**given) for kind in _SIZED if (given := settings.below(f"sizes.{kind}"))}),
        environment_suffix=settings.value("environment_suffix"),
        pipeline_role=settings.value("pipeline_role") or roles["role"],
        engine=settings.value("engine"),
        state_machine_role=roles["state_machines.role"],
        state_machine_log_group=settings.value("state_machines.log_group")
        or f"/aws/vendedlogs/states/{team}-{project}",
        scheduler_role=roles["scheduler.role"],
        schedule_group=settings.value("scheduler.group") or f"{team}-{project}",
        dead_letter_queue=settings.value("scheduler.dead_letter_queue"),
        checks=MappingProxyType(settings.below("checks")),
        local=_local(settings),
        root=root,
        sizing=rules_of(settings),
    )


def _images(settings: Settings) -> dict[str, str | FrameworkImage]:
    images = settings.below("images")
    if not any(isinstance(image, dict) for image in images.values()):
        return images
    from dagwright.image_rules import framework_image

    return {name: framework_image(image) if isinstance(image, dict) else image for name, image in images.items()}


def _group(settings: Settings, purpose: str) -> tuple[str, ...]:
    groups: tuple[str, ...] = settings.value(f"network.security_groups.{purpose}") or ()
    return groups


def _local(settings: Settings) -> LocalSettings:
    rules = settings.value("environments") or ()
    return LocalSettings(
        environments=tuple(EnvironmentRule(**{name: node.value for name, node in rule.items()}) for rule in rules),
        libraries=settings.value("libraries"),
        lambdas=MappingProxyType(settings.below("lambdas")),
        callbacks=MappingProxyType(settings.below("callbacks")),
        stand_ins=MappingProxyType(settings.below("stand_ins")),
        max_parallel=settings.value("max_parallel"),
        sandbox=settings.value("sandbox"),
        stop_grace_seconds=settings.value("stop_grace_seconds"),
        copy_below_mib=settings.value("copy_below_mib"),
    )
