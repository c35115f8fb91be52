"""Digits to a model, trained by several instances together, on Spot instances."""

from __future__ import annotations

from dagwright import ExecutionVariables, ParameterInteger, ParameterString, TrainingInput, TrainingStep
from dagwright.project import Project

METRICS = ("train:loss", "train:accuracy")
CHECKPOINTS = "/opt/ml/checkpoints"  # said to the script as well, so that it is found where /opt/ml has another place


def train_distributed(
    project: Project, digits: ParameterString, instances: ParameterInteger, epochs: ParameterInteger
) -> TrainingStep:
    """A model archive of the first instance. Each instance reads its own share of the objects.

    Checkpoints lie below the execution: another one must not go on from them.
    """
    return TrainingStep(
        "Train",
        image=project.image("sklearn"),
        source_dir="scripts/distributed",
        entry_point="train.py",
        hyperparameters={"epochs": epochs, "checkpoint_every": 10, "checkpoints": CHECKPOINTS},
        inputs={"train": TrainingInput(digits, content_type="text/csv", distribution="ShardedByS3Key")},
        output_path=project.models(),
        metric_definitions=[{"Name": name, "Regex": f"{name}=([0-9.]+);"} for name in METRICS],
        instance_count=instances,
        use_spot_instances=True,
        max_runtime_in_seconds=3600,
        max_wait_in_seconds=4 * 3600,  # waiting for instances and running, interruptions included
        checkpoint_s3_uri=project.models("checkpoints", ExecutionVariables.PIPELINE_EXECUTION_ID),
        checkpoint_local_path=CHECKPOINTS,
    )
