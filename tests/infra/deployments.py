"""Templates with the identities of deployment: the example's, and one that holds a resource of every type there is.

`python -m infra.deployments` in tests/ writes the golden files anew.
"""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from dagwright.cli.workloads import neighbours_of, workloads_of
from dagwright.infra.deploying import add_deploying
from dagwright.infra.deploying.administrators import ADMINISTRATORS
from dagwright.infra.roles.execution_role import sagemaker_trust
from dagwright.infra.site import Site
from dagwright.infra.stack import template_of
from dagwright.infra.template import Template, get_att, ref
from dagwright.infra.workload import Workloads
from dagwright.project import load_project

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "infra"
ENVIRONMENTS = ("dev", "staging", "production")
BASE = """company: acme
team: rc
project: churn
account_id: "123456789012"
region: {region}
environment_suffix: true
infra: {infra}
"""
GITHUB = "{platform: true, github_repository: acme/churn}"


def example(environment: str) -> Template:
    """The whole template of the project in this repository."""
    project = load_project(ROOT / "config" / "project.yaml", environment)
    arguments = Namespace(root=ROOT, env=environment)
    return template_of(project, workloads_of(arguments, project), neighbours_of(arguments, project))


def golden(environment: str) -> str:
    """What of it this part makes, as text."""
    people = ("SubmitPolicy", "ApproverPolicy")
    resources = {
        name: one
        for name, one in example(environment).resources.items()
        if name in ADMINISTRATORS and not name.startswith(people)
    }
    return json.dumps(resources, indent=2, ensure_ascii=False) + "\n"


def site_of(folder: Path, infra: str = GITHUB, region: str = "us-east-1", workloads: Workloads | None = None) -> Site:
    """A project of a few lines in its environment dev."""
    path = folder / "project.yaml"
    path.write_text(BASE.format(region=region, infra=infra), encoding="utf-8")
    return Site(load_project(path, "dev"), workloads or Workloads())


def deployed(site: Site, *, everything: bool = False) -> dict[str, Any]:
    """The template with these identities, behind the key or a resource of every type that templates of ours hold."""
    template = Template("for a test")
    for name, (kind, properties) in every_type(site).items():
        if everything or (name == "Key" and site.infra.makes("keys")):
            template.add(name, kind, properties, kept=name in ("Key", "Bucket", "Repository", "Group"))
    add_deploying(template, site)
    return template.as_json()


def every_type(site: Site) -> dict[str, tuple[str, dict[str, Any]]]:
    """Types and properties by logical id; names as those of the real template begin and end."""
    stem, names = site.names.stem, site.names
    statement = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [f"{names.bucket}/raw/*"]}
    document = {"PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    nobody: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
    function = f"{site.project.model_package_group}-training-{site.project.environment}-trigger"
    return {
        "Key": ("AWS::KMS::Key", {}),
        "KeyAlias": ("AWS::KMS::Alias", {"AliasName": names.key_alias, "TargetKeyId": ref("Key")}),
        "Bucket": ("AWS::S3::Bucket", {"BucketName": site.project.bucket}),
        "BucketPolicy": ("AWS::S3::BucketPolicy", {"Bucket": ref("Bucket"), "PolicyDocument": nobody}),
        "Repository": ("AWS::ECR::Repository", {"RepositoryName": f"{names.repositories}file-report"}),
        "Replication": ("AWS::ECR::ReplicationConfiguration", {}),
        "Group": (
            "AWS::SageMaker::ModelPackageGroup",
            {"ModelPackageGroupName": site.project.model_package_group},
        ),
        "LogGroup": ("AWS::Logs::LogGroup", {"LogGroupName": site.project.state_machine_log_group}),
        "Query": ("AWS::Logs::QueryDefinition", {"Name": f"{stem}/errors"}),
        "LogPolicy": ("AWS::Logs::ResourcePolicy", {"PolicyName": stem}),
        "SecurityGroupTraining": ("AWS::EC2::SecurityGroup", {"GroupName": f"{stem}-training"}),
        "Into": ("AWS::EC2::SecurityGroupIngress", {"GroupId": get_att("SecurityGroupTraining", "GroupId")}),
        "OutOf": ("AWS::EC2::SecurityGroupEgress", {"GroupId": "sg-0a1b2c3d4e5f60718"}),
        "Endpoint": (
            "AWS::EC2::VPCEndpoint",
            {"SubnetIds": ["subnet-0a1b2c3d"], "SecurityGroupIds": [get_att("SecurityGroupTraining", "GroupId")]},
        ),
        "DeadLetterQueue": ("AWS::SQS::Queue", {"QueueName": names.dead_letter_queue}),
        "QueuePolicy": ("AWS::SQS::QueuePolicy", {"Queues": [ref("DeadLetterQueue")], "PolicyDocument": nobody}),
        "AlertTopic": ("AWS::SNS::Topic", {"TopicName": names.topic}),
        "TopicPolicy": ("AWS::SNS::TopicPolicy", {"Topics": [ref("AlertTopic")], "PolicyDocument": nobody}),
        "Subscription": ("AWS::SNS::Subscription", {"TopicArn": ref("AlertTopic")}),
        "Alarm": ("AWS::CloudWatch::Alarm", {"AlarmName": f"{stem}-failed"}),
        "Page": ("AWS::CloudWatch::CompositeAlarm", {"AlarmName": f"{stem}-page"}),
        "Dashboard": ("AWS::CloudWatch::Dashboard", {"DashboardName": stem}),
        "Rule": ("AWS::Events::Rule", {"Name": f"{stem}-failed-steps"}),
        "ScheduleGroup": ("AWS::Scheduler::ScheduleGroup", {"Name": site.project.schedule_group}),
        "Trigger": ("AWS::Lambda::Function", {"FunctionName": function, "Role": names.trigger_role}),
        "Permission": ("AWS::Lambda::Permission", {"FunctionName": ref("Trigger")}),
        "Tries": ("AWS::Lambda::EventInvokeConfig", {"FunctionName": ref("Trigger")}),
        "ExecutionRole": (
            "AWS::IAM::Role",
            {"RoleName": site.project.role.rpartition("/")[2], "AssumeRolePolicyDocument": sagemaker_trust(site)},
        ),
        "ExecutionRolePolicy1": (
            "AWS::IAM::ManagedPolicy",
            {"ManagedPolicyName": f"{site.project.role.rpartition('/')[2]}-1", **document},
        ),
    }


def write_golden() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for environment in ENVIRONMENTS:
        (GOLDEN / f"{environment}.deploying.json").write_text(golden(environment), encoding="utf-8")


if __name__ == "__main__":
    write_golden()
