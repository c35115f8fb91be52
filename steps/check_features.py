"""What Spark made, made again with pandas."""

from __future__ import annotations

from dagwright import ParameterString, ProcessingInput, ProcessingOutput, ProcessingStep, SparkStep
from dagwright.project import Project
from steps.folders import folder_arguments, input_folders, output_folders


def check_features(project: Project, flights: ParameterString, features: SparkStep) -> ProcessingStep:
    """Output `check`: how many numbers were compared, and by how much they differ. A difference fails the step."""
    given = input_folders("raw", "features", "summary")
    made = output_folders("check")
    raw, *read = given.items()
    return ProcessingStep(
        "Check",
        image=project.image("sklearn"),
        code="scripts/check_features.py",
        arguments=["--input", raw[1], *folder_arguments(dict(read)), "--output", made["check"]],
        inputs=[
            ProcessingInput(flights, raw[1], raw[0]),
            *(ProcessingInput(features.output_uri(name), folder, name) for name, folder in read),
        ],
        outputs=[ProcessingOutput(folder, output_name=name) for name, folder in made.items()],
    )
