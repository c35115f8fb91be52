"""A digit classifier and digits it has not seen to an evaluation."""

from __future__ import annotations

from dagwright import (
    ExecutionVariables,
    JsonGet,
    ParameterString,
    ProcessingInput,
    ProcessingOutput,
    ProcessingStep,
    PropertyFile,
    TrainingStep,
)
from dagwright.project import Project
from steps.folders import folder_arguments, input_folders, output_folders

REPORT = PropertyFile("EvaluationReport", output_name="evaluation", path="evaluation.json")


def evaluate_digits(project: Project, model: TrainingStep, digits: ParameterString) -> ProcessingStep:
    """Output `evaluation`: evaluation.json in SageMaker's model-quality layout."""
    given = input_folders("model", "test")
    made = output_folders("evaluation")
    destination = project.metrics(ExecutionVariables.PIPELINE_EXECUTION_ID, "evaluation")
    return ProcessingStep(
        "Evaluate",
        image=project.image("sklearn"),
        code="scripts/evaluate_digits.py",
        arguments=[*folder_arguments(given), "--output", made["evaluation"]],
        inputs=[
            ProcessingInput(model.properties.ModelArtifacts.S3ModelArtifacts, given["model"], "model"),
            ProcessingInput(digits, given["test"], "test"),
        ],
        outputs=[ProcessingOutput(made["evaluation"], destination, output_name="evaluation")],
        property_files=[REPORT],
    )


def measured_accuracy(evaluation: ProcessingStep) -> JsonGet:
    """The share of digits that were read right, from 0 to 1."""
    return JsonGet(evaluation, REPORT, "multiclass_classification_metrics.accuracy.value")
