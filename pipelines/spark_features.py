"""A year of flights to features with Spark, checked with pandas."""

from __future__ import annotations

from dagwright import ParameterString, Pipeline
from dagwright.project import Project
from steps.check_features import check_features
from steps.spark_features import spark_features


def build(project: Project) -> Pipeline:
    """The Spark pipeline of `project`."""
    flights = ParameterString(
        "Flights", project.raw("flights"), description="where flights.csv and what it is joined with are"
    )
    features = spark_features(project, flights)
    return Pipeline(
        "spark-features",
        description="Flights to features with Spark, checked with pandas",
        parameters=[flights],
        steps=[features, check_features(project, flights, features)],
        project=project,
    )
