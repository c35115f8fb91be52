"""The step cache: what the service compares of a step before it runs, and what two of its kind differ in.

What comes in: the type of a step, its resolved request and what else stands in the definition. What goes out: the
members that count, and differences in words.
Members: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-default-keys.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dagwright.definition.diff import Change, field_changes
from dagwright.definition.diff_secrets import hidden_in_requests
from dagwright.definition.diff_values import exact
from dagwright.definition.durations import moment_after

_TRAINING_OF_TUNING = (
    "AlgorithmSpecification", "HyperParameterRanges", "InputDataConfig", "StaticHyperParameters", "TuningObjective",
)  # fmt: skip
_AUTO_ML_CONFIG = ("CompletionCriteria", "CandidateGenerationConfig", "DataSplitConfig", "Mode")
# What the SDK makes of a check's QualityCheckConfig or ClarifyCheckConfig and of its CheckJobConfig: all of its job.
_CHECK = (
    "AppSpecification", "Environment", "NetworkConfig", "ProcessingInputs", "ProcessingOutputConfig",
    "ProcessingResources", "RoleArn", "StoppingCondition", "Tags",
)  # fmt: skip
REQUEST_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "Processing": ("AppSpecification", "Environment", "ProcessingInputs"),
    "Training": (
        "AlgorithmSpecification", "CheckpointConfig", "DebugHookConfig", "DebugRuleConfigurations", "Environment",
        "HyperParameters", "InputDataConfig",
    ),
    "Tuning": (
        "HyperParameterTuningJobConfig",
        *(f"TrainingJobDefinition.{name}" for name in _TRAINING_OF_TUNING),
        "TrainingJobDefinitions",
    ),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
    "AutoML": (*(f"AutoMLJobConfig.{name}" for name in _AUTO_ML_CONFIG), "AutoMLJobObjective", "InputDataConfig",
               "ProblemType"),
    "EMR": ("ClusterId", "StepConfig"),
    "QualityCheck": _CHECK,
    "ClarifyCheck": _CHECK,
}  # fmt: skip
"""By type of step, the members of its request that are compared. The service caches steps of these types only."""

_CHECK_SAYS = ("CheckType", "SkipCheck", "RegisterNewBaseline", "ModelPackageGroupName", "SuppliedBaselineConstraints")
STEP_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "QualityCheck": (*_CHECK_SAYS, "SuppliedBaselineStatistics"),
    "ClarifyCheck": (*_CHECK_SAYS, "ModelName"),
}
"""The same of what a step says beside its request."""

_MOST_SHOWN = 60
_SHOWN_BEFORE = 12


@dataclass(frozen=True)
class CacheConfig:
    """What a step says of the cache; with an empty `expire_after` a result never grows too old."""

    is_enabled: bool
    expire_after: str = ""

    def is_expired(self, ended: datetime, now: datetime) -> bool:
        """Whether a result of that time is too old now. Raises ValueError if ExpireAfter is no duration."""
        return bool(self.expire_after) and moment_after(ended, self.expire_after) < now


def read_cache_config(config: Any) -> CacheConfig:
    """CacheConfig as a definition has it, resolved; anything else than `Enabled: true` is off."""
    if not isinstance(config, Mapping):
        return CacheConfig(False)
    return CacheConfig(config.get("Enabled") is True, str(config.get("ExpireAfter") or ""))


def is_cached_type(step_type: str) -> bool:
    """Whether the service caches steps of a type."""
    return step_type in REQUEST_MEMBERS


def compared_members(step_type: str, request: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """The members that count, by their path in the request; `said` is what the step says beside it.

    >>> compared_members("Transform", {"ModelName": "m", "TransformOutput": {"S3OutputPath": "s3://b"}}, {})
    {'ModelName': 'm'}
    """
    found = {path: _at(request, path) for path in REQUEST_MEMBERS[step_type]}
    found |= {name: said.get(name) for name in STEP_MEMBERS.get(step_type, ())}
    return {path: value for path, value in found.items() if value is not None}


def _at(request: Any, path: str) -> Any:
    for name in path.split("."):
        request = request.get(name) if isinstance(request, Mapping) else None
    return request


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """What two results of `compared_members` differ in, without the secrets in them; empty if they are the same."""
    if exact(old) == exact(new):
        return []
    hidden_old, hidden_new = hidden_in_requests(old, new)
    return list(_changes(hidden_old, hidden_new)) or [Change("changed", "the form of its request")]


def _changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for path in dict.fromkeys((*old, *new)):
        above, dot, name = path.rpartition(".")  # by its name it is known what tells the items of a list apart
        for change in field_changes({name: old.get(path)}, {name: new.get(path)}):
            yield replace(change, path=f"{above}{dot}{change.path}")


def told(change: Change) -> tuple[str, str]:
    """(where, what of it) of a difference: `HyperParameters.trees`, `10 → 50`; values are shortened."""
    if change.old is None and change.new is None:
        return change.path, ""
    old, new = _text(change.old), _text(change.new)
    pairs = enumerate(zip(old, new, strict=False))
    common = next((at for at, (one, other) in pairs if one != other), min(len(old), len(new)))
    cut = common - _SHOWN_BEFORE if max(len(old), len(new)) > _MOST_SHOWN and common > 2 * _SHOWN_BEFORE else 0
    before = "…" if cut else ""
    return change.path, f"{before}{shortened(old[cut:])} → {before}{shortened(new[cut:])}"


def shortened(text: str) -> str:
    """Its beginning, if it is long."""
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"


def _text(value: Any) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else exact(value)
