"""Who asks, where, and the roles that services work under.

The trust policies: https://docs.aws.amazon.com/sagemaker/latest/dg/security-confused-deputy-prevention.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase
from typing import Any

from dagwright.doctor.findings import Said, Sayings, not_seen, ok, problem, warning
from dagwright.doctor.ward import DeniedError, Ward, said_by_all
from dagwright.engines.aws.clients import error_code
from dagwright.errors import AWSError

_NEAR = timedelta(hours=1)
_TOO_MUCH = ("AmazonSageMakerFullAccess", "AdministratorAccess", "PowerUserAccess")
_LIKE = ("stringlike", "arnlike", "arnequals")
_EQUAL = ("stringequals", "stringequalsignorecase")


@dataclass(frozen=True)
class Role:
    """A role of the configuration: its key, its ARN, the service that works under it, and for which ARNs of its own:
    of each of them, any spelling that AWS may tell the role."""

    key: str
    arn: str
    service: str
    sources: tuple[tuple[str, ...], ...]

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]


def roles_of(ward: Ward) -> list[Role]:
    """The roles that this environment's pipelines need, each once."""
    project = ward.project
    jobs = [(ward.arn("sagemaker", f"{kind}-job/any"),) for kind in ("processing", "training", "transform")]
    found = [Role("role", project.role, "sagemaker.amazonaws.com", tuple(jobs))]
    names = [one.deployed_name for one in ward.pipelines if one.deployed_name]
    if project.engine == "sagemaker":
        pipelines = [
            (ward.arn("sagemaker", f"pipeline/{name}"), ward.arn("sagemaker", f"pipeline/{name}/execution/any"))
            for name in names
        ]
        found.append(Role("pipeline_role", project.pipeline_role, "sagemaker.amazonaws.com", tuple(pipelines)))
    else:
        machines = tuple((ward.arn("states", f"stateMachine:{name}"),) for name in names)
        found.append(Role("state_machines.role", project.state_machine_role, "states.amazonaws.com", machines))
    if ward.schedules:
        groups = (ward.names.schedule_group,)
        found.append(Role("scheduler.role", project.scheduler_role, "scheduler.amazonaws.com", (groups,)))
    once: dict[str, Role] = {}
    for role in found:
        known = once.get(role.arn)
        once[role.arn] = Role(known.key, role.arn, role.service, known.sources + role.sources) if known else role
    return [*once.values()]


# ---- who asks ----


def credentials(ward: Ward) -> Sayings:
    """Whose they are, and whether they last."""
    caller = ward.read("sts", "get_caller_identity")
    project = ward.project
    if caller["Account"] != project.account_id:
        what = f"they are of the account {caller['Account']}, and {project.environment} is in {project.account_id}"
        yield problem(what, "Sign in to the other account (AWS_PROFILE, aws sso login), or correct account_id.")
        return
    yield ok(f"{caller['Arn']}, in the account of {project.environment}")
    if caller["Arn"].endswith(":root"):
        yield warning("they are the account's root, whom no policy limits", "Sign in with a role.")
    elif ":user/" in caller["Arn"]:
        yield warning("they are an IAM user's, whose keys do not expire", "Sign in with a role: aws sso login.")
    yield from _expiry(os.environ.get("AWS_CREDENTIAL_EXPIRATION", ""))


def _expiry(text: str) -> Sayings:
    """What botocore too goes by, of credentials in variables; those of a profile are renewed by themselves."""
    try:
        left = datetime.fromisoformat(text.replace("Z", "+00:00")) - datetime.now(timezone.utc)
    except (ValueError, TypeError):
        return
    if left < _NEAR:
        what = f"they expire in {max(0, int(left.total_seconds() // 60))} minutes"
        yield warning(what, "Sign in again before you start something long; what runs on AWS goes on.")


def region(ward: Ward) -> Sayings:
    """Whether the engine's service answers in the Region."""
    project = ward.project
    service, method = ("sagemaker", "list_pipelines")
    arguments: dict[str, Any] = {"MaxResults": 1}
    if project.engine == "stepfunctions":
        service, method, arguments = "stepfunctions", "list_state_machines", {"maxResults": 1}
    try:
        ward.read(service, method, **arguments)
    except DeniedError:
        raise
    except AWSError as error:
        if error_code(error):
            raise
        yield problem(f"{service} does not answer in {project.region}: {error.message}", error.hint)
    else:
        yield ok(f"{service} answers in {project.region}")


# ---- roles ----


def roles(ward: Ward) -> Sayings:
    """Whether they are there."""
    yield from said_by_all({role.name: _exists(ward, role) for role in roles_of(ward)})


def _exists(ward: Ward, role: Role) -> Sayings:
    if f"::{ward.project.account_id}:" not in role.arn:
        yield not_seen(f"{role.name} is of another account", "Ask whoever owns that account.")
    elif _described(ward, role) is None:
        make = ward.command("infra upsert")
        yield problem(f"there is no role {role.name}", f"`{make}` makes it, or name another: {role.key}.")
    else:
        yield ok(f"{role.name} is there ({role.key})")


def _described(ward: Ward, role: Role) -> Mapping[str, Any] | None:
    """The role, if it is there and of this account."""
    if f"::{ward.project.account_id}:" not in role.arn:
        return None
    found = ward.find("iam", "get_role", RoleName=role.name)
    return found["Role"] if found else None


def trust(ward: Ward) -> Sayings:
    """Whether a role's service may work under it, and nobody else's resources may have it do so."""
    yield from said_by_all({role.name: _trusted(ward, role) for role in roles_of(ward)})


def _trusted(ward: Ward, role: Role) -> Sayings:
    described = _described(ward, role)
    if described is None:
        return
    statements = [one for one in _statements(described["AssumeRolePolicyDocument"]) if _lets(one, role.service)]
    if not statements:
        what = f"the trust policy of {role.name} does not let {role.service} assume it"
        yield problem(what, "Add a statement for that service: Effect Allow, Action sts:AssumeRole.")
        return
    flaws = [[*_mismatches(one.get("Condition", {}), role, ward.project.account_id)] for one in statements]
    if all(flaws):
        what = f"{role.service} cannot assume {role.name}: {flaws[0][0]}"
        yield problem(what, "Correct the condition of its trust policy.")
    elif not any(_keys(one.get("Condition", {})) & {"aws:sourceaccount", "aws:sourcearn"} for one in statements):
        what = f"{role.name} trusts {role.service} whoever asks for it"
        yield warning(what, f'Add a condition: StringEquals aws:SourceAccount "{ward.project.account_id}".')
    else:
        yield ok(f"{role.service} may assume {role.name}, for this account alone")


def _statements(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = document.get("Statement", [])
    return found if isinstance(found, list) else [found]


def _lets(statement: Mapping[str, Any], service: str) -> bool:
    principal = statement.get("Principal")
    services = _texts(principal.get("Service")) if isinstance(principal, Mapping) else []
    actions = [action.lower() for action in _texts(statement.get("Action"))]
    return statement.get("Effect") == "Allow" and service in services and "sts:assumerole" in actions


def _mismatches(conditions: Mapping[str, Any], role: Role, account: str) -> Iterator[str]:
    """What of a condition the service does not meet when it works for this project."""
    for operator, keys in conditions.items():
        for key, given in keys.items():
            values = _texts(given)
            if key.lower() == "aws:sourceaccount" and not _any(operator, values, (account,)):
                yield f"aws:SourceAccount is {', '.join(values)}"
            if key.lower() == "aws:sourcearn":
                unmet = [source[0] for source in role.sources if not _any(operator, values, source)]
                if unmet:
                    yield f"aws:SourceArn is {', '.join(values)}, which {unmet[0]} is not"


def _any(operator: str, patterns: list[str], values: tuple[str, ...]) -> bool:
    """Whether one of the values fits; an operator that is not known is taken to hold."""
    name = operator.lower().rpartition(":")[2].removesuffix("ifexists")
    if name in _LIKE:
        return any(fnmatchcase(value, pattern) for value in values for pattern in patterns)
    return name not in _EQUAL or any(value in patterns for value in values)


def _keys(conditions: Mapping[str, Any]) -> set[str]:
    return {key.lower() for keys in conditions.values() for key in keys}


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [] if value is None else [str(value)]


def policies(ward: Ward) -> Sayings:
    """Whether a role may do far more than the project needs."""
    yield from said_by_all({role.name: _attached(ward, role) for role in roles_of(ward)})


def _attached(ward: Ward, role: Role) -> Sayings:
    if _described(ward, role) is None:
        return
    attached = ward.read("iam", "list_attached_role_policies", RoleName=role.name)["AttachedPolicies"]
    wide = [one["PolicyName"] for one in attached if one["PolicyName"] in _TOO_MUCH]
    if wide:
        what = f"{role.name} has {', '.join(wide)}: whoever runs code under it can become any role, or nearly"
        yield warning(what, f"Let `{ward.command('infra upsert')}` make a role that may do what the pipelines need.")
    else:
        yield ok(f"{role.name} has none of the policies that allow nearly everything")


def passing(ward: Ward) -> Sayings:
    """Whether roles may be given to their services: by who deploys, and by the role that makes the jobs."""
    by_key = {role.key: role for role in roles_of(ward)}
    arn = ward.read("sts", "get_caller_identity")["Arn"]
    makers = ("pipeline_role", "state_machines.role")
    maker = next((by_key[key] for key in makers if key in by_key), by_key["role"])
    wanted = {maker.name: _may_pass(ward, "these credentials", _principal(ward, arn), maker)}
    if "scheduler.role" in by_key:
        role = by_key["scheduler.role"]
        wanted[role.name] = _may_pass(ward, "these credentials", _principal(ward, arn), role)
    jobs = by_key["role"]
    wanted[f"{maker.name} and {jobs.name}"] = _may_pass(ward, maker.name, maker.arn, jobs)
    yield from said_by_all({f"iam:PassRole of {name}": sayings for name, sayings in wanted.items()})


def _may_pass(ward: Ward, who: str, principal: str, role: Role) -> Sayings:
    if principal.endswith(":root"):
        yield ok(f"{who} may pass {role.name}")
        return
    decision = ward.find(
        "iam",
        "simulate_principal_policy",
        PolicySourceArn=principal,
        ActionNames=["iam:PassRole"],
        ResourceArns=[role.arn],
        ContextEntries=[_told("iam:PassedToService", role.service)],
    )
    if decision is None:
        yield not_seen(f"whether {who} may pass {role.name}: IAM knows no {principal}", "Is it there?")
        return
    said = decision["EvaluationResults"][0]["EvalDecision"]
    yield _passed(said == "allowed", who, role)


def _passed(allowed: bool, who: str, role: Role) -> Said:
    if allowed:
        return ok(f"{who} may pass {role.name} to {role.service}")
    what = f"{who} may not pass {role.name} to {role.service}"
    return problem(what, f"Allow iam:PassRole on {role.arn} where iam:PassedToService is {role.service}.")


def _told(key: str, value: str) -> dict[str, Any]:
    return {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}


def _principal(ward: Ward, arn: str) -> str:
    """The ARN that IAM knows the caller's policies by: a session's is not its role's, which may have a path."""
    kind, *rest = arn.rpartition(":")[2].split("/")
    if kind != "assumed-role":
        return arn
    role = f"arn:{ward.project.partition}:iam::{ward.project.account_id}:role/{rest[0]}"
    try:
        return str(ward.read("iam", "get_role", RoleName=rest[0])["Role"]["Arn"])
    except AWSError:
        return role
