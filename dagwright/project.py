"""config/project.yaml -> one frozen Project: every name, ARN, address, size and limit that follows from it.

In: the file and an environment (`local`, `dev`, `staging`, `production`). Out: a Project, or one ConfigurationError
with every problem of the file. Which keys there are is the table in `project_keys.py`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from dagwright.addresses import Addresses, Layout
from dagwright.errors import ConfigurationError, Problem, did_you_mean
from dagwright.infra_settings import InfraSettings, bucket_name, infra_settings, platform_problems, suffix_of
from dagwright.outputs import Outputs, pinned, read_outputs
from dagwright.project_forms import PURPOSES
from dagwright.project_keys import ENVIRONMENTS
from dagwright.project_together import SIZED, role_names, role_stem, together
from dagwright.sizing import RULES, Rule
from dagwright.sizing_rules import rules_of

if TYPE_CHECKING:
    from dagwright.images import FrameworkImage
    from dagwright.project_file import Settings
    from dagwright.variables import Text

_TIMESTAMP = "-20240101-120000"
_JOB_NAME = 63
_PIPELINE_NAME = 256


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
class LimitRule:
    """What each instance of a job may use of this machine, for the steps that fit a pattern: of their names, or of
    `pipeline/step`. `source` is where it is said."""

    step: str
    memory_mib: int | None = None
    processors: float | None = None
    source: str = "local.limits"


@dataclass(frozen=True)
class LocalSettings:
    """How pipelines run on this machine."""

    environments: tuple[EnvironmentRule, ...] = ()
    libraries: str = "here"
    lambdas: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    callbacks: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    stand_ins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    max_parallel: int | None = None
    limits: tuple[LimitRule, ...] = ()
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
    infra: InfraSettings = field(default_factory=InfraSettings)
    stem: str = ""
    """What the names of the environment's own things begin with: `{team}-{project}`, and the environment if several
    share an account."""
    role_stem: str = ""
    unmade: tuple[str, ...] = ()
    """Keys of the configuration whose things the stack makes, or finds by tag, and has not told of yet."""

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
    problems += [problem for one in every for problem in together(one) if _group_of(problem) not in judged]
    problems += [problem for problem in platform_problems(every) if _group_of(problem) not in judged]
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


def _project(settings: Settings, root: Path) -> Project:
    company, team, project = (settings.value(key) for key in ("company", "team", "project"))
    outputs = read_outputs(root, settings.environment)
    network, roles = _network(settings, outputs), _roles(settings)
    infra = _infra(settings, outputs, network)
    stem = f"{team}-{project}{suffix_of(settings) if infra.is_used else ''}"
    key = outputs.key if infra.makes("keys") else ""
    own = {"Company": company, "Team": team, "Project": project, "Environment": settings.environment}
    return Project(
        company=company,
        team=team,
        project=project,
        environment=settings.environment,
        account_id=settings.value("account_id"),
        region=settings.value("region"),
        partition=partition_of(settings.value("region")),
        role=roles["role"],
        bucket=bucket_name(settings),
        layout=Layout(**{name: settings.value(f"layout.{name}").strip("/") for name in Layout.__dataclass_fields__}),
        subnets=network.subnets,
        security_groups=network.groups,
        network_isolation=settings.value("network.isolation"),
        encrypt_traffic=settings.value("network.encrypt_traffic"),
        volume_key=settings.value("keys.volume") or key or None,
        output_key=settings.value("keys.output") or key or None,
        tags=MappingProxyType(own | settings.below("tags")),
        images=MappingProxyType(_images(settings, outputs)),
        sizes=MappingProxyType({kind: Size(**given) for kind in SIZED if (given := settings.below(f"sizes.{kind}"))}),
        environment_suffix=settings.value("environment_suffix"),
        pipeline_role=roles.get("pipeline_role", roles["role"]),
        engine=settings.value("engine"),
        state_machine_role=roles["state_machines.role"],
        state_machine_log_group=settings.value("state_machines.log_group") or f"/aws/vendedlogs/states/{stem}",
        scheduler_role=roles["scheduler.role"],
        schedule_group=settings.value("scheduler.group") or stem,
        dead_letter_queue=settings.value("scheduler.dead_letter_queue") or outputs.dead_letter_queue or None,
        checks=MappingProxyType(settings.below("checks")),
        local=_local(settings),
        root=root,
        sizing=rules_of(settings),
        infra=infra,
        stem=stem,
        role_stem=role_stem(settings),
        unmade=(*network.unmade, *(("keys",) if infra.makes("keys") and not outputs.key else ())),
    )


@dataclass(frozen=True)
class _Network:
    subnets: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    unmade: tuple[str, ...]
    all_subnets: tuple[str, ...]
    all_groups: Mapping[str, tuple[str, ...]]


def _network(settings: Settings, outputs: Outputs) -> _Network:
    """Where jobs run: as the file says, else as AWS has told. As long as a group is not known, nowhere."""
    subnets = settings.value("network.subnets") or outputs.subnets
    groups = MappingProxyType(
        {name: _group(settings, name) or outputs.security_groups.get(name, ()) for name in PURPOSES}
    )
    unmade = [f"network.security_groups.{name}" for name in PURPOSES if subnets and not groups[name]]
    if not subnets and settings.below("infra.find.subnets"):
        unmade = ["network.subnets"]
    if unmade or not subnets:
        return _Network((), MappingProxyType({}), tuple(unmade), subnets, groups)
    return _Network(subnets, groups, (), subnets, groups)


def _infra(settings: Settings, outputs: Outputs, network: _Network) -> InfraSettings:
    """How the stack is made, with what of the network is known."""
    infra = infra_settings(settings)
    return replace(infra, vpc=infra.vpc or outputs.vpc, subnets=network.all_subnets, groups=network.all_groups)


def _roles(settings: Settings) -> dict[str, str]:
    """The ARN of each role, by its key."""
    start = f"arn:{partition_of(settings.value('region'))}:iam::{settings.value('account_id')}:role/"
    return {key: settings.value(key) or f"{start}{name}" for key, name in role_names(settings).items()}


def _images(settings: Settings, outputs: Outputs) -> dict[str, str | FrameworkImage]:
    images = {
        name: pinned(image, outputs.images.get(name, "")) if isinstance(image, str) else image
        for name, image in settings.below("images").items()
    }
    if not any(isinstance(image, dict) for image in images.values()):
        return images
    from dagwright.image_rules import framework_image

    return {name: framework_image(image) if isinstance(image, dict) else image for name, image in images.items()}


def _group(settings: Settings, purpose: str) -> tuple[str, ...]:
    groups: tuple[str, ...] = settings.value(f"network.security_groups.{purpose}") or ()
    return groups


def _local(settings: Settings) -> LocalSettings:
    rules = settings.value("environments") or ()
    limits = settings.value("limits") or ()
    return LocalSettings(
        environments=tuple(EnvironmentRule(**{name: node.value for name, node in rule.items()}) for rule in rules),
        limits=tuple(LimitRule(**{name: node.value for name, node in rule.items()}) for rule in limits),
        libraries=settings.value("libraries"),
        lambdas=MappingProxyType(settings.below("lambdas")),
        callbacks=MappingProxyType(settings.below("callbacks")),
        stand_ins=MappingProxyType(settings.below("stand_ins")),
        max_parallel=settings.value("max_parallel"),
        sandbox=settings.value("sandbox"),
        stop_grace_seconds=settings.value("stop_grace_seconds"),
        copy_below_mib=settings.value("copy_below_mib"),
    )
