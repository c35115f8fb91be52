"""Tuning steps: many training jobs over ranges of hyperparameters, the best first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dagwright.arguments import as_text, count, mapping, of_kind, required_text, sequence, text
from dagwright.functions import Join
from dagwright.properties import Properties
from dagwright.refusals import Findings
from dagwright.settings import JobSettings
from dagwright.shapes import EXTRA_MEMBERS, RESPONSES
from dagwright.steps import present
from dagwright.training import TrainingJobStep
from dagwright.variables import Number, Text, Value

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dagwright.emit import Emission
    from dagwright.training import TrainingOptions

_MOST_SUMMARIES = 50


@dataclass(frozen=True)
class _NumberRange:
    min_value: Value
    max_value: Value
    scaling_type: str = "Auto"

    group: ClassVar[str]

    def __post_init__(self) -> None:
        found = Findings()
        low, high = self.min_value, self.max_value
        text(low, f"{self.group}.MinValue", found)
        text(high, f"{self.group}.MaxValue", found)
        if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
            found.add("bad-range", f"the range goes from {low} down to {high}", field=self.group)
        found.raise_any()

    def request(self, name: str) -> dict[str, Any]:
        """AWS's range of one hyperparameter; its ends are texts."""
        return {
            "Name": name,
            "MinValue": as_text(self.min_value),
            "MaxValue": as_text(self.max_value),
            "ScalingType": self.scaling_type,
        }


@dataclass(frozen=True)
class ContinuousParameter(_NumberRange):
    """A hyperparameter that may take any number between two ends."""

    group = "ContinuousParameterRanges"


@dataclass(frozen=True)
class IntegerParameter(_NumberRange):
    """A hyperparameter that may take any whole number between two ends."""

    group = "IntegerParameterRanges"


@dataclass(frozen=True)
class CategoricalParameter:
    """A hyperparameter that takes one of these values."""

    values: Sequence[Value]

    group: ClassVar[str] = "CategoricalParameterRanges"

    def __post_init__(self) -> None:
        found = Findings()
        for value in sequence(self.values, object, "a value to try", self.group, found, least=1):
            text(value, f"{self.group}.Values", found)
        found.raise_any()

    def request(self, name: str, quoted: bool) -> dict[str, Any]:
        """AWS's range; with an entry point its texts are JSON-encoded as other hyperparameters are."""
        values = [json.dumps(v) if quoted and isinstance(v, str) else as_text(v) for v in self.values]
        return {"Name": name, "Values": values}


ParameterRange = ContinuousParameter | IntegerParameter | CategoricalParameter


class TuningStep(TrainingJobStep):
    """Train `max_jobs` models, looking for the hyperparameters that bring `objective_metric_name` furthest.

    Everything else is as for a TrainingStep; `hyperparameters` are those that stay the same. `resource_member` is where
    the request has its machines; Amazon's SDK writes them as `HyperParameterTuningResourceConfig`, and AWS takes both.
    """

    type = "Tuning"
    needs = ("role", "instance_type", "instance_count", "volume_size_in_gb", "max_runtime_in_seconds")

    def __init__(
        self,
        name: str,
        *,
        image: Text,
        objective_metric_name: str,
        hyperparameter_ranges: Mapping[str, ParameterRange],
        objective_type: str = "Maximize",
        strategy: str = "Bayesian",
        max_jobs: Number = 1,
        max_parallel_jobs: Number = 1,
        early_stopping_type: str = "Off",
        random_seed: int | None = None,
        resource_member: Literal["ResourceConfig", "HyperParameterTuningResourceConfig"] = "ResourceConfig",
        **options: Unpack[TrainingOptions],
    ) -> None:
        super().__init__(name, image=image, **options)
        self.objective_metric_name = required_text(objective_metric_name, "objective_metric_name", self.found)
        self.hyperparameter_ranges = self._checked_ranges(hyperparameter_ranges)
        self.objective_type = objective_type
        self.strategy = strategy
        self.max_jobs = max_jobs
        self.max_parallel_jobs = max_parallel_jobs
        self.early_stopping_type = early_stopping_type
        self.random_seed = random_seed
        self.resource_member = resource_member
        count(max_jobs, "max_jobs", self.found)
        count(max_parallel_jobs, "max_parallel_jobs", self.found)
        count(random_seed, "random_seed", self.found, least=0)

    def _checked_ranges(self, ranges: Mapping[str, ParameterRange]) -> dict[str, ParameterRange]:
        given = mapping(ranges, "hyperparameter_ranges", self.found)
        if not given:
            self.found.add("bad-range", "there are no ranges to search", "give at least one", "hyperparameter_ranges")
        for name, one in given.items():
            hint = "IntegerParameter, ContinuousParameter or CategoricalParameter"
            of_kind(one, ParameterRange, "a range", f"hyperparameter_ranges['{name}']", self.found, hint)
            if name in self.hyperparameters:
                self.found.add("bad-range", f"'{name}' is fixed and a range", "choose one", "hyperparameters")
        return given

    @property
    def properties(self) -> Properties:
        """DescribeHyperParameterTuningJob's response, and `TrainingJobSummaries[k]`, the best training job first."""
        return Properties(self, "", RESPONSES[self.type], extra=EXTRA_MEMBERS[self.type])

    def get_top_model_s3_uri(self, top_k: int, s3_bucket: Text, prefix: Text = "") -> Join:
        """The artifact of the `top_k`-th best training job (0 to 49); bucket and prefix are the step's output path."""
        if not isinstance(top_k, int) or not 0 <= top_k < _MOST_SUMMARIES:
            self.refuse("bad-key", f"there is no job {top_k}", "0, the best, to 49", "TrainingJobSummaries")
        job = self.properties.TrainingJobSummaries[top_k].TrainingJobName
        place = [s3_bucket] if isinstance(prefix, str) and not prefix else [s3_bucket, prefix]
        return Join("/", ["s3:/", *place, job, "output/model.tar.gz"])

    def request(self, settings: JobSettings, emission: Emission) -> dict[str, Any]:
        submit, channels = self.code_and_channels(settings, emission)
        job = {
            "StaticHyperParameters": self.encoded_hyperparameters(submit, emission),
            "AlgorithmSpecification": self.algorithm(),
            "InputDataConfig": channels or None,
            **self.job_members(settings, emission),
            self.resource_member: self.resources(settings),
        }
        return present(
            {
                "HyperParameterTuningJobConfig": self._tuning_config(),
                "TrainingJobDefinition": present(job),
                "Tags": settings.tag_list,
            }
        )

    def _tuning_config(self) -> dict[str, Any]:
        limits = {"MaxNumberOfTrainingJobs": self.max_jobs, "MaxParallelTrainingJobs": self.max_parallel_jobs}
        return present(
            {
                "Strategy": self.strategy,
                "HyperParameterTuningJobObjective": {
                    "Type": self.objective_type,
                    "MetricName": self.objective_metric_name,
                },
                "ResourceLimits": limits,
                "ParameterRanges": self._ranges(),
                "TrainingJobEarlyStoppingType": self.early_stopping_type,
                "RandomSeed": self.random_seed,
            }
        )

    def _ranges(self) -> dict[str, list[dict[str, Any]]]:
        quoted = self.entry_point is not None
        groups: dict[str, list[dict[str, Any]]] = {}
        for kind in (IntegerParameter, ContinuousParameter, CategoricalParameter):
            groups[kind.group] = []
        for name, one in self.hyperparameter_ranges.items():
            request = one.request(name, quoted) if isinstance(one, CategoricalParameter) else one.request(name)
            groups[one.group].append(request)
        return {group: members for group, members in groups.items() if members}
