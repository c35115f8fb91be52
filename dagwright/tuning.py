"""Tuning steps: many training jobs over ranges of hyperparameters, the best first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from dagwright.functions import Join
from dagwright.properties import Properties
from dagwright.refusals import refuse
from dagwright.settings import JobSettings
from dagwright.shapes import Shape
from dagwright.steps import not_a_number, present
from dagwright.training import TrainingJobStep
from dagwright.variables import Number, PipelineVariable, Text, Value, text

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
        low, high = self.min_value, self.max_value
        if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
            refuse("bad-range", f"the range goes from {low} down to {high}", field=self.group)

    def request(self, name: str) -> dict[str, Any]:
        """AWS's range of one hyperparameter; its ends are texts."""
        return {
            "Name": name,
            "MinValue": text(self.min_value, "MinValue"),
            "MaxValue": text(self.max_value, "MaxValue"),
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
        if isinstance(self.values, str | PipelineVariable) or not self.values:
            refuse("bad-range", f"{self.values!r} is not a list of values", field=self.group)

    def request(self, name: str, quoted: bool) -> dict[str, Any]:
        """AWS's range; with an entry point its texts are JSON-encoded as other hyperparameters are."""
        values = [json.dumps(v) if quoted and isinstance(v, str) else text(v, "Values") for v in self.values]
        return {"Name": name, "Values": values}


ParameterRange = ContinuousParameter | IntegerParameter | CategoricalParameter


class TuningStep(TrainingJobStep):
    """Train `max_jobs` models, looking for the hyperparameters that bring `objective_metric_name` furthest.

    Everything else is as for a TrainingStep; `hyperparameters` are those that stay the same.
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
        **options: Unpack[TrainingOptions],
    ) -> None:
        super().__init__(name, image=image, **options)
        self.objective_metric_name = objective_metric_name
        self.hyperparameter_ranges = dict(hyperparameter_ranges)
        self.objective_type = objective_type
        self.strategy = strategy
        self.max_jobs = max_jobs
        self.max_parallel_jobs = max_parallel_jobs
        self.early_stopping_type = early_stopping_type
        self.random_seed = random_seed
        counts = {"max_jobs": not_a_number(max_jobs), "max_parallel_jobs": not_a_number(max_parallel_jobs)}
        hint = "a whole number or a ParameterInteger"
        found = [("bad-number", wrong, hint, field) for field, wrong in counts.items() if wrong]
        twice = sorted(set(self.hyperparameters) & set(self.hyperparameter_ranges))
        found += [("bad-range", f"'{one}' is fixed and a range", "choose one", "hyperparameters") for one in twice]
        self.refuse_all(found)

    @property
    def properties(self) -> Properties:
        """DescribeHyperParameterTuningJob's response, and `TrainingJobSummaries[k]`, the best training job first."""
        extra = {"TrainingJobSummaries": Shape("sagemaker", "HyperParameterTrainingJobSummaries")}
        return Properties(self, "", Shape("sagemaker", "DescribeHyperParameterTuningJobResponse"), extra=extra)

    def get_top_model_s3_uri(self, top_k: int, s3_bucket: Text, prefix: Text = "") -> Join:
        """The artifact of the `top_k`-th best training job (0 to 49); bucket and prefix are the step's output path."""
        if not 0 <= top_k < _MOST_SUMMARIES:
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
            "HyperParameterTuningResourceConfig": self.resources(settings),
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
