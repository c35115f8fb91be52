"""A table that is streamed once an epoch to a model."""

from __future__ import annotations

from dagwright import ParameterInteger, ParameterString, ProcessingStep, TrainingInput, TrainingStep
from dagwright.project import Project

METRICS = ("validation:logloss", "validation:accuracy")
SHUFFLE_SEED = 42  # of the order of the objects, which is another in each epoch


def train_stream(
    project: Project, raw_data: ParameterString, totals: ProcessingStep, epochs: ParameterInteger
) -> TrainingStep:
    """A model archive with the model and its description; metrics by the lines it prints."""
    return TrainingStep(
        "TrainStream",
        image=project.image("sklearn"),
        entry_point="scripts/train_stream.py",
        hyperparameters={"epochs": epochs},
        inputs={
            "train": TrainingInput(raw_data, content_type="text/csv", input_mode="Pipe", shuffle_seed=SHUFFLE_SEED),
            "totals": TrainingInput(totals.output_uri("totals"), content_type="application/json"),
        },
        output_path=project.models(),
        metric_definitions=[{"Name": name, "Regex": f"{name}=([0-9.]+);"} for name in METRICS],
    )
