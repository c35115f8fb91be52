"""A part of a pipeline: the steps that `--from`, `--to` and `--only` mean, and how they lie in the graph.

What comes in: a graph and names of steps. What goes out: names in document order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from dagwright.definition.graph import Graph
from dagwright.errors import Problem, UsageError, did_you_mean


@dataclass(frozen=True)
class Slice:
    """Which steps are meant; false if nothing is named, which means all of them.

    `first`: these and all that follow from them. `last`: these and all that they need. Both: what lies on the ways from
    the first to the last, with both ends. `only`: exactly these.
    """

    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    only: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.first or self.last or self.only)

    def steps(self, graph: Graph) -> tuple[str, ...]:
        """The names, in document order. Raises UsageError for unknown names, and if nothing is left."""
        _check_names(graph, (*self.first, *self.last, *self.only))
        if self.only and (self.first or self.last):
            raise UsageError("--only names all the steps by itself", hint="Leave --from and --to out, or --only.")
        chosen = set(self.only or graph.steps)
        if self.first:
            chosen &= reached(self.first, graph.successors)
        if self.last:
            chosen &= reached(self.last, graph.predecessors)
        if not chosen:
            what = f"No way leads from {_listed(self.first)} to {_listed(self.last)}"
            raise UsageError(what, hint="Is it the other way round? deploy.py render PIPELINE --target mermaid shows.")
        return in_order(graph, chosen)


def in_order(graph: Graph, names: Collection[str]) -> tuple[str, ...]:
    """The names as they come in the document."""
    return tuple(name for name in graph.steps if name in names)


def needs(graph: Graph, names: Collection[str]) -> tuple[str, ...]:
    """The steps outside of `names` that one of them waits for."""
    chosen = set(names)
    return in_order(graph, {source for name in chosen for source in graph.predecessors[name]} - chosen)


def left_out_between(graph: Graph, names: Collection[str]) -> tuple[str, ...]:
    """The steps outside of `names` that lie on a way from one of them to another."""
    between = reached(names, graph.successors) & reached(names, graph.predecessors)
    return in_order(graph, between - set(names))


def parts(graph: Graph, names: Collection[str]) -> list[tuple[str, ...]]:
    """`names` in groups that no edge of the graph joins, each in document order."""
    left = dict.fromkeys(in_order(graph, set(names)))
    groups = []
    while left:
        group, pending = set[str](), [next(iter(left))]
        while pending:
            name = pending.pop()
            if name in left:
                del left[name]
                group.add(name)
                pending += (*graph.predecessors[name], *graph.successors[name])
        groups.append(in_order(graph, group))
    return groups


def _check_names(graph: Graph, names: Iterable[str]) -> None:
    problems = [*_unknown(graph, dict.fromkeys(names))]
    if problems:
        raise UsageError("These steps cannot be chosen", problems)


def _unknown(graph: Graph, names: Iterable[str]) -> Iterator[Problem]:
    for name in names:
        if name not in graph.steps:
            yield Problem("unknown-step", f"there is no step '{name}'", did_you_mean(name, graph.steps))


def reached(names: Iterable[str], links: Mapping[str, tuple[str, ...]]) -> set[str]:
    """`names` and all that one comes to from them."""
    found, pending = set(names), list(names)
    while pending:
        new = set(links[pending.pop()]) - found
        found |= new
        pending += new
    return found


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
