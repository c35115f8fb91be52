"""How long a machine waits for a job before it gives it up: a step comes in, seconds go out.

A job ends by itself when its own limit is reached. The machine's limit is only for a job that nobody hears of again, so
it is generous: it must never end a job that SageMaker would have let finish.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagwright.definition.graph import Step

# What a job may take beside its own limit, which counts neither the wait for instances, nor pulling the image and
# downloading inputs, nor uploading what it wrote. SageMaker gives up on instances that it does not get within an hour.
_SLACK = 7200
# CreateTrainingJob's API reference: MaxRuntimeInSeconds is a day where none is given.
_DAY = 86_400
# A standard execution ends after a year (developer guide, "Service quotas"): a longer limit says nothing.
_YEAR = 365 * _DAY
# Lambda's quota for one invocation, and a minute for the call.
_LAMBDA = 900 + 60


def timeout_of(step: Step) -> int | None:
    """Seconds until a step's task is given up; None where the job's own limit is not written out, or there is none."""
    found: int | None = None
    if step.type == "Lambda":
        found = _LAMBDA
    elif step.type == "Tuning":
        found = _tuning_timeout(step.arguments)
    elif step.type in ("Processing", "QualityCheck", "ClarifyCheck", "Training"):
        found = _job_timeout(step.arguments)
    return found if found is not None and found <= _YEAR else None


def _job_timeout(request: Mapping[str, Any]) -> int | None:
    stopping = request.get("StoppingCondition")
    if stopping is None:
        return _DAY + _SLACK
    if not isinstance(stopping, dict):
        return None
    runtime = _seconds(stopping, "MaxRuntimeInSeconds", _DAY)
    # For spot instances: how long the wait for them and the run may take together.
    wait = _seconds(stopping, "MaxWaitTimeInSeconds", 0)
    pending = _seconds(stopping, "MaxPendingTimeInSeconds", 0)
    if runtime is None or wait is None or pending is None:
        return None
    return max(runtime, wait) + pending + _SLACK


def _tuning_timeout(request: Mapping[str, Any]) -> int | None:
    config = request.get("HyperParameterTuningJobConfig")
    limits = config.get("ResourceLimits") if isinstance(config, dict) else None
    if not isinstance(limits, dict):
        return None
    whole = limits.get("MaxRuntimeInSeconds")
    if isinstance(whole, int):
        return whole + _SLACK
    most, parallel = limits.get("MaxNumberOfTrainingJobs"), limits.get("MaxParallelTrainingJobs")
    several = request.get("TrainingJobDefinitions")
    definitions = several if isinstance(several, list) else [request.get("TrainingJobDefinition")]
    each = [_job_timeout(definition) for definition in definitions if isinstance(definition, dict)]
    longest = None if None in each else max((seconds for seconds in each if seconds is not None), default=None)
    if whole is not None or not isinstance(most, int) or not isinstance(parallel, int) or longest is None:
        return None
    rounds = -(-most // max(parallel, 1))
    return rounds * longest


def _seconds(stopping: Mapping[str, Any], member: str, default: int) -> int | None:
    value = stopping.get(member)
    if value is None:
        return default
    return value if isinstance(value, int) else None
