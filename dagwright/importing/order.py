"""The order in which the steps of a module are made: each after what it reads, a condition after its branches."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush

from dagwright.definition.graph import Graph


def making_order(graph: Graph) -> tuple[str, ...]:
    """All steps. Where both cannot be had, a condition comes after the steps in its branches all the same, and who
    reads too early has to do so by name."""
    inside: dict[str, list[str]] = {name: [] for name in graph.steps}
    for name, step in graph.steps.items():
        if step.condition is not None:
            inside[step.condition].append(name)
    wanted = {
        name: {*inside[name], *(one for one in graph.predecessors[name] if one != graph.steps[name].condition)}
        for name in graph.steps
    }
    return _ordered(wanted, inside)


def _ordered(wanted: Mapping[str, set[str]], needed: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Names, each after those it needs, and after those it wants as long as that is possible."""
    position = {name: at for at, name in enumerate(wanted)}
    names = list(wanted)
    followers: dict[str, list[str]] = {name: [] for name in wanted}
    for name, sources in wanted.items():
        for source in sources:
            followers[source].append(name)
    wants = {name: len(sources) for name, sources in wanted.items()}
    needs = {name: len(sources) for name, sources in needed.items()}
    parents = {inner: name for name, inside in needed.items() for inner in inside}
    ready = [at for at, name in enumerate(names) if not wants[name]]
    possible = [at for at, name in enumerate(names) if not needs[name]]
    made: dict[str, None] = {}
    while len(made) < len(names):
        name = names[heappop(ready or possible)]
        if name in made:
            continue
        made[name] = None
        for follower in followers[name]:
            wants[follower] -= 1
            if not wants[follower]:
                heappush(ready, position[follower])
        parent = parents.get(name)
        if parent is not None:
            needs[parent] -= 1
            if not needs[parent]:
                heappush(possible, position[parent])
    return tuple(made)
