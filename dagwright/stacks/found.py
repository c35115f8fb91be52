"""What AWS gave: the ids of what the stack made, and of what is there by its tags.

In: the stack's outputs by their keys, and what to look for. Out: an environment's `Outputs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dagwright.engines.aws.clients import Clients
from dagwright.errors import Problem, UserError
from dagwright.outputs import Outputs
from dagwright.stacks.wanted import Find, InfraStack

_GROUPS = {
    "processing": "SecurityGroupProcessing",
    "training": "SecurityGroupTraining",
    "inference": "SecurityGroupInference",
}
_QUEUE = "DeadLetterQueueArn"
_KEY = "KeyArn"
# CreateProcessingJob and its like take so many (botocore: Subnets, VpcSecurityGroupIds).
_MOST_SUBNETS, _MOST_GROUPS = 16, 5


def look_up(stack: InfraStack, clients: Clients) -> Outputs:
    """What is there by the tags that `stack.find` says.

    Raises UserError with everything that was not found, or found too often, AWSError.
    """
    find, problems, groups = stack.find, list[Problem](), dict[str, tuple[str, ...]]()
    vpc = _vpc(find, clients, problems)
    for purpose, tags in sorted(find.security_groups.items()):
        at = f"infra.find.security_groups.{purpose}"
        groups[purpose] = _all(_security_groups(tags, vpc, clients), at, tags, _MOST_GROUPS, problems)
    subnets: tuple[str, ...] = ()
    if find.subnets:
        found = _subnets(find.subnets, vpc, clients)
        subnets = _all(found, "infra.find.subnets", find.subnets, _MOST_SUBNETS, problems)
    if problems:
        raise UserError(f"What {stack.owner.environment} looks for by its tags is not clear", problems)
    return Outputs(groups, subnets, vpc if find.vpc else "")


def with_given(found: Outputs, given: Mapping[str, str], before: Outputs) -> Outputs:
    """What was found, and what the stack's outputs (`given`) say; of `before` the images stay, which others push."""
    made = {purpose: (given[key],) for purpose, key in _GROUPS.items() if given.get(key)}
    groups = dict(sorted({**made, **found.security_groups}.items()))
    return replace(
        found,
        security_groups=groups,
        key=given.get(_KEY, ""),
        dead_letter_queue=given.get(_QUEUE, ""),
        images=before.images,
    )


def _vpc(find: Find, clients: Clients, problems: list[Problem]) -> str:
    if not find.vpc:
        return find.within
    found = sorted(_ids(clients, "describe_vpcs", "Vpcs", "VpcId", find.vpc))
    if len(found) > 1:
        what = f"{len(found)} VPCs have {_words(find.vpc)}: {', '.join(found)}"
        problems.append(Problem("found-several", what, "add a tag that only one has", field="infra.find.vpc"))
    return next(iter(_all(iter(found), "infra.find.vpc", find.vpc, len(found), problems)), "")


def _security_groups(tags: Mapping[str, str], vpc: str, clients: Clients) -> Iterator[str]:
    return _ids(clients, "describe_security_groups", "SecurityGroups", "GroupId", tags, vpc)


def _subnets(tags: Mapping[str, str], vpc: str, clients: Clients) -> Iterator[str]:
    return _ids(clients, "describe_subnets", "Subnets", "SubnetId", tags, vpc)


def _ids(
    clients: Clients, operation: str, members: str, id_of: str, tags: Mapping[str, str], vpc: str = ""
) -> Iterator[str]:
    filters: list[dict[str, Any]] = [{"Name": f"tag:{name}", "Values": [value]} for name, value in tags.items()]
    filters += [{"Name": "vpc-id", "Values": [vpc]}] if vpc else []
    what = f"{members} with {_words(tags)} cannot be looked for"
    for page in clients.pages(what, "ec2", operation, Filters=filters):
        yield from (one[id_of] for one in page[members])


def _all(found: Iterator[str], at: str, tags: Mapping[str, str], most: int, problems: list[Problem]) -> tuple[str, ...]:
    ids = tuple(sorted(found))
    if not ids:
        hint = "correct the tags, or tag what is meant; a VPC that is named is searched alone"
        problems.append(Problem("found-nothing", f"nothing has {_words(tags)}", hint, field=at))
    elif len(ids) > most:
        what = f"{len(ids)} have {_words(tags)}; a job takes at most {most}"
        problems.append(Problem("found-several", what, "add a tag that fewer have", field=at))
    return ids


def _words(tags: Mapping[str, str]) -> str:
    return " and ".join(f"the tag {name}={value}" for name, value in tags.items())
