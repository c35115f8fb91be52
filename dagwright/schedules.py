"""When a pipeline starts by itself: schedules of EventBridge Scheduler, declared with the pipeline.

In: a cron, rate or at expression with what goes with it. Out: the members of CreateSchedule that do not depend on the
project. Limits and patterns are those of botocore's model of the service; the form of expressions is in `cron.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone, tzinfo
from typing import TYPE_CHECKING, Any

from dagwright.arguments import as_text, brief, is_single, literal, mapping, of_kind
from dagwright.cron import Flaw, cron_flaws, rate_flaw
from dagwright.errors import did_you_mean
from dagwright.keywords import Declared
from dagwright.refusals import Findings, caller
from dagwright.variables import PipelineVariable, Primitive

if TYPE_CHECKING:
    from dagwright.parameters import Parameter

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
# AWS takes 512 characters; the rest is for the words by which a deployment knows the schedule as its own.
_LONGEST_DESCRIPTION = 384
_NOT_ZONES = ("posix/", "right/", "posixrules", "localtime", "Factory")


class Schedule(metaclass=Declared):
    """A pipeline's start at set times, with these parameters.

    >>> Schedule("nightly", cron="0 2 * * ? *", timezone="Asia/Shanghai", parameters={"Seed": 7}).expression()
    'cron(0 2 * * ? *)'

    Exactly one of `cron` (minutes, hours, day of the month, month, day of the week, year), `rate` (`12 hours`) and `at`
    (`2027-01-31T02:00:00`) is given; times are those of the clocks in `timezone`, an IANA name. A start that fails is
    tried again `maximum_retry_attempts` times, and not when it is `maximum_event_age_in_seconds` late; then the queue
    `dead_letter_queue` is told, which the project gives unless it is said here. `maximum_window_in_minutes` spreads
    starts over that time. `start_date` and `end_date` are written as `at` is.
    """

    found: Findings

    def __init__(
        self,
        name: str,
        *,
        cron: str | None = None,
        rate: str | None = None,
        at: str | None = None,
        timezone: str = "UTC",
        parameters: Mapping[str, Primitive] | None = None,
        enabled: bool = True,
        description: str | None = None,
        maximum_retry_attempts: int = 3,
        maximum_event_age_in_seconds: int = 3600,
        maximum_window_in_minutes: int | None = None,
        dead_letter_queue: str | None = None,
        start_date: str | None = None,
        end_date: str | None = None,
    ) -> None:
        self.place = caller()
        self.name = name
        self.cron, self.rate, self.at = cron, rate, at
        self.timezone = timezone
        self.parameters = mapping(parameters, "parameters", self.found)
        self.enabled = enabled
        self.description = literal(description, "description", self.found)
        self.maximum_retry_attempts = maximum_retry_attempts
        self.maximum_event_age_in_seconds = maximum_event_age_in_seconds
        self.maximum_window_in_minutes = maximum_window_in_minutes
        self.dead_letter_queue = dead_letter_queue
        of_kind(enabled, bool, "True or False", "enabled", self.found)
        self._check_texts()
        self._check_numbers()
        self._zone = self._checked_zone()
        self._check_when()
        self._start = self._checked_time("start_date", start_date)
        self._end = self._checked_time("end_date", end_date)
        if self._start and self._end and self._end <= self._start:
            self.found.add("bad-schedule", f"it ends at {end_date}, before it starts", "", "end_date")

    def __repr__(self) -> str:
        return f"Schedule({self.name!r})"

    def expression(self) -> str:
        """`cron(…)`, `rate(…)` or `at(…)`."""
        given = {"cron": self.cron, "rate": self.rate, "at": self.at}
        return next(f"{kind}({' '.join(text.split())})" for kind, text in given.items() if text is not None)

    def members(self) -> dict[str, Any]:
        """Members of CreateSchedule, without its name, its group, and what it starts under which role.

        Dates are datetimes in UTC; the parameters' values are texts, in the order of their names.
        """
        values = [{"Name": name, "Value": as_text(value)} for name, value in sorted(self.parameters.items())]
        window = self.maximum_window_in_minutes
        members = {
            "ScheduleExpression": self.expression(),
            "ScheduleExpressionTimezone": self.timezone,
            "State": "ENABLED" if self.enabled else "DISABLED",
            "Description": self.description,
            "StartDate": self._start,
            "EndDate": self._end,
            "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": window} if window else {"Mode": "OFF"},
        }
        target = {
            "RetryPolicy": {
                "MaximumRetryAttempts": self.maximum_retry_attempts,
                "MaximumEventAgeInSeconds": self.maximum_event_age_in_seconds,
            },
            "SageMakerPipelineParameters": {"PipelineParameterList": values} if values else None,
            "DeadLetterConfig": {"Arn": self.dead_letter_queue} if self.dead_letter_queue else None,
        }
        target = {name: value for name, value in target.items() if value is not None}
        return {name: value for name, value in members.items() if value is not None} | {"Target": target}

    def _check_texts(self) -> None:
        shape = _shape("Name")
        if not isinstance(self.name, str) or not _fits(self.name, shape):
            hint = f"1 to {shape['max']} letters, digits, '-', '_' and '.'"
            self.found.add("bad-name", f"{brief(self.name)} is not a schedule's name", hint, "name")
        if self.description is not None and len(self.description) > _LONGEST_DESCRIPTION:
            what = f"the description has {len(self.description)} characters; {_LONGEST_DESCRIPTION} are possible"
            self.found.add("bad-schedule", what, "", "description")
        queue = self.dead_letter_queue
        if queue is not None and (
            not isinstance(queue, str)
            or queue.endswith(".fifo")
            or not _fits(queue, _shape("DeadLetterConfigArnString"))
        ):
            hint = "such as arn:aws:sqs:eu-west-1:123456789012:churn-starts; not a FIFO queue"
            self.found.add("bad-schedule", f"{brief(queue)} is not the ARN of a queue", hint, "dead_letter_queue")

    def _check_numbers(self) -> None:
        for field, shape in (
            ("maximum_retry_attempts", _shape("MaximumRetryAttempts")),
            ("maximum_event_age_in_seconds", _shape("MaximumEventAgeInSeconds")),
            ("maximum_window_in_minutes", _shape("MaximumWindowInMinutes")),
        ):
            number = getattr(self, field)
            if number is None and field == "maximum_window_in_minutes":
                continue
            if isinstance(number, bool) or not isinstance(number, int) or not shape["min"] <= number <= shape["max"]:
                hint = f"a whole number from {shape['min']} to {shape['max']}"
                self.found.add("bad-schedule", f"{brief(number)} is not possible", hint, field)

    def _check_when(self) -> None:
        given = {"cron": self.cron, "rate": self.rate, "at": self.at}
        said = {kind: text for kind, text in given.items() if text is not None}
        if len(said) != 1:
            what = f"{' and '.join(said)} are given" if said else "it is not said when it starts"
            self.found.add("bad-schedule", what, "give one of cron, rate and at", "cron")
        if self._is_text("cron", self.cron):
            for flaw in cron_flaws(str(self.cron)):
                self.found.add("bad-schedule", flaw.what, flaw.hint, "cron")
        flaw_of_rate = rate_flaw(str(self.rate)) if self._is_text("rate", self.rate) else None
        if flaw_of_rate is not None:
            self.found.add("bad-schedule", flaw_of_rate.what, flaw_of_rate.hint, "rate")
        self._checked_time("at", self.at)
        longest = _shape("ScheduleExpression")["max"]
        if any(isinstance(text, str) and len(text) > longest - len("cron()") for text in said.values()):
            self.found.add("bad-schedule", f"AWS takes {longest} characters", "make two schedules of it", "cron")

    def _is_text(self, field: str, value: object) -> bool:
        return value is not None and of_kind(value, str, "a text", field, self.found)

    def _checked_zone(self) -> tzinfo | None:
        """The rules of the time zone; None, and nothing noted, where this machine has no rules of any zone."""
        if not of_kind(self.timezone, str, "a text", "timezone", self.found) or self.timezone == "UTC":
            return timezone.utc
        from zoneinfo import ZoneInfo, available_timezones

        try:
            if not self.timezone.startswith(_NOT_ZONES):
                return ZoneInfo(self.timezone)
        except (LookupError, ValueError, OSError):  # unknown, no name at all, a folder of zones
            pass
        known = available_timezones()  # looks at hundreds of files, so only to say what is wrong
        if known:
            hint = did_you_mean(self.timezone, known)
            self.found.add("bad-schedule", f"{brief(self.timezone)} is not a time zone", hint, "timezone")
        return timezone.utc if known else None

    def _checked_time(self, field: str, text: object) -> datetime | None:
        """The time in UTC; None if there is none, or it is noted why not."""
        if not self._is_text(field, text):
            return None
        try:
            if not _TIME.fullmatch(str(text)):
                raise ValueError
            local = datetime.fromisoformat(str(text))
        except ValueError:
            hint = "yyyy-mm-ddThh:mm:ss, such as 2027-01-31T02:00:00"
            self.found.add("bad-schedule", f"{brief(text)} is not a date and time", hint, field)
            return None
        if self._zone is None:
            if field != "at":
                what = f"this machine does not know the rules of {self.timezone}"
                self.found.add("bad-schedule", what, "pip install tzdata", field)
            return None
        moment = local.replace(tzinfo=self._zone).astimezone(timezone.utc)
        if moment.astimezone(self._zone).replace(tzinfo=None) != local:
            what = f"the clocks in {self.timezone} never show {text}: they are put forward then"
            self.found.add("bad-schedule", what, "choose another hour", field)
            return None
        return moment


def check_schedules(schedules: Sequence[Schedule], parameters: Sequence[Parameter], found: Findings) -> None:
    """Note what is wrong with schedules of a pipeline that has these parameters."""
    declared = {one.name: one for one in parameters}
    names: set[str] = set()
    for schedule in schedules:
        field = f"Schedules.{schedule.name}"
        if schedule.name in names:
            found.add("duplicate-schedule", f"two schedules are named '{schedule.name}'", "rename one", field)
        names.add(schedule.name)
        _check_values(schedule, declared, field, found)


def _check_values(schedule: Schedule, declared: Mapping[str, Parameter], field: str, found: Findings) -> None:
    most = _shape("SageMakerPipelineParameterList")["max"]
    if len(schedule.parameters) > most:
        what = f"{len(schedule.parameters)} parameters are given; a start takes {most}"
        found.add("too-many-parameters", what, "leave out those that equal their default", field)
    for name, value in schedule.parameters.items():
        if name not in declared:
            hint = did_you_mean(name, declared) or "the pipeline has no parameters"
            found.add("unknown-parameter", f"there is no parameter '{name}'", hint, f"{field}.{name}")
            continue
        flaw = _value_flaw(declared[name], value)
        if flaw is not None:
            found.add("bad-value", flaw.what, flaw.hint, f"{field}.{name}")
    for name, parameter in declared.items():
        if parameter.default_value is None and name not in schedule.parameters:
            what = f"the parameter '{name}' has no value: a start would be refused"
            found.add("missing-parameter", what, "give it here, or give the parameter a default", field)


def _value_flaw(parameter: Parameter, value: object) -> Flaw | None:
    """What is wrong with the value that a schedule gives to a parameter."""
    if isinstance(value, PipelineVariable):
        return Flaw(f"{value!r} has no value when a schedule starts the pipeline", "write the value")
    wrong_bool = isinstance(value, bool) and bool not in parameter.python_types
    if wrong_bool or not isinstance(value, parameter.python_types) or not is_single(value):
        return Flaw(f"{brief(value)} is {type(value).__name__}, the parameter is {parameter.type}")
    text, shape = str(as_text(value)), _shape("SageMakerPipelineParameterValue")
    if not shape["min"] <= len(text) <= shape["max"]:
        what = f"the value has {len(text)} characters; a start takes {shape['min']} to {shape['max']}"
        return Flaw(what, "put it in a file on S3 and give its address" if text else "leave it out to use the default")
    if parameter.enum_values and value not in parameter.enum_values:
        return Flaw(f"{value!r} is not one of the values to choose from", did_you_mean(text, parameter.enum_values))
    return None


def _shape(name: str) -> Mapping[str, Any]:
    """What AWS's model of EventBridge Scheduler says about one of its shapes."""
    from dagwright.shapes import model

    shape: Mapping[str, Any] = model("scheduler")[name]
    return shape


def _fits(text: str, shape: Mapping[str, Any]) -> bool:
    return shape["min"] <= len(text) <= shape["max"] and re.fullmatch(shape["pattern"], text, re.ASCII) is not None
