"""Ranges, strategies, and the rules that end trials and tuning jobs."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from itertools import islice
from typing import Any

import pytest

from dagwright.engines.local.tuning import Tuning, read_tuning
from dagwright.engines.local.tuning_ranges import Range, read_ranges
from dagwright.engines.local.tuning_search import Observation, Search, searches
from dagwright.engines.local.tuning_stopping import Completion, MedianRule
from dagwright.errors import ExecutionError

PLACES = [number / 100 for number in range(101)]


def numeric(kind: str, low: Any, high: Any, scale: str = "Auto", name: str = "x") -> dict[str, Any]:
    item = {"Name": name, "MinValue": str(low), "MaxValue": str(high), "ScalingType": scale}
    return {f"{kind}ParameterRanges": [item]}


def read(given: Mapping[str, Any]) -> Range:
    (found,) = read_ranges(given, {})
    return found


def job(ranges: Mapping[str, Any], strategy: str = "Random", **config: Any) -> Tuning:
    """The tuning job of a request."""
    training = {
        "AlgorithmSpecification": {"MetricDefinitions": [{"Name": "loss", "Regex": "loss=(.*)"}]},
        "StaticHyperParameters": config.pop("static", {}),
    }
    given = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {"Type": config.pop("objective", "Minimize"), "MetricName": "loss"},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 5, "MaxParallelTrainingJobs": 1},
        "ParameterRanges": dict(ranges),
        **config,
    }
    return read_tuning({"HyperParameterTuningJobConfig": given, "TrainingJobDefinition": training})


# ---- ranges ----


def test_whole_numbers_come_equally_often_and_the_ends_are_reached() -> None:
    values = [read(numeric("Integer", 2, 6)).at(place) for place in PLACES]
    assert {int(value) for value in values} == {2, 3, 4, 5, 6}
    assert max(values.count(value) for value in set(values)) - min(values.count(value) for value in set(values)) <= 2


@pytest.mark.parametrize(
    ("low", "high", "scale", "middle"),
    [
        (0, 1, "Linear", 0.5),
        (0.01, 100, "Logarithmic", 1.0),
        (0.01, 100, "Auto", 1.0),
        (1, 10, "Auto", 5.5),
        (0, 1000, "Auto", 500.0),
        (0, 0.9999, "ReverseLogarithmic", 0.99),
    ],
)
def test_scales(low: float, high: float, scale: str, middle: float) -> None:
    one = read(numeric("Continuous", low, high, scale))
    assert float(one.at(0.5)) == pytest.approx(middle)
    assert (float(one.at(0)), float(one.at(1))) == pytest.approx((low, high))


@pytest.mark.parametrize(
    "one",
    [
        read(numeric("Continuous", -3, 8)),
        read(numeric("Continuous", 0.001, 8, "Logarithmic")),
        read(numeric("Continuous", 0, 0.99, "ReverseLogarithmic")),
        read(numeric("Integer", 1, 4000)),
        read(numeric("Integer", 5, 5)),
        Range("c", ("a", '"b"', "1")),
    ],
)
def test_a_value_leads_back_to_its_place(one: Range) -> None:
    for place in PLACES:
        back = one.place_of(one.at(place))
        assert back is not None
        again = one.at(back)
        assert again == one.at(place) or float(again) == pytest.approx(float(one.at(place)))
    assert one.place_of("1e9") is None


@pytest.mark.parametrize(
    ("hint", "low", "high"), [("0.1", 0.01, 1.0), ("20", 2, 200), ("5", 1, 50), ("0", 0, 1), ("-2", -20, 0)]
)
def test_an_auto_parameter_is_searched_around_its_example(hint: str, low: float, high: float) -> None:
    one = read({"AutoParameters": [{"Name": "x", "ValueHint": hint}]})
    assert (float(one.at(0)), float(one.at(1))) == pytest.approx((low, high))
    assert one.whole is ("." not in hint)


@pytest.mark.parametrize(("low", "high"), [(2**53 + 1, 2**53 + 1), (2**53 + 1, 2**53 + 7), (1, 10**25 + 1)])
def test_large_whole_numbers_keep_their_last_digits(low: int, high: int) -> None:
    one = read(numeric("Integer", low, high, "Linear"))
    assert (one.at(0), one.at(1), one.count) == (str(low), str(high), high - low + 1)
    assert None not in (one.place_of(str(low)), one.place_of(str(high)))
    assert one.place_of(str(high + 1)) is None


def test_a_range_as_wide_as_numbers_are() -> None:
    one = read(numeric("Continuous", -1.5e308, 1.5e308))
    assert [one.at(place) for place in (0, 0.5, 1)] == ["-1.5e+308", "0.0", "1.5e+308"]


def test_a_whole_example_has_a_whole_range_around_it() -> None:
    one = read({"AutoParameters": [{"Name": "x", "ValueHint": "-3"}]})
    assert None not in [one.place_of(one.at(place)) for place in PLACES]
    assert read({"AutoParameters": [{"Name": "x", "ValueHint": "1e308"}]}).values == ("1e308",)


def test_auto_parameters_that_are_no_numbers() -> None:
    assert read({"AutoParameters": [{"Name": "x", "ValueHint": "gbtree"}]}).values == ("gbtree",)
    assert read({"AutoParameters": [{"Name": "x", "ValueHint": "True"}]}).values == ("True", "False")


def test_everything_wrong_with_ranges_is_said_at_once() -> None:
    wrong = {**numeric("Continuous", 5, 1), **numeric("Integer", "a", 2, name="y")}
    with pytest.raises(ExecutionError, match=r"MinValue of 'y'.*'x' goes from 5 down to 1"):
        read_ranges(wrong, {})
    with pytest.raises(ExecutionError, match="no range to search"):
        read_ranges({}, {})


# ---- strategies ----


def asked(search: Search, count: int) -> list[dict[str, str]]:
    return [found[1] for found in islice(iter(search.ask, None), count)]


def test_a_random_search_of_a_small_space_tries_all_of_it_once() -> None:
    (search,) = searches(job(numeric("Integer", 1, 4)), seed=1)
    assert sorted(one["x"] for one in asked(search, 9)) == ["1", "2", "3", "4"]


def lowest(strategy: str, seed: int, trials: int = 15) -> float:
    """The lowest value of a smooth function of two hyperparameters that so many trials find."""
    ranges = {
        "ContinuousParameterRanges": [
            numeric("Continuous", 0, 1, name=name)["ContinuousParameterRanges"][0] for name in "xy"
        ]
    }
    (search,) = searches(job(ranges, strategy), seed)
    values = []
    for _ in range(trials):
        found = search.ask()
        assert found
        ticket, tuned = found
        values.append((float(tuned["x"]) - 0.73) ** 2 + (float(tuned["y"]) - 0.21) ** 2)
        search.tell(ticket, Observation(values[-1]))
    return min(values)


def test_a_random_search_tries_nothing_twice_while_something_is_left() -> None:
    (search,) = searches(job(numeric("Integer", 1, 300, "Logarithmic")), seed=1)
    found = [one["x"] for one in asked(search, 301)]
    assert len(found) == len(set(found)) == 300


def test_bayesian_trials_find_more_than_as_many_random_ones() -> None:
    """On a smooth function, on average over seeds; of single seeds either may be luckier."""
    bayesian, at_random = (
        statistics.mean(lowest(strategy, seed) for seed in range(12)) for strategy in ("Bayesian", "Random")
    )
    assert bayesian < at_random / 1.5


def test_a_bayesian_search_of_categories_and_whole_numbers_gives_their_texts() -> None:
    ranges = {**numeric("Integer", 1, 3), "CategoricalParameterRanges": [{"Name": "c", "Values": ['"a"', '"b"']}]}
    (search,) = searches(job(ranges, "Bayesian"), seed=5)
    for one in asked(search, 12):
        assert one["x"] in ("1", "2", "3")
        assert one["c"] in ('"a"', '"b"')


def test_a_bayesian_search_learns_from_failed_and_stopped_trials_as_well() -> None:
    (search,) = searches(job(numeric("Continuous", 0, 1), "Bayesian"), seed=5)
    for observation in (Observation(None), Observation(0.5, stopped=True), Observation(0.1)) * 3:
        found = search.ask()
        assert found
        search.tell(found[0], observation)


def test_what_was_learned_before_leads_the_search() -> None:
    near = []
    for warm in (True, False):
        (search,) = searches(job(numeric("Continuous", 0, 1), "Bayesian"), seed=2)
        for number in range(20 if warm else 0):
            search.learn({"x": str(number / 20), "other": "1"}, (number / 20 - 0.6) ** 2)
        search.learn({"x": "7"}, 0.0)
        near.append(statistics.mean(abs(float(one["x"]) - 0.6) for one in asked(search, 8)))
    assert near[0] < near[1] / 1.5


def test_hyperband_stops_the_worst_at_its_rungs() -> None:
    config = {"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}}}
    (search,) = searches(job(numeric("Continuous", 0, 1), "Hyperband", **config), seed=1)
    stopped_at = []
    for number in range(12):
        found = search.ask()
        assert found
        curve = [float(number + 1)] * 9
        epochs = next((epoch for epoch in range(1, 10) if search.is_hopeless(found[0], curve[:epoch])), 10)
        stopped_at.append(epochs)
        search.tell(found[0], Observation(curve[0], stopped=epochs < 10))
    assert stopped_at[0] == 10
    assert sum(epochs < 9 for epochs in stopped_at) >= 4
    assert search.is_hopeless(search.ask()[0], [0.0] * 10)  # type: ignore[index]


@pytest.mark.parametrize(
    ("static", "most"), [({"epochs": "9"}, 9), ({"n_epochs": '"12"'}, 12), ({"epochs": "2", "num_epochs": "5"}, 5)]
)
def test_the_most_resource_of_hyperband_is_inferred(static: dict[str, str], most: int) -> None:
    assert job(numeric("Continuous", 0, 1), "Hyperband", static=static).max_resource == most


# ---- endings ----


def test_the_median_rule() -> None:
    rule = MedianRule(job(numeric("Continuous", 0, 1)))
    for curve in ([9, 5, 3], [8, 4, 2], [10, 6]):
        assert not rule.is_hopeless([100])
        rule.finished(curve)
    assert rule.is_hopeless([9.5])
    assert not rule.is_hopeless([9])  # the median itself
    assert rule.is_hopeless([1, 7.5])  # running averages 7, 6 and 8
    assert not rule.is_hopeless([1, 7])
    assert not rule.is_hopeless([9, 9, 9])  # only two have come so far
    assert not rule.is_hopeless([])


def test_an_improvement_is_a_hundredth() -> None:
    completion = Completion(job(numeric("Continuous", 0, 1)))
    for value, count in ((100, 0), (99.5, 1), (99.2, 2), (None, 3), (98.9, 0), (99, 1)):
        completion.finished(value)
        assert completion.not_improving == count
    assert completion.reason() == ""


def test_convergence_ends_a_tuning_job() -> None:
    criteria = {"TuningJobCompletionCriteria": {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}}
    completion = Completion(job(numeric("Continuous", 0, 1), **criteria))
    completion.finished(1.0)
    for _ in range(9):
        completion.finished(1.0)
        assert not completion.converged
    completion.finished(1.0)
    assert completion.reason() == "it has converged: 10 training jobs without an improvement"
