"""A world to evaluate expressions in: what an engine knows of a run, written down by the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from dagwright.errors import EvaluationError, StorageError


@dataclass
class World:
    parameters: Mapping[str, Any] = field(default_factory=dict)
    variables: Mapping[str, Any] = field(default_factory=dict)
    experiments: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    property_files: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    objects: Mapping[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def parameter(self, name: str) -> Any:
        return self.parameters[name]

    def execution(self, variable: str) -> Any:
        return self.variables[variable]

    def experiment(self, variable: str) -> Any:
        return self.experiments[variable]

    def step(self, name: str) -> Mapping[str, Any]:
        self.asked.append(name)
        if name not in self.steps:
            raise EvaluationError(f"the step '{name}' has not ended")
        return self.steps[name]

    def property_file(self, step: str, name: str) -> tuple[str, str]:
        return self.property_files[step, name]

    def read_text(self, s3_uri: str) -> str:
        if s3_uri not in self.objects:
            raise StorageError(f"there is no object {s3_uri}")
        return self.objects[s3_uri]


@pytest.fixture
def world() -> Callable[..., World]:
    return World


@pytest.fixture
def evaluated() -> World:
    """A run whose step Evaluate has written a report."""
    outputs = [{"OutputName": "evaluation", "S3Output": {"S3Uri": "s3://bucket/run/evaluation/"}}]
    report = '{"metrics": {"rmse": 0.70, "tiny": 1e-5, "n": 3, "none": null}, "Result": [{"a b": {"c.d": true}}, "x"]}'
    return World(
        steps={"Evaluate": {"ProcessingOutputConfig": {"Outputs": outputs}}},
        property_files={("Evaluate", "Report"): ("evaluation", "/evaluation.json")},
        objects={"s3://bucket/run/evaluation/evaluation.json": report},
    )
