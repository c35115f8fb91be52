"""Which hyperparameters a tuning job tries next: by its strategy, out of what has been tried.

What comes in: ranges, a seed, the objectives of trials that have ended. What goes out: hyperparameters, and for
Hyperband whether a running trial is worth going on with. Everything is asked from one thread; the same seed and the
same answers in the same order give the same trials again.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dagwright.engines.local.tuning import GRID, HYPERBAND, RANDOM, Tuning
from dagwright.engines.local.tuning_ranges import Range, combinations

if TYPE_CHECKING:
    import optuna

_SEEDS = 1 << 32
_AT_RANDOM = 3
"""How many trials of a Bayesian search are random before it learns: few, as the budgets of tuning jobs are small."""
_REDRAWS = 100


@dataclass(frozen=True)
class Observation:
    """How a trial has ended: its objective, if it had one; `stopped` if it was ended before its time."""

    value: float | None
    stopped: bool = False


class Search(Protocol):
    """A search of the ranges of one training job definition. A ticket stands for a trial."""

    def ask(self) -> tuple[int, dict[str, str]] | None:
        """The ticket and the hyperparameters of a further trial; None if there is nothing left to try."""

    def is_hopeless(self, ticket: int, values: Sequence[float]) -> bool:
        """Whether a trial that has had these objective values so far is better stopped."""

    def tell(self, ticket: int, observation: Observation) -> None:
        """A trial has ended."""

    def learn(self, tuned: Mapping[str, str], value: float) -> None:
        """What an earlier tuning job has found out."""


def searches(tuning: Tuning, seed: int) -> list[Search]:
    """One for each definition of a tuning job."""
    return [_search(tuning, one.ranges, seed + number) for number, one in enumerate(tuning.definitions)]


def _search(tuning: Tuning, ranges: Sequence[Range], seed: int) -> Search:
    if tuning.strategy == GRID:
        return Listed(_grid(ranges))
    if tuning.strategy == RANDOM:
        return Listed(at_random(ranges, seed))
    resources = (tuning.min_resource, tuning.max_resource) if tuning.strategy == HYPERBAND else None
    return Optimised(ranges, seed % _SEEDS, tuning.maximize, resources)


class Listed:
    """A search that learns nothing: its trials are settled beforehand."""

    def __init__(self, trials: Iterator[dict[str, str]]) -> None:
        self._trials = enumerate(trials)

    def ask(self) -> tuple[int, dict[str, str]] | None:
        return next(self._trials, None)

    def is_hopeless(self, ticket: int, values: Sequence[float]) -> bool:
        return False

    def tell(self, ticket: int, observation: Observation) -> None: ...
    def learn(self, tuned: Mapping[str, str], value: float) -> None: ...


def _grid(ranges: Sequence[Range]) -> Iterator[dict[str, str]]:
    for values in itertools.product(*(one.values for one in ranges)):
        yield dict(zip((one.name for one in ranges), values, strict=True))


def at_random(ranges: Sequence[Range], seed: int) -> Iterator[dict[str, str]]:
    """Nothing twice as long as there is anything else: a small space is left when it has been tried."""
    dice = random.Random(seed)  # noqa: S311 - not a secret
    count = combinations(ranges)
    seen: set[tuple[str, ...]] = set()
    while count is None or len(seen) < count:
        values: tuple[str, ...] = ()
        for _ in range(_REDRAWS):
            values = tuple(one.at(dice.random()) for one in ranges)
            if values not in seen:
                break
        else:
            values = next(values for values in itertools.product(*(one.each() for one in ranges)) if values not in seen)
        seen.add(values)
        yield dict(zip((one.name for one in ranges), values, strict=True))


class Optimised:
    """A search by optuna: a tree-structured Parzen estimator over all hyperparameters together, and for Hyperband,
    with `resources` from least to most, successive halving in brackets."""

    def __init__(
        self, ranges: Sequence[Range], seed: int, maximize: bool, resources: tuple[int, int] | None = None
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna
        self._ranges = ranges
        self._most = resources[1] if resources else None
        pruner: optuna.pruners.BasePruner = optuna.pruners.NopPruner()
        if resources:
            pruner = optuna.pruners.HyperbandPruner(min_resource=resources[0], max_resource=resources[1])
        sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_AT_RANDOM, multivariate=True)
        directions = optuna.study.StudyDirection
        direction = directions.MAXIMIZE if maximize else directions.MINIMIZE
        self._study = optuna.create_study(direction=direction, sampler=sampler, pruner=pruner, study_name="tuning")
        self._space: dict[str, optuna.distributions.BaseDistribution] = {
            one.name: optuna.distributions.CategoricalDistribution(one.values)
            if one.values
            else optuna.distributions.FloatDistribution(0.0, 1.0)
            for one in ranges
        }
        self._trials: dict[int, optuna.Trial] = {}
        self._seen: dict[int, int] = {}

    def ask(self) -> tuple[int, dict[str, str]] | None:
        trial = self._study.ask(self._space)
        self._trials[trial.number] = trial
        found = {
            one.name: trial.params[one.name] if one.values else one.at(trial.params[one.name]) for one in self._ranges
        }
        return trial.number, found

    def is_hopeless(self, ticket: int, values: Sequence[float]) -> bool:
        """As Hyperband says, by the number of values: each is an epoch. Beyond the most of them a trial has had its
        share."""
        if self._most is None:
            return False
        trial, hopeless = self._trials[ticket], False
        for epoch in range(self._seen.get(ticket, 0) + 1, min(len(values), self._most) + 1):
            trial.report(values[epoch - 1], epoch)
            hopeless = hopeless or trial.should_prune()
            self._seen[ticket] = epoch
        return hopeless or len(values) > self._most

    def tell(self, ticket: int, observation: Observation) -> None:
        trial, states = self._trials.pop(ticket), self._optuna.trial.TrialState
        if observation.value is None:
            self._study.tell(trial, state=states.FAIL)
        elif observation.stopped:
            self._study.tell(trial, state=states.PRUNED)
        else:
            self._study.tell(trial, observation.value)

    def learn(self, tuned: Mapping[str, str], value: float) -> None:
        """Left out if it lies outside of the ranges."""
        places = {one.name: one.place_of(tuned[one.name]) for one in self._ranges if one.name in tuned}
        if len(places) < len(self._ranges) or None in places.values():
            return
        params = {one.name: tuned[one.name] if one.values else places[one.name] for one in self._ranges}
        create = self._optuna.trial.create_trial
        self._study.add_trial(create(params=params, distributions=self._space, value=value))
