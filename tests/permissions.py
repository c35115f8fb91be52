"""What a call of AWS's needs to be allowed: a recorded `Call` comes in, actions with resource and context go out.

Most follow from the call itself and AWS's table (tests/iam_table.py): the action is called as the operation is, the
resource is what the parameters name, and roles handed on, tags and keys are permissions of their own. S3 calls things
otherwise. An operation that leads to nothing here is an error: whoever makes a new call says what it needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aws import Call
from iam_table import Action, ResourceType, action_of, is_key


@dataclass
class Need:
    """One thing that somebody has to be allowed to do; the resource is `*` for an action that is about none."""

    action: str
    resource: str
    context: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


@dataclass(frozen=True)
class Account:
    """Where calls are made, for which project: `key` encrypts its bucket (an ARN, an id, an alias, or nothing), `tags`
    are on what is its own, `stack` is what a change set is of that is named by its ARN alone."""

    account_id: str = "123456789012"
    region: str = "us-east-1"
    partition: str = "aws"
    key: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    stack: str = ""

    def arn(self, service: str, resource: str) -> str:
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    @property
    def variables(self) -> dict[str, str]:
        return {"Partition": self.partition, "Region": self.region, "Account": self.account_id}


#: Names that requests are signed with -> those that permissions have, where they differ.
_SERVICES = {"monitoring": "cloudwatch", "tagging": "tag"}
_ACTIONS = {"lambda:Invoke": "lambda:InvokeFunction"}
_READS = ("Describe", "List", "Get", "Head", "Search", "Validate")
#: Variables of ARN patterns -> the members that hold them, by action or service, where the names differ.
_MEMBERS = {
    "scheduler:CreateScheduleGroup": {"GroupName": "Name"},
    "scheduler:GetScheduleGroup": {"GroupName": "Name"},
    "scheduler:DeleteScheduleGroup": {"GroupName": "Name"},
    "sagemaker": {"AutoMLJobJobName": "AutoMLJobName"},
    "scheduler": {"ScheduleName": "Name"},
    "states": {"StateMachineName": "name"},
    "events": {"RuleName": "Rule"},
    "iam": {"RoleNameWithPath": "RoleName"},
}
#: Actions that are about whatever there is, if nothing is named.
_OF_THE_ACCOUNT = ("cloudwatch:DescribeAlarms",)
#: Members that name several things at once -> what one of them is called.
_SEVERAL = {"repositoryNames": "repositoryName", "AlarmNames": "AlarmName"}
_PASSED_TO = {service: f"{service}.amazonaws.com" for service in ("sagemaker", "states", "scheduler", "lambda")}
_PASSED_TO |= {"cloudformation": "cloudformation.amazonaws.com", "emr-serverless": "emr-serverless.amazonaws.com"}
#: A version or an alias: what counts is the machine (Step Functions developer guide, "Authorization for versions").
_QUALIFIED = re.compile(r"arn:[\w-]+:states:[^:]*:[^:]*:stateMachine:[^:]+:[^:]+")
#: Condition keys of SageMaker -> the members of a request that hold what they are about, wherever they stand.
_SAGEMAKER_KEYS = {
    "sagemaker:InstanceTypes": ("InstanceType", list),
    "sagemaker:VpcSubnets": ("Subnets", list),
    "sagemaker:VpcSecurityGroupIds": ("SecurityGroupIds", list),
    "sagemaker:MaxRuntimeInSeconds": ("MaxRuntimeInSeconds", str),
    "sagemaker:NetworkIsolation": ("EnableNetworkIsolation", str),
    "sagemaker:InterContainerTrafficEncryption": ("EnableInterContainerTrafficEncryption", str),
    "sagemaker:VolumeKmsKeyArn": ("VolumeKmsKeyId", str),
    "sagemaker:OutputKmsKeyArn": ("KmsKeyId", str),
    "sagemaker:ModelApprovalStatus": ("ModelApprovalStatus", str),
}
_STACK_KEYS = {
    "cloudformation:ChangeSetName": "ChangeSetName",
    "cloudformation:RoleArn": "RoleARN",
    "cloudformation:TemplateUrl": "TemplateURL",
}


def needs_of(call: Call, account: Account) -> list[Need]:
    """Everything that the caller has to be allowed. Raises LookupError for an operation that nobody has told of."""
    if call.service == "s3":
        return [*_of_s3(call, account)]
    for several, one in _SEVERAL.items():
        if several in call.parameters:
            rest = {name: value for name, value in call.parameters.items() if name != several}
            each = [Call(call.service, call.operation, {**rest, one: name}) for name in call.parameters[several]]
            return [need for one_call in each for need in needs_of(one_call, account)]
    if call.service == "sts" and call.operation == "GetCallerIdentity":
        return []  # nobody can be denied it
    service = _SERVICES.get(call.service, call.service)
    name = f"{service}:{call.operation}"
    action = action_of(_ACTIONS.get(name, name))
    if action is None:
        raise LookupError(f"tests/permissions.py: say which permission {name} needs")
    resource = _resource_of(action, call.parameters, account)
    context = _context_of(action, call, account)
    if _QUALIFIED.fullmatch(resource):
        resource, _, context["states:StateMachineQualifier"] = resource.rpartition(":")
    own = Need(action.name, resource, context)
    if call.operation.startswith(_READS):
        return [own]
    published = [Need("states:PublishStateMachineVersion", resource)] if call.parameters.get("publish") else []
    more = [*published, *_of_template(call, account)]
    return [own, *more, *_of_tags(own, call, account), *_of_roles(call, service)]


# ---- what a call is about ----


def _resource_of(action: Action, parameters: Mapping[str, Any], account: Account) -> str:
    """The ARN of what the parameters name, `*` for an action that is about nothing or about whatever there is."""
    wanted = [one for one in action.types if one.required] or [*action.types]
    for kind in wanted:
        resource = _named(action, kind, parameters, account)
        if resource:
            return resource
    of_the_account = action.level == "List" and not any(one.required for one in action.types)
    if not action.types or of_the_account or action.name in _OF_THE_ACCOUNT:
        return "*"
    raise LookupError(f"tests/permissions.py: say what {action.name} is about: {[one.arn for one in wanted][:3]}")


def _named(action: Action, kind: ResourceType, parameters: Mapping[str, Any], account: Account) -> str:
    """The ARN of this type that the parameters have, or that their members make; empty if there is none."""
    pattern = re.compile(re.sub(r"\\\$\\\{\w+\\\}", "[^/]+" if "/" in kind.arn else ".+", re.escape(kind.arn)))
    if kind.name == "model-package":  # its name has the group's before the slash
        pattern = re.compile(r"arn:[\w-]+:sagemaker:.*:model-package/.+")
    for value in parameters.values():
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
    known = {name.lower(): value for name, value in parameters.items() if isinstance(value, str)}
    if "queueurl" in known:
        known["queuename"] = known["queueurl"].rpartition("/")[2]
    if "alias/" in known.get("keyid", ""):
        known["keyid"] = "of-the-alias"
    if kind.name == "stack":
        known = {"stackname": account.stack, **known, "id": "0a1b2c3d"}  # AWS gives the id
    renamed = {**_MEMBERS.get(action.name.partition(":")[0], {}), **_MEMBERS.get(action.name, {})}
    if kind.name == "model-package" and "modelpackagegroupname" in known:
        known["modelpackagename"] = f"{known['modelpackagegroupname'].rpartition('/')[2]}/1"

    def value(found: re.Match[str]) -> str:
        name = found[1]
        return account.variables.get(name) or known.get(renamed.get(name, name).lower(), "\0")

    filled = re.sub(r"\$\{(\w+)\}", value, kind.arn)
    return "" if "\0" in filled else filled


# ---- what it says of itself ----


def _context_of(action: Action, call: Call, account: Account) -> dict[str, Any]:
    tags = _tags_of(call.parameters)
    context: dict[str, Any] = {
        "aws:SecureTransport": "true",
        "aws:PrincipalAccount": account.account_id,
        "aws:ResourceAccount": account.account_id,
        "aws:RequestedRegion": account.region,
        **{f"aws:RequestTag/{key}": value for key, value in tags.items()},
    }
    if tags:
        context["aws:TagKeys"] = [*tags]
    if not call.operation.startswith("Create"):
        context |= {f"aws:ResourceTag/{key}": value for key, value in account.tags.items()}
    if "alias/" in (alias := str(call.parameters.get("KeyId", ""))):
        context["kms:ResourceAliases"] = [f"alias/{alias.rpartition('alias/')[2]}"]
    for key, member in _STACK_KEYS.items():
        if member in call.parameters:
            context[key] = call.parameters[member]
    for key, (member, kind) in _SAGEMAKER_KEYS.items():
        if any(is_key(one, key) for one in action.keys) and (values := [*_members(call.parameters, member)]):
            context[key] = _flat(values) if kind is list else _as_arn(str(values[0]), member, account)
    return context


def _as_arn(value: str, member: str, account: Account) -> str:
    """Conditions on keys see their ARNs."""
    if member.endswith("KmsKeyId") and not value.startswith("arn:"):
        return account.arn("kms", value if "/" in value else f"key/{value}")
    return value.lower() if value in ("True", "False") else value


def _flat(values: list[Any]) -> list[str]:
    return [text for value in values for text in (value if isinstance(value, list) else [value])]


def _members(value: Any, name: str) -> Iterator[Any]:
    """The values of every member of this name, at whatever depth; expressions of a definition are none."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            if key == name and not isinstance(member, Mapping):
                yield member
            yield from _members(member, name)
    elif isinstance(value, list):
        for member in value:
            yield from _members(member, name)


def _tags_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    listed = parameters.get("Tags", parameters.get("tags", []))
    if isinstance(listed, Mapping):
        return dict(listed)
    return {one.get("Key", one.get("key")): one.get("Value", one.get("value")) for one in listed}


# ---- permissions that go with it ----


def _of_template(call: Call, account: Account) -> list[Need]:
    """CloudFormation reads a template in S3 as who names it."""
    address = call.parameters.get("TemplateURL")
    if not address:
        return []
    host, _, path = str(address).removeprefix("https://").partition("/")
    bucket, key = (host.partition(".s3")[0], path) if ".s3" in host else path.split("/", 1)
    return [*_of_s3(Call("s3", "GetObject", {"Bucket": bucket, "Key": key}), account)]


def _of_tags(own: Need, call: Call, account: Account) -> Iterator[Need]:
    """Tags given to something new are a permission of their own."""
    if not _tags_of(call.parameters) or "Tag" in call.operation:
        return
    service = own.action.partition(":")[0]
    context = {key: value for key, value in own.context.items() if key.startswith("aws:")}
    if service == "sagemaker":
        context["sagemaker:TaggingAction"] = call.operation
    yield Need(f"{service}:{'AddTags' if service == 'sagemaker' else 'TagResource'}", own.resource, context)


def _of_roles(call: Call, service: str) -> Iterator[Need]:
    """A role handed to a service has to be one that the caller may hand to it."""
    names = ("RoleArn", "roleArn", "Role", "ExecutionRoleArn", "executionRoleArn", "RoleARN")
    for role in dict.fromkeys(role for name in names for role in _members(call.parameters, name)):
        if ":iam:" in str(role):
            yield Need("iam:PassRole", str(role), {"iam:PassedToService": _PASSED_TO[service]})


def key_need(action: str, key: str, account: Account) -> Need:
    """The use of a key by S3. An alias is resolved, and policies are told the aliases of the key."""
    domain = "amazonaws.com.cn" if account.partition == "aws-cn" else "amazonaws.com"
    context: dict[str, Any] = {"kms:ViaService": f"s3.{account.region}.{domain}"}
    alias = key.rpartition("alias/")[2] if "alias/" in key else ""
    if alias:
        return Need(
            action, account.arn("kms", "key/of-the-alias"), {**context, "kms:ResourceAliases": [f"alias/{alias}"]}
        )
    return Need(
        action, key if key.startswith("arn:") else account.arn("kms", f"key/{key.removeprefix('key/')}"), context
    )


def _of_s3(call: Call, account: Account) -> Iterator[Need]:
    bucket = f"arn:{account.partition}:s3:::{call.parameters['Bucket']}"
    item = f"{bucket}/{call.parameters.get('Key', '')}"
    key = call.parameters.get("SSEKMSKeyId", account.key)
    encrypting = [key_need("kms:GenerateDataKey", key, account)] if key else []
    decrypting = [key_need("kms:Decrypt", account.key, account)] if account.key else []
    prefix = call.parameters.get("Prefix")
    by_operation = {
        "GetObject": [Need("s3:GetObject", item), *decrypting],
        # S3 says "not there" only to who may list, and then no prefix is asked for
        "HeadObject": [Need("s3:GetObject", item), Need("s3:ListBucket", bucket)],
        "PutObject": [Need("s3:PutObject", item), *encrypting],
        # an upload in parts
        "PostObject": [Need("s3:PutObject", item), *encrypting, *decrypting],
        "AbortMultipartUpload": [Need("s3:AbortMultipartUpload", item)],
        "DeleteObject": [Need("s3:DeleteObject", item)],
        "ListBucket": [Need("s3:ListBucket", bucket, {} if prefix is None else {"s3:prefix": prefix})],
        "HeadBucket": [Need("s3:ListBucket", bucket)],
        "CreateBucket": [Need("s3:CreateBucket", bucket)],
        "GetBucketEncryption": [Need("s3:GetEncryptionConfiguration", bucket)],
        "GetBucketPolicy": [Need("s3:GetBucketPolicy", bucket)],
        "GetBucketVersioning": [Need("s3:GetBucketVersioning", bucket)],
        "GetPublicAccessBlock": [Need("s3:GetBucketPublicAccessBlock", bucket)],
    }
    if call.operation not in by_operation:
        raise LookupError(f"tests/permissions.py: say which permission s3 {call.operation} needs")
    yield from by_operation[call.operation]
