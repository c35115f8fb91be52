"""Tuning steps run here: real training jobs, several at a time, the best first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from engines.place import Meeting, Place, Watcher, definition, get, join

from dagwright.definition.graph import read_definition
from dagwright.engines.engine import Start
from dagwright.errors import DefinitionError

SCORE = {"MetricDefinitions": [{"Name": "score", "Regex": "score=([-0-9.e]+)"}]}
# Scores best where x is 3, and leaves x as its model.
SCRIPT = """
hp = json.load(open(ML + "/input/config/hyperparameters.json"))
x = float(hp["x"])
open(ML + "/model/x", "w").write(hp["x"])
print("score=%f" % -(x - 3) ** 2, flush=True)
"""


def number(name: str, low: Any, high: Any, scale: str = "Auto") -> dict[str, Any]:
    return {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scale}


def tuning(
    place: Place,
    name: str = "Tune",
    script: str = SCRIPT,
    continuous: Sequence[Mapping[str, Any]] = (),
    integer: Sequence[Mapping[str, Any]] = (),
    categories: Mapping[str, Sequence[str]] | None = None,
    strategy: str = "Random",
    jobs: Any = 4,
    parallel: Any = 2,
    static: Mapping[str, Any] | None = None,
    variables: Mapping[str, Any] | None = None,
    objective: str = "Maximize",
    early: str = "Off",
    training: Mapping[str, Any] | None = None,
    **config: Any,
) -> dict[str, Any]:
    """A Tuning step whose training jobs run `script`; x is searched from 0 to 10 if no range is given."""
    specification = SCORE | dict((training or {}).get("AlgorithmSpecification", {}))
    own = place.training(name, script, variables=variables, AlgorithmSpecification=specification)["Arguments"]
    del own["HyperParameters"]
    if not (continuous or integer or categories):
        continuous = [number("x", 0, 10)]
    limits = {"MaxParallelTrainingJobs": parallel} | ({"MaxNumberOfTrainingJobs": jobs} if jobs else {})
    given = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {"Type": objective, "MetricName": "score"},
        "ResourceLimits": limits | config.pop("ResourceLimits", {}),
        "ParameterRanges": {
            "ContinuousParameterRanges": list(continuous),
            "IntegerParameterRanges": list(integer),
            "CategoricalParameterRanges": [{"Name": n, "Values": list(v)} for n, v in (categories or {}).items()],
        },
        "TrainingJobEarlyStoppingType": early,
        **config,
    }
    job = {**own, "StaticHyperParameters": dict(static or {}), **(training or {}), "AlgorithmSpecification": {
        **own["AlgorithmSpecification"], **dict((training or {}).get("AlgorithmSpecification", {}))}}
    return {"Name": name, "Type": "Tuning",
            "Arguments": {"HyperParameterTuningJobConfig": given, "TrainingJobDefinition": job}}


def test_random_trials_the_best_first(place: Place) -> None:
    execution = place.run(tuning(place, RandomSeed=7))
    print(place.watcher.notes, execution.failure_reason)
    output = place.output(execution, "Tune")
    import json
    print(json.dumps(output, indent=1))
    assert execution.status == "Succeeded"
