"""CSV files checked and cleaned by an image of our own, on two hosts; the run fails if too many records do not fit."""

from __future__ import annotations

from dagwright import (
    ConditionLessThanOrEqualTo,
    ConditionStep,
    FailStep,
    Join,
    ParameterFloat,
    ParameterString,
    Pipeline,
)
from dagwright.project import Project
from steps.file_report import PIPELINE, check_files, merge_reports, rejected_share


def build(project: Project) -> Pipeline:
    """The file-report pipeline of `project`."""
    raw_data = ParameterString("RawData", project.raw("breast-cancer"), description="where the CSV files are")
    most = ParameterFloat("MaxRejectedShare", 0.01, description="of the records, from 0 to 1; above it the run fails")

    checked = check_files(project, raw_data)
    merged = merge_reports(project, checked)
    share = rejected_share(merged)
    gate = ConditionStep(
        "FewRejected",
        conditions=[ConditionLessThanOrEqualTo(share, most)],
        else_steps=[FailStep("TooManyRejected", Join(" ", ["Rejected records:", share, "of all, allowed are", most]))],
    )
    return Pipeline(
        PIPELINE,
        description="CSV files to clean ones, with a report",
        parameters=[raw_data, most],
        steps=[checked, merged, gate],
        project=project,
    )
