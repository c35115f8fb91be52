"""Under what conditions a step runs at all: a graph and what its conditions are known to come to go in, what every step
needs goes out, as bit sets.

A step runs when every step it waits for has succeeded and every branch that it, or one of those, stands in is taken.
One that needs both branches of a condition never runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dagwright.definition.declaration import IF_STEPS
from dagwright.definition.graph import Graph


class Requirements:
    """What the steps of a graph need.

    `done` have run already, so that they need nothing, `settled` says to what those conditions come that are known
    beforehand, `to_run` are the steps that are to run, by default all that have not. `live` are those of them that may,
    in an order that keeps every step behind those it waits for.

    Two kinds of sets are held as integers: of steps (a bit each), and of branches (two bits for each condition).
    """

    def __init__(
        self,
        graph: Graph,
        done: Iterable[str] = (),
        settled: Mapping[str, bool] | None = None,
        to_run: Iterable[str] | None = None,
    ) -> None:
        self._graph = graph
        settled = settled or {}
        finished = frozenset(done)
        wanted = frozenset(graph.steps if to_run is None else to_run) - finished
        order = graph.order()
        self._step_bit = {name: 1 << index for index, name in enumerate(order)}
        self._conditions = [name for name in order if graph.steps[name].type == "Condition"]
        self._branch_index = {name: 2 * index for index, name in enumerate(self._conditions)}
        self._ifs = sum(1 << index for index in self._branch_index.values())
        self.established = 0
        """The branches that are taken for certain."""
        for name, outcome in settled.items():
            self.established |= self.branch(name, outcome)
        self._branches: dict[str, int] = {}
        self._ancestors: dict[str, int] = {}
        live: list[str] = []
        for name in order:
            self._branches[name], self._ancestors[name] = (0, 0) if name in finished else self._needs(name)
            if name in wanted and not self._is_impossible(self._branches[name] | self.established):
                live.append(name)
        self.live = tuple(live)
        self._finished = self.steps(finished)

    def _needs(self, name: str) -> tuple[int, int]:
        step = self._graph.steps[name]
        branches = ancestors = 0
        for source in self._graph.predecessors[name]:
            branches |= self._branches[source]
            ancestors |= self._ancestors[source] | self._step_bit[source]
        if step.condition is not None:
            branches |= self.branch(step.condition, step.branch == IF_STEPS)
        return branches, ancestors

    def _is_impossible(self, branches: int) -> bool:
        return bool(branches & (branches >> 1) & self._ifs)

    def branch(self, condition: str, taken: bool) -> int:
        """The set with one branch of a condition in it."""
        return 1 << (self._branch_index[condition] + (0 if taken else 1))

    def branches(self, name: str) -> int:
        """The branches that have to be taken for a step to run, but for those that are taken for certain."""
        return self._branches[name] & ~self.established

    def steps(self, names: Iterable[str]) -> int:
        """The set of these steps."""
        found = 0
        for name in names:
            found |= self._step_bit[name]
        return found

    def ancestors(self, name: str) -> int:
        """The steps that have to succeed before a step runs, but for those that have."""
        return self._ancestors[name] & ~self._finished

    def in_branches(self, branches: int) -> Iterator[tuple[str, bool]]:
        """The members of a set of branches, those of earlier conditions first."""
        while branches:
            lowest = branches & -branches
            index = lowest.bit_length() - 1
            yield self._conditions[index // 2], index % 2 == 0
            branches ^= lowest

    def last_of(self, steps: int) -> list[str]:
        """The members of a set of steps without which another member could not have succeeded either are left out."""
        found: list[str] = []
        covered = 0
        order = self._graph.order()
        while steps:
            index = steps.bit_length() - 1
            name = order[index]
            if not covered & (1 << index):
                found.append(name)
                covered |= self._ancestors[name]
            steps ^= 1 << index
        return found[::-1]

    def with_ancestors(self, steps: int) -> int:
        """The set of these steps and all that have succeeded if they have."""
        order = self._graph.order()
        found, rest = steps, steps
        while rest:
            index = rest.bit_length() - 1
            found |= self._ancestors[order[index]]
            rest &= ~((1 << index) | self._ancestors[order[index]])
        return found
