"""Where a piece that does not nest is cut."""

from __future__ import annotations

from itertools import pairwise
from unittest.mock import patch

import pytest

from dagwright.engines.stepfunctions.compiler import barriers
from dagwright.engines.stepfunctions.compiler.barriers import largest_weighed, place_barriers
from dagwright.engines.stepfunctions.compiler.order import PartialOrder, read_order

N = read_order({"a": [], "b": [], "c": ["a"], "d": ["a", "b"]})
ZIGZAG = read_order({f"{side}{n}": [f"a{n - 1}", f"{side}{n - 1}"] if n else [] for n in range(6) for side in "ab"})


def halves(order: PartialOrder, weights: list[int], by_level: bool = False) -> tuple[str, str]:
    piece = list(range(len(order.names)))
    first, second = place_barriers(order, piece, weights, by_level)[tuple(piece)]
    return " ".join(order.names[step] for step in first), " ".join(order.names[step] for step in second)


@pytest.mark.parametrize(
    ("weights", "first", "second"),
    [([1, 1, 1, 1], "a b", "c d"), ([1, 5, 10, 5], "a", "b c d"), ([5, 10, 5, 1], "a b c", "d")],
)
def test_the_cut_is_where_the_longest_way_grows_least(weights: list[int], first: str, second: str) -> None:
    assert halves(N, weights) == (first, second)


def test_the_plan_goes_on_into_the_halves() -> None:
    plan = place_barriers(ZIGZAG, list(range(12)), [1] * 12, by_level=False)
    assert all(sorted(first + second) == list(piece) for piece, (first, second) in plan.items())
    assert len(plan) > 1
    for first, second in plan.values():
        assert not any(earlier in second for step in first for earlier in ZIGZAG.before[step])


@pytest.mark.parametrize("by_level", [False, True])
def test_a_piece_too_large_to_weigh_is_halved_somewhere_near_its_middle(by_level: bool) -> None:
    with patch.object(barriers, "_LARGEST_WEIGHED", 4):
        first, second = halves(ZIGZAG, [1] * 12, by_level)
    assert 3 <= len(first.split()) <= 9
    assert {name[1] for name in first.split()}.isdisjoint(name[1] for name in second.split())


def test_whole_levels_are_cut_off_even_if_one_of_them_is_most_of_the_piece() -> None:
    wide = {f"w{n}": ["a"] if n < 15 else ["a", "b"] for n in range(20)}
    order = read_order({"a": [], "b": [], **wide})
    with patch.object(barriers, "_LARGEST_WEIGHED", 4):
        assert halves(order, [1] * 22, by_level=True)[0] == "a b"


def test_larger_orders_weigh_smaller_pieces() -> None:
    sizes = [largest_weighed(steps) for steps in (0, 10, 100, 1_000, 10_000)]
    assert sizes[0] == sizes[1]
    assert all(more >= less for more, less in pairwise(sizes))
    assert largest_weighed(10_000_000) == 0
