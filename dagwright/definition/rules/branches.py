"""Branches: a graph comes in, problems with conditions inside conditions and with steps that can never run go out.

A step starts when all that it waits for has completed, and the branch that is not taken never starts; there is no
joining again behind a condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dagwright.definition.declaration import IF_STEPS
from dagwright.definition.graph import Graph, Step
from dagwright.errors import Problem


class Branches(NamedTuple):
    """Branches that must be taken: a set of conditions for each kind, as an integer with a bit for every condition."""

    if_steps: int = 0
    else_steps: int = 0

    def __or__(self, other: Branches) -> Branches:
        return Branches(self.if_steps | other.if_steps, self.else_steps | other.else_steps)

    @property
    def in_both(self) -> int:
        """The conditions of which both branches would have to be taken."""
        return self.if_steps & self.else_steps


def nesting_problems(graph: Graph) -> Iterator[Problem]:
    """Conditions inside conditions, which the service's documentation rules out."""
    for step in graph.steps.values():
        if step.type == "Condition" and step.condition is not None:
            what = f"a condition inside the branch of another, '{step.condition}'"
            hint = "put both into one condition: the entries of Conditions must all hold, Or takes alternatives"
            yield Problem("nested-condition", what, hint, step=step.name, field="Type")


def depends_on_condition_problems(graph: Graph) -> Iterator[Problem]:
    """DependsOn with the name of a condition, which the service refuses; reading its Outcome is allowed."""
    for step in graph.steps.values():
        for index, entry in enumerate(step.depends_on):
            target = graph.steps.get(entry.step)
            if target is not None and target.type == "Condition":
                what = f"'{entry.step}' is a condition: the service lets no step name one in DependsOn"
                hint = f"steps in its branches wait for it anyway; others may read Steps.{entry.step}.Outcome"
                yield Problem("depends-on-condition", what, hint, step=step.name, field=f"DependsOn[{index}]")


def reach_problems(graph: Graph) -> Iterator[Problem]:
    """Steps that wait for a step of a branch: those that run only sometimes, and those that never can."""
    own, needed, conditions = _own_branches(graph), needed_branches(graph), _conditions(graph)
    standing: dict[str, Branches] = {}
    for name, step in graph.steps.items():
        standing[name] = own[name] | (standing[step.condition] if step.condition is not None else Branches())
    for name, step in graph.steps.items():
        sources = {name: own[name], **{source: needed[source] for source in graph.predecessors[name]}}
        if needed[name].in_both and not any(branches.in_both for branches in sources.values()):
            lowest = needed[name].in_both & -needed[name].in_both
            yield _never(step, conditions[lowest.bit_length() - 1], lowest, sources)
            continue
        beyond = (source for source in graph.predecessors[name] if standing[source] | standing[name] != standing[name])
        for source in [*beyond][:1]:
            yield _sometimes(step, graph.steps[source])


def needed_branches(graph: Graph) -> Mapping[str, Branches]:
    """For each step the branches without which it cannot run: its own, and those of all that it waits for."""
    own = _own_branches(graph)
    needed = dict.fromkeys(graph.steps, Branches())  # what waits for itself is in no order
    for name in graph.order():
        found = own[name]
        for source in graph.predecessors[name]:
            found |= needed[source]
        needed[name] = found
    return needed


def _own_branches(graph: Graph) -> Mapping[str, Branches]:
    """For each step the innermost branch that it stands in, if any."""
    bits = {name: 1 << index for index, name in enumerate(_conditions(graph))}
    own = {}
    for name, step in graph.steps.items():
        bit = bits[step.condition] if step.condition is not None else 0
        own[name] = Branches(if_steps=bit) if step.branch == IF_STEPS else Branches(else_steps=bit)
    return own


def _conditions(graph: Graph) -> list[str]:
    return [name for name, step in graph.steps.items() if step.type == "Condition"]


def _never(step: Step, condition: str, bit: int, sources: Mapping[str, Branches]) -> Problem:
    """`sources` are the step itself and what it waits for, each with the branches that it needs."""
    one = next(name for name, branches in sources.items() if branches.if_steps & bit)
    other = next(name for name, branches in sources.items() if branches.else_steps & bit)
    needs = [f"{_because(step, one)} in IfSteps of '{condition}'", f"{_because(step, other)} in ElseSteps"]
    what = f"the step can never run: {' and '.join(needs)}"
    return Problem("never-runs", what, "only one of the two branches is taken", step=step.name)


def _because(step: Step, source: str) -> str:
    return "it stands" if source == step.name else f"it waits for what '{source}' needs"


def _sometimes(step: Step, source: Step) -> Problem:
    taken = "true" if source.branch == IF_STEPS else "false"
    what = f"the step runs only if '{source.condition}' is {taken}: it waits for '{source.name}' in {source.branch}"
    hint = "fine if that is meant; what is to follow either branch has to stand in both"
    return Problem("waits-for-branch", what, hint, "warning", step.name)
