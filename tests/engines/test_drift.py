"""The comparisons with a baseline, by tables: what is calculated now, the baseline, the violations."""

from __future__ import annotations

from typing import Any

import pytest

from dagwright.engines.local.data_drift import robust
from dagwright.engines.local.drift import compare, ndcg
from dagwright.engines.local.drift_documents import Comparison, Documents, read_document
from dagwright.errors import ExecutionError


def kinds(comparison: Comparison) -> list[str]:
    return [violation["constraint_check_type"] for violation in comparison.violations]


# ---- data quality ----


def number(name: str = "x", present: int = 4, missing: int = 0, **statistics: Any) -> dict[str, Any]:
    common = {"num_present": present, "num_missing": missing}
    return {"name": name, "inferred_type": "Integral", "numerical_statistics": {"common": common, **statistics}}


def text(name: str = "x", **counts: int) -> dict[str, Any]:
    buckets = [{"value": value, "count": count} for value, count in counts.items()]
    common = {"num_present": sum(counts.values()), "num_missing": 0}
    statistics = {"common": common, "distribution": {"categorical": {"buckets": buckets}}}
    return {"name": name, "inferred_type": "String", "string_statistics": statistics}


def sketch(*levels: list[float], present: int = 4) -> dict[str, Any]:
    return number(present=present, distribution={"kll": {"sketch": {"data": list(levels)}}})


def buckets(*rows: tuple[float, float, float]) -> dict[str, Any]:
    listed = [{"lower_bound": low, "upper_bound": high, "count": count} for low, high, count in rows]
    return number(distribution={"kll": {"buckets": listed}})


def quality(feature: dict[str, Any], constraint: dict[str, Any], before: Any = None, **config: Any) -> Comparison:
    baseline = {"features": [{"name": "x", **constraint}], "monitoring_config": config}
    statistics = {"features": [before]} if before else {}
    current = Documents({}, {"features": [feature]})
    return compare("DATA_QUALITY", current, Documents(baseline, statistics))


@pytest.mark.parametrize(
    ("feature", "constraint", "config", "expected"),
    [
        (number(), {"inferred_type": "Integral"}, {}, []),
        (number(), {"inferred_type": "String"}, {}, ["data_type_check"]),
        (number(), {"inferred_type": "Fractional"}, {}, ["data_type_check"]),
        (number(), {"inferred_type": "Unknown"}, {}, []),
        (number(), {"inferred_type": "String"}, {"datatype_check_threshold": 0}, []),
        (number(present=9, missing=1), {"completeness": 0.9}, {}, []),
        (number(present=8, missing=2), {"completeness": 0.9}, {}, ["completeness_check"]),
        (number(present=0, missing=2), {"completeness": 1.0}, {}, ["completeness_check"]),
        (number(present=0), {"completeness": 1.0}, {}, []),
        (text(a=3, b=1), {"string_constraints": {"domains": ["a", "b"]}}, {"domain_content_threshold": 1.0}, []),
        (
            text(a=3, c=1),
            {"string_constraints": {"domains": ["a", "b"]}},
            {"domain_content_threshold": 1.0},
            ["categorical_values_check"],
        ),
        (text(a=3, c=1), {"string_constraints": {"domains": ["a", "b"]}}, {"domain_content_threshold": 0.7}, []),
        (
            text(a=3, c=1),
            {"string_constraints": {"domains": ["a"]}, "monitoringConfigOverrides": {"domain_content_threshold": 1.0}},
            {"domain_content_threshold": 0.5},
            ["categorical_values_check"],
        ),
        (number("y"), {}, {}, ["missing_column_check", "extra_column_check"]),
        (number("y"), {}, {"evaluate_constraints": "Disabled"}, []),
    ],
)
def test_values(feature: Any, constraint: Any, config: Any, expected: list[str]) -> None:
    assert kinds(quality(feature, constraint, **config)) == expected


def test_a_description_says_what_was_expected_and_what_is() -> None:
    (violation,) = quality(number(present=3, missing=1), {"completeness": 1.0}).violations
    assert violation == {
        "feature_name": "x",
        "constraint_check_type": "completeness_check",
        "description": "Expected completeness: 100.0%. Observed: 75.0000% of the values are there",
    }


def test_values_below_0_are_noted_though_no_type_of_violation_is_documented() -> None:
    comparison = quality(number(min=-2), {"num_constraints": {"is_non_negative": True}}, before=number())
    assert (kinds(comparison), len(comparison.notes)) == ([], 1)
    assert "x has -2" in comparison.notes[0]


SIMPLE = {"comparison_threshold": 0.4, "comparison_method": "Simple"}


@pytest.mark.parametrize(
    ("feature", "before", "options", "drifted"),
    [
        (sketch([1, 2, 3, 4]), sketch([1, 2, 3, 4]), SIMPLE, False),
        (sketch([11, 12, 13, 14]), sketch([1, 2, 3, 4]), SIMPLE, True),
        (sketch([1, 3], [2]), sketch([1, 2, 2, 3]), SIMPLE, False),  # one of the second level stands for two
        (sketch([1, 2], [9]), sketch([1, 2, 9]), {**SIMPLE, "comparison_threshold": 0.1}, True),
        (sketch([11, 12, 13, 14]), sketch([1, 2, 3, 4]), {**SIMPLE, "perform_comparison": "Disabled"}, False),
        (sketch([11, 12]), sketch([1, 2]), {"comparison_method": "Robust"}, False),  # so few may be so far apart
        (sketch([11, 12], present=400), sketch([1, 2], present=400), {"comparison_method": "Robust"}, True),
        (buckets((0, 10, 4)), buckets((0, 10, 40)), SIMPLE, False),
        (buckets((0, 10, 4)), buckets((0, 5, 4)), SIMPLE, True),
        (buckets((0, 10, 4)), buckets((10, 10, 4)), SIMPLE, True),  # a step at the upper end of the other
        (buckets((0, 10, 4)), sketch([1, 2, 3, 4]), SIMPLE, False),  # nothing that both have
        (sketch([1, 2, 10**400, float("nan")]), sketch([1, 2]), SIMPLE, False),  # no numbers
        (text(a=5, b=5), text(a=1, b=9), SIMPLE, False),
        (text(a=6, b=4), text(a=1, b=9), SIMPLE, True),
        (text(c=1), text(a=1), SIMPLE, True),
        (text(a=5, b=5), text(a=1, b=9), {**SIMPLE, "categorical_comparison_threshold": 0.3}, True),
        (text(c=1), text(a=1), {**SIMPLE, "categorical_drift_method": "ChiSquared"}, False),
    ],
)
def test_distributions(feature: Any, before: Any, options: Any, drifted: bool) -> None:
    comparison = quality(feature, {}, before, distribution_constraints=options)
    assert kinds(comparison) == (["baseline_drift_check"] if drifted else [])


def test_a_distance_is_robust_by_the_size_of_both_samples() -> None:
    assert robust(0.5, 100, 100) == pytest.approx(0.5 - 1.8 * (200 / 10_000) ** 0.5)
    assert robust(0.5, 0, 100) == 0


# ---- model quality ----


@pytest.mark.parametrize(
    ("value", "operator", "expected"),
    [
        (0.7, "LessThanThreshold", ["LessThanThreshold"]),
        (0.8, "LessThanThreshold", []),
        (0.9, "LessThanThreshold", []),
        (0.9, "GreaterThanThreshold", ["GreaterThanThreshold"]),
        (0.8, "GreaterThanThreshold", []),
        (0.8, "LessThanOrEqualToThreshold", ["LessThanOrEqualToThreshold"]),
        ("NaN", "LessThanThreshold", []),
        (None, "LessThanThreshold", []),
    ],
)
@pytest.mark.parametrize("problem", ["binary_classification", "multiclass_classification", "regression"])
def test_metrics(problem: str, value: Any, operator: str, expected: list[str]) -> None:
    current = Documents({}, {f"{problem}_metrics": {"m": {"value": value}}})
    constraint = {"threshold": 0.8, "comparison_operator": operator}
    comparison = compare("MODEL_QUALITY", current, Documents({f"{problem}_constraints": {"m": constraint}}))
    assert kinds(comparison) == expected
    assert bool(comparison.notes) == (value in ("NaN", None))


def test_an_operator_that_nobody_knows_is_refused() -> None:
    current = Documents({}, {"regression_metrics": {"mae": {"value": 1}}})
    constraint = {"threshold": 2, "comparison_operator": "Near"}
    with pytest.raises(ExecutionError, match="comparison_operator of mae is 'Near'"):
        compare("MODEL_QUALITY", current, Documents({"regression_constraints": {"mae": constraint}}))


# ---- bias and explainability ----


def bias(section: str, value: Any, name: str = "DPPL") -> Documents:
    group = {"value_or_threshold": "40", "metrics": [{"name": name, "value": value}]}
    return Documents({section: {"facets": {"age": [group]}}})


@pytest.mark.parametrize(
    ("name", "before", "now", "worse"),
    [
        ("DPPL", 0.2, 0.1, False),
        ("DPPL", 0.2, -0.3, True),
        ("DPPL", -0.3, 0.3, False),
        ("DI", 0.8, 0.9, False),
        ("DI", 0.8, 0.7, True),
        ("DI", 0.8, 1.5, True),
        ("CI", 0.2, None, False),
        ("CI", None, 0.2, False),
    ],
)
@pytest.mark.parametrize(
    ("check", "section"), [("DATA_BIAS", "pre_training_bias_metrics"), ("MODEL_BIAS", "post_training_bias_metrics")]
)
def test_bias(check: str, section: str, name: str, before: Any, now: Any, worse: bool) -> None:
    comparison = compare(check, bias(section, now, name), bias(section, before, name))
    assert kinds(comparison) == (["bias_drift_check"] if worse else [])
    assert bool(comparison.notes) == (None in (before, now))
    if worse:
        names = {key: comparison.violations[0][key] for key in ("facet", "facet_value", "metric_name")}
        assert names == {"facet": "age", "facet_value": "40", "metric_name": name}


def shap(**values: float) -> Documents:
    return Documents({"explanations": {"kernel_shap": {"label0": {"global_shap_values": values}}}})


@pytest.mark.parametrize(
    ("now", "drifted"),
    [
        (shap(a=0.9, b=0.5, c=0.1), False),
        (shap(a=9, b=5, c=1), False),
        (shap(a=0.9, b=0.1, c=0.5), False),  # the last two have changed places: 0.96
        (shap(a=0.4, b=0.5, c=0.1), True),  # the first two have: 0.88
        (shap(a=0.1, b=0.5, c=0.9), True),
        (shap(c=0.9), True),  # what is not said of the others is 0
    ],
)
def test_attributions(now: Documents, drifted: bool) -> None:
    comparison = compare("MODEL_EXPLAINABILITY", now, shap(a=0.9, b=0.5, c=0.1))
    assert kinds(comparison) == (["feature_attribution_drift_check"] if drifted else [])


def test_the_score_of_attributions_is_scikit_learns() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    before, now = {"a": 0.5, "b": 0.3, "c": 0.2, "d": 0.1}, {"a": 0.1, "b": 0.4, "c": 0.9, "d": 0.2}
    assert ndcg(before, now) == pytest.approx(metrics.ndcg_score([list(before.values())], [list(now.values())]))
    assert ndcg({"a": 0.0}, {"a": 1.0}) == 1


def test_labels_without_attributions_are_noted() -> None:
    comparison = compare("MODEL_EXPLAINABILITY", Documents({}), shap(a=1))
    assert comparison.notes == ["the attributions of label0 are not compared: there are none now"]


# ---- documents ----


@pytest.mark.parametrize("content", ["", "[1]", "[" * 100_000, "{"])
def test_what_is_no_object_is_refused(content: str) -> None:
    with pytest.raises(ExecutionError, match="s3://b/x"):
        read_document(content, "s3://b/x")


@pytest.mark.parametrize("features", [1, [1], [{"name": 1}], [{"name": "x", "numerical_statistics": [1]}]])
def test_what_is_not_in_its_schema_is_refused(features: Any) -> None:
    baseline = Documents({"features": [{"name": "x", "completeness": 1}]}, {"features": features})
    with pytest.raises(ExecutionError, match="must be"):
        compare("DATA_QUALITY", Documents({}, {"features": features}), baseline)
