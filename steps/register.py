"""A model and its evaluation to a version in the registry, waiting for approval."""

from __future__ import annotations

from dagwright import (
    ExecutionVariables,
    MetricsSource,
    ModelMetrics,
    ParameterString,
    ProcessingStep,
    RegisterModelStep,
    TrainingStep,
)
from dagwright.project import Project


def register(
    project: Project,
    model: TrainingStep,
    evaluation: ProcessingStep,
    feature_version: ParameterString,
    commit: ParameterString,
) -> RegisterModelStep:
    """A package that can be deployed, with its metrics and where it comes from."""
    quality = MetricsSource("application/json", evaluation.output_uri("evaluation", "evaluation.json"))
    return RegisterModelStep(
        "Register",
        image=project.image("sklearn"),
        model_data=model.properties.ModelArtifacts.S3ModelArtifacts,
        environment={"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"},
        content_types=["text/csv", "application/json"],
        response_types=["text/csv", "application/json"],
        inference_instances=["ml.m5.large", "ml.m5.xlarge"],
        transform_instances=["ml.m5.xlarge"],
        model_metrics=ModelMetrics(model_statistics=quality),
        customer_metadata_properties={
            "Commit": commit,
            "FeatureVersion": feature_version,
            "PipelineExecutionArn": ExecutionVariables.PIPELINE_EXECUTION_ARN,
            "TrainingJobName": model.properties.TrainingJobName,
        },
    )
