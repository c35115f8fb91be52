"""How far the strategies of a tuning job get: the mean of the best values that N trials find, over twenty seeds.

PYTHONPATH=. python bench/tuning.py
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

from dagwright.engines.local.tuning_ranges import Range
from dagwright.engines.local.tuning_search import Listed, Observation, Optimised, at_random

RANGES = (Range("x", low=0.0, high=1.0), Range("y", low=0.0, high=1.0))
SEEDS = range(20)


def bowl(x: float, y: float) -> float:
    return (x - 0.73) ** 2 + (y - 0.21) ** 2


def branin(x: float, y: float) -> float:
    """A test function of optimisers with three equal minima of 0.398."""
    across, up = 15 * x - 5, 15 * y
    valley = up - 5.1 / (4 * math.pi**2) * across**2 + 5 / math.pi * across - 6
    return valley**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(across) + 10


def lowest(strategy: str, function: Callable[[float, float], float], seed: int, trials: int) -> float:
    search = Optimised(RANGES, seed, maximize=False) if strategy == "Bayesian" else Listed(at_random(RANGES, seed))
    values = []
    for _ in range(trials):
        found = search.ask()
        assert found
        values.append(function(float(found[1]["x"]), float(found[1]["y"])))
        search.tell(found[0], Observation(values[-1]))
    return min(values)


def main() -> None:
    print("| function | trials | Random | Bayesian |\n|---|---|---|---|")
    for function in (bowl, branin):
        for trials in (10, 20, 40):
            means = [
                statistics.mean(lowest(strategy, function, seed, trials) for seed in SEEDS)
                for strategy in ("Random", "Bayesian")
            ]
            print(f"| {function.__name__} | {trials} | {means[0]:.4f} | {means[1]:.4f} |")


if __name__ == "__main__":
    main()
