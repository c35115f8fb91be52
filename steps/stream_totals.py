"""A table that is streamed, not copied, to its statistics."""

from __future__ import annotations

from dagwright import ParameterString, ProcessingInput, ProcessingOutput, ProcessingStep
from dagwright.project import Project
from steps.folders import folder_arguments, input_folders, output_folders


def stream_totals(project: Project, raw_data: ParameterString) -> ProcessingStep:
    """Output `totals`: totals.json, the statistics of every column and the classes of the label."""
    given = input_folders("table")
    made = output_folders("totals")
    return ProcessingStep(
        "StreamTotals",
        image=project.image("sklearn"),
        code="scripts/stream_totals.py",
        arguments=["--input", given["table"], *folder_arguments(made)],
        inputs=[ProcessingInput(raw_data, given["table"], "table", s3_input_mode="Pipe")],
        outputs=[ProcessingOutput(folder, output_name=name) for name, folder in made.items()],
    )
