"""Caching, retries and endings: a graph comes in, problems with CacheConfig, RetryPolicies and DependsOn go out.

Durations: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-caching-enabling.html
Retries: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-retry-policy.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagwright.definition.durations import is_lenient, is_strict
from dagwright.definition.graph import Graph, Step
from dagwright.definition.path import write_path
from dagwright.definition.rules.names import listed
from dagwright.errors import Problem, did_you_mean

TRIGGERS = ("Completed", "Failed", "Stopped", "Any")  # SDK v3, StepDependency
MOST_ATTEMPTS, MOST_MINUTES = 20, 14_400
OF_THE_STEP = ("Step.SERVICE_FAULT", "Step.THROTTLING")
OF_THE_JOB = ("SageMaker.JOB_INTERNAL_ERROR", "SageMaker.CAPACITY_ERROR", "SageMaker.RESOURCE_LIMIT")

_DEPENDENCY = ("Step", "Trigger")
_POLICY = ("ExceptionType", "BackoffRate", "IntervalSeconds", "MaxAttempts", "ExpireAfterMin")


def cache_problems(graph: Graph) -> Iterator[Problem]:
    """Cache settings that say nothing, and durations that are none."""
    for step in graph.steps.values():
        config = step.envelope.get("CacheConfig")
        if config is not None:
            yield from _cache(step, config)


def retry_problems(graph: Graph) -> Iterator[Problem]:
    """Retry policies that the service refuses or that have no effect."""
    for step in graph.steps.values():
        policies = step.envelope.get("RetryPolicies")
        if policies is None:
            continue
        if not isinstance(policies, list):
            what = "RetryPolicies is not a list of policies"
            yield Problem("bad-retry-policy", what, "write [{…}]", step=step.name, field="RetryPolicies")
            continue
        for index, policy in enumerate(policies):
            yield from _policy(step, policy, index)


def trigger_problems(graph: Graph) -> Iterator[Problem]:
    """Endings that no step has, and what stands beside them."""
    for step in graph.steps.values():
        raw = step.envelope.get("DependsOn")
        for index, entry in enumerate(raw if isinstance(raw, list) else []):
            trigger = entry.get("Trigger") if isinstance(entry, dict) else None
            for key in entry if isinstance(entry, dict) else ():
                if key not in _DEPENDENCY:
                    what, hint = f"'{key:.80}' is not a member", did_you_mean(key, _DEPENDENCY)
                    field = write_path(("DependsOn", index, key))
                    yield Problem("bad-trigger", what, hint, step=step.name, field=field)
            if isinstance(trigger, str) and trigger not in TRIGGERS:
                what = f"{trigger!r:.80} is not an ending to wait for"
                hint = did_you_mean(trigger, TRIGGERS)
                yield Problem("bad-trigger", what, hint, step=step.name, field=f"DependsOn[{index}].Trigger")


def _cache(step: Step, config: Any) -> Iterator[Problem]:
    def wrong(what: str, hint: str, *member: str) -> Problem:
        return Problem("bad-cache-config", what, hint, step=step.name, field=write_path(("CacheConfig", *member)))

    if not isinstance(config, dict):
        yield wrong("CacheConfig is not an object", 'write {"Enabled": true, "ExpireAfter": "P30D"}')
        return
    for key in config:
        if key not in ("Enabled", "ExpireAfter"):
            yield wrong(f"'{key:.80}' is not a member", did_you_mean(key, ("Enabled", "ExpireAfter")), key)
    if not isinstance(config.get("Enabled"), bool):
        yield wrong("Enabled is not true or false", "say whether results are taken from the cache", "Enabled")
    duration = config.get("ExpireAfter")
    if isinstance(duration, str) and is_strict(duration):
        return
    field = "CacheConfig.ExpireAfter"
    if isinstance(duration, str) and is_lenient(duration):
        what = f"'{duration}' works, though it is not ISO 8601"
        hint = f"write {_strictly(duration)}"
        yield Problem("lenient-duration", what, hint, "warning", step.name, field)
    elif duration is not None:
        what = f"{duration!r:.80} is not a duration of years to minutes"
        yield Problem("bad-duration", what, "such as P30D, PT12H or P4DT12H", step=step.name, field=field)


def _strictly(duration: str) -> str:
    upper = duration.upper()
    return upper if upper.startswith("P") else f"P{upper}"


def _policy(step: Step, policy: Any, index: int) -> Iterator[Problem]:
    def wrong(what: str, hint: str, *member: str) -> Problem:
        field = write_path(("RetryPolicies", index, *member))
        return Problem("bad-retry-policy", what, hint, step=step.name, field=field)

    if not isinstance(policy, dict):
        yield wrong("a retry policy is an object", 'write {"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 3}')
        return
    for key in policy:
        if key not in _POLICY:
            yield wrong(f"'{key:.80}' is not a member of a retry policy", did_you_mean(key, _POLICY), key)
    yield from _exceptions(step, policy.get("ExceptionType"), f"RetryPolicies[{index}].ExceptionType")
    ends = [key for key in ("MaxAttempts", "ExpireAfterMin") if policy.get(key) is not None]
    if len(ends) != 1:
        what = "both MaxAttempts and ExpireAfterMin are given" if ends else "nothing says when to give up"
        yield wrong(what, "give exactly one of MaxAttempts and ExpireAfterMin")
    for key, low, high in (("MaxAttempts", 1, MOST_ATTEMPTS), ("ExpireAfterMin", 1, MOST_MINUTES)):
        value = policy.get(key)
        if value is not None and not (_is_number(value, int) and low <= value <= high):
            yield wrong(f"{key} is {value!r:.80}", f"a whole number from {low} to {high}", key)
    for key in ("BackoffRate", "IntervalSeconds"):
        value = policy.get(key)
        if value is not None and not (_is_number(value, (int, float)) and value > 0):
            yield wrong(f"{key} is {value!r:.80}", "a number above 0", key)


def _exceptions(step: Step, types: Any, field: str) -> Iterator[Problem]:
    if not isinstance(types, list) or not types:
        what = "ExceptionType is not a list of failures to try again"
        yield Problem("bad-retry-policy", what, 'write ["Step.THROTTLING"]', step=step.name, field=field)
        return
    without_jobs = step.type in ("Model", "RegisterModel")
    known = OF_THE_STEP if without_jobs else (*OF_THE_STEP, *OF_THE_JOB)
    for index, kind in enumerate(types):
        place = f"{field}[{index}]"
        if kind not in known:
            known_elsewhere = kind in OF_THE_JOB
            what = (
                f"a {step.type} step starts no job that could end in {kind}"
                if known_elsewhere
                else (f"{kind!r:.80} is not a failure that is tried again")
            )
            hint = f"use {listed(known)}" if known_elsewhere else did_you_mean(str(kind), known)
            yield Problem("bad-retry-exception", what, hint, step=step.name, field=place)
        elif kind == "SageMaker.JOB_INTERNAL_ERROR" and step.type in ("Tuning", "AutoML"):
            what = f"a {step.type} step never tries {kind} again"
            yield Problem("retry-without-effect", what, "remove it", "warning", step.name, place)


def _is_number(value: Any, kinds: type | tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)
