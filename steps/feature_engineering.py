"""Clean splits to features, under the version of their recipe."""

from __future__ import annotations

from dagwright import ExecutionVariables, ParameterString, ProcessingInput, ProcessingOutput, ProcessingStep
from dagwright.project import Project
from steps.preprocess import SPLITS


def feature_engineering(project: Project, cleaned: ProcessingStep, version: ParameterString) -> ProcessingStep:
    """Outputs `train`, `validation`, `test`: a CSV each, label first; `metadata`: the recipe as fitted."""
    execution = ExecutionVariables.PIPELINE_EXECUTION_ID
    return ProcessingStep(
        "FeatureEngineering",
        image=project.image("sklearn"),
        code="scripts/feature_engineering.py",
        arguments=["--feature-version", version],
        inputs=[ProcessingInput(cleaned.output_uri(name), f"/opt/ml/processing/input/{name}", name) for name in SPLITS],
        outputs=[
            ProcessingOutput(
                f"/opt/ml/processing/output/{name}", project.features(version, execution, name), output_name=name
            )
            for name in (*SPLITS, "metadata")
        ],
    )
