"""A model and rows it has not seen to an evaluation."""

from __future__ import annotations

from dagwright import (
    ExecutionVariables,
    JsonGet,
    ProcessingInput,
    ProcessingOutput,
    ProcessingStep,
    PropertyFile,
    TrainingStep,
)
from dagwright.project import Project
from steps.folders import folder_arguments, input_folders, output_folders

REPORT = PropertyFile("EvaluationReport", output_name="evaluation", path="evaluation.json")


def evaluate(project: Project, features: ProcessingStep, model: TrainingStep) -> ProcessingStep:
    """Output `evaluation`: evaluation.json in SageMaker's model-quality layout, and a plot."""
    given = input_folders("model", "test")
    made = output_folders("evaluation")
    destination = project.metrics(ExecutionVariables.PIPELINE_EXECUTION_ID, "evaluation")
    return ProcessingStep(
        "Evaluate",
        image=project.image("sklearn"),  # a model is read by the scikit-learn that wrote it
        code="scripts/evaluate.py",
        arguments=[*folder_arguments(given), "--output", made["evaluation"]],
        inputs=[
            ProcessingInput(model.properties.ModelArtifacts.S3ModelArtifacts, given["model"], "model"),
            ProcessingInput(features.output_uri("test"), given["test"], "test"),
        ],
        outputs=[ProcessingOutput(made["evaluation"], destination, output_name="evaluation")],
        property_files=[REPORT],
    )


def measured_auc(evaluation: ProcessingStep) -> JsonGet:
    """The area under the ROC curve that the evaluation found, from 0 to 1."""
    return JsonGet(evaluation, REPORT, "binary_classification_metrics.auc.value")
