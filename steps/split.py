"""One table split by four kinds of processor, and the comparison of what they wrote.

The kinds differ in who brings the program into the container, and in what starts it; what the program sees is the same.
"""

from __future__ import annotations

from typing import Any

from dagwright import (
    ExecutionVariables,
    ParameterInteger,
    ParameterString,
    ProcessingInput,
    ProcessingOutput,
    ProcessingStep,
)
from dagwright.project import Project
from dagwright.variables import Text
from steps.folders import folder_arguments, input_folders, output_folders
from steps.preprocess import SPLITS

SOURCE = "scripts/split_source"
PROGRAM = "/opt/ml/processing/input/program"


def split_by_base(
    project: Project, table: ParameterString, cleaned: ProcessingStep, seed: ParameterInteger, program: Text
) -> ProcessingStep:
    """An image of one's own and the whole command; the program is an input like any other."""
    job = _job(project, "base", table, cleaned, seed)
    job["inputs"].append(ProcessingInput(program, PROGRAM, "program"))
    return ProcessingStep(
        "SplitByBase", image=project.image("python"), entrypoint=["python3", f"{PROGRAM}/split.py"], **job
    )


def split_by_script(
    project: Project, table: ParameterString, cleaned: ProcessingStep, seed: ParameterInteger
) -> ProcessingStep:
    """An image of one's own that only has to hold the interpreter; the script comes along."""
    job = _job(project, "script", table, cleaned, seed)
    return ProcessingStep(
        "SplitByScript", image=project.image("python"), command=["python3"], code=f"{SOURCE}/split.py", **job
    )


def split_by_sklearn(
    project: Project, table: ParameterString, cleaned: ProcessingStep, seed: ParameterInteger
) -> ProcessingStep:
    """AWS's image with scikit-learn, which starts scripts with python3."""
    job = _job(project, "sklearn", table, cleaned, seed)
    return ProcessingStep("SplitBySklearn", image=project.image("sklearn"), code=f"{SOURCE}/split.py", **job)


def split_by_framework(
    project: Project, table: ParameterString, cleaned: ProcessingStep, seed: ParameterInteger
) -> ProcessingStep:
    """A folder of files: its requirements.txt is installed, and one of them is started."""
    job = _job(project, "framework", table, cleaned, seed)
    return ProcessingStep("SplitByFramework", image=project.image("sklearn"), source_dir=SOURCE, code="start.py", **job)


def compare_splits(project: Project, splits: list[ProcessingStep]) -> ProcessingStep:
    """Output `agreement`: agreement.json, if all wrote the same bytes.

    One input takes the folders of all: twelve outputs are more inputs than a job may have.
    """
    given = input_folders("splits")
    made = output_folders("agreement")
    return ProcessingStep(
        "CompareSplits",
        image=project.image("sklearn"),
        code="scripts/compare_splits.py",
        arguments=[*folder_arguments(given), *folder_arguments(made)],
        inputs=[ProcessingInput(_place(project), given["splits"], "splits")],
        outputs=[ProcessingOutput(made["agreement"], output_name="agreement")],
        depends_on=splits,  # an address that is put together does not say which steps write there
    )


def _job(
    project: Project, processor: str, table: ParameterString, cleaned: ProcessingStep, seed: ParameterInteger
) -> dict[str, Any]:
    """What all kinds share: arguments, a variable, two inputs and four outputs by name."""
    given = input_folders("table", "summary")
    made = output_folders(*SPLITS, "report")
    return {
        "arguments": [*folder_arguments(given), *folder_arguments(made), "--seed", seed],
        "environment": {"PROCESSOR": processor},
        "inputs": [
            ProcessingInput(table, given["table"], "table"),
            ProcessingInput(cleaned.output_uri("summary"), given["summary"], "summary"),
        ],
        "outputs": [
            ProcessingOutput(folder, _place(project, processor, name), output_name=name)
            for name, folder in made.items()
        ],
    }


def _place(project: Project, *parts: str) -> Text:
    return project.processed("processors", ExecutionVariables.PIPELINE_EXECUTION_ID, "splits", *parts)
