"""A part of a pipeline: a state machine of its own, made of the steps that were chosen, on the results of an execution
that was there before.

In: the machine of all steps, and a slice. Out: the machine, ready to be started. What the chosen steps need of others
stands in it as a result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import merge
from itertools import islice
from typing import Any, NamedTuple

from dagwright.definition.graph import Graph
from dagwright.definition.slices import Slice, left_out_between, needs
from dagwright.engines.aws.clients import is_absent
from dagwright.engines.aws.finding import Names
from dagwright.engines.execution import Execution, StepRun
from dagwright.engines.part_results import listed, result_problems
from dagwright.engines.stepfunctions.derivation import Derivation, Derived, result_of
from dagwright.engines.stepfunctions.derived import PART_SUFFIX, Part, all_names
from dagwright.engines.stepfunctions.executions import Executions
from dagwright.errors import AWSError, Problem, UsageError

# Each that is looked at takes some calls.
_LOOKED_AT = 25


class Made(NamedTuple):
    """A machine of chosen steps: its name, the ARN of its version to be started, and what to say of it."""

    name: str
    version: str
    part: Part
    notes: tuple[str, ...]


class _Source(NamedTuple):
    """An execution, the needed steps that it has, and why they are of no use."""

    execution: Execution
    steps: Mapping[str, StepRun]
    problems: Sequence[Problem]


class Selection:
    """Makes such machines. Every call raises AWSError."""

    def __init__(self, executions: Executions, derivation: Derivation, names: Names) -> None:
        self._executions = executions
        self._derivation = derivation
        self._names = names

    def prepare(
        self,
        original: str,
        machine: Mapping[str, Any],
        part: Slice,
        source: Execution | None,
        complete: Callable[[Execution], None],
    ) -> Made:
        """Make or change the machine of a part of the machine `original`, on the results of `source`, or of the newest
        execution that has them.

        `complete` adds to the steps what they gave. Raises UsageError with every step whose result is not to be had,
        DefinitionError.
        """
        graph = self._executions.graph_of(machine, original)
        chosen = part.steps(graph)
        known: dict[str, Mapping[str, Any]] = {}
        notes, arn = [], ""
        found = self._source(original, graph, chosen, source)
        if found:
            complete(replace(found.execution, steps={**found.steps}))
            known = {name: result_of(step) for name, step in found.steps.items()}
            arn, said = found.execution.arn, f"execution {found.execution.address}, {found.execution.status}"
            notes.append(f"what {listed(known)} gave is taken from {said}")
        if between := left_out_between(graph, chosen):
            notes.append(f"{listed(between)} lie between the chosen steps and do not run")
        made = Part(original, chosen, arn)
        wanted = Derived(original, PART_SUFFIX, made.comment, known, execution={}, chosen=chosen)
        version = self._derivation.make(wanted, graph, machine)
        return Made(self._derivation.name(original, PART_SUFFIX), version, made, tuple(notes))

    def _source(self, original: str, graph: Graph, chosen: tuple[str, ...], named: Execution | None) -> _Source | None:
        """Where the results are taken from; None if none are needed. Raises UsageError if they are not to be had."""
        if named and named.pipeline not in all_names(original, self._names):
            raise UsageError(f"--source {named.address} is an execution of {named.pipeline}, not of {original}")
        needed = needs(graph, chosen)
        if not needed:
            return None
        found = self._looked_at(named, graph, chosen) if named else self._newest_usable(original, graph, chosen)
        if found is None:
            what = f"{listed(chosen)} cannot run alone: no execution of {original} has the results of {listed(needed)}"
            raise UsageError(what, hint="Run all of it first, or choose these steps too.")
        if found.problems:
            needs_it = "needs" if len(chosen) == 1 else "need"
            what = f"Execution {found.execution.address} does not have what {listed(chosen)} {needs_it}"
            raise UsageError(what, found.problems, hint="Choose these steps too, or another --source.")
        return found

    def _newest_usable(self, original: str, graph: Graph, chosen: tuple[str, ...]) -> _Source | None:
        """The newest execution without problems, else the newest, whose problems can be said."""
        newest = None
        for summary in islice(self._newest(original), _LOOKED_AT):
            found = self._looked_at(self._executions.read(summary.arn), graph, chosen)
            if not found.problems:
                return found
            newest = newest or found
        return newest

    def _newest(self, original: str) -> Iterator[Execution]:
        """The executions of a machine, and of those made of some of its steps, without their steps, newest first."""
        found = [self._of(name) for name in all_names(original, self._names)]
        return merge(*found, key=lambda execution: execution.started, reverse=True)

    def _of(self, name: str) -> Iterator[Execution]:
        try:
            yield from self._executions.of(name)
        except AWSError as error:
            if not is_absent(error):
                raise

    def _looked_at(self, execution: Execution, graph: Graph, chosen: tuple[str, ...]) -> _Source:
        """What an execution, with those that it goes on from, has of what the chosen steps need."""
        steps = {name: run for one in reversed(self._executions.line_of(execution)) for name, run in one.steps.items()}
        needed = needs(graph, chosen)
        problems = [problem for name in needed for problem in result_problems(name, steps.get(name), graph, chosen)]
        return _Source(execution, {name: steps[name] for name in needed if name in steps}, problems)
