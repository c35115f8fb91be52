"""How long a state machine takes beside the pipeline it is made of: the longest way through each, for random graphs.

Nothing is timed: expected durations are numbers, and the figures are the same on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import TypeAlias

from dagwright.engines.stepfunctions.compiler.structure import critical_path, levels, structure, tree_critical_path

Order: TypeAlias = Mapping[str, Sequence[str]]
GRAPHS = 100
_HEAD = ("random graphs of 10 to 60 steps", "graphs", "ours: mean", "largest", "level by level: mean", "largest")


def rows() -> Iterator[tuple[str, ...]]:
    """One row for each kind of graph: longest way of the machine over that of the graph, ours and level by level."""
    kinds: dict[str, Callable[[random.Random], Order]] = {
        "series and parallel only": _nested,
        "1 dependency each": lambda chance: _any(chance, 1),
        "2 dependencies each": lambda chance: _any(chance, 2),
        "4 dependencies each": lambda chance: _any(chance, 4),
    }
    for name, draw in kinds.items():
        chance = random.Random(name)
        ours, theirs = [], []
        for _ in range(GRAPHS):
            order = draw(chance)
            durations = {step: float(chance.randint(1, 10)) for step in order}
            shortest = critical_path(order, durations)
            ours.append(tree_critical_path(structure(order, durations), durations) / shortest)
            theirs.append(tree_critical_path(levels(order), durations) / shortest)
        yield (name, str(GRAPHS), *(f"{figure:.3f}" for figure in (fmean(ours), max(ours), fmean(theirs), max(theirs))))


def shown() -> str:
    """The rows as a table."""
    table = [_HEAD, *rows()]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEAD))]
    lines = [f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |" for row in table]
    lines.insert(1, f"| {' | '.join('-' * width for width in widths)} |")
    return "\n".join(lines)


def _any(chance: random.Random, dependencies: int) -> Order:
    """Each step waits, on average, for so many of those before it."""
    count = chance.randint(10, 60)
    share = 2 * dependencies / count
    names = [f"s{number}" for number in range(count)]
    return {name: [before for before in names[:index] if chance.random() < share] for index, name in enumerate(names)}


def _nested(chance: random.Random) -> Order:
    """Rows and rows side by side, nested at random."""
    order: dict[str, list[str]] = {}

    def grow(before: list[str], depth: int) -> list[str]:
        """A part that begins after `before`; the steps that it ends with."""
        if depth == 0 or chance.random() < 0.2:
            name = f"s{len(order)}"
            order[name] = before
            return [name]
        if chance.random() < 0.5:
            for _ in range(chance.randint(2, 4)):
                before = grow(before, depth - 1)
            return before
        return [last for _ in range(chance.randint(2, 4)) for last in grow(before, depth - 1)]

    grow([], 4)
    return order
