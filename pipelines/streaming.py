"""A table that no job keeps: its statistics, then a model that learns from it epoch by epoch, both in Pipe mode."""

from __future__ import annotations

from dagwright import ParameterInteger, ParameterString, Pipeline
from dagwright.project import Project
from steps.stream_totals import stream_totals
from steps.train_stream import train_stream


def build(project: Project) -> Pipeline:
    """The streaming pipeline of `project`."""
    raw_data = ParameterString("RawData", project.raw("breast-cancer"), description="where the raw CSV files are")
    epochs = ParameterInteger("Epochs", 20, description="how often the model learns from the stream")

    totals = stream_totals(project, raw_data)
    model = train_stream(project, raw_data, totals, epochs)
    return Pipeline(
        "streaming",
        description="Statistics and a model of a table that is streamed",
        parameters=[raw_data, epochs],
        steps=[totals, model],
        project=project,
    )
