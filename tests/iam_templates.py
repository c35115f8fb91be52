"""The documents of IAM in a CloudFormation template: the template comes in as plain data, policies with ARNs go out.

CloudFormation's functions are answered by what they come to: a name where the template has one, else a plausible id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from iam_documents import Document, many

PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Region": "us-east-1",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackName": "stack",
    "AWS::NoValue": "",
}
_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
_ARNS = {  # type of a resource -> its ARN; {name} is the member of its properties that names it, else its logical id
    "AWS::KMS::Key": f"arn:aws:kms:{{region}}:{{account}}:key/{_ID}",
    "AWS::S3::Bucket": "arn:aws:s3:::{BucketName}",
    "AWS::SNS::Topic": "arn:aws:sns:{region}:{account}:{TopicName}",
    "AWS::SQS::Queue": "arn:aws:sqs:{region}:{account}:{QueueName}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{RoleName}",
    "AWS::IAM::ManagedPolicy": "arn:aws:iam::{account}:policy/{ManagedPolicyName}",
    "AWS::IAM::OIDCProvider": "arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com",
    "AWS::Lambda::Function": "arn:aws:lambda:{region}:{account}:function:{FunctionName}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{region}:{account}:log-group:{LogGroupName}:*",
    "AWS::ECR::Repository": "arn:aws:ecr:{region}:{account}:repository/{RepositoryName}",
    "AWS::Events::Rule": "arn:aws:events:{region}:{account}:rule/{Name}",
    "AWS::Scheduler::ScheduleGroup": "arn:aws:scheduler:{region}:{account}:schedule-group/{Name}",
    "AWS::SageMaker::ModelPackageGroup": (
        "arn:aws:sagemaker:{region}:{account}:model-package-group/{ModelPackageGroupName}"
    ),
    "AWS::EC2::SecurityGroup": "sg-{logical}",
    "AWS::EC2::VPCEndpoint": "vpce-{logical}",
}
_REFERENCES = {"AWS::KMS::Key": _ID, "AWS::SNS::Topic": _ARNS["AWS::SNS::Topic"]}  # else Ref is the name
_SQS_URL = "https://sqs.{region}.amazonaws.com/{account}/{QueueName}"


class Template:
    """A CloudFormation template whose functions can be answered without CloudFormation.

    `parameters` are the values of its parameters and of the pseudo parameters; without one the default is taken.
    """

    def __init__(self, text: Mapping[str, Any], parameters: Mapping[str, str] | None = None) -> None:
        self.resources: Mapping[str, Any] = text["Resources"]
        defaults = {name: str(one.get("Default", "")) for name, one in text.get("Parameters", {}).items()}
        self.values = {**PSEUDO, **defaults, **(parameters or {})}

    def resolved(self, value: Any) -> Any:
        """The value with its functions answered. Raises ValueError for a function that is not known here."""
        if isinstance(value, list):
            return [self.resolved(one) for one in value]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name == "Ref":
                return self._reference(argument)
            if name.startswith("Fn::"):
                return self._answer(name, argument)
        return {name: self.resolved(one) for name, one in value.items()}

    def _answer(self, function: str, argument: Any) -> Any:
        if function == "Fn::GetAtt":
            logical, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
            return self._attribute(logical, attribute)
        if function == "Fn::Join":
            return argument[0].join(self.resolved(one) for one in argument[1])
        if function == "Fn::Sub":
            text, given = argument if isinstance(argument, list) else (argument, {})
            return re.sub(r"\$\{([^!}]+)\}", lambda found: self._substitute(found[1], given), text)
        raise ValueError(f"{function} in a policy: say in tests/iam_documents.py what it gives")

    def _substitute(self, name: str, given: Mapping[str, Any]) -> str:
        if name in given:
            return str(self.resolved(given[name]))
        logical, _, attribute = name.partition(".")
        return self._attribute(logical, attribute) if attribute else self._reference(name)

    def _reference(self, name: str) -> str:
        if name in self.values:
            return self.values[name]
        kind, properties = self._resource(name)
        if kind == "AWS::SQS::Queue":
            return self._filled(_SQS_URL, name, properties)
        pattern = _REFERENCES.get(kind) or _ARNS.get(kind, "{logical}")
        return (
            self._filled(pattern, name, properties)
            .rpartition("/" if ":iam:" in pattern else "\0")[2]
            .removeprefix("arn:aws:s3:::")
        )

    def _attribute(self, name: str, attribute: str) -> str:
        """An ARN for `Arn` and what is like it, an id for everything else."""
        kind, properties = self._resource(name)
        if kind not in _ARNS:
            raise ValueError(f"{name}.{attribute} of {kind}: say in tests/iam_documents.py what it is")
        found = self._filled(_ARNS[kind], name, properties)
        if attribute in ("QueueName", "TopicName", "KeyId"):
            return found.rpartition(":")[2].rpartition("/")[2]
        return found

    def _resource(self, name: str) -> tuple[str, Mapping[str, Any]]:
        if name not in self.resources:
            raise ValueError(f"the template has no resource {name}")
        return self.resources[name]["Type"], self.resources[name].get("Properties", {})

    def _filled(self, pattern: str, logical: str, properties: Mapping[str, Any]) -> str:
        known = {"region": self.values["AWS::Region"], "account": self.values["AWS::AccountId"], "logical": logical}
        return re.sub(
            r"\{(\w+)\}",
            lambda found: known.get(found[1]) or str(self.resolved(properties.get(found[1], logical))),
            pattern,
        )


# ---- which documents there are ----


class Place(NamedTuple):
    """A document, and where it stands: `JobRole.AssumeRolePolicyDocument`, a kind of `iam_checker.KINDS`."""

    where: str
    kind: str
    document: Document


_POLICIES = {  # type of a resource -> member of its properties that is the policy, its kind
    "AWS::IAM::ManagedPolicy": ("PolicyDocument", "managed"),
    "AWS::IAM::RolePolicy": ("PolicyDocument", "inline"),
    "AWS::IAM::Policy": ("PolicyDocument", "inline"),
    "AWS::KMS::Key": ("KeyPolicy", "key"),
    "AWS::SNS::TopicPolicy": ("PolicyDocument", "topic"),
    "AWS::SQS::QueuePolicy": ("PolicyDocument", "queue"),
    "AWS::S3::BucketPolicy": ("PolicyDocument", "bucket"),
    "AWS::SageMaker::ModelPackageGroup": ("ModelPackageGroupPolicy", "group"),
    "AWS::ECR::Repository": ("RepositoryPolicyText", "repository"),
    "AWS::EC2::VPCEndpoint": ("PolicyDocument", "endpoint"),
    "AWS::Logs::ResourcePolicy": ("PolicyDocument", "logs"),
}


def places_of(template: Template) -> Iterator[Place]:
    """Every document of a template."""
    for logical, resource in template.resources.items():
        kind, properties = resource["Type"], resource.get("Properties", {})
        if kind == "AWS::IAM::Role":
            trust = template.resolved(properties["AssumeRolePolicyDocument"])
            yield Place(f"{logical}.AssumeRolePolicyDocument", "trust", trust)
            for one in properties.get("Policies", []):
                yield Place(f"{logical}.{one['PolicyName']}", "inline", template.resolved(one["PolicyDocument"]))
        elif kind in _POLICIES:
            member, what = _POLICIES[kind]
            if member in properties:
                yield Place(f"{logical}.{member}", what, template.resolved(properties[member]))


def policies_of(template: Template, role: str) -> list[Document]:
    """The policies of a role by its logical id, its name or its ARN; of one that is not the template's, those that the
    template attaches to it.

    Raises LookupError if the template has nothing of it.
    """
    name = role.rpartition("/")[2]
    logical = _logical_id(template, name)
    resource = template.resources[logical] if logical else {"Properties": {}}
    found = [template.resolved(one["PolicyDocument"]) for one in resource["Properties"].get("Policies", [])]
    mine = {name, logical, template.resolved({"Ref": logical}) if logical else name}
    for other, attached in template.resources.items():
        properties = attached.get("Properties", {})
        if attached["Type"] not in ("AWS::IAM::RolePolicy", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
            continue
        roles = {template.resolved(one) for one in many(properties.get("RoleName")) + many(properties.get("Roles"))}
        if mine & roles or {"Ref": other} in resource["Properties"].get("ManagedPolicyArns", []):
            found.append(template.resolved(properties["PolicyDocument"]))
    if not logical and not found:
        raise LookupError(f"the template has no role {role}")
    return found


def _logical_id(template: Template, role: str) -> str:
    for logical, resource in template.resources.items():
        named = resource.get("Properties", {}).get("RoleName", logical)
        if resource["Type"] == "AWS::IAM::Role" and role in (logical, template.resolved(named)):
            return logical
    return ""
