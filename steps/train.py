"""Features to a model."""

from __future__ import annotations

from dagwright import ParameterFloat, ParameterInteger, ProcessingStep, TrainingInput, TrainingStep
from dagwright.project import Project

METRICS = ("train:logloss", "validation:logloss", "validation:auc", "validation:accuracy")


def train(
    project: Project,
    features: ProcessingStep,
    trees: ParameterInteger,
    depth: ParameterInteger,
    learning_rate: ParameterFloat,
    seed: ParameterInteger,
) -> TrainingStep:
    """A model archive with the model, its description and the code that serves it; metrics by the lines it prints."""
    return TrainingStep(
        "Train",
        image=project.image("sklearn"),
        entry_point="scripts/train.py",
        hyperparameters={"n_estimators": trees, "max_depth": depth, "learning_rate": learning_rate, "seed": seed},
        inputs={
            "train": TrainingInput(features.output_uri("train"), content_type="text/csv"),
            "validation": TrainingInput(features.output_uri("validation"), content_type="text/csv"),
            "features": TrainingInput(features.output_uri("metadata"), content_type="application/json"),
        },
        output_path=project.models(),
        metric_definitions=[{"Name": name, "Regex": f"{name}=([0-9.]+);"} for name in METRICS],
    )
