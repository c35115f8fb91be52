"""Raw CSV files to three clean splits."""

from __future__ import annotations

from dagwright import ParameterInteger, ParameterString, ProcessingInput, ProcessingOutput, ProcessingStep
from dagwright.project import Project
from steps.folders import folder_arguments, input_folders, output_folders

SPLITS = ("train", "validation", "test")


def preprocess(project: Project, raw_data: ParameterString, seed: ParameterInteger) -> ProcessingStep:
    """Outputs `train`, `validation`, `test`: a CSV each; `summary`: what was dropped."""
    given = input_folders("raw")
    made = output_folders(*SPLITS, "summary")
    return ProcessingStep(
        "Preprocess",
        image=project.image("sklearn"),
        code="scripts/preprocess.py",
        arguments=["--input", given["raw"], *folder_arguments(made), "--seed", seed],
        inputs=[ProcessingInput(raw_data, given["raw"], "raw")],
        outputs=[ProcessingOutput(folder, output_name=name) for name, folder in made.items()],
    )
