"""What several keys of config/project.yaml make together: derived names, and what is wrong although each key is right.

In: the settings of one environment. Out: names, and problems.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dagwright.errors import Problem
from dagwright.infra_settings import bucket_name, has_vpc, infra_problems, is_used, suffix_of
from dagwright.project_forms import PURPOSES
from dagwright.project_keys import MAX_TAGS
from dagwright.sizing_rules import rule_problems

if TYPE_CHECKING:
    from dagwright.project_file import Settings

SIZED = ("processing", "training", "transform")
_NAME_LIMITS = {"bucket": 63, "model package group": 63}
_ROLE_NAME = 64
# The roles by their keys, and the last word of what they are called unless the file names them.
_ROLES = {
    "role": "ExecutionRole",
    "pipeline_role": "PipelineRole",
    "state_machines.role": "StepFunctionsRole",
    "scheduler.role": "SchedulerRole",
}


def title(name: str) -> str:
    return "-".join(word.capitalize() for word in name.split("-"))


def _names(settings: Settings) -> dict[str, str]:
    """The names that AWS limits, made of the placeholders unless they are given."""
    team, project = settings.value("team"), settings.value("project")
    return {"bucket": bucket_name(settings), "model package group": f"{team}-{project}"}


def role_names(settings: Settings) -> dict[str, str]:
    """What each role is called, by its key: made of the placeholders, unless its ARN is given."""
    stem = role_stem(settings)
    words = _ROLES if is_used(settings) or settings.value("pipeline_role") else _ROLES | {"pipeline_role": ""}
    return {key: (settings.value(key) or f"{stem}-{word}").rpartition("/")[2] for key, word in words.items() if word}


def role_stem(settings: Settings) -> str:
    """What the names of the project's roles begin with; with the environment where several share an account."""
    words = [settings.value("team"), settings.value("project")]
    if is_used(settings):
        words[1] += suffix_of(settings)
    return "-".join(("SageMaker", *map(title, words)))


def together(settings: Settings) -> Iterator[Problem]:
    """What is wrong although each key by itself is right. The limits: S3 63, IAM 64 for a role, SageMaker 63."""
    if all(isinstance(settings.value(key), str) for key in ("company", "team", "project")):
        yield from _too_long(settings)
    role, account = settings.value("role"), settings.value("account_id")
    if isinstance(role, str) and isinstance(account, str) and f"::{account}:" not in role:
        what = f"in {settings.environment} this role is not of the account {account}: jobs cannot run under it"
        yield settings.problem("role-of-other-account", "role", what, "write the ARN of a role of that account")
    for kind in SIZED:
        if settings.below(f"sizes.{kind}") and settings.value(f"sizes.{kind}.instance_type") is None:
            what = f"this key is needed in {settings.environment}: other sizes of {kind} are given"
            hint = "for example instance_type: ml.m5.xlarge"
            yield settings.problem("missing-key", f"sizes.{kind}.instance_type", what, hint)
    yield from _network(settings)
    yield from infra_problems(settings)
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
    names = {key: name for key, name in role_names(settings).items() if len(name) > _ROLE_NAME}
    made = [key for key in names if not settings.value(key)]
    told = {key: "shorten it" for key in names if key not in made}
    if made:
        keys = ", ".join(f"'{key}'" for key in made)
        told[max(made, key=lambda key: len(names[key]))] = f"shorten the words it is made of, or give {keys}"
    for key, hint in told.items():
        what = f"the role would be {names[key]}: {len(names[key])} characters; AWS takes {_ROLE_NAME}"
        yield settings.problem("name-too-long", "project" if key in made else key, what, hint)


def _network(settings: Settings) -> Iterator[Problem]:
    groups, made = settings.below("network.security_groups"), is_used(settings) and has_vpc(settings)
    if not settings.value("network.subnets") and not settings.below("infra.find.subnets"):
        if any(groups.values()):
            what = f"in {settings.environment} there are security groups and no subnets: no job would use them"
            yield settings.problem("missing-key", "network.security_groups", what, "add network.subnets")
        return
    for purpose in PURPOSES:
        if not groups.get(purpose) and not made and not settings.below(f"infra.find.security_groups.{purpose}"):
            what = f"in {settings.environment} there are subnets and no group for {purpose}: it would leave the VPC"
            hint = f"add network.security_groups.{purpose}; one group may serve several purposes"
            yield settings.problem("missing-key", "network.security_groups", what, hint)
