"""Whether data still are what a baseline says of them.

What comes in: statistics of the data, and the constraints and statistics of the baseline, in the schemas of Model
Monitor. What goes out: violations. Statistics are all that is known: what would need the rows is in docs/checks.md.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from dagwright.engines.local.drift_documents import Comparison, Documents, number
from dagwright.engines.local.request import member, objects

_UNKNOWN = "Unknown"
_THRESHOLD = 0.1  # the default of every threshold ("Schema for Constraints")
_ROBUST = ("Robust", "linf_robust")
Feature = Mapping[str, Any]


def data_quality(current: Documents, baseline: Documents) -> Comparison:
    """What has drifted from the baseline. Raises ExecutionError for documents that are not in their schema."""
    comparison = Comparison()
    config = member(baseline.constraints, "monitoring_config", dict, {})
    if config.get("evaluate_constraints") == "Disabled":
        comparison.notes.append("nothing is compared: the baseline's evaluate_constraints is Disabled")
        return comparison
    features = _by_name(current.statistics)
    constraints = _by_name(baseline.constraints)
    _columns(features, constraints, comparison)
    before = _by_name(baseline.statistics)
    for name in (name for name in constraints if name in features):
        own = {**config, **member(constraints[name], "monitoringConfigOverrides", dict, {})}
        _values(name, features[name], constraints[name], own, comparison)
        if name in before:
            _distribution(name, features[name], before[name], own, comparison)
    if not before:
        comparison.notes.append("no distributions are compared: there are no statistics of the baseline")
    return comparison


def _by_name(document: Mapping[str, Any]) -> dict[str, Feature]:
    return {member(feature, "name", str, ""): feature for feature in objects(document, "features")}


def _columns(features: Mapping[str, Feature], constraints: Mapping[str, Feature], comparison: Comparison) -> None:
    missing = [name for name in constraints if name not in features]
    extra = [name for name in features if name not in constraints]
    counts = f"{len(features)} columns now, {len(constraints)} in the baseline"
    if missing:
        what = f"Not in the data: {', '.join(missing)}; {counts}"
        comparison.add("missing_column_check", what, feature_name="Missing columns")
    if extra:
        what = f"Not in the baseline: {', '.join(extra)}; {counts}"
        comparison.add("extra_column_check", what, feature_name="Extra columns")


# ---- the values of a column ----


def _values(name: str, feature: Feature, constraint: Feature, config: Mapping[str, Any], found: Comparison) -> None:
    _type(name, feature, constraint, config, found)
    _completeness(name, feature, constraint, found)
    _domain(name, feature, constraint, config, found)
    least = number(feature.get("numerical_statistics"), "min")
    if member(constraint, "num_constraints.is_non_negative", bool, False) and least is not None and least < 0:
        found.notes.append(f"{name} has {least:g} and is_non_negative in the baseline, which is no violation there is")


def _type(name: str, feature: Feature, constraint: Feature, config: Mapping[str, Any], found: Comparison) -> None:
    expected = member(constraint, "inferred_type", str, _UNKNOWN)
    seen = member(feature, "inferred_type", str, _UNKNOWN)
    required = number(config, "datatype_check_threshold", _THRESHOLD) or 0.0
    if _UNKNOWN not in (expected, seen) and expected != seen and required > 0:
        what = f"Expected data type: {expected}, at least {required:.1%} of the values. Observed: {seen}"
        found.add("data_type_check", what, feature_name=name)


def _completeness(name: str, feature: Feature, constraint: Feature, found: Comparison) -> None:
    required, (present, missing) = number(constraint, "completeness"), _counts(feature)
    if required is None or not present + missing:
        return
    share = present / (present + missing)
    if share < required:
        what = f"Expected completeness: {required:.1%}. Observed: {share:.4%} of the values are there"
        found.add("completeness_check", what, feature_name=name)


def _counts(feature: Feature) -> tuple[float, float]:
    """How many values are there, and how many are missing."""
    kinds = (feature.get("numerical_statistics"), feature.get("string_statistics"))
    common = next((kind.get("common") for kind in kinds if isinstance(kind, Mapping)), None)
    return number(common, "num_present", 0.0) or 0.0, number(common, "num_missing", 0.0) or 0.0


def _domain(name: str, feature: Feature, constraint: Feature, config: Mapping[str, Any], found: Comparison) -> None:
    """The threshold is the share of the values that must be known ones: what the analyzer suggests is 1.0."""
    domain = set(map(str, member(constraint, "string_constraints.domains", list, [])))
    counts = _categories(feature)
    total = sum(counts.values())
    if not domain or not total:
        return
    share = sum(count for value, count in counts.items() if value in domain) / total
    required = number(config, "domain_content_threshold", _THRESHOLD) or 0.0
    if share < required:
        unknown = sorted(value for value in counts if value not in domain)
        shown = ", ".join(unknown[:5]) + (" …" if len(unknown) > 5 else "")
        what = f"Expected values of the baseline: {required:.1%}. Observed: {share:.4%}; unknown are {shown}"
        found.add("categorical_values_check", what, feature_name=name)


# ---- the distribution of a column ----


def _distribution(name: str, feature: Feature, before: Feature, config: Mapping[str, Any], found: Comparison) -> None:
    options = member(config, "distribution_constraints", dict, {})
    if options.get("perform_comparison") == "Disabled":
        return
    threshold = number(options, "comparison_threshold", _THRESHOLD) or 0.0
    apart = _numbers_apart(feature, before)
    if apart is None and _categories(feature) and _categories(before):
        if options.get("categorical_drift_method") == "ChiSquared":
            found.notes.append(f"the distribution of {name} is not compared: ChiSquared")
            return
        threshold = number(options, "categorical_comparison_threshold", threshold) or 0.0
        apart = _categories_apart(_categories(feature), _categories(before))
    if apart is None:
        return
    distance = apart
    if options.get("comparison_method") in _ROBUST:
        distance = robust(apart, _counts(feature)[0], _counts(before)[0])
    if distance > threshold:
        what = f"Baseline drift distance: {distance:.6g} exceeds threshold: {threshold:g}"
        found.add("baseline_drift_check", what, feature_name=name)


def robust(distance: float, one: float, two: float) -> float:
    """A distance of distributions less what as few samples as `one` and `two` may be apart by chance.

    The formula is that of Deequ, the library the analyzer is built on; it comes from the two-sample Kolmogorov-Smirnov
    test.
    """
    return max(0.0, distance - 1.8 * math.sqrt((one + two) / (one * two))) if one and two else 0.0


def _categories(feature: Feature) -> dict[str, float]:
    """How often each value is there, as far as the statistics count them."""
    buckets = objects(feature, "string_statistics.distribution.categorical.buckets")
    return {str(bucket.get("value")): number(bucket, "count", 0.0) or 0.0 for bucket in buckets}


def _categories_apart(one: Mapping[str, float], two: Mapping[str, float]) -> float | None:
    """The greatest difference between the shares of a value."""
    all_one, all_two = sum(one.values()), sum(two.values())
    if not all_one or not all_two:
        return None
    return max(abs(one.get(value, 0) / all_one - two.get(value, 0) / all_two) for value in one.keys() | two.keys())


def _numbers_apart(one: Feature, two: Feature) -> float | None:
    """The greatest difference between two cumulative distribution functions: by both sketches, else by both buckets;
    None if one has neither."""
    sketches = _sketch(one), _sketch(two)
    if all(sketches):
        return _steps_apart(*sketches)
    buckets = _buckets(one), _buckets(two)
    return _slopes_apart(*buckets) if all(buckets) else None


def _sketch(feature: Feature) -> Counter[float]:
    """The weight of each value of a KLL sketch: one of the n-th compactor stands for 2^n."""
    weights: Counter[float] = Counter()
    for level, values in enumerate(member(feature, "numerical_statistics.distribution.kll.sketch.data", list, [])):
        for value in values if isinstance(values, list) else ():
            if isinstance(value, (int, float)) and abs(value) <= sys.float_info.max:
                weights[float(value)] += 1 << level
    return weights


def _steps_apart(one: Counter[float], two: Counter[float]) -> float:
    all_one, all_two = one.total(), two.total()
    sum_one = sum_two = 0
    greatest = 0.0
    for value in sorted(one.keys() | two.keys()):
        sum_one, sum_two = sum_one + one[value], sum_two + two[value]
        greatest = max(greatest, abs(sum_one / all_one - sum_two / all_two))
    return greatest


def _buckets(feature: Feature) -> list[tuple[float, float, float]]:
    """(lower bound, upper bound, share of all values)."""
    buckets = objects(feature, "numerical_statistics.distribution.kll.buckets")
    read = [[number(bucket, name) for name in ("lower_bound", "upper_bound", "count")] for bucket in buckets]
    whole = [(low, high, count) for low, high, count in read if low is not None and high is not None and count]
    total = sum(count for _, _, count in whole)
    return [(low, high, count / total) for low, high, count in whole]


def _slopes_apart(one: list[tuple[float, float, float]], two: list[tuple[float, float, float]]) -> float:
    """Values are spread evenly in a bucket; one without width is a step, so both sides of each bound count."""
    bounds = {bound for low, high, _ in [*one, *two] for bound in (low, high)}
    return max(abs(_below(one, bound, up_to) - _below(two, bound, up_to)) for bound in bounds for up_to in (0, 1))


def _below(buckets: list[tuple[float, float, float]], bound: float, up_to: int) -> float:
    """The share of the values below a bound; with `up_to`, of those at it as well."""
    share = 0.0
    for low, high, part in buckets:
        if high > low:
            share += part * min(1.0, max(0.0, (bound - low) / (high - low)))
        elif high < bound or (up_to and high == bound):
            share += part
    return share
