"""What the deployer may change through CloudFormation: a template comes in, statements go out about the types it holds.

CloudFormation acts with the rights of whoever calls it. A condition (`aws:CalledVia`) keeps these rights to that way:
the deployer itself changes no role, no policy, no key.

Names that follow from the configuration are allowed as patterns of the project, so that a pipeline, an alarm or an
image more needs no administrator; what AWS names by an id is allowed by that id. A type that the template does not hold
yet is not allowed: the first of its kind changes the deployer's role, which is an administrator's to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dagwright.errors import InternalError
from dagwright.infra.boundary import boundary_arn
from dagwright.infra.deploying.administrators import ADMINISTRATORS, DEPLOYING, OF_PEOPLE
from dagwright.infra.deploying.handlers import BOUNDED, HANDLERS
from dagwright.infra.deploying.places import Places
from dagwright.infra.names import TEMPLATES, TRIGGERS
from dagwright.infra.policy import Statement, pass_role
from dagwright.infra.roles import keys
from dagwright.infra.template import get_att

if TYPE_CHECKING:
    from dagwright.infra.site import Site
    from dagwright.infra.template import Template

_KEY_OF_REPOSITORIES = ("kms:DescribeKey", "kms:CreateGrant", "kms:RetireGrant")
_KEY_OF_FUNCTIONS = ("kms:DescribeKey", "kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey")
_LOOKS = (
    "iam:GetPolicy",
    "iam:GetPolicyVersion",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListEntitiesForPolicy",
    "iam:ListRolePolicies",
)
_WRITES = ("iam:CreatePolicyVersion", "iam:DeletePolicy", "iam:DeletePolicyVersion", "iam:SetDefaultPolicyVersion")
_ANY = "ForAnyValue:StringEquals"
_THROUGH = {"aws:CalledVia": ["cloudformation.amazonaws.com"]}
_ROLE, _POLICY = "AWS::IAM::Role", "AWS::IAM::ManagedPolicy"
_SERVICE_ROLE = "role/aws-service-role/replication.ecr.amazonaws.com/AWSServiceRoleForECRReplication"


@dataclass(frozen=True)
class _Kind:
    """All resources of one type that the deployer may change: their properties by logical id."""

    site: Site
    name: str
    members: Mapping[str, Mapping[str, Any]]
    kept: frozenset[str]

    def values(self, member: str) -> list[Any]:
        """The values of a property of each that has it, without repetitions; of lists each member."""
        found = [one[member] for one in self.members.values() if one.get(member) is not None]
        every = [value for one in found for value in (one if isinstance(one, list) else [one])]
        return [*{str(value): value for value in every}.values()]

    @property
    def sid(self) -> str:
        return "".join(self.name.split("::")[1:])


def stack_rights(template: Template, site: Site) -> Iterator[Statement]:
    """The statements. Raises InternalError for a type that nothing is known of here."""
    for one in _rights(template, site):
        # beside what the operator asks already: the alias of a key
        through = {_ANY: {**one.condition.get(_ANY, {}), **_THROUGH}} if one.effect == "Allow" else {}
        yield replace(one, sid=f"Stack{one.sid}", condition={**one.condition, **through})


def _rights(template: Template, site: Site) -> Iterator[Statement]:
    kinds = [*_kinds(template, site)]
    anywhere = [action for kind in kinds for action in HANDLERS[kind.name].anywhere]
    for kind in kinds:
        calls = HANDLERS[kind.name]
        # What outlives the stack is never deleted by it.
        ends = () if kind.kept.issuperset(kind.members) else calls.ends
        yield Statement(kind.sid, (*calls.own, *ends), _ARNS[kind.name](kind))
    yield Statement("LookAround", sorted(set(anywhere)), ("*",))
    yield from _roles(site, kinds)
    yield from _handing(kinds)
    yield from _code(site, kinds)
    yield from _administrators(site)


def _kinds(template: Template, site: Site) -> Iterator[_Kind]:
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for logical_id, resource in template.resources.items():
        if logical_id not in ADMINISTRATORS:
            found.setdefault(resource["Type"], {})[logical_id] = resource["Properties"]
    for name, members in sorted(found.items()):
        if name not in HANDLERS:
            raise InternalError(f"what CloudFormation calls for {name} is not in infra/deploying/handlers.py")
        yield _Kind(site, name, members, template.kept)


def _roles(site: Site, kinds: Sequence[_Kind]) -> Iterator[Statement]:
    """Roles get and lose rights only as long as they have the boundary, so that none has ever more than that."""
    roles = [arn for kind in kinds if kind.name == _ROLE for arn in _role_arns(kind)]
    bound = {"ArnEquals": {"iam:PermissionsBoundary": boundary_arn(site)}}
    yield Statement("RightsWithinBoundary", BOUNDED, roles, bound)


def _handing(kinds: Sequence[_Kind]) -> Iterator[Statement]:
    """Functions, replication and rules act under a role, which is handed to their service."""
    for kind in kinds:
        if kind.name in _HANDED:
            service, roles_of = _HANDED[kind.name]
            yield pass_role(f"Hand{kind.sid}Role", roles_of(kind), service)


def _code(site: Site, kinds: Sequence[_Kind]) -> Iterator[Statement]:
    """What lies in the bucket and goes into the stack, and the keys of what is encrypted for it."""
    names = {kind.name for kind in kinds}
    if "AWS::Lambda::Function" in names:
        yield Statement("ReadFunctions", ("s3:GetObject",), Places(site).code(TRIGGERS, TEMPLATES))
        yield from keys.key_statements(site, "EncryptFunctions", _KEY_OF_FUNCTIONS)
    if "AWS::ECR::Repository" in names:
        yield from keys.key_statements(site, "EncryptImages", _KEY_OF_REPOSITORIES)


def _administrators(site: Site) -> Iterator[Statement]:
    """Looking at what administrators change, for drift; and no more, which is said although nothing above allows it: no
    statement that is ever added may."""
    names, roles = site.names, [site.names.role(word) for word in DEPLOYING]
    policies = [boundary_arn(site), *(names.policy(f"{word}*") for word in (*DEPLOYING, *OF_PEOPLE))]
    yield Statement("LookAtAdministrators", _LOOKS, [*roles, *policies])
    changing = (*BOUNDED, "iam:DeleteRole", "iam:DeleteRolePermissionsBoundary", "iam:UpdateRole")
    yield Statement("NothingOfAdministrators", changing, roles, effect="Deny")
    yield Statement("NoPolicyOfAdministrators", _WRITES, policies, effect="Deny")
    yield Statement("NoRoleWithoutBoundary", ("iam:DeleteRolePermissionsBoundary",), ("*",), effect="Deny")


# ---- which resources ----


# Types whose resources act under a role: the service that gets it, and where it stands.
_HANDED: Mapping[str, tuple[str, Callable[[_Kind], list[Any]]]] = {
    "AWS::Lambda::Function": ("lambda", lambda kind: kind.values("Role")),
    "AWS::S3::Bucket": ("s3", lambda kind: _members(kind.values("ReplicationConfiguration"), "Role")),
    "AWS::Events::Rule": ("events", lambda kind: _members(kind.values("Targets"), "RoleArn")),
}


def _members(values: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """One member of those that have it, each value once."""
    return [*{str(one[name]): one[name] for one in values if name in one}.values()]


def _ours(service: str, resource: str) -> Callable[[_Kind], list[Any]]:
    """A pattern in which `{stem}` and the like are what the project's names begin with."""

    def arns(kind: _Kind) -> list[Any]:
        one = kind.site.project
        words = {"stem": one.stem, "group": one.model_package_group, "schedules": one.schedule_group}
        return [kind.site.names.arn(service, resource.format(**words))]

    return arns


def _by_attribute(attribute: str) -> Callable[[_Kind], list[Any]]:
    return lambda kind: [get_att(logical_id, attribute) for logical_id in kind.members]


def _buckets(kind: _Kind) -> list[Any]:
    return [f"arn:{kind.site.project.partition}:s3:::{name}" for name in kind.values("BucketName")]


def _aliases(kind: _Kind) -> list[Any]:
    """An alias, and the key that it is of: KMS asks for both."""
    aliases = [kind.site.names.arn("kms", str(name)) for name in kind.values("AliasName")]
    return [*aliases, *kind.site.key_arns]


def _log_groups(kind: _Kind) -> list[Any]:
    """Those of the template, and those of triggers to come. CloudWatch Logs takes the ARN of a group in two forms."""
    names = dict.fromkeys([*map(str, kind.values("LogGroupName")), Places(kind.site).trigger_logs])
    return [kind.site.names.arn("logs", f"log-group:{name}{end}") for name in names for end in ("", ":*")]


def _functions(kind: _Kind) -> list[Any]:
    return [kind.site.names.arn("lambda", f"function:{Places(kind.site).triggers}")]


def _security_groups(kind: _Kind) -> list[Any]:
    """By their ids: the groups themselves, or those that rules are of. AWS gives a rule an id of its own each time."""
    if kind.name == "AWS::EC2::SecurityGroup":
        return [_by_id(kind.site, "security-group", get_att(one, "GroupId")) for one in kind.members]
    groups = [_by_id(kind.site, "security-group", one) for one in kind.values("GroupId")]
    return [*groups, kind.site.names.arn("ec2", "security-group-rule/*")]


def _endpoints(kind: _Kind) -> list[Any]:
    """By their ids, with what they may be moved to: subnets, groups and route tables of the configuration."""
    site, found = kind.site, [_by_id(kind.site, "vpc-endpoint", {"Ref": one}) for one in kind.members]
    more = {"SubnetIds": "subnet", "SecurityGroupIds": "security-group", "RouteTableIds": "route-table"}
    return found + [_by_id(site, what, one) for member, what in more.items() for one in kind.values(member)]


def _by_id(site: Site, what: str, value: Any) -> Any:
    """The ARN of something of EC2, whose id is a text or what AWS will give."""
    if isinstance(value, str):
        return site.names.arn("ec2", f"{what}/{value}")
    name = value["Ref"] if "Ref" in value else ".".join(value["Fn::GetAtt"])
    return {"Fn::Sub": site.names.arn("ec2", f"{what}/${{{name}}}")}


def _dashboards(kind: _Kind) -> list[Any]:
    """Dashboards are of no Region."""
    one = kind.site.project
    return [f"arn:{one.partition}:cloudwatch::{one.account_id}:dashboard/{one.stem}*"]


def _service_role(kind: _Kind) -> list[Any]:
    return [f"arn:{kind.site.project.partition}:iam::{kind.site.project.account_id}:{_SERVICE_ROLE}"]


def _role_arns(kind: _Kind) -> list[Any]:
    """Exactly those that the stack has: a pattern would reach another environment's, whose names begin alike."""
    one = kind.site.project
    return [f"arn:{one.partition}:iam::{one.account_id}:role/{name}" for name in kind.values("RoleName")]


def _policy_arns(kind: _Kind) -> list[Any]:
    one, names = kind.site.project, kind.values("ManagedPolicyName")
    return [f"arn:{one.partition}:iam::{one.account_id}:policy/{name}" for name in names]


def _nothing(_: _Kind) -> list[Any]:
    return []


def _schedule_groups(kind: _Kind) -> list[Any]:
    """The group; its schedules too, where it may be deleted: they go with it."""
    places = Places(kind.site)
    is_kept = kind.kept.issuperset(kind.members)
    return [places.names.schedule_group] if is_kept else [places.names.schedule_group, places.names.schedules]


_ARNS: Mapping[str, Callable[[_Kind], list[Any]]] = {
    "AWS::KMS::Key": _by_attribute("Arn"),
    "AWS::KMS::Alias": _aliases,
    "AWS::S3::Bucket": _buckets,
    "AWS::S3::BucketPolicy": lambda kind: [kind.site.names.bucket],
    "AWS::ECR::Repository": lambda kind: Places(kind.site).repositories,
    "AWS::ECR::ReplicationConfiguration": _service_role,
    "AWS::SageMaker::ModelPackageGroup": _ours("sagemaker", "model-package-group/{group}"),
    "AWS::Logs::LogGroup": _log_groups,
    "AWS::Logs::QueryDefinition": _nothing,
    "AWS::Logs::ResourcePolicy": _nothing,
    "AWS::EC2::SecurityGroup": _security_groups,
    "AWS::EC2::SecurityGroupIngress": _security_groups,
    "AWS::EC2::SecurityGroupEgress": _security_groups,
    "AWS::EC2::VPCEndpoint": _endpoints,
    "AWS::SQS::Queue": _ours("sqs", "{stem}-*"),
    "AWS::SQS::QueuePolicy": _ours("sqs", "{stem}-*"),
    "AWS::SNS::Topic": _ours("sns", "{stem}-*"),
    "AWS::SNS::TopicPolicy": _ours("sns", "{stem}-*"),
    "AWS::SNS::Subscription": _ours("sns", "{stem}-*"),
    "AWS::CloudWatch::Alarm": _ours("cloudwatch", "alarm:{stem}-*"),
    "AWS::CloudWatch::CompositeAlarm": _ours("cloudwatch", "alarm:{stem}-*"),
    "AWS::CloudWatch::Dashboard": _dashboards,
    "AWS::Events::Rule": _ours("events", "rule/{stem}-*"),
    "AWS::Scheduler::ScheduleGroup": _schedule_groups,
    "AWS::Lambda::Function": _functions,
    "AWS::Lambda::Permission": _functions,
    "AWS::Lambda::EventInvokeConfig": _functions,
    _ROLE: _role_arns,
    _POLICY: _policy_arns,
}
