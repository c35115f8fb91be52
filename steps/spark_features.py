"""Flights to features, with Spark."""

from __future__ import annotations

from dagwright import ParameterString, ProcessingInput, ProcessingOutput, SparkStep
from dagwright.project import Project
from steps.folders import folder_arguments, input_folders, output_folders


def spark_features(project: Project, flights: ParameterString) -> SparkStep:
    """Outputs `features`: Parquet by month; `summary`: counts, sums and delays; `spark-events`: what Spark did."""
    given = input_folders("raw")
    made = output_folders("features", "summary")
    return SparkStep(
        "Features",
        image=project.image("spark"),
        submit_app="scripts/spark_features.py",
        arguments=["--input", given["raw"], *folder_arguments(made)],
        inputs=[ProcessingInput(flights, given["raw"], "raw")],
        outputs=[ProcessingOutput(folder, output_name=name) for name, folder in made.items()],
        configuration={
            "Classification": "spark-defaults",
            "Properties": {"spark.sql.session.timeZone": "UTC", "spark.sql.shuffle.partitions": 8},
        },
        spark_event_logs_s3_uri=project.s3_uri("spark-events", "features"),
        instance_type="ml.m5.xlarge",  # Spark keeps 2 GB for itself on the first
        instance_count=2,
    )
