"""Signals to principal components on many hosts, and the reports of the hosts to one account."""

from __future__ import annotations

from dagwright import (
    ParameterInteger,
    ParameterString,
    ProcessingInput,
    ProcessingOutput,
    ProcessingStep,
)
from dagwright.project import Project
from steps.folders import folder_arguments, input_folders, output_folders


def ecg_pca(
    project: Project, signals: ParameterString, hosts: ParameterInteger, components: ParameterInteger
) -> ProcessingStep:
    """Outputs `components`: a CSV for each signal; `reports`: a JSON for each host. Each host gets its share."""
    given = input_folders("ecg")
    made = output_folders("components", "reports")
    return ProcessingStep(
        "EcgPca",
        image=project.image("sklearn"),
        code="scripts/ecg_pca.py",
        arguments=[
            *("--input", given["ecg"], "--components-output", made["components"], "--report-output", made["reports"]),
            *("--resource-config", "/opt/ml/config/resourceconfig.json", "--components", components),
        ],
        # a process for each core, and none of them with threads of its own
        environment={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        inputs=[ProcessingInput(signals, given["ecg"], "ecg", s3_data_distribution_type="ShardedByS3Key")],
        outputs=[ProcessingOutput(folder, output_name=name) for name, folder in made.items()],
        instance_count=hosts,
    )


def collect(project: Project, reduced: ProcessingStep, expected: ParameterInteger) -> ProcessingStep:
    """Output `summary`: summary.json, if every signal was reduced by one host."""
    given = input_folders("reports")
    made = output_folders("summary")
    return ProcessingStep(
        "Collect",
        image=project.image("sklearn"),
        code="scripts/ecg_collect.py",
        arguments=[*folder_arguments(given), *folder_arguments(made), "--expected", expected],
        inputs=[ProcessingInput(reduced.output_uri("reports"), given["reports"], "reports")],
        outputs=[ProcessingOutput(made["summary"], output_name="summary")],
        instance_count=1,
    )
