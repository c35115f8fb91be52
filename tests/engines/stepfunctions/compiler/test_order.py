"""The order of the steps in numbers: covers, components, and parts one after the other."""

from __future__ import annotations

import pytest

from dagwright.engines.stepfunctions.compiler.order import (
    PartialOrder,
    components,
    longest_ways,
    read_order,
    series_parts,
)
from dagwright.errors import InternalError


def order_of(text: str) -> PartialOrder:
    """Of a graph written `a b:a c:a,b`."""
    words = (word.partition(":") for word in text.split())
    return read_order({name: before.split(",") if before else [] for name, _, before in words})


def named(order: PartialOrder, parts: list[list[int]]) -> list[str]:
    return ["".join(order.names[step] for step in part) for part in parts]


def test_steps_are_numbered_after_what_they_wait_for_and_then_as_in_the_document() -> None:
    order = order_of("d:b c:a b a")
    assert order.names == ("b", "d", "a", "c")
    assert order.document == (2, 0, 3, 1)
    assert order.level == (0, 1, 0, 1)


def test_waiting_that_follows_from_other_waiting_is_left_out() -> None:
    order = order_of("a b:a c:a,b,b d:a,b,c e:a")
    assert [[order.names[step] for step in before] for before in order.before] == [[], ["a"], ["b"], ["c"], ["a"]]
    assert [[order.names[step] for step in after] for after in order.after] == [["b", "e"], ["c"], ["d"], [], []]


def test_a_circle_has_no_order() -> None:
    with pytest.raises(InternalError, match="in a circle"):
        order_of("a b:a,c c:b")


def test_components_are_what_nothing_joins_inside_the_piece() -> None:
    order = order_of("a b:a c:a d:b e:d f:c,e")
    everything = list(range(6))
    assert named(order, components(order, everything)) == ["abcdef"]
    assert named(order, components(order, everything[1:-1])) == ["bde", "c"]


@pytest.mark.parametrize(
    ("graph", "parts"),
    [
        ("a b:a c:b", ["a", "b", "c"]),
        ("a b c:a,b d:a,b", ["ab", "cd"]),
        ("a b c:a d:a,b", ["abcd"]),
        ("a b:a c:a d:a,b e:c,d", ["a", "bcd", "e"]),
        ("a b c:a,b d:a,b e:c,d f:d", ["ab", "cdef"]),
    ],
)
def test_series_parts_are_cut_where_all_wait_for_all(graph: str, parts: list[str]) -> None:
    order = order_of(graph)
    found = series_parts(order, list(range(len(order.names))))
    assert sorted("".join(sorted(part)) for part in named(order, found)) == sorted(parts)


def test_longest_ways_stay_inside_the_piece() -> None:
    order = order_of("a b:a c:b d:a")
    assert longest_ways([1, 2, 3], order.before, [8, 4, 2, 1]) == {1: 4, 2: 6, 3: 1}
    assert longest_ways([2, 1, 0], order.after, [8, 4, 2, 1]) == {2: 2, 1: 6, 0: 14}
