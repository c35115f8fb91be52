"""The partial order of a pipeline's steps, in numbers.

What comes in: the names each step waits for. What goes out: the same steps numbered so that each comes after those it
waits for, with the waiting that follows from other waiting left out; and the parts into which some of them fall.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import accumulate, pairwise

from dagwright.errors import InternalError

Piece = list[int]
"""Steps by number, ascending. With two steps it holds all between them, so that their order is that of its covers."""
Links = Sequence[Sequence[int]]


@dataclass(frozen=True)
class PartialOrder:
    """Steps are numbers: positions in `names`, each after those it waits for.

    `document` is a step's position in the document. `before` and `after` are its covers: what it waits for, and what
    waits for it, with nothing between. `level` is the number of steps on the longest way to it, itself not counted.
    """

    names: tuple[str, ...]
    document: tuple[int, ...]
    before: Links
    after: Links
    level: tuple[int, ...]


def read_order(predecessors: Mapping[str, Sequence[str]]) -> PartialOrder:
    """The order that `predecessors` spans. Names are in document order, and every one is a key.

    Raises InternalError if steps wait for each other in a circle, which the reader of definitions has ruled out.
    """
    names = tuple(predecessors)
    position = {name: index for index, name in enumerate(names)}
    document = tuple(_sorted_steps([[position[name] for name in predecessors[step]] for step in names]))
    number = {names[index]: step for step, index in enumerate(document)}
    waits_for = [sorted({number[name] for name in predecessors[names[index]]}) for index in document]
    before = _covers(waits_for)
    level: list[int] = []
    for earlier in before:
        level.append(max((level[step] + 1 for step in earlier), default=0))
    return PartialOrder(tuple(names[index] for index in document), document, before, turned(before), tuple(level))


def turned(links: Links) -> list[list[int]]:
    """The same links, told from their other end."""
    other: list[list[int]] = [[] for _ in links]
    for step, ends in enumerate(links):
        for end in ends:
            other[end].append(step)
    return other


def longest_ways(steps: Iterable[int], links: Links, weights: Sequence[int]) -> dict[int, int]:
    """By step, the weight of the heaviest way over `links` that ends in it, itself counted.

    `steps` come in the direction of the ways: ascending with `before`, descending with `after`.
    """
    ways: dict[int, int] = {}
    for step in steps:
        ways[step] = weights[step] + max([ways[link] for link in links[step] if link in ways], default=0)
    return ways


def components(order: PartialOrder, piece: Piece) -> list[Piece]:
    """The parts of a piece between which nobody waits for anybody, by their first step."""
    inside = set(piece)
    part_of: dict[int, Piece] = {}
    parts: list[Piece] = []
    for start in piece:
        if start not in part_of:
            parts.append([])
            part_of[start] = parts[-1]
            pending = [start]
            while pending:
                step = pending.pop()
                for neighbour in (*order.before[step], *order.after[step]):
                    if neighbour in inside and neighbour not in part_of:
                        part_of[neighbour] = parts[-1]
                        pending.append(neighbour)
        part_of[start].append(start)
    return parts


def series_parts(order: PartialOrder, piece: Piece) -> list[Piece]:
    """The parts of a piece of which every step of a later one waits for every step of an earlier one.

    They are sections of any sequence in which the steps can be run one by one. A section may end where everything last
    before it is covered by everything first after it: where that many covers lead across.
    """
    size = len(piece)
    place = {step: index for index, step in enumerate(piece)}
    links = [[place[earlier] for earlier in order.before[step] if earlier in place] for step in piece]
    since = [links[index][-1] if links[index] else 0 for index in range(size)]
    until = [size] * size
    for index in reversed(range(size)):
        for earlier in links[index]:
            until[earlier] = index
    # How three numbers change from one place to the next, if a section ended there: of the steps that none before the
    # end covers, of those that cover none after it, and of the covers from the former to the latter.
    lasts, firsts, covers = ([0] * (size + 1) for _ in range(3))
    for index in range(size):
        lasts[index] += 1
        lasts[until[index]] -= 1
        firsts[since[index]] += 1
        firsts[index] -= 1
        for earlier in links[index]:
            if since[index] < until[earlier]:
                covers[since[index]] += 1
                covers[until[earlier]] -= 1
    counts = zip(*(accumulate(changes[:size]) for changes in (covers, lasts, firsts)), strict=True)
    ends = [end for end, (across, last, first) in enumerate(counts, start=1) if across == last * first]
    return [piece[start:end] for start, end in pairwise([0, *ends])]


def _sorted_steps(waits_for: Links) -> Iterator[int]:
    """All steps, each after those it waits for; among several that could be next, the first."""
    waiters = turned([sorted(set(earlier)) for earlier in waits_for])
    missing = [len(set(earlier)) for earlier in waits_for]
    ready = [step for step, count in enumerate(missing) if not count]
    heapify(ready)
    for _ in waits_for:
        if not ready:
            raise InternalError("the steps of the state machine wait for each other in a circle")
        step = heappop(ready)
        yield step
        for waiter in waiters[step]:
            missing[waiter] -= 1
            if not missing[waiter]:
                heappush(ready, waiter)


def _covers(waits_for: Links) -> list[list[int]]:
    """Of what each step waits for, what it does not wait for anyway because something else of it does."""
    ancestors: list[int] = []  # sets of steps, as the bits of one number
    covers = []
    for earlier in waits_for:
        further = 0
        for step in earlier:
            further |= ancestors[step]
        covers.append([step for step in earlier if not further >> step & 1])
        ancestors.append(further | sum(1 << step for step in covers[-1]))
    return covers
