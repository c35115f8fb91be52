"""Whether what a check has calculated keeps to a baseline.

What comes in: the documents that the containers of Model Monitor and Clarify write, of this run and of the baseline.
What goes out: violations, in the words of `constraint_violations.json`, and notes on what could not be compared.

The rules are those of the developer guide: "Schema for Violations" and "Schema for Constraints" of Model Monitor, "Bias
Drift Violations" and "Monitor Feature Attribution Drift" of Clarify. docs/checks.md says what they leave open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from dagwright.engines.local.data_drift import data_quality
from dagwright.engines.local.drift_documents import Comparison, Documents, number
from dagwright.engines.local.request import member, objects
from dagwright.errors import ExecutionError

LOWEST_NDCG = 0.9
_BALANCED: Mapping[str, float] = {"DI": 1.0}
"""What a bias metric is where nobody is favoured, if it is not 0: disparate impact is a ratio."""
_PROBLEMS = ("binary_classification", "multiclass_classification", "regression")
_VIOLATED: Mapping[str, Callable[[float, float], bool]] = {
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
}


def compare(check_type: str, current: Documents, baseline: Documents) -> Comparison:
    """What has drifted from `baseline`. Raises ExecutionError for documents that are not in their schema."""
    return _COMPARISONS[check_type](current, baseline)


# ---- model quality ----


def model_quality(current: Documents, baseline: Documents) -> Comparison:
    """Metrics beyond their threshold, on the side that `comparison_operator` names."""
    comparison = Comparison()
    for problem in _PROBLEMS:
        metrics = member(current.statistics, f"{problem}_metrics", dict, {})
        for name, constraint in member(baseline.constraints, f"{problem}_constraints", dict, {}).items():
            value, threshold = number(metrics.get(name), "value"), number(constraint, "threshold")
            if value is None or threshold is None:
                comparison.notes.append(f"{name} is not compared: it or its threshold has no value")
                continue
            operator = member(constraint, "comparison_operator", str, "")
            if operator not in _VIOLATED:
                raise ExecutionError(f"The baseline's comparison_operator of {name} is {operator!a:.80}")
            if _VIOLATED[operator](value, threshold):
                what = f"Metric {name} with {value} was {operator} {threshold}"
                comparison.add(operator, what, metric_name=name)
    return comparison


# ---- bias ----


def data_bias(current: Documents, baseline: Documents) -> Comparison:
    """Bias of the data before training that is worse than the baseline's."""
    return _bias("pre_training_bias_metrics", current.constraints, baseline.constraints)


def model_bias(current: Documents, baseline: Documents) -> Comparison:
    """The same of the model's predictions."""
    return _bias("post_training_bias_metrics", current.constraints, baseline.constraints)


def _bias(section: str, current: Mapping[str, Any], baseline: Mapping[str, Any]) -> Comparison:
    comparison = Comparison()
    values = {found[:3]: found[3] for found in _bias_metrics(section, current)}
    for facet, facet_value, metric, limit in _bias_metrics(section, baseline):
        value = values.get((facet, facet_value, metric))
        if value is None or limit is None:
            comparison.notes.append(f"{metric} of {facet}={facet_value} is not compared: it has no value on both sides")
            continue
        balanced = _BALANCED.get(metric, 0.0)
        if abs(value - balanced) > abs(limit - balanced):
            what = f"Value {value} is farther from {balanced:g} than the baseline's {limit}"
            names = {"facet": facet, "facet_value": facet_value, "metric_name": metric}
            comparison.add("bias_drift_check", what, **names)
    return comparison


def _bias_metrics(section: str, analysis: Mapping[str, Any]) -> Iterator[tuple[str, str, str, float | None]]:
    """(facet, its value, metric, value) of an analysis.json."""
    facets = member(analysis, f"{section}.facets", dict, {})
    for facet in facets:
        for group in objects(facets, facet):
            for metric in objects(group, "metrics"):
                name = member(metric, "name", str, "")
                yield facet, str(group.get("value_or_threshold", "")), name, number(metric, "value")


# ---- explainability ----


def explainability(current: Documents, baseline: Documents) -> Comparison:
    """Labels whose features have come into another order of importance: an nDCG below 0.9."""
    comparison = Comparison()
    found = dict(_attributions(current.constraints))
    for label, before in _attributions(baseline.constraints):
        if label not in found:
            comparison.notes.append(f"the attributions of {label} are not compared: there are none now")
            continue
        score = ndcg(before, found[label])
        if score < LOWEST_NDCG:
            what = f"Feature attribution drift {score} exceeds threshold {LOWEST_NDCG}"
            comparison.add("feature_attribution_drift_check", what, label=label, metric_name="shap")
    return comparison


def _attributions(analysis: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, float]]]:
    """(label, global SHAP value by feature) of an analysis.json."""
    methods = member(analysis, "explanations", dict, {})
    for labels in methods.values():
        for label, found in labels.items() if isinstance(labels, Mapping) else ():
            values = found.get("global_shap_values") if isinstance(found, Mapping) else None
            if isinstance(values, Mapping):
                yield label, {name: number(values, name) or 0.0 for name in values}


def ndcg(baseline: Mapping[str, float], current: Mapping[str, float]) -> float:
    """The normalised discounted cumulative gain of the features in their present order, each worth what it was.

    >>> ndcg({"a": 0.5, "b": 0.5}, {"a": 0.1, "b": 0.2})
    1.0
    """
    ideal = _gain(sorted(baseline.values(), reverse=True))
    order = sorted(baseline, key=lambda feature: -current.get(feature, 0.0))
    return _gain([baseline[feature] for feature in order]) / ideal if ideal else 1.0


def _gain(values: list[float]) -> float:
    return math.fsum(value / math.log2(place + 2) for place, value in enumerate(values))


_COMPARISONS: Mapping[str, Callable[[Documents, Documents], Comparison]] = {
    "DATA_QUALITY": data_quality,
    "MODEL_QUALITY": model_quality,
    "DATA_BIAS": data_bias,
    "MODEL_BIAS": model_bias,
    "MODEL_EXPLAINABILITY": explainability,
}
