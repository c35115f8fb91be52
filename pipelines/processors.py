"""The same split of the same table by every kind of processor: base, script, scikit-learn, framework."""

from __future__ import annotations

from dagwright import ParameterInteger, ParameterString, Pipeline
from dagwright.project import Project
from steps.preprocess import preprocess
from steps.split import compare_splits, split_by_base, split_by_framework, split_by_script, split_by_sklearn


def build(project: Project) -> Pipeline:
    """The pipeline; the base processor reads the very script that the script processor brought."""
    raw_data = ParameterString("RawData", project.raw("breast-cancer"), description="where the raw CSV file is")
    seed = ParameterInteger("Seed", 42, description="for the splits")
    cleaned = preprocess(project, raw_data, seed)
    scripted = split_by_script(project, raw_data, cleaned, seed)
    program = scripted.properties.ProcessingInputs["code"].S3Input.S3Uri
    splits = [
        scripted,
        split_by_base(project, raw_data, cleaned, seed, program),
        split_by_sklearn(project, raw_data, cleaned, seed),
        split_by_framework(project, raw_data, cleaned, seed),
    ]
    return Pipeline(
        "processors",
        description="One split by every kind of processor",
        parameters=[raw_data, seed],
        steps=[cleaned, *splits, compare_splits(project, splits)],
        project=project,
    )
