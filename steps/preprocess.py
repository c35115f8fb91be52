"""Raw CSV files to three clean splits."""

from __future__ import annotations

from dagwright import ParameterInteger, ParameterString, ProcessingInput, ProcessingOutput, ProcessingStep
from dagwright.project import Project

SPLITS = ("train", "validation", "test")


def preprocess(project: Project, raw_data: ParameterString, seed: ParameterInteger) -> ProcessingStep:
    """Outputs `train`, `validation`, `test`: a CSV each; `summary`: what was dropped."""
    outputs = [ProcessingOutput(f"/opt/ml/processing/output/{name}", output_name=name) for name in (*SPLITS, "summary")]
    return ProcessingStep(
        "Preprocess",
        image=project.image("sklearn"),
        code="scripts/preprocess.py",
        arguments=["--seed", seed],
        inputs=[ProcessingInput(raw_data, "/opt/ml/processing/input/raw", "raw")],
        outputs=outputs,
    )
