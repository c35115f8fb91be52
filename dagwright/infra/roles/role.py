"""One role, or policies for roles that are there: statements come in, resources within IAM's limits go out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dagwright.errors import InternalError
from dagwright.infra.boundary import boundary_of
from dagwright.infra.policy import Statement, document
from dagwright.infra.template import get_att

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

# Characters without white space (IAM user guide, "IAM and AWS STS quotas"): all inline policies of a role together, and
# one managed policy.
_MOST_INLINE = 10_240
MOST_MANAGED = 6_144
# What an ARN comes to whose id AWS gives: that of a key is the longest.
_UNKNOWN_ARN = "x" * 100


def add_role(
    template: Template,
    site: Site,
    logical_id: str,
    arn: str,
    trusted: Mapping[str, Any],
    statements: Sequence[Statement],
    purpose: str,
    *,
    bounded: bool = True,
) -> None:
    """Add a role under the name that ends its ARN, unless there is nothing that it may do.

    Without `bounded` it has only a boundary that the configuration names, not that of the roles that run something.
    """
    told = merged(statements)
    if not told:
        return
    name = arn.rpartition("/")[2]
    inline, attached = None, None
    if size_of(told) <= _MOST_INLINE:
        inline = [{"PolicyName": name, "PolicyDocument": document(told)}]
    else:
        attached = add_policies(template, logical_id, name, told, purpose)
    properties = {
        "RoleName": name,
        "Path": "/",
        "Description": purpose,
        "AssumeRolePolicyDocument": trusted,
        "PermissionsBoundary": boundary_of(site) if bounded else site.infra.permissions_boundary or None,
        "Policies": inline,
        "ManagedPolicyArns": attached,
        "Tags": site.tags,
    }
    template.add(logical_id, "AWS::IAM::Role", properties)
    template.output(f"{logical_id}Arn", get_att(logical_id, "Arn"), purpose)


def add_policies(
    template: Template,
    logical_id: str,
    name: str,
    statements: Sequence[Statement],
    purpose: str,
    roles: Sequence[str] = (),
) -> list[dict[str, str]]:
    """Add as many managed policies as the statements need, attached to `roles`; what refers to them."""
    added = []
    for number, part in enumerate(_parts(merged(statements)), 1):
        more = str(number) if number > 1 or not roles else ""
        policy = logical_id if roles else f"{logical_id}Policy"
        properties = {
            "ManagedPolicyName": f"{name}{'-' if more else ''}{more}",
            "Description": purpose,
            "PolicyDocument": document(part),
            "Roles": list(roles) or None,
        }
        added.append(template.add(f"{policy}{more}", "AWS::IAM::ManagedPolicy", properties))
    return added


def size_of(statements: Sequence[Statement]) -> int:
    """How many characters IAM counts of their document, at most."""
    text = json.dumps(_with_arns(document(statements)), separators=(",", ":"), ensure_ascii=False)
    return len(text) - text.count(" ")


def merged(statements: Sequence[Statement]) -> list[Statement]:
    """Those that are about something, each action and resource once; one that says what another does goes into it."""
    found: dict[str, Statement] = {}
    for one in statements:
        if not one.resources or not one.actions:
            continue
        clean = replace(one, actions=_once(one.actions), resources=_once(one.resources))
        if clean.sid in found:
            raise InternalError(f"two statements of a policy are called {clean.sid}")
        found[clean.sid] = clean
    return list(found.values())


def _once(members: Sequence[Any]) -> list[Any]:
    return list({json.dumps(one, sort_keys=True): one for one in members}.values())


def _with_arns(value: Any) -> Any:
    if isinstance(value, Mapping):
        unknown = len(value) == 1 and next(iter(value)) in ("Ref", "Fn::GetAtt")
        return _UNKNOWN_ARN if unknown else {name: _with_arns(member) for name, member in value.items()}
    return [_with_arns(member) for member in value] if isinstance(value, list) else value


def _parts(statements: Sequence[Statement]) -> Iterator[list[Statement]]:
    """The statements in order, as many to a policy as it holds."""
    part: list[Statement] = []
    for one in (small for statement in statements for small in _pieces(statement)):
        if part and size_of([*part, one]) > MOST_MANAGED:
            yield part
            part = []
        part.append(one)
    if part:
        yield part


def _pieces(statement: Statement) -> Iterator[Statement]:
    """The statement, or several about a part of its resources each where no policy holds it."""
    if size_of([statement]) <= MOST_MANAGED or len(statement.resources) < 2:
        yield statement
        return
    middle = len(statement.resources) // 2
    yield from _pieces(replace(statement, sid=f"{statement.sid}A", resources=statement.resources[:middle]))
    yield from _pieces(replace(statement, sid=f"{statement.sid}B", resources=statement.resources[middle:]))
