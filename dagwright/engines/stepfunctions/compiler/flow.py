"""How control goes through a machine: the tree of a graph and what its steps need go in, nodes in their scopes go out.

The machine itself is a scope, and so is every branch of a Parallel state: variables of one are not those of another.
Where a step fails, its scope ends, because in an exact series everything after it waits for it. Behind a barrier that
does not hold: there control goes on, and a guard asks whether what a step waits for has succeeded. The same kind of
guard asks for the branch of a condition, unless the condition's own state leads into it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TypeAlias

from dagwright.definition.expression import Computation, unrolled
from dagwright.engines.stepfunctions.compiler.dynamic import Produced
from dagwright.engines.stepfunctions.compiler.requirements import Requirements
from dagwright.engines.stepfunctions.compiler.structure import Leaf, Parallel, Tree

OUTCOME = ("Outcome",)
SUCCEEDED = ("Succeeded",)
"""The path of a value that says whether a step has: a name that no Describe response has at its top."""


@dataclass(eq=False)
class Scope:
    """The states that share variables; `after_barrier` if something that follows goes on after a failure in it."""

    parent: Scope | None = None
    depth: int = 0
    after_barrier: bool = False
    has_ways_around: bool = False
    """Whether there is a way through it on which some of its steps do not run."""
    records_failures: bool = False
    """Whether control goes on inside it after a failure."""
    body: Node | None = None


@dataclass(frozen=True)
class Run:
    """One step."""

    step: str
    scope: Scope


@dataclass(frozen=True)
class Row:
    """One after the other: each waits for all before it. A failure ends it, and so does a branch that is not taken."""

    children: tuple[Node, ...]


@dataclass(frozen=True)
class Barrier:
    """One after the other, whatever becomes of the earlier ones."""

    children: tuple[Node, ...]
    scope: Scope


@dataclass(frozen=True)
class Fork:
    """Side by side, each in its scope."""

    branches: tuple[Scope, ...]
    scope: Scope
    goes_on: bool
    """Whether something that follows goes on after a failure in a branch."""


@dataclass(frozen=True)
class Decide:
    """A condition step whose own state leads into its branches."""

    step: str
    if_true: Node | None
    if_false: Node | None
    scope: Scope


@dataclass(frozen=True)
class Choose:
    """The branches of a condition that has been decided before."""

    step: str
    if_true: Node | None
    if_false: Node | None
    scope: Scope


@dataclass(frozen=True)
class Guard:
    """Lets control through to `body` if all of `wanted` have come to what is wanted of them."""

    wanted: tuple[tuple[Produced, bool], ...]
    body: Node
    scope: Scope


Node: TypeAlias = Run | Row | Barrier | Fork | Decide | Choose | Guard


@dataclass(frozen=True)
class Flow:
    """The whole: its outermost scope, the scope of every step, and what guards read where."""

    scope: Scope
    scopes: Mapping[str, Scope]
    asked: Sequence[tuple[Produced, Scope]]


@dataclass(frozen=True)
class _Known:
    """What is certain where control has got to: branches taken, steps succeeded; `doubtful` are steps before a barrier,
    which may have failed."""

    branches: int
    steps: int
    doubtful: int

    def plus(self, branches: int = 0, steps: int = 0, doubtful: int = 0) -> _Known:
        return _Known(self.branches | branches, self.steps | steps, self.doubtful | doubtful)


@dataclass
class _Node:
    """A node of the tree with what all its leaves need."""

    tree: Tree
    children: list[_Node]
    branches: int
    ancestors: int
    steps: int


def flow_of(tree: Tree, requirements: Requirements, conditions: frozenset[str]) -> Flow:
    """The flow of a tree of live steps; `conditions` are those among them that are decided when they run."""
    return _Builder(requirements, conditions).build(tree)


@dataclass
class _Builder:
    requirements: Requirements
    conditions: frozenset[str]
    scopes: dict[str, Scope] = field(default_factory=dict)
    asked: list[tuple[Produced, Scope]] = field(default_factory=list)

    def build(self, tree: Tree) -> Flow:
        scope = Scope()
        known = _Known(self.requirements.established, 0, 0)
        scope.body = unrolled(self._node(self._measured(tree), scope, known, goes_on=False))
        return Flow(scope, self.scopes, self.asked)

    def _measured(self, tree: Tree) -> _Node:
        return _measured(tree, self.requirements)

    # ---- one node ----

    def _node(self, node: _Node, scope: Scope, known: _Known, *, goes_on: bool) -> Computation:
        """A node, behind a guard if it needs more than is `known`; `goes_on`: control does, after a failure in it."""
        branches, steps = self._wanted(node, known)
        if not branches and not steps:
            return (yield self._inside(node, scope, known, goes_on=goes_on))
        known = known.plus(branches, self.requirements.with_ancestors(steps))
        body = yield self._inside(node, scope, known, goes_on=goes_on)
        return self._guard(branches, steps, body, scope)

    def _wanted(self, node: _Node, known: _Known) -> tuple[int, int]:
        return node.branches & ~known.branches, node.ancestors & known.doubtful & ~known.steps

    def _guard(self, branches: int, steps: int, body: Node, scope: Scope) -> Guard:
        wanted = [(Produced(name, OUTCOME), taken) for name, taken in self.requirements.in_branches(branches)]
        wanted.extend((Produced(name, SUCCEEDED), True) for name in self.requirements.last_of(steps))
        for value, _ in wanted:
            self._ask(value, scope)
        return Guard(tuple(wanted), body, scope)

    def _ask(self, value: Produced, scope: Scope) -> None:
        scope.has_ways_around = True
        self.asked.append((value, scope))

    def _inside(self, node: _Node, scope: Scope, known: _Known, *, goes_on: bool) -> Computation:
        if isinstance(node.tree, Leaf):
            self.scopes[node.tree.name] = scope
            return Run(node.tree.name, scope)
        if isinstance(node.tree, Parallel):
            return (yield self._side_by_side(node.children, scope, known, goes_on=goes_on))
        if node.tree.exact:
            return (yield self._in_a_row(node, scope, known, goes_on=goes_on))
        return (yield self._behind_barriers(node, scope, known, goes_on=goes_on))

    # ---- one after the other ----

    def _in_a_row(self, node: _Node, scope: Scope, known: _Known, *, goes_on: bool) -> Computation:
        made: list[Node] = []
        is_decided = False
        for child, following in zip_longest(node.children, node.children[1:]):
            if not is_decided:
                decided = None
                if following is not None and isinstance(child.tree, Leaf) and child.tree.name in self.conditions:
                    decided = yield self._decided(child.tree.name, child, following, scope, known, goes_on=goes_on)
                is_decided = decided is not None
                made.append(decided or (yield self._node(child, scope, known, goes_on=goes_on)))
            else:  # the condition before it leads into it
                is_decided = False
            branches, steps = self._wanted(child, known)
            known = known.plus(branches, self.requirements.with_ancestors(steps) | child.steps)
        return made[0] if len(made) == 1 else Row(tuple(made))

    def _decided(
        self, name: str, condition: _Node, following: _Node, scope: Scope, known: _Known, *, goes_on: bool
    ) -> Computation:
        """A condition whose state leads into what follows it; None if that does not part by it."""
        own_branches, own_steps = self._wanted(condition, known)
        inner = known.plus(own_branches, self.requirements.with_ancestors(own_steps) | condition.steps)
        parted = self._parted(name, following, inner)
        if parted is None:
            return None
        self.scopes[name] = scope
        scope.has_ways_around = True
        ways: list[Node | None] = []
        for taken, kids in zip((True, False), parted, strict=True):
            there = inner.plus(self.requirements.branch(name, taken))
            ways.append((yield self._side_by_side(kids, scope, there, goes_on=goes_on)) if kids else None)
        decide = Decide(name, ways[0], ways[1], scope)
        if own_branches or own_steps:
            return self._guard(own_branches, own_steps, decide, scope)
        return decide

    def _parted(self, name: str, node: _Node, known: _Known) -> tuple[list[_Node], list[_Node]] | None:
        """The children of a node that wait for one or the other branch of a condition, if all do."""
        kids = node.children if isinstance(node.tree, Parallel) else [node]
        if self._needs_branch(name, node, known) is not None:
            kids = [node]
        sides: tuple[list[_Node], list[_Node]] = ([], [])
        for kid in kids:
            taken = self._needs_branch(name, kid, known)
            if taken is None:
                return None
            sides[0 if taken else 1].append(kid)
        return sides

    def _needs_branch(self, name: str, node: _Node, known: _Known) -> bool | None:
        wanted = node.branches & ~known.branches
        for taken in (True, False):
            if wanted & self.requirements.branch(name, taken):
                return taken
        return None

    def _behind_barriers(self, node: _Node, scope: Scope, known: _Known, *, goes_on: bool) -> Computation:
        scope.has_ways_around = scope.records_failures = True
        made: list[Node] = []
        for index, child in enumerate(node.children):
            is_last = index == len(node.children) - 1
            made.append((yield self._node(child, scope, known, goes_on=goes_on or not is_last)))
            known = known.plus(doubtful=child.steps)
        return Barrier(tuple(made), scope)

    # ---- side by side ----

    def _side_by_side(self, children: Sequence[_Node], scope: Scope, known: _Known, *, goes_on: bool) -> Computation:
        units = self._units(children, known)
        if len(units) == 1:
            return (yield self._unit(*units[0], scope, known, goes_on=goes_on))
        branches: list[Scope] = []
        for condition, kids in units:
            branch = Scope(scope, scope.depth + 1, after_barrier=goes_on)
            branch.body = yield self._unit(condition, kids, branch, known, goes_on=goes_on)
            branches.append(branch)
        return Fork(tuple(branches), scope, goes_on)

    def _units(self, children: Sequence[_Node], known: _Known) -> list[tuple[str, list[_Node]]]:
        """What may run side by side; the branches of one condition never do, and are one unit."""
        units: list[tuple[str, list[_Node]]] = []
        by_condition: dict[str, list[_Node]] = {}
        for child in children:
            wanted = self.requirements.in_branches(child.branches & ~known.branches)
            condition = next((name for name, _ in wanted), "")
            if condition and condition in by_condition:
                by_condition[condition].append(child)
                continue
            kids = [child]
            if condition:
                by_condition[condition] = kids
            units.append((condition, kids))
        return units

    def _unit(
        self, condition: str, kids: Sequence[_Node], scope: Scope, known: _Known, *, goes_on: bool
    ) -> Computation:
        if len(kids) == 1:
            return (yield self._node(kids[0], scope, known, goes_on=goes_on))
        self._ask(Produced(condition, OUTCOME), scope)
        ways: list[Node | None] = []
        for taken in (True, False):
            there = [kid for kid in kids if self._needs_branch(condition, kid, known) is taken]
            inner = known.plus(self.requirements.branch(condition, taken))
            ways.append((yield self._side_by_side(there, scope, inner, goes_on=goes_on)) if there else None)
        return Choose(condition, ways[0], ways[1], scope)


def _measured(tree: Tree, requirements: Requirements) -> _Node:
    def measure(node: Tree) -> Computation:
        if isinstance(node, Leaf):
            name = node.name
            return _Node(
                node, [], requirements.branches(name), requirements.ancestors(name), requirements.steps([name])
            )
        children: list[_Node] = []
        branches = ancestors = -1
        steps = 0
        for child in node.children:
            measured = yield measure(child)
            children.append(measured)
            branches, ancestors, steps = (
                branches & measured.branches,
                ancestors & measured.ancestors,
                steps | measured.steps,
            )
        return _Node(node, children, max(branches, 0), max(ancestors, 0), steps)

    measured: _Node = unrolled(measure(tree))
    return measured
