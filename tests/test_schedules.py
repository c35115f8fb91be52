"""Schedules as they are declared: what they come to, and everything that is refused where it is written."""

from __future__ import annotations

import zoneinfo
from datetime import datetime, timezone
from typing import Any

import pytest
from aws import flaws_of

from dagwright import (
    DefinitionError,
    FailStep,
    ParameterBoolean,
    ParameterFloat,
    ParameterInteger,
    ParameterString,
    Pipeline,
    Schedule,
)

DAILY = "0 2 * * ? *"


def refused(*names: Any, **words: Any) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        Schedule(*names or ("nightly",), **words)
    assert all("test_schedules.py:" in problem.where for problem in caught.value.problems)
    return [str(problem).split(": ", 1)[1] for problem in caught.value.problems]


# --- what they come to --------------------------------------------------------------------------------------------


def test_a_schedule_comes_to_the_members_of_a_request() -> None:
    schedule = Schedule(
        "nightly",
        cron="0  2 * * ? *",
        timezone="Asia/Shanghai",
        parameters={"Seed": 7, "Fast": True, "Rate": 0.5, "Data": "s3://b/x"},
        description="every night",
        maximum_window_in_minutes=15,
        dead_letter_queue="arn:aws:sqs:us-east-1:123456789012:queue",
        start_date="2027-01-01T00:00:00",
        end_date="2027-02-01T00:00:00",
    )
    assert schedule.members() == {
        "ScheduleExpression": "cron(0 2 * * ? *)",
        "ScheduleExpressionTimezone": "Asia/Shanghai",
        "State": "ENABLED",
        "Description": "every night",
        "StartDate": datetime(2026, 12, 31, 16, tzinfo=timezone.utc),
        "EndDate": datetime(2027, 1, 31, 16, tzinfo=timezone.utc),
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        "Target": {
            "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
            "SageMakerPipelineParameters": {
                "PipelineParameterList": [
                    {"Name": "Data", "Value": "s3://b/x"},
                    {"Name": "Fast", "Value": "true"},
                    {"Name": "Rate", "Value": "0.5"},
                    {"Name": "Seed", "Value": "7"},
                ]
            },
            "DeadLetterConfig": {"Arn": "arn:aws:sqs:us-east-1:123456789012:queue"},
        },
    }


@pytest.mark.parametrize(
    "words", [{"cron": DAILY}, {"rate": "12 hours", "enabled": False}, {"at": "2027-01-31T02:00:00"}]
)
def test_the_members_are_such_as_aws_takes(words: dict[str, Any]) -> None:
    target = {
        "Arn": "arn:aws:sagemaker:us-east-1:123456789012:pipeline/x",
        "RoleArn": "arn:aws:iam::123456789012:role/x",
    }
    members = Schedule("x", **words).members()
    request = {**members, "Name": "x", "Target": {**target, **members["Target"]}, "ClientToken": "t"}
    assert flaws_of("scheduler", "CreateSchedule", request) == []
    assert members["State"] == ("ENABLED" if words.get("enabled", True) else "DISABLED")


# --- when ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cron",
    [
        "0 2 * * ? *",
        "0/15 * * * ? *",
        "*/5 8-17 ? * MON-FRI *",
        "0-30/10,45 0,12 1,15 JAN-JUN ? 2027-2030",
        "15 10 ? * 6L *",
        "15 10 ? * FRIL *",
        "0 8 ? * 3#2 *",
        "0 8 ? * MON#1 *",
        "0 8 L * ? *",
        "0 8 LW * ? *",
        "0 8 15W * ? *",
        "0 8 ? * L *",
        "0 8 ? 1/3 SUN,7 *",
    ],
)
def test_every_form_of_cron_is_taken(cron: str) -> None:
    assert Schedule("x", cron=cron).expression() == f"cron({cron})"


@pytest.mark.parametrize(
    ("cron", "what"),
    [
        ("0 2 * * *", "has 5 fields and not six"),
        ("", "has 0 fields and not six"),
        ("0 2 * * * *", "neither of day of the month and day of the week is ?"),
        ("0 2 ? * ? *", "both of day of the month and day of the week is ?"),
        ("60 2 * * ? *", "minutes: '60' is not a value (0-59"),
        ("0 24 * * ? *", "hours: '24' is not a value"),
        ("0 0 0 * ? *", "day of the month: '0' is not a value"),
        ("0 0 32W * ? *", "day of the month: '32W'"),
        ("0 0 * 13 ? *", "month: '13' is not a value"),
        ("0 0 * jan ? *", "in capitals"),
        ("0 0 ? * 0 *", "day of the week: '0' is not a value (1-7"),
        ("0 0 ? * 8 *", "day of the week: '8'"),
        ("0 0 ? * MON#6 *", "day of the week: 'MON#6'"),
        ("0 0 ? * 3#1,6#3 *", "has more than one value"),
        ("0 0 ? * MON/2 *", "has a step"),
        ("0 0 * * ? 1969", "year: '1969'"),
        ("0 0 * * ? 2200", "year: '2200'"),
        ("0/0 0 * * ? *", "has no step after the /"),
        ("0/ 0 * * ? *", "has no step after the /"),
        ("0 22-4 * * ? *", "'22-4' ends before it begins"),
        ("0 1,,2 * * ? *", "'' is not a value"),
        ("? 0 * * ? *", "minutes: '?' is not a value"),
        ("0 0 * * ? ٣", "year"),
        ("0 0 L,x * ? *", "'x' is not a value"),
        (
            f"{','.join(map(str, range(60)))} {','.join(map(str, range(24)))} 1,2,3,4,5,6,7,8,9,10,11 * ? *",
            "256 characters",
        ),
    ],
)
def test_what_is_no_cron_is_refused(cron: str, what: str) -> None:
    assert any(what in problem for problem in refused(cron=cron)), refused(cron=cron)


def test_all_fields_are_judged_together() -> None:
    assert len(refused(cron="60 24 32 13 ? 1")) == 5


@pytest.mark.parametrize("rate", ["1 minute", "5 minutes", "1 hour", "12 hours", "1 day", "30 days"])
def test_rates_are_taken(rate: str) -> None:
    assert Schedule("x", rate=rate).expression() == f"rate({rate})"


@pytest.mark.parametrize(
    ("rate", "what"),
    [
        ("1 hours", "write 1 hour"),
        ("2 day", "write 2 days"),
        ("0 minutes", "is not a rate"),
        ("-1 days", "is not a rate"),
        ("1.5 hours", "is not a rate"),
        ("5 weeks", "is not a rate"),
        ("hourly", "is not a rate"),
    ],
)
def test_what_is_no_rate_is_refused(rate: str, what: str) -> None:
    assert what in refused(rate=rate)[0]


@pytest.mark.parametrize(
    "at",
    ["2027-02-30T00:00:00", "2027-01-01", "2027-01-01 00:00:00", "2027-01-01T25:00:00", "2027-01-01T00:00:00Z", ""],
)
def test_what_is_no_time_is_refused(at: str) -> None:
    assert "is not a date and time" in refused(at=at)[0]


def test_a_time_that_the_clocks_skip_would_never_come() -> None:
    assert "never show" in refused(at="2027-03-28T02:30:00", timezone="Europe/Berlin")[0]
    assert Schedule("x", at="2027-10-31T02:30:00", timezone="Europe/Berlin").expression() == "at(2027-10-31T02:30:00)"


def test_exactly_one_of_the_three_is_given() -> None:
    assert "it is not said when it starts" in refused()[0]
    assert "cron and rate are given" in refused(cron=DAILY, rate="1 hour")[0]


@pytest.mark.parametrize("zone", ["Europe/Berln", "CET+1", "../etc/passwd", "Europe", "posix/UTC", "", "\0", 3])
def test_what_is_no_time_zone_is_refused(zone: Any) -> None:
    (problem,) = refused(cron=DAILY, timezone=zone)
    assert "is not a time zone" in problem or "is not a text" in problem


def test_a_machine_that_knows_no_time_zone_takes_any(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(name: str) -> Any:
        raise zoneinfo.ZoneInfoNotFoundError(name)

    monkeypatch.setattr(zoneinfo, "ZoneInfo", unknown)
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    assert Schedule("x", at="2027-01-01T00:00:00", timezone="Asia/Shanghai").timezone == "Asia/Shanghai"
    assert "does not know the rules" in refused(cron=DAILY, timezone="Asia/Shanghai", end_date="2027-01-01T00:00:00")[0]
    assert Schedule("x", cron=DAILY, end_date="2027-01-01T00:00:00").members()["EndDate"].year == 2027


# --- the rest -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ({"maximum_retry_attempts": 186}, "maximum_retry_attempts: 186 is not possible (a whole number from 0 to 185)"),
        ({"maximum_retry_attempts": True}, "True is not possible"),
        ({"maximum_event_age_in_seconds": 59}, "59 is not possible (a whole number from 60 to 86400)"),
        ({"maximum_window_in_minutes": 0}, "0 is not possible (a whole number from 1 to 1440)"),
        ({"dead_letter_queue": "arn:aws:sqs:us-east-1:123456789012:queue.fifo"}, "is not the ARN of a queue"),
        ({"dead_letter_queue": "queue"}, "is not the ARN of a queue"),
        ({"description": "x" * 400}, "400 characters"),
        ({"enabled": "no"}, "is not True or False"),
        ({"parameters": [1]}, "is not a map"),
        ({"start_date": "2027-02-01T00:00:00", "end_date": "2027-01-01T00:00:00"}, "before it starts"),
        ({"start_date": "soon"}, "start_date: 'soon' is not a date and time"),
        ({"expression": "x"}, "Schedule has no expression"),
        ({"timezoen": "UTC"}, "did you mean 'timezone'?"),
    ],
)
def test_bad_values_are_refused(words: dict[str, Any], what: str) -> None:
    assert any(what in problem for problem in refused(cron=DAILY, **words))


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65, 3, "a/b"])
def test_bad_names_are_refused(name: Any) -> None:
    assert "is not a schedule's name" in refused(name, cron=DAILY)[0]


def test_everything_that_is_wrong_comes_together() -> None:
    assert len(refused("a b", cron="x", timezone="Nowhere", maximum_retry_attempts=-1, start_date="y")) == 5


# --- with a pipeline ----------------------------------------------------------------------------------------------

PARAMETERS = [
    ParameterInteger("Seed", 1),
    ParameterFloat("Rate", 0.1),
    ParameterBoolean("Fast", False),
    ParameterString("Data"),
    ParameterString("Mode", "a", enum_values=["a", "b"]),
]


def pipeline(*schedules: Any, **words: Any) -> Pipeline:
    return Pipeline("p", steps=[FailStep("Stop", "no")], parameters=PARAMETERS, schedules=[*schedules], **words)


def refused_with(**values: Any) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        pipeline(Schedule("nightly", rate="1 hour", parameters=values))
    return [str(problem).split(": ", 1)[1] for problem in caught.value.problems]


def test_schedules_go_with_the_pipeline_and_not_into_its_definition() -> None:
    with_one = pipeline(Schedule("nightly", rate="1 hour", parameters={"Data": "x", "Rate": 1}), max_parallel_steps=3)
    assert with_one.definition() == pipeline().definition()
    assert [one.name for one in with_one.schedules] == ["nightly"]
    assert with_one.max_parallel_steps == 3


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"Data": "x", "Sed": 1}, "there is no parameter 'Sed' (did you mean 'Seed'?)"),
        ({"Data": "x", "Seed": "1"}, "'1' is str, the parameter is Integer"),
        ({"Data": "x", "Seed": True}, "True is bool, the parameter is Integer"),
        ({"Data": "x", "Seed": 1.5}, "1.5 is float, the parameter is Integer"),
        ({"Data": "x", "Fast": 1}, "1 is int, the parameter is Boolean"),
        ({"Data": 3}, "3 is int, the parameter is String"),
        ({"Data": ""}, "the value has 0 characters; a start takes 1 to 1024"),
        ({"Data": "x" * 1025}, "the value has 1025 characters"),
        ({"Data": "x", "Mode": "c"}, "'c' is not one of the values to choose from"),
        ({"Data": PARAMETERS[0]}, "has no value when a schedule starts the pipeline"),
        ({"Data": "x", "Rate": float("nan")}, "nan is float"),
        ({}, "the parameter 'Data' has no value: a start would be refused"),
    ],
)
def test_values_that_a_start_would_not_take_are_refused(values: dict[str, Any], what: str) -> None:
    assert any(what in problem for problem in refused_with(**values))


def test_schedules_of_one_name_and_bad_parallelism_are_refused_together() -> None:
    one = Schedule("x", rate="1 hour", parameters={"Data": "x"})
    with pytest.raises(DefinitionError) as caught:
        pipeline(one, one, "nightly", max_parallel_steps=0)
    codes = [problem.code for problem in caught.value.problems]
    assert sorted(codes) == ["bad-number", "duplicate-schedule", "wrong-element"]


@pytest.mark.parametrize("steps", [0, -1, True, "3", 2.0, ParameterInteger("N", 1)])
def test_bad_parallelism_is_refused(steps: Any) -> None:
    with pytest.raises(DefinitionError):
        pipeline(max_parallel_steps=steps)
