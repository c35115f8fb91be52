"""From a graph to structured concurrency: steps one after the other and side by side, nested.

What comes in: the names each step waits for, and how long steps are expected to take. What goes out: a tree. An order
that nests (no four steps form an N: c waits for a, d for a and b) is kept as it is: no step waits for anything that it
did not wait for before. Only where it does not nest, a barrier adds waiting, where the longest way grows least by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import frexp, ldexp
from typing import TypeAlias

from dagwright.engines.stepfunctions.compiler.barriers import Plan, largest_weighed, place_barriers
from dagwright.engines.stepfunctions.compiler.order import (
    PartialOrder,
    components,
    longest_ways,
    read_order,
    series_parts,
)

_USUAL = 1.0
# Durations are weighed as whole numbers of so many bits: sums that are equal stay so, whatever is added first.
_BITS = 32


@dataclass(frozen=True)
class Leaf:
    """One step."""

    name: str


@dataclass(frozen=True)
class Series:
    """One after the other. Exact: every step of a child really waits, be it through others, for every step of all
    earlier children; else a barrier was added. The series of no children is the empty pipeline."""

    children: tuple[Tree, ...]
    exact: bool


@dataclass(frozen=True)
class Parallel:
    """Side by side, by the position of their first steps in the document."""

    children: tuple[Tree, ...]


# A Series has no Series of the same exactness for a child, a Parallel no Parallel; no node has one child.
Tree: TypeAlias = Leaf | Series | Parallel


@dataclass
class _Node:
    """A node of the tree to be: a Series if `exact` is said, a Parallel if not, a Leaf if it has a step."""

    step: int = -1
    exact: bool | None = None
    children: list[int] | tuple[()] = ()


def structure(predecessors: Mapping[str, Sequence[str]], durations: Mapping[str, float]) -> Tree:
    """The tree that keeps the order of the steps and adds as little to its longest way as can be found.

    `predecessors` are names in document order, every one a key; `durations` are in any unit, finite and not negative,
    1.0 where missing. Its longest way is that of the graph if the order nests, and never longer than level by level.
    Takes time in proportion to steps and dependencies, and to how deep they nest. Raises InternalError for a circle.
    """
    if not predecessors:
        return Series((), exact=True)
    order = read_order(predecessors)
    weights = _weights(order, durations)
    plan: Plan = {}
    best = _nested(order, weights, plan, by_level=False)
    largest = largest_weighed(len(order.names))
    if any(len(piece) > largest for piece in plan):
        named = dict(zip(order.names, weights, strict=True))
        shortest = max(longest_ways(range(len(weights)), order.before, weights).values())
        if tree_critical_path(best, named) > shortest:
            plan = {piece: halves for piece, halves in plan.items() if len(piece) <= largest}
            other = _nested(order, weights, plan, by_level=True)
            best = min(best, other, key=lambda tree: tree_critical_path(tree, named))
    return best


def _nested(order: PartialOrder, weights: Sequence[int], plan: Plan, by_level: bool) -> Tree:
    """The tree of the whole order; `plan` gets what it needs. `by_level`: how pieces too large to weigh are halved."""
    nodes = [_Node()]
    pending = [(list(range(len(order.names))), nodes[0], False)]
    while pending:
        piece, node, connected = pending.pop()
        if len(piece) == 1:
            node.step = piece[0]
            continue
        parts = [piece] if connected else components(order, piece)
        side_by_side = len(parts) > 1
        if not side_by_side:
            parts = series_parts(order, piece)
            node.exact = len(parts) > 1
        if len(parts) == 1:
            if tuple(piece) not in plan:
                plan.update(place_barriers(order, piece, weights, by_level))
            parts = list(plan[tuple(piece)])
        node.children = list(range(len(nodes), len(nodes) + len(parts)))
        for part in parts:
            nodes.append(_Node())
            pending.append((part, nodes[-1], side_by_side))
    return _tree(order, nodes)


def levels(predecessors: Mapping[str, Sequence[str]]) -> Tree:
    """The tree level by level, for comparison: each step after all that have fewer steps on the longest way to them.

    Raises InternalError if steps wait for each other in a circle.
    """
    order = read_order(predecessors)
    by_level: list[list[int]] = [[] for _ in range(max(order.level, default=-1) + 1)]
    for step in sorted(range(len(order.names)), key=lambda step: order.document[step]):
        by_level[order.level[step]].append(step)
    rows: list[Tree] = []
    for level in by_level:
        row = tuple(Leaf(order.names[step]) for step in level)
        rows.append(Parallel(row) if len(row) > 1 else row[0])
    # what a step of the next level waits for in this one it waits for without any other between
    exact = all(
        len(order.before[step]) >= len(level) and set(order.before[step]).issuperset(level)
        for level, following in pairwise(by_level)
        for step in following
    )
    return rows[0] if len(rows) == 1 else Series(tuple(rows), exact)


def critical_path(predecessors: Mapping[str, Sequence[str]], durations: Mapping[str, float]) -> float:
    """The duration of the longest way through the graph, in the unit of `durations`; a missing one counts 1.0."""
    order = read_order(predecessors)
    ends: list[float] = []
    for step, name in enumerate(order.names):
        ends.append(durations.get(name, _USUAL) + max((ends[earlier] for earlier in order.before[step]), default=0.0))
    return max(ends, default=0.0)


def tree_critical_path(tree: Tree, durations: Mapping[str, float]) -> float:
    """The duration of the longest way through the tree, in the unit of `durations`; a missing one counts 1.0."""
    nodes: list[tuple[Tree, int]] = [(tree, 0)]
    for index, (node, _) in enumerate(nodes):  # grows meanwhile: every node, after its parent
        if not isinstance(node, Leaf):
            nodes += [(child, index) for child in node.children]
    longest = [0.0] * len(nodes)
    for index in reversed(range(len(nodes))):
        node, parent = nodes[index]
        if isinstance(node, Leaf):
            longest[index] = durations.get(node.name, _USUAL)
        if index and isinstance(nodes[parent][0], Series):
            longest[parent] += longest[index]
        elif index:
            longest[parent] = max(longest[parent], longest[index])
    return longest[0]


def _weights(order: PartialOrder, durations: Mapping[str, float]) -> list[int]:
    expected = [durations.get(name, _USUAL) for name in order.names]
    exponent = frexp(max(expected))[1]
    return [round(ldexp(duration, _BITS - exponent)) for duration in expected]


def _tree(order: PartialOrder, nodes: Sequence[_Node]) -> Tree:
    """The tree below the first node; children come after their parents."""
    trees: list[Tree] = [Leaf("")] * len(nodes)
    first = [0] * len(nodes)
    for index in reversed(range(len(nodes))):
        node = nodes[index]
        if not node.children:
            trees[index], first[index] = Leaf(order.names[node.step]), order.document[node.step]
            continue
        if node.exact is None:
            children = sorted(node.children, key=lambda child: first[child])
            trees[index] = Parallel(tuple(trees[child] for child in children))
        else:
            children = node.children
            trees[index] = _series([trees[child] for child in children], node.exact)
        first[index] = first[children[0]]
    return trees[0]


def _series(children: Sequence[Tree], exact: bool) -> Series:
    flat: list[Tree] = []
    for child in children:
        flat += child.children if isinstance(child, Series) and child.exact == exact else [child]
    return Series(tuple(flat), exact)
