"""What of a project is watched: the golden files, and what holds of every one of them."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import pytest
from infra.watching import GOLDEN, GOLDENS, NIGHTLY, of_type, site_of, watched

from dagwright.infra.dead_man import MOST_HOURS
from dagwright.infra.notes import notes_of
from dagwright.infra.paging import add_paging
from dagwright.infra.queries import queries
from dagwright.infra.site import Site
from dagwright.infra.template import Template
from dagwright.infra.triggers import RUNTIME, assets_of
from dagwright.shapes import model

# Metrics that AWS documents, by namespace and dimensions, whatever of them is used here.
EXIST = {
    ("AWS/Sagemaker/ModelBuildingPipeline", ("PipelineName",)): "ExecutionStarted ExecutionFailed ExecutionSucceeded "
    "ExecutionStopped ExecutionDuration",
    ("AWS/States", ("StateMachineArn",)): "ExecutionsStarted ExecutionsSucceeded ExecutionsFailed ExecutionsTimedOut "
    "ExecutionsAborted ExecutionThrottled ExecutionTime",
    ("AWS/Scheduler", ("ScheduleGroup",)): "InvocationAttemptCount TargetErrorCount TargetErrorThrottledCount "
    "InvocationThrottleCount InvocationDroppedCount InvocationsSentToDeadLetterCount "
    "InvocationsFailedToBeSentToDeadLetterCount",
    ("AWS/Events", ("RuleName",)): "FailedInvocations Invocations MatchedEvents TriggeredRules InvocationsSentToDlq",
    ("AWS/SQS", ("QueueName",)): "ApproximateNumberOfMessagesVisible",
    ("AWS/SNS", ("TopicName",)): "NumberOfNotificationsFailed",
    ("AWS/Lambda", ("FunctionName",)): "Errors Throttles DeadLetterErrors",
}
SEARCHED = {
    "AWS/Sagemaker/ModelBuildingPipeline,PipelineName,StepName": "StepStarted StepFailed StepSucceeded StepStopped",
    "/aws/sagemaker/ProcessingJobs,Host": "CPUUtilization MemoryUtilization DiskUtilization",
    "/aws/sagemaker/TrainingJobs,Host": "CPUUtilization MemoryUtilization DiskUtilization",
    "/aws/sagemaker/TransformJobs,Host": "CPUUtilization MemoryUtilization",
}


@cache
def made(name: str) -> tuple[Site, Template]:
    site = site_of(*GOLDENS[name])
    return site, watched(site)


def metrics_of(alarm: dict[str, Any]) -> list[tuple[str, str, tuple[str, ...]]]:
    members = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", ()) if "MetricStat" in one] or [alarm]
    return [(one["Namespace"], one["MetricName"], tuple(d["Name"] for d in one["Dimensions"])) for one in members]


@pytest.mark.parametrize("name", GOLDENS)
def test_what_is_watched_is_in_its_golden_file(name: str) -> None:
    """After a wanted change: PYTHONPATH=.:tests python -m infra.watching."""
    assert made(name)[1].text() == (GOLDEN / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", GOLDENS)
def test_cfn_lint_finds_nothing(name: str) -> None:
    from cfnlint.api import ManualArgs, lint

    site, template = made(name)
    found = lint(template.text(), config=ManualArgs(regions=[site.project.region], include_checks=["I"]))
    assert found == []


@pytest.mark.parametrize("name", GOLDENS)
def test_alarms_are_on_metrics_that_exist(name: str) -> None:
    used = [
        metric for alarm in of_type(made(name)[1], "AWS::CloudWatch::Alarm").values() for metric in metrics_of(alarm)
    ]
    assert used
    for namespace, metric, dimensions in used:
        assert metric in EXIST[namespace, dimensions].split(), (namespace, metric)


@pytest.mark.parametrize("name", GOLDENS)
def test_the_dashboard_shows_metrics_that_exist(name: str) -> None:
    site, template = made(name)
    board = of_type(template, "AWS::CloudWatch::Dashboard")["Dashboard"]
    shown = 0
    for widget in json.loads(board["DashboardBody"])["widgets"]:
        assert widget["x"] + widget["width"] <= 24
        for namespace_or_search, *rest in widget["properties"].get("metrics", ()):
            if isinstance(namespace_or_search, dict):
                found = re.search(r"\{(.+?)\} MetricName=\"(\w+)\"", namespace_or_search["expression"])
                assert found
                assert found[2] in SEARCHED[found[1]].split()
            else:
                assert rest[0] in EXIST[namespace_or_search, (rest[1],)].split()
            shown += 1
    assert shown > 10
    assert template.outputs["DashboardUrl"]["Value"].endswith(f"#dashboards/dashboard/{site.names.stem}")


@pytest.mark.parametrize("name", GOLDENS)
def test_every_alarm_tells_the_topic_and_has_a_name_that_aws_takes(name: str) -> None:
    alarms = of_type(made(name)[1], "AWS::CloudWatch::Alarm")
    names = [alarm["AlarmName"] for alarm in alarms.values()]
    assert len({*names}) == len(names)
    for alarm in alarms.values():
        assert len(alarm["AlarmName"]) <= model("cloudwatch")["AlarmName"]["max"]
        assert alarm["AlarmActions"] == [{"Ref": "AlertTopic"}]
        is_late = alarm["ComparisonOperator"] == "LessThanThreshold"
        assert alarm["TreatMissingData"] == ("breaching" if is_late else "notBreaching")


def test_a_count_is_not_said_to_be_over_and_a_state_is() -> None:
    alarms = of_type(made("watched-nightly-dev")[1], "AWS::CloudWatch::Alarm")
    states = {name for name, alarm in alarms.items() if "OKActions" in alarm}
    late = {f"AlarmLateCountRowsAt{one}" for one in ("Nightly", "Workdays", "Weekly", "Often")}
    assert states == late | {"AlarmQueueStarts", "AlarmQueueAlerts", "AlarmQueueTriggers"}


def test_the_page_watches_every_alarm_but_of_what_is_repeated() -> None:
    template = made("watched-nightly-dev")[1]
    alarms = {alarm["AlarmName"] for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()}
    page = of_type(template, "AWS::CloudWatch::CompositeAlarm")["Page"]
    assert {*re.findall(r'ALARM\("([^"]+)"\)', page["AlarmRule"])} == alarms - {"rc-nightly-dev-starts-refused"}


def test_a_page_holds_as_many_alarms_as_aws_takes() -> None:
    site, template = site_of(NIGHTLY, "dev"), Template("many")
    for number in range(150):
        template.add(f"Alarm{number}", "AWS::CloudWatch::Alarm", {"AlarmName": f"a-{number:03}-" + "n" * 100})
    add_paging(template, site)
    pages = of_type(template, "AWS::CloudWatch::CompositeAlarm").values()
    assert [page["AlarmName"] for page in pages] == ["rc-nightly-dev-page", "rc-nightly-dev-page-2"]
    assert sum(page["AlarmRule"].count("ALARM(") for page in pages) == 150
    for page in pages:
        assert len(page["AlarmRule"]) <= model("cloudwatch")["AlarmRule"]["max"]
        assert page["AlarmRule"].count("ALARM(") <= 100


def test_the_alarms_of_an_environment_are_of_the_engine_that_it_has() -> None:
    one = of_type(made("watched-nightly-dev")[1], "AWS::CloudWatch::Alarm")["AlarmFailedCountRows"]
    assert metrics_of(one) == [("AWS/Sagemaker/ModelBuildingPipeline", "ExecutionFailed", ("PipelineName",))]
    other = of_type(made("watched-nightly-staging")[1], "AWS::CloudWatch::Alarm")["AlarmFailedCountRows"]
    assert [metric for _, metric, _ in metrics_of(other)] == [
        "ExecutionsFailed",
        "ExecutionsTimedOut",
        "ExecutionsAborted",
    ]
    assert other["Metrics"][0]["Expression"] == "FILL(m1, 0) + FILL(m2, 0) + FILL(m3, 0)"


# --- the dead man's -----------------------------------------------------------------------------------------------


def test_a_schedule_is_late_after_its_longest_gap_and_some_time() -> None:
    alarms = of_type(made("watched-nightly-dev")[1], "AWS::CloudWatch::Alarm")
    found = {
        alarm["AlarmName"].partition(".")[2]: (alarm["EvaluationPeriods"], metrics_of(alarm)[0][1])
        for alarm in alarms.values()
        if alarm["ComparisonOperator"] == "LessThanThreshold"
    }
    # gap + retries of an hour + window + half the gap, 12 hours at most; and the hour that has begun
    assert found == {
        "nightly-late": (24 + 1 + 12 + 1, "ExecutionSucceeded"),
        "workdays-late": (73 + 1 + 1 + 12 + 1, "ExecutionSucceeded"),  # 15 minutes of a window are rounded up
        "weekly-late": (MOST_HOURS, "ExecutionStarted"),  # there is no time left for a run that takes longer
        "often-late": (1 + 1 + 1 + 1, "ExecutionSucceeded"),
    }


@pytest.mark.parametrize("name", GOLDENS)
def test_no_alarm_looks_back_further_than_cloudwatch(name: str) -> None:
    for alarm in of_type(made(name)[1], "AWS::CloudWatch::Alarm").values():
        periods = [one["MetricStat"]["Period"] for one in alarm.get("Metrics", ()) if "MetricStat" in one]
        period = max([*periods, alarm.get("Period", 0)])
        assert period * alarm["EvaluationPeriods"] <= (604_800 if period >= 3600 else 86_400)


def test_what_cannot_be_watched_is_said() -> None:
    assert notes_of(site_of(NIGHTLY, "dev")) == [
        "schedule weekly-berlin of count-rows: 7 days and 1 hour can pass from one start to the next, CloudWatch looks "
        "back 7 days: no alarm tells that it is late",
        "schedule monthly of count-rows: 31 days can pass from one start to the next, CloudWatch looks back 7 days: no "
        "alarm tells that it is late",
        "schedule for-a-while of count-rows: it has an end, after which an alarm would never be over: no alarm tells "
        "that it is late",
    ]


# --- encryption, logs, queries, schedules, triggers ---------------------------------------------------------------


def test_without_a_key_the_topic_is_not_encrypted_and_that_is_said() -> None:
    site, template = made("watched-nightly-production")
    assert "KmsMasterKeyId" not in of_type(template, "AWS::SNS::Topic")["AlertTopic"]
    assert of_type(template, "AWS::SQS::Queue")["AlertQueue"]["SqsManagedSseEnabled"] is True
    assert "the alerts' topic is not encrypted" in notes_of(site)[0]


def test_a_key_of_the_users_is_used_and_what_its_policy_needs_is_said() -> None:
    site, template = made("watched-example-dev")
    arn = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    assert of_type(template, "AWS::SNS::Topic")["AlertTopic"]["KmsMasterKeyId"] == arn
    assert of_type(template, "AWS::Logs::LogGroup")["LogGroupStates"]["KmsKeyId"] == arn
    assert [note.partition(" ")[0] for note in notes_of(site)] == [arn]


def test_the_account_s_own_log_groups_are_of_one_environment() -> None:
    of_jobs = {"LogGroupProcessing", "LogGroupTraining", "LogGroupTransform"}
    assert of_jobs < made("watched-nightly-dev")[1].kept
    assert not of_jobs & made("watched-nightly-staging")[1].resources.keys()
    groups = of_type(made("watched-nightly-dev")[1], "AWS::Logs::LogGroup")
    assert {one["LogGroupName"]: one["RetentionInDays"] for one in groups.values()} == {
        "/aws/sagemaker/ProcessingJobs": 30,
        "/aws/sagemaker/TrainingJobs": 90,
        "/aws/sagemaker/TransformJobs": 30,
        "/aws/vendedlogs/states/rc-nightly-dev": 30,
        "/aws/lambda/rc-nightly-count-rows-dev-trigger": 30,
    }


def test_saved_queries_are_in_the_project_s_folder_and_use_functions_that_exist() -> None:
    site, _ = made("watched-nightly-dev")
    functions = {"min", "max", "count", "latest", "ispresent"}
    commands = {"fields", "filter", "parse", "stats", "sort", "limit"}
    for query in queries(site):
        assert {line.split()[0] for line in re.split(r"\n\| ", query.text)} <= commands
        assert {*re.findall(r"\b([a-z]+)\(", re.sub(r"/.*?/", "", query.text))} <= functions, query.name
        assert len(query.text) <= 10_000
        for pattern in re.findall(r"like /(.+?)/(?:$|\s)", query.text):
            re.compile(pattern)
    streams = re.search(r"@logStream like /(.+?)/", next(queries(site)).text)
    assert streams
    ours = re.compile(streams[1])
    assert ours.search("pipelines-a1b2c3-Count-xyz/algo-1-1700000000")
    assert ours.search("rc-nightly-count-20261121-120000/algo-1-1700000000")
    assert not ours.search("rc-fraud-count-20261121-120000/algo-1-1700000000")


def test_the_schedule_group_carries_the_mark_by_which_upsert_knows_it() -> None:
    from dagwright.engines.aws.ownership import Owner

    site, template = made("watched-nightly-dev")
    group = of_type(template, "AWS::Scheduler::ScheduleGroup")["ScheduleGroup"]
    tags = {tag["Key"]: tag["Value"] for tag in group["Tags"]}
    assert group["Name"] == site.project.schedule_group
    assert tags.items() >= Owner(site.project.model_package_group, "dev").group_tags().items()


def test_what_the_configuration_names_is_not_made() -> None:
    template = made("watched-nightly-production")[1]
    assert {"DeadLetterQueue", "ScheduleGroup"}.isdisjoint(template.resources)
    assert "DeadLetterQueueArn" not in template.outputs
    waiting = of_type(template, "AWS::CloudWatch::Alarm")["AlarmQueueStarts"]
    assert waiting["Dimensions"] == [{"Name": "QueueName", "Value": "shared-dead-letters"}]


def test_a_trigger_starts_what_the_environment_runs() -> None:
    targets = {}
    for name in ("watched-nightly-dev", "watched-nightly-staging"):
        site, template = made(name)
        function = of_type(template, "AWS::Lambda::Function")["TriggerCountRows"]
        targets[name] = function["Environment"]["Variables"]["TARGET_ARN"]
        ((key, content),) = assets_of(site)
        assert function["Code"]["S3Key"] == key
        assert content.startswith(b"PK")
        assert template.resources["TriggerCountRows"]["DependsOn"] == ["TriggerRole", "LogGroupTriggerCountRows"]
    assert targets == {
        "watched-nightly-dev": "arn:aws:sagemaker:us-east-1:123456789012:pipeline/rc-nightly-count-rows-dev",
        "watched-nightly-staging": "arn:aws:states:us-east-1:123456789012:stateMachine:rc-nightly-count-rows-staging",
    }
    assert assets_of(made("watched-example-dev")[0]) == []


def test_the_triggers_runtime_is_one_of_lambda_s() -> None:
    assert RUNTIME in model("lambda")["Runtime"]["enum"]


def test_names_that_would_be_too_long_end_in_a_digest() -> None:
    site = site_of(NIGHTLY, "dev")
    names = {site.names.trigger("rc-" + letter * 90) for letter in "ab"}
    assert {len(name) for name in names} == {64}
    assert len(names) == 2
