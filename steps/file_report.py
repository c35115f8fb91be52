"""CSV files to clean ones and a report on each, by the program of an image of our own (scripts/file_report)."""

from __future__ import annotations

from dagwright import JsonGet, ParameterString, ProcessingInput, ProcessingOutput, ProcessingStep, PropertyFile
from dagwright.project import Project
from steps.folders import folder_arguments, input_folders, output_folders

PIPELINE = "file-report"
SUMMARY = PropertyFile("Summary", output_name="summary", path="summary.json")


def check_files(project: Project, raw_data: ParameterString) -> ProcessingStep:
    """Outputs `clean`: a *.csv.gz per file; `rejected`: records that do not fit; `report`: a JSON per host.

    The image starts its own program; the files are divided over two hosts.
    """
    given = input_folders("raw")
    made = output_folders("clean", "rejected", "report")
    return ProcessingStep(
        "CheckFiles",
        image=project.image("file-report"),
        arguments=["--input", given["raw"], *folder_arguments(made), "--config", "/opt/ml/config"],
        inputs=[ProcessingInput(raw_data, given["raw"], "raw", s3_data_distribution_type="ShardedByS3Key")],
        outputs=[ProcessingOutput(folder, output_name=name) for name, folder in made.items()],
        instance_count=2,
        # the dimensions of its metrics: the same in every run
        environment={"PIPELINE": PIPELINE, "STEP": "CheckFiles", "ENVIRONMENT": project.environment},
    )


def merge_reports(project: Project, checked: ProcessingStep) -> ProcessingStep:
    """Output `summary`: the reports of all hosts as one, by another program of the same image."""
    given = input_folders("report")
    made = output_folders("summary")
    return ProcessingStep(
        "MergeReports",
        image=project.image("file-report"),
        entrypoint=["python3", "/opt/program/report.py", "merge"],
        arguments=["--input", given["report"], "--output", made["summary"]],
        inputs=[ProcessingInput(checked.output_uri("report"), given["report"], "report")],
        outputs=[ProcessingOutput(folder, output_name=name) for name, folder in made.items()],
        property_files=[SUMMARY],
    )


def rejected_share(merged: ProcessingStep) -> JsonGet:
    """The share of the records that did not fit, from 0 to 1."""
    return JsonGet(merged, SUMMARY, "rejected_share")
