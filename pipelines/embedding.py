"""Measurements to four numbers per row, by a small autoencoder in PyTorch and in TensorFlow; both have to be of use."""

from __future__ import annotations

from dagwright import (
    ConditionLessThan,
    ConditionOr,
    ConditionStep,
    FailStep,
    Join,
    ParameterFloat,
    ParameterInteger,
    ParameterString,
    Pipeline,
)
from dagwright.project import Project
from steps.embed import embed_with_tensorflow, embed_with_torch, explained_share
from steps.feature_engineering import feature_engineering
from steps.preprocess import preprocess


def build(project: Project) -> Pipeline:
    """The pipeline; its data are those of the training pipeline."""
    raw_data = ParameterString("RawData", project.raw("breast-cancer"), description="where the raw CSV files are")
    seed = ParameterInteger("Seed", 42, description="for the split and the networks")
    feature_version = ParameterString("FeatureVersion", "1", description="the features' folder: features/v<this>")
    width = ParameterInteger("Width", 4, description="numbers that stand for a row")
    minimum = ParameterFloat("MinExplained", 0.5, description="below it, for either framework, the run fails")
    cleaned = preprocess(project, raw_data, seed)
    features = feature_engineering(project, cleaned, feature_version)
    torch = embed_with_torch(project, features, width, seed)
    tensorflow = embed_with_tensorflow(project, features, width, seed)
    shares = [explained_share(torch), explained_share(tensorflow)]
    gate = ConditionStep(
        "TooLittle",
        conditions=[ConditionOr([ConditionLessThan(share, minimum) for share in shares])],
        if_steps=[
            FailStep(
                "NotOfUse",
                Join(" ", ["PyTorch explains", shares[0], "and TensorFlow", shares[1], "of", minimum, "at least"]),
            )
        ],
    )
    return Pipeline(
        "embedding",
        description="Rows to a few numbers each, in PyTorch and in TensorFlow",
        parameters=[raw_data, seed, feature_version, width, minimum],
        steps=[cleaned, features, torch, tensorflow, gate],
        project=project,
    )
