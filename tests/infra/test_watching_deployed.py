"""The stack's part in moto: by CloudFormation what that can make, by the services' own requests what it cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aws import flaws_of
from infra.watching import NIGHTLY, of_type, site_of, watched

from dagwright.infra.triggers import assets_of

if TYPE_CHECKING:
    from aws import AWS

    from dagwright.infra.template import Template

# What moto's CloudFormation makes; the rest of the template goes by the API below, or has no API in moto.
MADE = (
    "AWS::KMS::Key",
    "AWS::IAM::Role",
    "AWS::SQS::Queue",
    "AWS::SNS::Topic",
    "AWS::Logs::LogGroup",
    "AWS::Events::Rule",
    "AWS::Lambda::Function",
    "AWS::CloudWatch::Dashboard",
)


def client(service: str) -> Any:
    return boto3.client(service, region_name="us-east-1")


@pytest.fixture
def deployed(aws: AWS) -> tuple[Template, dict[str, str]]:
    """The template of the project with schedules and a trigger, and what its resources are called."""
    site = site_of(NIGHTLY, "dev")
    template = watched(site)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=site.project.bucket)
    for key, content in assets_of(site):
        s3.put_object(Bucket=site.project.bucket, Key=key, Body=content)
    made = template.only([name for name, one in template.resources.items() if one["Type"] in MADE])
    for one in made.resources.values():
        one.pop("DependsOn", None)  # some of it is not made here
    cloudformation = aws.client("cloudformation")
    cloudformation.create_stack(StackName="watched", TemplateBody=made.text(), Capabilities=["CAPABILITY_NAMED_IAM"])
    found = cloudformation.describe_stack_resources(StackName="watched")["StackResources"]
    assert {one["ResourceStatus"] for one in found} == {"CREATE_COMPLETE"}
    assert len(found) == len(made.resources)
    return template, {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}


def resolved(value: Any, ids: Mapping[str, str]) -> Any:
    """The value with names and ARNs where the template refers to a resource."""
    if isinstance(value, Mapping):
        if "Ref" in value:
            return ids[value["Ref"]]
        return {name: resolved(member, ids) for name, member in value.items()}
    return [resolved(member, ids) for member in value] if isinstance(value, list) else value


def test_cloudformation_makes_what_it_can(aws: AWS, deployed: tuple[Template, dict[str, str]]) -> None:
    template, ids = deployed
    queue = aws.client("sqs").get_queue_attributes(QueueUrl=ids["AlertQueue"], AttributeNames=["All"])["Attributes"]
    assert queue["MessageRetentionPeriod"] == "1209600"
    assert queue["KmsMasterKeyId"] == f"arn:aws:kms:us-east-1:123456789012:key/{ids['Key']}"
    logs = aws.client("logs").describe_log_groups(logGroupNamePrefix="/aws/sagemaker/")["logGroups"]
    assert {one["logGroupName"]: one["retentionInDays"] for one in logs}["/aws/sagemaker/TrainingJobs"] == 90
    function = aws.client("lambda").get_function_configuration(FunctionName="rc-nightly-count-rows-dev-trigger")
    assert function["Runtime"] == "python3.14"
    assert function["Environment"]["Variables"]["TARGET_ARN"].endswith(":pipeline/rc-nightly-count-rows-dev")
    rules = aws.client("events").list_rules(NamePrefix="rc-nightly-dev-")["Rules"]
    assert len(rules) == len(of_type(template, "AWS::Events::Rule")) == 8
    board = aws.client("cloudwatch").get_dashboard(DashboardName="rc-nightly-dev")["DashboardBody"]
    assert json.loads(board)["widgets"]


def test_events_takes_every_rule_as_it_is(aws: AWS, deployed: tuple[Template, dict[str, str]]) -> None:
    template, ids = deployed
    events, queue = client("events"), "arn:aws:sqs:us-east-1:123456789012:rc-nightly-dev-alert-dead-letters"
    for rule in of_type(template, "AWS::Events::Rule").values():
        pattern = json.dumps(rule["EventPattern"])
        events.put_rule(Name=rule["Name"], Description=rule["Description"], EventPattern=pattern, State=rule["State"])
        (target,) = rule["Targets"]
        whole = {**target, "Arn": ids["AlertTopic"], "DeadLetterConfig": {"Arn": queue}}
        assert events.put_targets(Rule=rule["Name"], Targets=[whole])["FailedEntryCount"] == 0
        assert json.loads(events.describe_rule(Name=rule["Name"])["EventPattern"]) == rule["EventPattern"]
        assert events.list_targets_by_rule(Rule=rule["Name"])["Targets"] == [whole]


def test_cloudwatch_takes_every_alarm_as_it_is(aws: AWS, deployed: tuple[Template, dict[str, str]]) -> None:
    template, ids = deployed
    cloudwatch = aws.client("cloudwatch")
    wanted = {one["AlarmName"]: resolved(one, ids) for one in of_type(template, "AWS::CloudWatch::Alarm").values()}
    for alarm in wanted.values():
        assert list(flaws_of("cloudwatch", "PutMetricAlarm", {**alarm, "Threshold": float(alarm["Threshold"])})) == []
        cloudwatch.put_metric_alarm(**alarm)
    found = {one["AlarmName"]: one for one in cloudwatch.describe_alarms()["MetricAlarms"]}
    assert found.keys() == wanted.keys()
    for name, alarm in wanted.items():
        for member in ("Namespace", "MetricName", "EvaluationPeriods", "Threshold", "TreatMissingData", "AlarmActions"):
            assert found[name].get(member) == alarm.get(member), (name, member)
        expressions = [one["Expression"] for one in found[name].get("Metrics", ()) if one.get("Expression")]
        assert expressions == [one["Expression"] for one in alarm.get("Metrics", ()) if "Expression" in one]


def test_scheduler_and_lambda_take_the_rest(aws: AWS, deployed: tuple[Template, dict[str, str]]) -> None:
    template, _ = deployed
    group = of_type(template, "AWS::Scheduler::ScheduleGroup")["ScheduleGroup"]
    client("scheduler").create_schedule_group(**group)
    assert aws.client("scheduler").get_schedule_group(Name="rc-nightly-dev")["Name"] == "rc-nightly-dev"
    retries = of_type(template, "AWS::Lambda::EventInvokeConfig")["TriggerCountRowsRetries"]
    queue = "arn:aws:sqs:us-east-1:123456789012:rc-nightly-dev-trigger-dead-letters"
    told = aws.client("lambda").put_function_event_invoke_config(
        FunctionName="rc-nightly-count-rows-dev-trigger",
        Qualifier=retries["Qualifier"],
        MaximumRetryAttempts=retries["MaximumRetryAttempts"],
        MaximumEventAgeInSeconds=retries["MaximumEventAgeInSeconds"],
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    assert told["DestinationConfig"]["OnFailure"]["Destination"] == queue


def test_upsert_finds_the_group_of_the_stack_to_be_its_own(aws: AWS, deployed: tuple[Template, dict[str, str]]) -> None:
    """It asks for the tag that it would have written itself."""
    from dagwright.engines.aws.ownership import Owner

    template, _ = deployed
    group = of_type(template, "AWS::Scheduler::ScheduleGroup")["ScheduleGroup"]
    arn = client("scheduler").create_schedule_group(**group)["ScheduleGroupArn"]
    tags = {one["Key"]: one["Value"] for one in client("scheduler").list_tags_for_resource(ResourceArn=arn)["Tags"]}
    assert Owner("rc-nightly", "dev").group_tags().items() <= tags.items()
