"""From raw measurements to a registered model: preprocess, features, train, evaluate; register if it is good enough."""

from __future__ import annotations

from typing import Any

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
from steps.evaluate import evaluate, measured_auc
from steps.feature_engineering import feature_engineering
from steps.preprocess import preprocess
from steps.register import register
from steps.train import train


def build(project: Project) -> Pipeline:
    """The training pipeline of `project`."""
    raw_data = ParameterString("RawData", project.raw("breast-cancer"), description="where the raw CSV files are")
    seed = ParameterInteger("Seed", 42, description="for the split and the model")
    feature_version = ParameterString("FeatureVersion", "1", description="the features' folder: features/v<this>")
    trees = ParameterInteger("Trees", 200, description="boosted trees at most; the best number of them is kept")
    depth = ParameterInteger("MaxDepth", 3, description="of a tree")
    learning_rate = ParameterFloat("LearningRate", 0.1, description="of the boosting")
    minimum = ParameterFloat("MinAuc", 0.95, description="below it the model is not registered and the run fails")
    commit = ParameterString("Commit", "unknown", description="version of the code; `run` fills it in from git")

    cleaned = preprocess(project, raw_data, seed)
    features = feature_engineering(project, cleaned, feature_version)
    model = train(project, features, trees, depth, learning_rate, seed)
    evaluation = evaluate(project, features, model)
    auc = measured_auc(evaluation)
    gate = ConditionStep(
        "GoodEnough",
        conditions=[ConditionGreaterThanOrEqualTo(auc, minimum)],
        if_steps=[register(project, model, evaluation, feature_version, commit)],
        else_steps=[FailStep("TooWeak", Join(" ", ["The model's AUC is", auc, "and must be at least", minimum]))],
    )
    return Pipeline(
        "training",
        description="Raw measurements to a registered model",
        parameters=[raw_data, seed, feature_version, trees, depth, learning_rate, minimum, commit],
        steps=[cleaned, features, model, evaluation, gate],
        project=project,
    )


def get_pipeline(environment: str = "dev", sagemaker_session: object = None) -> Any:
    """The training pipeline deployed to `environment`, for notebooks: `get_pipeline().start()` (docs/sdk.md)."""
    from dagwright.studio import sdk_pipeline

    return sdk_pipeline(build, environment, sagemaker_session)
