"""Where a piece of the order that is neither one part after the other nor parts side by side gets a barrier.

What comes in: such a piece, and how long its steps take. What goes out: its first and its second half, all of the
second to wait for all of the first, chosen so that the longest way through the piece stays as short as can be found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from math import isqrt
from typing import NamedTuple

from dagwright.engines.stepfunctions.compiler.order import PartialOrder, Piece, longest_ways

Halves = tuple[Piece, Piece]
Plan = dict[tuple[int, ...], Halves]
"""The halves of a piece, and of the pieces that come of them, by their steps."""

_LARGEST_WEIGHED = 40
_WORK = 200_000


class _Part(NamedTuple):
    """Some steps of a sequence, by their places as bits of one number, cut where it costs least.

    `longest` is the longest way through them then, `added` the waiting that all cuts add, in pairs of steps.
    """

    longest: int
    added: int
    cut: int
    places: int


class _Ways(NamedTuple):
    """For each step of a piece the longest way that ends with it, and the longest that starts with it."""

    to: dict[int, int]
    on: dict[int, int]


def largest_weighed(steps: int) -> int:
    """Of an order with so many steps, the size of the largest pieces whose every barrier is weighed against the others.

    Weighing takes the cube of a piece's size; larger ones are halved first, so that all of it stays linear in `steps`.
    """
    return min(_LARGEST_WEIGHED, isqrt(_WORK // max(steps, 1)))


def place_barriers(order: PartialOrder, piece: Piece, weights: Sequence[int], by_level: bool) -> Plan:
    """The halves of `piece`, and of what comes of them where that is decided with them.

    `weights` are the durations of all steps of the order, as whole numbers: equal sums are equal. `by_level`: a piece
    too large to weigh is cut between two levels, with which it gets no longer than level by level; else where the
    longest ways of its halves are shortest, which serves long narrow pieces better.
    """
    ways = _ways(order, piece, weights)
    if len(piece) > largest_weighed(len(order.names)):
        return {tuple(piece): _halve_by_level(order, piece, ways) if by_level else _halve(order, piece, ways)}
    charts = []
    for sequence in _sequences(order, piece, ways):
        charts.append(_Chart(order, sequence, weights))
        if charts[-1].worth()[0] == max(ways.to.values()):
            break
    return min(charts, key=_Chart.worth).plan()


def _ways(order: PartialOrder, piece: Piece, weights: Sequence[int]) -> _Ways:
    return _Ways(longest_ways(piece, order.before, weights), longest_ways(reversed(piece), order.after, weights))


class _Chart:
    """Every part that the sections of one sequence of the steps fall into, and the best place to cut it.

    A barrier cuts a sequence in which the steps could run one by one. What stands on either side falls into parts that
    run side by side, and each of these is cut again: all of them are found in sections of the sequence.
    """

    def __init__(self, order: PartialOrder, sequence: Piece, weights: Sequence[int]) -> None:
        self._sequence = sequence
        place = {step: index for index, step in enumerate(sequence)}
        links = [[place[s] for s in order.before[step] if s in place] for step in sequence]
        self._earlier, self._later = _closures(links)
        size = len(sequence)
        self._parts = {1 << index: _Part(weights[step], 0, 0, 1 << index) for index, step in enumerate(sequence)}
        # by first and last place of a section, the parts it falls into
        self._sections: list[list[list[_Part]]] = [[[] for _ in range(size)] for _ in range(size)]
        for first in reversed(range(size)):
            self._fill(first, self._sections[first])

    def worth(self) -> tuple[int, int]:
        """The longest way through all of it with the best cuts, and how much waiting they add."""
        whole = self._parts[(1 << len(self._sequence)) - 1]
        return whole.longest, whole.added

    def plan(self) -> Plan:
        """The best cuts of the whole and of what comes of it."""
        plan: Plan = {}
        pending = [self._parts[(1 << len(self._sequence)) - 1]]
        while pending:
            _, _, cut, places = pending.pop()
            if cut:
                head = places & ((1 << cut) - 1)
                plan[tuple(self._steps(places))] = (self._steps(head), self._steps(places ^ head))
                first, last = _lowest(places), places.bit_length() - 1
                sides = (*self._sections[first][cut - 1], *self._sections[cut][last])
                pending += [part for part in sides if part.places & places]
        return plan

    def _fill(self, first: int, row: list[list[_Part]]) -> None:
        """The parts of all sections that start at `first`, from those that start after it."""
        row[first] = [self._parts[1 << first]]
        joined = self._later[first]
        for last in range(first + 1, len(row)):
            places, apart = 1 << first, []
            for part in self._sections[first + 1][last]:
                if part.places & joined:
                    places |= part.places
                else:
                    apart.append(part)
            if places not in self._parts:
                self._parts[places] = min(self._cuts(places, first, last))
            row[last] = [self._parts[places], *apart]

    def _cuts(self, places: int, first: int, last: int) -> Iterator[_Part]:
        """A part as each of its cuts makes it, from the cut before its second step on."""
        size, taken, kept = places.bit_count(), 0, 0
        previous, rest = first, places & (places - 1)
        while rest:
            cut = _lowest(rest)
            rest &= rest - 1
            taken += 1
            kept += (self._later[previous] & places).bit_count() - (self._earlier[previous] & places).bit_count()
            previous = cut
            head, added_in_head = _side_by_side(self._sections[first][cut - 1], places)
            tail, added_in_tail = _side_by_side(self._sections[cut][last], places)
            yield _Part(head + tail, added_in_head + added_in_tail + taken * (size - taken) - kept, cut, places)

    def _steps(self, places: int) -> Piece:
        return sorted(step for index, step in enumerate(self._sequence) if places >> index & 1)


def _side_by_side(parts: Sequence[_Part], places: int) -> tuple[int, int]:
    """The longest way through those of the parts that lie in `places`, and the waiting added in them."""
    longest = added = 0
    for way, more, _, own in parts:
        if own & places:
            added += more
            longest = max(longest, way)
    return longest, added


def _halve(order: PartialOrder, piece: Piece, ways: _Ways) -> Halves:
    """The halves with the shortest longest ways; neither is under a quarter of the piece."""
    quarter = max(len(piece) // 4, 1)
    cuts = range(quarter, len(piece) - quarter + 1)
    kept = _kept(order, piece)
    best = [(*_cheapest(sequence, ways, kept, cuts), sequence) for sequence in _sequences(order, piece, ways)]
    _, cut, sequence = min(best, key=lambda found: found[0])
    return sorted(sequence[:cut]), sorted(sequence[cut:])


def _halve_by_level(order: PartialOrder, piece: Piece, ways: _Ways) -> Halves:
    """Halves of whole levels: as `_halve` does if that is possible, else as equal as can be."""
    sequence = _by_level(order, piece)
    size = len(piece)
    ends = [cut for cut in range(1, size) if order.level[sequence[cut - 1]] < order.level[sequence[cut]]]
    cuts = [cut for cut in ends if size <= 4 * cut <= 3 * size] or [min(ends, key=lambda cut: abs(2 * cut - size))]
    _, cut = _cheapest(sequence, ways, _kept(order, piece), cuts)
    return sorted(sequence[:cut]), sorted(sequence[cut:])


def _cheapest(
    sequence: Piece, ways: _Ways, kept: Mapping[int, int], cuts: Sequence[int]
) -> tuple[tuple[int, int], int]:
    """The best of the cuts and what it costs: the longest ways of both halves together, and the waiting it adds."""
    size = len(sequence)
    first = list(accumulate((ways.to[step] for step in sequence), max))
    second = list(accumulate((ways.on[step] for step in reversed(sequence)), max))
    across = list(accumulate(kept[step] for step in sequence))
    return min(((first[cut - 1] + second[-cut - 1], cut * (size - cut) - across[cut - 1]), cut) for cut in cuts)


def _kept(order: PartialOrder, piece: Piece) -> dict[int, int]:
    """By step, how many more of the piece wait for it than it waits for: of the first steps of a sequence together,
    how often one of the others waits for one of them."""
    place = {step: index for index, step in enumerate(piece)}
    earlier, later = _closures([[place[s] for s in order.before[step] if s in place] for step in piece])
    return {step: later[index].bit_count() - earlier[index].bit_count() for step, index in place.items()}


def _sequences(order: PartialOrder, piece: Piece, ways: _Ways) -> Iterator[Piece]:
    """Sequences in which the steps could run one by one, the most promising first: each by when its steps could run.

    On random orders the middle of a step's earliest end and latest start is the best single one. That by levels stays
    among them so that the result is never longer than level by level.
    """
    yield sorted(piece, key=lambda step: (ways.to[step] - ways.on[step], step))
    yield sorted(piece, key=lambda step: (ways.to[step], step))
    yield _by_level(order, piece)


def _by_level(order: PartialOrder, piece: Piece) -> Piece:
    return sorted(piece, key=lambda step: (order.level[step], step))


def _closures(links: Sequence[Sequence[int]]) -> tuple[list[int], list[int]]:
    """For each place of a sequence what comes before it in the order, and what after it, as the bits of one number."""
    earlier: list[int] = []
    later = [0] * len(links)
    for ends in links:
        reached = 0
        for end in ends:
            reached |= earlier[end] | 1 << end
        earlier.append(reached)
    for index in reversed(range(len(links))):
        for end in links[index]:
            later[end] |= later[index] | 1 << index
    return earlier, later


def _lowest(places: int) -> int:
    return (places & -places).bit_length() - 1
