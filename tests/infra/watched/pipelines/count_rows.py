"""Counts rows on machines that fit, at every kind of time."""

from __future__ import annotations

from dagwright import InputSize, ParameterString, Pipeline, ProcessingStep, Schedule
from dagwright.project import Project


def build(project: Project) -> Pipeline:
    data = ParameterString("Data", project.raw("rows"))
    size = InputSize("Raw", of=data, rule=project.sizing_rule("standard"))
    count = ProcessingStep("Count", image=project.image("counter"), **size.options)
    return Pipeline(
        "count-rows",
        parameters=[data],
        input_sizes=[size],
        steps=[count],
        schedules=[
            Schedule("nightly", cron="0 2 * * ? *", timezone="Asia/Shanghai"),
            Schedule("workdays", cron="30 8 ? * MON-FRI *", timezone="Europe/Berlin", maximum_window_in_minutes=15),
            Schedule("weekly", cron="0 3 ? * SUN *"),
            Schedule("weekly-berlin", cron="0 3 ? * SUN *", timezone="Europe/Berlin"),
            Schedule("often", rate="5 minutes"),
            Schedule("monthly", cron="0 3 1 * ? *"),
            Schedule("once", at="2027-01-31T02:00:00"),
            Schedule("for-a-while", rate="1 day", end_date="2027-12-31T00:00:00"),
            Schedule("off", rate="1 day", enabled=False),
        ],
        project=project,
    )
