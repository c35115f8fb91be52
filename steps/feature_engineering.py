"""Clean splits to features, under the version of their recipe."""

from __future__ import annotations

from dagwright import ExecutionVariables, ParameterString, ProcessingInput, ProcessingOutput, ProcessingStep
from dagwright.project import Project
from steps.folders import folder_arguments, input_folders, output_folders
from steps.preprocess import SPLITS


def feature_engineering(project: Project, cleaned: ProcessingStep, version: ParameterString) -> ProcessingStep:
    """Outputs `train`, `validation`, `test`: a CSV each, label first; `metadata`: the recipe as fitted."""
    execution = ExecutionVariables.PIPELINE_EXECUTION_ID
    given = input_folders(*SPLITS)
    made = output_folders(*SPLITS, "metadata")
    return ProcessingStep(
        "FeatureEngineering",
        image=project.image("sklearn"),
        code="scripts/feature_engineering.py",
        arguments=[*folder_arguments(given), *folder_arguments(made, "-output"), "--feature-version", version],
        inputs=[ProcessingInput(cleaned.output_uri(name), folder, name) for name, folder in given.items()],
        outputs=[
            ProcessingOutput(folder, project.features(version, execution, name), output_name=name)
            for name, folder in made.items()
        ],
    )
