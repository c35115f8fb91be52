"""The one reader: a pipeline definition comes in, a `Graph` goes out, or every structural problem at once.

Step B waits for step A when B reads A (a Get anywhere in B), names A in DependsOn, or stands in a branch of the
condition step A. Reading says nothing about whether an engine can run the pipeline: unknown step types, unknown keys
and nested conditions are read and can be drawn and compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from dagwright.definition.declaration import (
    BRANCHES,
    IF_STEPS,
    Dependency,
    Parameter,
    Step,
    Uses,
    branch_steps,
    malformed_expression,
    read_parameter,
    read_step,
)
from dagwright.definition.expression import Place, PropertyFile, Reference, spell_place, survey
from dagwright.definition.text import parse
from dagwright.errors import DefinitionError, Problem, did_you_mean

__all__ = [
    "Dependency",
    "Edge",
    "Graph",
    "Parameter",
    "PropertyFile",
    "Reference",
    "Step",
    "examine_definition",
    "read_definition",
]

Links = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Edge:
    """Why `target` waits for `source`: `branch` (label `if` or `else`), `data`, or `order` (label: a trigger other than
    Completed). A pair has one edge, of the first of these kinds that applies."""

    source: str
    target: str
    kind: str
    label: str = ""


@dataclass(frozen=True)
class Graph:
    """A pipeline definition that holds together.

    `steps` and `parameters` by name, in document order, a condition before the steps in its branches; `definition` is
    the object as read; `predecessors` and `successors` are the names a step waits for, and that wait for it.
    """

    steps: Mapping[str, Step]
    parameters: Mapping[str, Parameter]
    definition: Mapping[str, Any] = field(repr=False)
    predecessors: Links = field(repr=False)
    successors: Links = field(repr=False)
    _order: tuple[str, ...] = field(repr=False)

    def order(self) -> tuple[str, ...]:
        """All steps, each after those it waits for; among several that could be next, the first in the document."""
        return self._order

    def edges(self) -> Iterator[Edge]:
        """One edge for each pair of steps of which one waits for the other, by target in document order."""
        for target, step in self.steps.items():
            data = {reference.name for reference in step.references if reference.root == "Steps"}
            triggers = {entry.step: entry.trigger for entry in step.depends_on if entry.trigger != "Completed"}
            for source in self.predecessors[target]:
                if source == step.condition:
                    yield Edge(source, target, "branch", "if" if step.branch == IF_STEPS else "else")
                else:
                    yield Edge(source, target, "data" if source in data else "order", triggers.get(source, ""))


def read_definition(source: str | bytes | dict[str, Any]) -> Graph:
    """The graph of a pipeline definition, given as JSON text or as the object it parses to (which is kept, not copied).

    Raises DefinitionError with every structural problem: text that is not JSON, declarations without a name, names that
    are used twice or not declared, malformed expressions, dependence on a Fail step, cycles.
    """
    graph, problems = examine_definition(source)
    if problems:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise DefinitionError(f"the pipeline definition has {count}", problems)
    return graph


def examine_definition(source: str | bytes | dict[str, Any]) -> tuple[Graph, list[Problem]]:
    """What can be read of a definition, and every structural problem of it.

    With problems the graph may lack steps and parameters, names may lead nowhere, and its order leaves out the steps
    that cannot be put in one. Raises DefinitionError for what is no definition at all.
    """
    definition = source if isinstance(source, dict) else parse(source)
    problems: list[Problem] = []
    parameters = _read_parameters(definition.get("Parameters"), problems)
    steps, uses = _read_steps(definition.get("Steps"), problems)
    _check_names(steps, parameters, {"": _outer_uses(definition, problems), **uses}, problems)
    predecessors = {name: _waits_for(step, steps) for name, step in steps.items()}
    successors = _reverse(predecessors)
    order = _topological_order(predecessors, successors)
    if len(order) < len(steps):
        problems.extend(_cycle_problems(predecessors, order))
    return Graph(steps, parameters, definition, predecessors, successors, order), problems


def _read_parameters(raw: Any, problems: list[Problem]) -> dict[str, Parameter]:
    parameters: dict[str, Parameter] = {}
    if raw is not None and not isinstance(raw, list):
        problems.append(Problem("parameters-shape", "Parameters is not a list", field="Parameters"))
        return parameters
    for index, entry in enumerate(raw or []):
        place: Place = ((None, "Parameters"), index)
        parameter = read_parameter(entry, place, problems)
        if parameter is None:
            continue
        if parameter.name in parameters:
            what = f"the parameter '{parameter.name}' is declared twice"
            problems.append(Problem("duplicate-parameter", what, "rename or remove one", field=spell_place(place)))
        parameters.setdefault(parameter.name, parameter)
    return parameters


def _read_steps(raw: Any, problems: list[Problem]) -> tuple[dict[str, Step], dict[str, Uses]]:
    steps: dict[str, Step] = {}
    uses: dict[str, Uses] = {}
    if not isinstance(raw, list):
        what = "Steps is missing" if raw is None else "Steps is not a list"
        problems.append(Problem("no-steps", what, "a definition has a list of Steps", field="Steps"))
        return steps, uses
    pending = _listed(raw, (None, "Steps"))
    while pending:
        entry, place, condition, branch = pending.pop()
        read = read_step(entry, place, condition, branch, problems)
        if read is None:
            continue
        step, step_uses = read
        if step.name in steps:
            problems.append(_duplicate(step, steps[step.name], place))
            continue
        steps[step.name], uses[step.name] = step, step_uses
        for inner in reversed(BRANCHES):
            inside: Place = ((place, "Arguments"), inner)
            pending.extend(_listed(branch_steps(step.envelope, inner), inside, step.name, inner))
    return steps, uses


def _listed(
    raw: list[Any], place: Place, condition: str | None = None, branch: str | None = None
) -> list[tuple[Any, Place, str | None, str | None]]:
    """The steps of one list, last first: what is appended last is read first."""
    return [(entry, (place, index), condition, branch) for index, entry in reversed([*enumerate(raw)])]


def _duplicate(step: Step, first: Step, place: Place) -> Problem:
    what, hint = f"two steps are named '{step.name}'", "a name is used once in a pipeline, inside branches too"
    if step.condition is not None and step.condition == first.condition and step.branch != first.branch:
        what = f"'{step.name}' stands in both branches of '{step.condition}'"
        hint = "move it out of the condition, or give the two steps different names"
    return Problem("duplicate-step", what, hint, step=step.name, field=spell_place(place))


def _outer_uses(definition: dict[str, Any], problems: list[Problem]) -> Uses:
    """What the definition refers to outside its steps, as in PipelineExperimentConfig."""
    uses: Uses = []
    for place, found in survey({key: definition[key] for key in definition if key not in ("Steps", "Parameters")}):
        if isinstance(found, DefinitionError):
            problems.append(malformed_expression(found, place))
        else:
            uses.append((place, found))
    return uses


class _Nearest:
    """`did_you_mean` for the first fifty unknown names: finding the nearest is slow where thousands are known."""

    def __init__(self, known: Iterable[str]) -> None:
        self._known = tuple(known)
        self._asked: dict[str, str] = {}

    def __call__(self, word: str) -> str:
        if word not in self._asked:
            self._asked[word] = did_you_mean(word, self._known) if len(self._asked) < 50 else ""
        return self._asked[word]


def _check_names(
    steps: Mapping[str, Step], parameters: Mapping[str, Parameter], uses: Mapping[str, Uses], problems: list[Problem]
) -> None:
    """Adds a problem for every name that is used and not declared, and for every dependence on a Fail step."""
    nearest_step, nearest_parameter = _Nearest(steps), _Nearest(parameters)
    nearest_file = {name: _Nearest(step.property_files) for name, step in steps.items() if step.property_files}
    for name, step in steps.items():
        for index, entry in enumerate(step.depends_on):
            problems.extend(_step_problems(name, entry.step, steps, nearest_step, ((None, "DependsOn"), index)))
    for name, found in uses.items():
        for place, reference in found:
            if reference.root == "Steps":
                problems.extend(_step_problems(name, reference.name, steps, nearest_step, place))
                problems.extend(_property_file_problems(name, reference, steps, nearest_file, place))
            elif reference.root == "Parameters" and reference.name not in parameters:
                what = f"the parameter '{reference.name}' is not declared"
                hint = nearest_parameter(reference.name) or "declare it under Parameters"
                problems.append(Problem("unknown-parameter", what, hint, step=name, field=spell_place(place)))


def _step_problems(
    name: str, wanted: str, steps: Mapping[str, Step], nearest: _Nearest, place: Place
) -> Iterator[Problem]:
    if wanted not in steps:
        what = f"there is no step '{wanted}'"
        yield Problem("unknown-step", what, nearest(wanted), step=name, field=spell_place(place))
    elif steps[wanted].type == "Fail":
        what = f"nothing can wait for '{wanted}': a Fail step ends the execution"
        yield Problem("depends-on-fail", what, "remove the dependency", step=name, field=spell_place(place))


def _property_file_problems(
    name: str, reference: Reference, steps: Mapping[str, Step], nearest: Mapping[str, _Nearest], place: Place
) -> Iterator[Problem]:
    file = reference.property_file
    if file is None or reference.name not in steps or file in steps[reference.name].property_files:
        return
    what = f"the step '{reference.name}' declares no property file '{file}'"
    known = nearest.get(reference.name)
    hint = (known(file) if known else "") or "declare it under the step's PropertyFiles"
    yield Problem("unknown-property-file", what, hint, step=name, field=spell_place(place))


def _waits_for(step: Step, steps: Mapping[str, Step]) -> tuple[str, ...]:
    names = [step.condition, *(entry.step for entry in step.depends_on)]
    names.extend(reference.name for reference in step.references if reference.root == "Steps")
    return tuple(dict.fromkeys(name for name in names if name is not None and name in steps))


def _reverse(predecessors: Links) -> dict[str, tuple[str, ...]]:
    followers: dict[str, list[str]] = {name: [] for name in predecessors}
    for target, sources in predecessors.items():
        for source in sources:
            followers[source].append(target)
    return {name: tuple(targets) for name, targets in followers.items()}


def _topological_order(predecessors: Links, successors: Links) -> tuple[str, ...]:
    """As many steps as can be put in order: all of them if there is no cycle."""
    names = list(predecessors)
    position = {name: index for index, name in enumerate(names)}
    waiting = {name: len(sources) for name, sources in predecessors.items()}
    ready = [index for index, name in enumerate(names) if not waiting[name]]
    order: list[str] = []
    while ready:
        name = names[heappop(ready)]
        order.append(name)
        for target in successors[name]:
            waiting[target] -= 1
            if not waiting[target]:
                heappush(ready, position[target])
    return tuple(order)


def _cycle_problems(predecessors: Links, order: Iterable[str]) -> Iterator[Problem]:
    """One problem for every cycle met when each step that could not be put in order is traced to one it waits for.

    Among those steps each has such a predecessor, so every trace ends in a cycle, and the cycles share no step.
    """
    done = set(order)
    first = {
        name: next(source for source in sources if source not in done)
        for name, sources in predecessors.items()
        if name not in done
    }
    position = {name: index for index, name in enumerate(predecessors)}
    for start in first:
        trace: dict[str, int] = {}
        name = start
        while name not in done:
            done.add(name)
            trace[name] = len(trace)
            name = first[name]
        if name in trace:
            yield _cycle_problem([*reversed([*trace][trace[name] :])], position)


def _cycle_problem(cycle: list[str], position: Mapping[str, int]) -> Problem:
    """A cycle, each step followed by one that waits for it; told from the first in the document on."""
    start = min(range(len(cycle)), key=lambda index: position[cycle[index]])
    told = [*cycle[start:], *cycle[:start], cycle[start]]
    if len(told) > 12:
        told[6:-5] = [f"({len(told) - 11} more)"]
    what = f"these steps wait for each other: {' -> '.join(told)}"
    return Problem("cycle", what, "remove one of the dependencies", step=cycle[start])
