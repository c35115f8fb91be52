"""The example project with everything around it as it should be, in an AWS of the tests' own."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from aws import ACCOUNT, AWS
from botocore import xform_name
from cli.conftest import copied_project
from cli.deploying import SCHEDULE, Said

from dagwright.cli import main
from dagwright.cli.doctor import ward_of
from dagwright.cli.words import parser
from dagwright.doctor.ward import Ward
from dagwright.engines.aws.clients import Clients
from dagwright.project import Project, load_project

REGION = "us-east-1"
CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/Deployer/me"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/acme-sm-rc-churn"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIGURATION, TRAINING = "config/project.yaml", "pipelines/training.py"
ENDPOINTS = ("sagemaker.api", "sts", "logs", "monitoring", "kms")
TLS_ONLY = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    },
}
QUOTAS = {
    "ml.t3.medium for processing job usage": 20,
    "ml.m5.large for training job usage": 8,
    "ml.m5.large for spot training job usage": 8,
}


@dataclass(frozen=True)
class Checked:
    """What `doctor` found."""

    code: int
    checks: list[dict[str, str]]

    def of(self, code: str) -> list[dict[str, str]]:
        """What one check found."""
        return [one for one in self.checks if one["code"] == code]

    def but_ok(self) -> list[dict[str, str]]:
        return [one for one in self.checks if one["status"] != "ok"]


class World:
    """A project folder whose configuration names what there is, and the account with all of it."""

    def __init__(self, folder: Path, aws: AWS) -> None:
        self.aws = aws
        self.folder = copied_project(folder, "training", "file-report", "distributed").folder
        self.edit(TRAINING, "    Pipeline,", "    Pipeline,\n    Schedule,")
        end = "        project=project,\n"
        self.edit(TRAINING, f"{end}    )", f"{end}        schedules=[{SCHEDULE}],\n    )")
        self.edit(CONFIGURATION, "\ndev:", '\ndev:\n  checks: { image-by-tag: "off" } #')
        self._keys()
        self._network()
        self._image()
        self._queue()
        self.project: Project = load_project(self.folder / CONFIGURATION, "dev")
        self._bucket()
        self._roles()
        self._watching()

    def __call__(self, *words: str, env: str = "dev") -> Checked:
        said = self.said("doctor", *words, "--json", env=env)
        return Checked(said.code, said.json["checks"])

    def ward(self) -> Ward:
        """What the checks look at, for a test that asks one of them; the pipelines are built once."""
        once = self._built
        return Ward(once.project, once.pipelines, self._clients, once.command)

    @cached_property
    def _built(self) -> Ward:
        arguments = parser().parse_args(["doctor", "--env", "dev"])
        arguments.root = self.folder
        return ward_of(arguments, self.project)

    @cached_property
    def _clients(self) -> Clients:
        return Clients(REGION)

    def said(self, *words: str, env: str = "dev") -> Said:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*words, "--env", env], self.folder)
        return Said(code, out.getvalue(), err.getvalue())

    def tell(self) -> None:
        """Answer what moto cannot."""
        self.aws.answer("GetCallerIdentity", {"Account": ACCOUNT, "Arn": CALLER, "UserId": "AROA:me"})
        self.aws.answer("SimulatePrincipalPolicy", decided("allowed"))
        self.aws.answer("ListServiceQuotas", quotas())
        # moto would take such a policy, and then refuse everything
        self.aws.answer("GetBucketPolicy", {"Policy": json.dumps(TLS_ONLY)})

    def change(self, service: str, operation: str, change: Callable[[Any], object]) -> None:
        """Let such an answer come as it is, but for what `change` does to it."""

        def answer(parameters: Mapping[str, Any]) -> Any:
            found = getattr(self.aws.client(service), xform_name(operation))(**parameters)
            change(found)
            return found

        self.aws.answer(operation, answer)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text, old
        path.write_text(text.replace(old, new), encoding="utf-8")

    def _keys(self) -> None:
        kms = self.aws.client("kms")
        self.key = kms.create_key()["KeyMetadata"]["Arn"]
        kms.create_alias(AliasName="alias/sagemaker-rc-churn", TargetKeyId=self.key)
        kms.enable_key_rotation(KeyId=self.key)
        named = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        self.edit(CONFIGURATION, named, self.key)

    def _network(self) -> None:
        ec2 = self.aws.client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        named = ("subnet-0a1b2c3d4e5f60718", "subnet-0b2c3d4e5f6071829")
        for number, (old, zone) in enumerate(zip(named, "ab", strict=True)):
            made = ec2.create_subnet(
                VpcId=self.vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=f"{REGION}{zone}"
            )
            self.edit(CONFIGURATION, f"- {old}\n", f"- {made['Subnet']['SubnetId']}\n")
        groups = ("sg-0a1b2c3d4e5f60718", "sg-0b2c3d4e5f6071829", "sg-0c3d4e5f607182930")
        for name, old in zip(("processing", "training", "inference"), groups, strict=True):
            self.edit(CONFIGURATION, f"[{old}]", f"[{self._group(ec2, name)}]")
        tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [self.vpc]}])["RouteTables"]
        ec2.create_vpc_endpoint(
            VpcId=self.vpc,
            ServiceName=f"com.amazonaws.{REGION}.s3",
            VpcEndpointType="Gateway",
            RouteTableIds=[tables[0]["RouteTableId"]],
        )
        for service in ENDPOINTS:
            ec2.create_vpc_endpoint(
                VpcId=self.vpc, ServiceName=f"com.amazonaws.{REGION}.{service}", VpcEndpointType="Interface"
            )

    def _group(self, ec2: Any, name: str) -> str:
        group: str = ec2.create_security_group(GroupName=name, Description=name, VpcId=self.vpc)["GroupId"]
        itself = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=itself)
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=everything)
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=itself)
        return group

    def _image(self) -> None:
        ecr = self.aws.client("ecr")
        manifest = json.dumps(
            {"schemaVersion": 2, "mediaType": MANIFEST, "config": {"digest": "sha256:" + "a" * 64}, "layers": []}
        )
        ecr.create_repository(repositoryName="acme-sm-rc-churn/file-report")
        put = ecr.put_image(repositoryName="acme-sm-rc-churn/file-report", imageManifest=manifest, imageTag="1")
        digest = put["image"]["imageId"]["imageDigest"]
        none = f"{REGISTRY}/file-report@sha256:{'0' * 64}"
        self.edit(CONFIGURATION, none, f"{REGISTRY}/file-report@{digest}")

    def _queue(self) -> None:
        sqs = self.aws.client("sqs")
        self.queue = sqs.create_queue(QueueName="rc-churn-starts")["QueueUrl"]
        text = f"scheduler:\n  dead_letter_queue: arn:aws:sqs:{REGION}:{ACCOUNT}:rc-churn-starts\n\nlayout:"
        self.edit(CONFIGURATION, "layout:", text)

    def _bucket(self) -> None:
        s3, name = self.aws.client("s3"), self.project.bucket
        s3.create_bucket(Bucket=name)
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.key}}
        s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
        blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(blocks, True))
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})

    def _roles(self) -> None:
        iam, project = self.aws.client("iam"), self.project
        for arn, service in (
            (project.role, "sagemaker"),
            (project.pipeline_role, "sagemaker"),
            (project.state_machine_role, "states"),
            (project.scheduler_role, "scheduler"),
            ("/Deployer", "ec2"),
        ):
            with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
                iam.create_role(RoleName=arn.rpartition("/")[2], AssumeRolePolicyDocument=json.dumps(trust(service)))

    def _watching(self) -> None:
        """Logs, the pipelines with their schedule, the stack, an alarm, a topic, the model package group."""
        logs, project = self.aws.client("logs"), self.project
        for kind in ("ProcessingJobs", "TrainingJobs", "TransformJobs"):
            self._log_group(logs, f"/aws/sagemaker/{kind}")
        self._log_group(logs, project.state_machine_log_group)
        stem = "rc-churn-dev"
        self.topic = self.aws.client("sns").create_topic(Name=f"{stem}-alerts")["TopicArn"]
        self.aws.client("sns").subscribe(
            TopicArn=self.topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:x"
        )
        self.aws.client("cloudwatch").put_metric_alarm(
            AlarmName=f"{stem}-failed",
            Namespace="AWS/Sagemaker/ModelBuildingPipeline",
            MetricName="ExecutionFailed",
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            EvaluationPeriods=1,
            Threshold=1,
            Period=300,
            Statistic="Sum",
        )
        self.aws.client("cloudwatch").set_alarm_state(AlarmName=f"{stem}-failed", StateValue="OK", StateReason="quiet")
        template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
        self.aws.client("cloudformation").create_stack(
            StackName="acme-sm-rc-churn-dev", TemplateBody=json.dumps(template)
        )
        self.aws.client("sagemaker").create_model_package_group(ModelPackageGroupName=project.model_package_group)

    def _log_group(self, logs: Any, name: str) -> None:
        logs.create_log_group(logGroupName=name)
        logs.put_retention_policy(logGroupName=name, retentionInDays=30)


def trust(service: str, **conditions: Any) -> dict[str, Any]:
    """A trust policy: for this account's jobs only, unless there are other `conditions`."""
    one: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": conditions or {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }
    return {"Version": "2012-10-17", "Statement": [one]}


def decided(decision: str) -> dict[str, Any]:
    return {"EvaluationResults": [{"EvalActionName": "iam:PassRole", "EvalDecision": decision}]}


def quotas(**changed: float) -> dict[str, Any]:
    """The account's quotas, some of them others."""
    return {"Quotas": [{"QuotaName": name, "Value": value} for name, value in {**QUOTAS, **changed}.items()]}


def forget_modules() -> None:
    """Python keeps the modules of a project that it has imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("pipelines", "steps")]:
        del sys.modules[name]
