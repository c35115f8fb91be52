"""A CreateHyperParameterTuningJob request as what is to be tried: which training jobs, how many, and what is best.

The request is botocore's; what it leaves to the service is said where it is decided here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any

from dagwright.engines.local.metrics import metric_expressions
from dagwright.engines.local.request import choice, member, needed, objects, seconds, text_map
from dagwright.engines.local.script_mode import TUNING_METRIC
from dagwright.engines.local.tuning_ranges import Range, combinations, read_ranges
from dagwright.errors import DagwrightError, ExecutionError

BAYESIAN, RANDOM, HYPERBAND, GRID = "Bayesian", "Random", "Hyperband", "Grid"
MAXIMIZE, MINIMIZE = "Maximize", "Minimize"
OPTIMISER = "optuna"
_CONFIG = "HyperParameterTuningJobConfig"
_OBJECTIVE = "HyperParameterTuningJobObjective"
_OWN = ("DefinitionName", "TuningObjective", "HyperParameterRanges", "StaticHyperParameters",
        "HyperParameterTuningResourceConfig")  # fmt: skip
"""The members of a training job definition that its training jobs do not have."""
_EPOCHS = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
"""The hyperparameters that MaxResource is inferred from (API reference, HyperbandStrategyConfig)."""
_MOST_GRID_POINTS = 750
"""The service's quota of training jobs of a tuning job."""


@dataclass(frozen=True)
class Definition:
    """One of the training job definitions of a request: what is searched, by which metric, and the request of its
    training jobs but for what is searched."""

    name: str
    metric: str
    ranges: tuple[Range, ...]
    fixed: Mapping[str, str]
    training: Mapping[str, Any]

    def hyperparameters(self, tuned: Mapping[str, str]) -> dict[str, str]:
        """Those of one training job. The service adds the objective's name; to scripts all values are JSON."""
        as_json = self.fixed.get("sagemaker_program", "").startswith('"')
        return {**self.fixed, TUNING_METRIC: json.dumps(self.metric) if as_json else self.metric, **tuned}

    def request(self, trial: str, tuned: Mapping[str, str]) -> dict[str, Any]:
        """The CreateTrainingJob request of a trial. Trials that run side by side keep their checkpoints apart."""
        request = {**self.training, "HyperParameters": self.hyperparameters(tuned)}
        checkpoints = member(request, "CheckpointConfig.S3Uri", str)
        if checkpoints is not None:
            uri = f"{checkpoints.rstrip('/')}/{trial}"
            request["CheckpointConfig"] = {**request["CheckpointConfig"], "S3Uri": uri}
        return request


@dataclass(frozen=True)
class Tuning:
    """A tuning job: its strategy, its definitions, and when it is over."""

    strategy: str
    maximize: bool
    definitions: tuple[Definition, ...]
    max_trials: int | None
    max_parallel: int
    max_seconds: int | None
    stops_early: bool
    seed: int | None
    target: float | None
    patience: int | None
    """After how many training jobs without an improvement it is over."""
    until_convergence: bool
    min_resource: int = 1
    max_resource: int = 1
    parents: tuple[str, ...] = ()
    autotuned: bool = False

    @cached_property
    def points(self) -> int | None:
        """How many different trials there can be; None if they cannot be counted."""
        counts = [combinations(one.ranges) for one in self.definitions]
        return None if None in counts else sum(count for count in counts if count is not None)

    @property
    def is_random(self) -> bool:
        """Whether its trials depend on a seed."""
        return self.strategy != GRID

    @property
    def kind(self) -> str:
        """The objective's Type."""
        return MAXIMIZE if self.maximize else MINIMIZE

    def better(self, one: float, other: float) -> bool:
        """Whether an objective value is better than another."""
        return one > other if self.maximize else one < other


def read_tuning(request: Mapping[str, Any]) -> Tuning:
    """Raises ExecutionError with everything that a local run cannot do of a request."""
    config = needed(request, _CONFIG, dict)
    strategy = choice(config, "Strategy", (BAYESIAN, RANDOM, HYPERBAND, GRID))
    wrong: list[str] = []
    definitions = _definitions(request, config, wrong)
    kinds = _kinds(request, config)
    if len(kinds) > 1:
        wrong.append("Its objectives are both Maximize and Minimize: nothing can be best")
    least, most = _resources(strategy, config, definitions, wrong)
    criteria = "TuningJobCompletionCriteria"
    tuning = Tuning(
        strategy=strategy,
        maximize=kinds == {MAXIMIZE},
        definitions=tuple(definitions),
        max_trials=_positive(config, "ResourceLimits.MaxNumberOfTrainingJobs"),
        max_parallel=_positive(config, "ResourceLimits.MaxParallelTrainingJobs") or 1,
        max_seconds=_limit(config),
        stops_early=choice(config, "TrainingJobEarlyStoppingType", ("Off", "Auto")) == "Auto",
        seed=member(config, "RandomSeed", int),
        target=_float(config, f"{criteria}.TargetObjectiveMetricValue"),
        patience=_positive(config, f"{criteria}.BestObjectiveNotImproving.MaxNumberOfTrainingJobsNotImproving"),
        until_convergence=member(config, f"{criteria}.ConvergenceDetected.CompleteOnConvergence", str) == "Enabled",
        min_resource=least,
        max_resource=most,
        parents=_parents(request),
        autotuned=member(request, "Autotune.Mode", str) == "Enabled",
    )
    wrong += _impossible(tuning)
    if wrong:
        raise ExecutionError("; ".join(dict.fromkeys(wrong)))
    return tuning


def require_optimiser(strategy: str) -> None:
    """Raises ExecutionError if the library that a strategy needs is not installed."""
    if strategy in (BAYESIAN, HYPERBAND) and find_spec(OPTIMISER) is None:
        raise ExecutionError(
            f"The strategy {strategy} needs the library {OPTIMISER}, which is not installed",
            hint="pip install 'dagwright[tuning]'; or choose the strategy Random, which needs nothing.",
        )


# ---- the parts of a request ----


def _definitions(request: Mapping[str, Any], config: Mapping[str, Any], wrong: list[str]) -> list[Definition]:
    given = objects(request, "TrainingJobDefinitions")
    single = member(request, "TrainingJobDefinition", dict)
    found = []
    for item in [*([single] if single else []), *given]:
        name = member(item, "DefinitionName", str, "")
        try:
            found.append(_definition(name, item, config))
        except DagwrightError as error:
            wrong.append(f"{name}: {error.message}" if name else error.message)
    if not (single or given):
        raise ExecutionError("TrainingJobDefinition is missing in the job's request")
    return found


def _definition(name: str, item: Mapping[str, Any], config: Mapping[str, Any]) -> Definition:
    fixed = text_map(item, "StaticHyperParameters")
    metric = member(item, "TuningObjective.MetricName", str) or needed(config, f"{_OBJECTIVE}.MetricName", str)
    ranges = member(item, "HyperParameterRanges", dict) or member(config, "ParameterRanges", dict, {})
    training = {key: value for key, value in item.items() if key not in _OWN}
    training["ResourceConfig"] = _instances(item)
    known = [found for found, _ in metric_expressions(training)]
    if metric not in known:
        listed = f"they find {', '.join(known[:5])}" if known else "there are none"
        raise ExecutionError(f"No MetricDefinitions find its objective '{metric}': {listed}")
    return Definition(name, metric, tuple(read_ranges(ranges, fixed)), fixed, training)


def _instances(item: Mapping[str, Any]) -> dict[str, Any]:
    """The ResourceConfig of its training jobs. Of several InstanceConfigs the first is preferred."""
    own = member(item, "HyperParameterTuningResourceConfig", dict)
    if own is None:
        return dict(member(item, "ResourceConfig", dict, {}))
    first = (objects(own, "InstanceConfigs") or [{}])[0]
    return {key: value for key, value in own.items() if key not in ("InstanceConfigs", "AllocationStrategy")} | dict(
        first
    )


def _kinds(request: Mapping[str, Any], config: Mapping[str, Any]) -> set[str]:
    single = member(request, "TrainingJobDefinition", dict)
    items = [*([single] if single else []), *objects(request, "TrainingJobDefinitions")]
    own = [item["TuningObjective"] for item in items if member(item, "TuningObjective", dict)]
    general = member(config, _OBJECTIVE, dict)
    found = own or ([general] if general else [])
    return {choice({"Type": needed(one, "Type", str)}, "Type", (MAXIMIZE, MINIMIZE)) for one in found}


def _positive(config: Mapping[str, Any], path: str) -> int | None:
    value: int | None = member(config, path, int)
    if value is not None and value < 1:
        raise ExecutionError(f"{path} must be at least 1, it is {value}")
    return value


def _limit(config: Mapping[str, Any]) -> int | None:
    path = "ResourceLimits.MaxRuntimeInSeconds"
    return None if member(config, path, int) is None else seconds(config, path)


def _float(config: Mapping[str, Any], path: str) -> float | None:
    above, _, last = path.rpartition(".")
    value = member(config, above, dict, {}).get(last)
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ExecutionError(f"{path} must be a number, it is {value!r:.40}") from error


def _resources(
    strategy: str, config: Mapping[str, Any], definitions: list[Definition], wrong: list[str]
) -> tuple[int, int]:
    """MinResource and MaxResource of Hyperband, inferred where the service does."""
    if strategy != HYPERBAND:
        return 1, 1
    above = "StrategyConfig.HyperbandStrategyConfig"
    least, most = _positive(config, f"{above}.MinResource") or 1, _positive(config, f"{above}.MaxResource")
    if most is None:
        fixed = [one.fixed[name].strip('"') for one in definitions for name in _EPOCHS if name in one.fixed]
        most = max((int(text) for text in fixed if text.isdecimal()), default=0)
    if most < 1:
        names = ", ".join(_EPOCHS)
        wrong.append(f"Hyperband needs {above}.MaxResource, or one of StaticHyperParameters {names}")
    elif least > most:
        wrong.append(f"MinResource of Hyperband is {least}, above its MaxResource {most}")
    return least, max(most, least)


def _parents(request: Mapping[str, Any]) -> tuple[str, ...]:
    parents = objects(request, "WarmStartConfig.ParentHyperParameterTuningJobs")
    return tuple(needed(item, "HyperParameterTuningJobName", str) for item in parents)


def _impossible(tuning: Tuning) -> list[str]:
    wrong = []
    if tuning.strategy == GRID:
        wrong += _impossible_grid(tuning)
    elif tuning.max_trials is None and tuning.max_seconds is None:
        wrong.append("ResourceLimits has no MaxNumberOfTrainingJobs: it would never end")
    if tuning.strategy == HYPERBAND and tuning.stops_early:
        wrong.append("TrainingJobEarlyStoppingType must be Off for Hyperband, which stops training jobs itself")
    return wrong


def _impossible_grid(tuning: Tuning) -> list[str]:
    numeric = [one.name for each in tuning.definitions for one in each.ranges if not one.values]
    if numeric:
        return [f"Grid takes categorical ranges only, as the service does; '{name}' has another" for name in numeric]
    points, limit = tuning.points or 0, tuning.max_trials
    if points > _MOST_GRID_POINTS:
        return [f"The grid has {points} points, above the {_MOST_GRID_POINTS} training jobs of a tuning job"]
    if limit is not None and tuning.definitions and limit != points:
        return [
            f"The grid has {points} points, and MaxNumberOfTrainingJobs is {limit}: leave it out, or make it {points}"
        ]
    return []
