"""From a graph to a tree: what nests stays as it is, and the rest gets barriers that cost little."""

from __future__ import annotations

import inspect
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagwright.engines.stepfunctions.compiler import barriers
from dagwright.engines.stepfunctions.compiler.structure import (
    Leaf,
    Parallel,
    Series,
    Tree,
    critical_path,
    levels,
    structure,
    tree_critical_path,
)
from dagwright.errors import InternalError

Graph = dict[str, list[str]]
N: Graph = {"a": [], "b": [], "c": ["a"], "d": ["a", "b"]}


def leaves(tree: Tree) -> Iterator[str]:
    """The names of the steps, from first to last."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, Leaf):
            yield node.name
        else:
            pending += reversed(node.children)


def tree_of(text: str) -> str:
    """The tree of a graph written `a b:a c:a,b`, as `drawn` draws it."""
    graph = {name: before.split(",") if before else [] for name, _, before in (w.partition(":") for w in text.split())}
    return drawn(structure(graph, {}))


def drawn(tree: Tree) -> str:
    """`[a ; b]` is a series, `[a ! b]` one with a barrier, `(a | b)` side by side."""
    if isinstance(tree, Leaf):
        return tree.name
    parts = [drawn(child) for child in tree.children]
    if isinstance(tree, Parallel):
        return f"({' | '.join(parts)})"
    return f"[{(' ; ' if tree.exact else ' ! ').join(parts)}]"


def nodes(tree: Tree) -> Iterator[Tree]:
    yield tree
    if not isinstance(tree, Leaf):
        for child in tree.children:
            yield from nodes(child)


def closure(graph: Mapping[str, Sequence[str]]) -> set[tuple[str, str]]:
    """All pairs of which the second waits for the first."""
    pairs = set()
    for name, before in graph.items():
        pending = [*before]
        while pending:
            earlier = pending.pop()
            if (earlier, name) not in pairs:
                pairs.add((earlier, name))
                pending += graph[earlier]
    return pairs


def tree_order(tree: Tree) -> set[tuple[str, str]]:
    pairs = set()
    for node in nodes(tree):
        if isinstance(node, Series):
            for first, second in combinations(node.children, 2):
                pairs |= {(a, b) for a in leaves(first) for b in leaves(second)}
    return pairs


def check_shape(tree: Tree, graph: Mapping[str, Sequence[str]]) -> None:
    """Every step once, flattened, ordered, and exact where it says so."""
    position = {name: index for index, name in enumerate(graph)}
    waits = closure(graph)
    assert sorted(leaves(tree)) == sorted(graph)
    for node in nodes(tree):
        if isinstance(node, Leaf):
            continue
        assert len(node.children) > 1 or (not graph and node == Series((), exact=True))
        if isinstance(node, Parallel):
            assert not any(isinstance(child, Parallel) for child in node.children)
            first = [position[next(leaves(child))] for child in node.children]
            assert first == sorted(first)
        else:
            assert not any(isinstance(child, Series) and child.exact == node.exact for child in node.children)
            pairs = combinations([list(leaves(child)) for child in node.children], 2)
            assert node.exact == all((a, b) in waits for first, second in pairs for a in first for b in second)


@st.composite
def shuffled(draw: st.DrawFn, graph: Graph) -> Graph:
    """The same graph, its steps in any order in the document."""
    return {name: graph[name] for name in draw(st.permutations(list(graph)))}


@st.composite
def graphs(draw: st.DrawFn, most: int = 12) -> Graph:
    graph: Graph = {}
    for index in range(draw(st.integers(0, most))):
        graph[f"s{index}"] = draw(st.lists(st.sampled_from(list(graph)), unique=True, max_size=3)) if graph else []
    return draw(shuffled(graph))


@st.composite
def nested_graphs(draw: st.DrawFn) -> Graph:
    """A graph that nests: single steps, of which neighbours are put one after the other or side by side until one."""
    names = [f"s{index}" for index in range(draw(st.integers(1, 14)))]
    graph: Graph = {name: [] for name in names}
    parts = [([name], [name]) for name in names]  # the first and the last steps of each
    while len(parts) > 1:
        index = draw(st.integers(0, len(parts) - 2))
        (firsts, lasts), (next_firsts, next_lasts) = parts[index : index + 2]
        if draw(st.booleans()):
            for name in next_firsts:
                graph[name] += lasts
            parts[index : index + 2] = [(firsts, next_lasts)]
        else:
            parts[index : index + 2] = [(firsts + next_firsts, lasts + next_lasts)]
    return draw(shuffled(graph))


def durations(graph: Graph) -> st.SearchStrategy[dict[str, float]]:
    return st.fixed_dictionaries({name: st.integers(0, 9) | st.floats(0, 1000) for name in graph})


GRAPHS = graphs().flatmap(lambda graph: st.tuples(st.just(graph), durations(graph)))
NESTED = nested_graphs().flatmap(lambda graph: st.tuples(st.just(graph), durations(graph)))
QUICK = settings(max_examples=100, deadline=None)


# --- what nests ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("graph", "tree"),
    [
        ("a", "a"),
        ("a b:a c:b", "[a ; b ; c]"),
        ("a b:a c:b,a d:a,b,c", "[a ; b ; c ; d]"),
        ("a b c", "(a | b | c)"),
        ("a b:a c:a d:a e:b,c,d", "[a ; (b | c | d) ; e]"),
        ("a b:a c:a d:b,c e:d f:d g:e,f", "[a ; (b | c) ; d ; (e | f) ; g]"),
        ("a b c:a,b d:a,b", "[(a | b) ; (c | d)]"),
        ("a b c:a d:b", "([a ; c] | [b ; d])"),
        ("a b:a c:b d:a e:c,d f", "([a ; ([b ; c] | d) ; e] | f)"),
        ("a b:a c:a d:c e:d f:c g:e,f", "[a ; (b | [c ; ([d ; e] | f) ; g])]"),
        ("z:a a y:a", "[a ; (z | y)]"),
        ("d:c c b:a a", "([c ; d] | [a ; b])"),
    ],
)
def test_what_nests_is_kept(graph: str, tree: str) -> None:
    assert tree_of(graph) == tree


def test_no_steps_are_an_empty_series() -> None:
    assert structure({}, {}) == levels({}) == Series((), exact=True)
    assert critical_path({}, {}) == tree_critical_path(Series((), exact=True), {}) == 0


@QUICK
@given(NESTED)
def test_a_graph_that_nests_keeps_its_order_and_its_longest_way(case: tuple[Graph, dict[str, float]]) -> None:
    graph, expected = case
    tree = structure(graph, expected)
    check_shape(tree, graph)
    assert tree_order(tree) == closure(graph)
    assert tree_critical_path(tree, expected) == pytest.approx(critical_path(graph, expected))


# --- what does not ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "tree", "longest"),
    [
        ({}, "[(a | b) ! (c | d)]", 2),
        ({"a": 1, "b": 5, "c": 10, "d": 5}, "[a ! ([b ; d] | c)]", 11),
        ({"a": 5, "b": 10, "c": 5, "d": 1}, "[([a ; c] | b) ! d]", 11),
        ({"a": 0, "b": 0, "c": 0, "d": 0}, "[a ! ([b ; d] | c)]", 0),
    ],
)
def test_the_durations_place_the_barrier_of_an_n(expected: dict[str, float], tree: str, longest: float) -> None:
    nested = structure(N, expected)
    assert drawn(nested) == tree
    assert tree_critical_path(nested, expected) == critical_path(N, expected) == longest


def test_only_the_piece_that_does_not_nest_gets_a_barrier() -> None:
    tree = tree_of("start a:start b:start c:a d:a,b end:c,d other")
    assert tree == "([start ; [(a | b) ! (c | d)] ; end] | other)"


def test_barriers_in_a_row_are_one_series() -> None:
    graph = {"a": [], "b": [], "c": ["a"], "d": ["a", "b"], "e": ["c"], "f": ["c", "d"]}
    assert drawn(structure(graph, {})) == "[(a | b) ! (c | d) ! (e | f)]"


def test_of_equally_long_trees_the_one_with_less_waiting_is_taken() -> None:
    graph = {"a": [], "b": [], "c": ["a"], "d": ["a", "b"], "x": [], "y": [], "end": ["c", "d", "x", "y"]}
    assert drawn(structure(graph, {"a": 1, "b": 1, "c": 1, "d": 1})) == "[([(a | b) ! (c | d)] | x | y) ; end]"


@QUICK
@given(GRAPHS)
def test_any_graph_keeps_its_order_and_beats_the_levels(case: tuple[Graph, dict[str, float]]) -> None:
    graph, expected = case
    tree = structure(graph, expected)
    check_shape(tree, graph)
    assert tree_order(tree) >= closure(graph)
    shortest, longest = critical_path(graph, expected), tree_critical_path(levels(graph), expected)
    assert shortest * (1 - 1e-8) <= tree_critical_path(tree, expected) <= longest * (1 + 1e-8)


@QUICK
@given(GRAPHS)
def test_so_does_one_that_is_too_large_to_weigh_all_barriers(case: tuple[Graph, dict[str, float]]) -> None:
    graph, expected = case
    with patch.object(barriers, "_LARGEST_WEIGHED", 4):
        tree = structure(graph, expected)
    check_shape(tree, graph)
    assert tree_order(tree) >= closure(graph)
    assert tree_critical_path(tree, expected) <= tree_critical_path(levels(graph), expected) * (1 + 1e-8)


@QUICK
@given(graphs())
def test_equal_durations_cost_nothing(graph: Graph) -> None:
    assert tree_critical_path(structure(graph, {}), {}) == critical_path(graph, {})


def test_random_graphs_are_far_shorter_than_level_by_level() -> None:
    ours, by_level = [], []
    for seed in range(30):
        chance = random.Random(seed)
        names = [f"s{index}" for index in range(24)]
        graph = {name: [n for n in names[:index] if chance.random() < 0.1] for index, name in enumerate(names)}
        expected = {name: chance.randint(1, 10) for name in names}
        shortest = critical_path(graph, expected)
        ours.append(tree_critical_path(structure(graph, expected), expected) / shortest)
        by_level.append(tree_critical_path(levels(graph), expected) / shortest)
    assert sum(ours) / len(ours) < 1.03
    assert sum(by_level) / len(by_level) > 1.2


# --- the same again, and soon -------------------------------------------------------------------------------------


@QUICK
@given(GRAPHS, st.randoms(use_true_random=False))
def test_the_same_graph_gives_the_same_tree(case: tuple[Graph, dict[str, float]], chance: random.Random) -> None:
    graph, expected = case
    mixed = {name: chance.sample(before, len(before)) * 2 for name, before in graph.items()}
    assert structure(graph, expected) == structure(mixed, dict(reversed(expected.items())))


def chain(size: int) -> Graph:
    return {str(index): [str(index - 1)] if index else [] for index in range(size)}


def fan(size: int) -> Graph:
    middle = {str(index): ["0"] for index in range(1, size - 1)}
    return {"0": [], **middle, "end": list(middle)}


def diamonds(count: int) -> Graph:
    graph: Graph = {"0": []}
    for index in range(count):
        graph |= {f"l{index}": [str(index)], f"r{index}": [str(index)], str(index + 1): [f"l{index}", f"r{index}"]}
    return graph


def random_rows(size: int, width: int) -> Graph:
    chance = random.Random(size)
    return {
        str(index): [str(n) for n in chance.sample(range((index // width - 1) * width, index // width * width), 3)]
        if index >= width
        else []
        for index in range(size)
    }


@pytest.mark.parametrize(
    ("graph", "limit"),
    [
        (chain(10_000), 2.0),
        (fan(10_000), 2.0),
        (diamonds(20), 0.05),
        (diamonds(666), 0.5),
        (random_rows(2_000, 6), 3.0),
    ],
    ids=["chain", "fan", "diamonds", "many diamonds", "random rows"],
)
def test_large_graphs_are_structured_soon(graph: Graph, limit: float) -> None:
    started = time.process_time()
    tree = structure(graph, {})
    assert time.process_time() - started < limit
    assert tree_critical_path(tree, {}) == critical_path(graph, {})


def test_a_deep_nest_needs_no_deep_stack() -> None:
    graph: Graph = {"0": []}
    for index in range(1, 150):
        graph |= {f"side{index}": [str(index - 1)], str(index): [str(index - 1)]}
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 40)
    try:
        tree = structure(graph, {})
        found, longest = list(leaves(tree)), tree_critical_path(tree, {})
    finally:
        sys.setrecursionlimit(usual)
    assert len(found) == len(graph)
    assert longest == 150


# --- level by level, and the longest ways -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("graph", "tree"),
    [
        ({"a": []}, "a"),
        ({"b": [], "a": []}, "(b | a)"),
        (N, "[(a | b) ! (c | d)]"),
        ({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}, "[a ; (b | c) ; d]"),
        ({"a": [], "b": ["a"], "c": ["b"], "x": []}, "[(a | x) ! b ! c]"),
    ],
)
def test_level_by_level(graph: Graph, tree: str) -> None:
    assert drawn(levels(graph)) == tree


def test_longest_ways_count_what_is_expected_and_one_for_the_rest() -> None:
    assert critical_path(N, {"a": 5, "c": 0.5}) == 6.0
    tree = Series((Parallel((Leaf("a"), Leaf("b"))), Parallel((Leaf("c"), Leaf("d")))), exact=False)
    assert tree_critical_path(tree, {"a": 5, "c": 0.5}) == 6.0
    assert tree_critical_path(tree, {"b": 7, "c": 2}) == 9.0
    assert list(leaves(tree)) == ["a", "b", "c", "d"]


def test_a_circle_is_our_bug() -> None:
    with pytest.raises(InternalError, match="in a circle"):
        structure({"a": ["b"], "b": ["a"]}, {})
