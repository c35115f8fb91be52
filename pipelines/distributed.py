"""Digits to a model, trained by several Spot instances together, from checkpoints after an interruption; evaluate."""

from __future__ import annotations

from dagwright import (
    ConditionGreaterThanOrEqualTo,
    ConditionStep,
    FailStep,
    Join,
    ParameterFloat,
    ParameterInteger,
    ParameterString,
    Pipeline,
)
from dagwright.project import Project
from steps.evaluate_digits import evaluate_digits, measured_accuracy
from steps.train_distributed import train_distributed


def build(project: Project) -> Pipeline:
    """The distributed training pipeline of `project`."""
    train = ParameterString("TrainData", project.raw("digits/train"), description="objects to divide among instances")
    test = ParameterString("TestData", project.raw("digits/test"), description="digits that the training does not see")
    instances = ParameterInteger("Instances", 2, description="that train together; at most as many as objects")
    epochs = ParameterInteger("Epochs", 200, description="times that all digits are seen")
    minimum = ParameterFloat("MinAccuracy", 0.95, description="below it the run fails")

    model = train_distributed(project, train, instances, epochs)
    evaluation = evaluate_digits(project, model, test)
    accuracy = measured_accuracy(evaluation)
    gate = ConditionStep(
        "GoodEnough",
        conditions=[ConditionGreaterThanOrEqualTo(accuracy, minimum)],
        else_steps=[FailStep("TooWeak", Join(" ", ["The accuracy is", accuracy, "and must be at least", minimum]))],
    )
    return Pipeline(
        "distributed",
        description="Digits to a model, on several Spot instances",
        parameters=[train, test, instances, epochs, minimum],
        steps=[model, evaluation, gate],
        project=project,
    )
