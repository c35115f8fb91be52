"""Which steps of a run need not run, as there are results of them: those of the same execution, which goes on, or of
another, for a part of a pipeline.

What comes in: what is to run, and the record. What goes out: a `Reuse`. A result counts only if the objects that came
with it are still there as the step wrote them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from dagwright.definition.graph import Graph, Step
from dagwright.definition.slices import Slice, in_order, left_out_between, needs, reached
from dagwright.engines.execution import SUCCEEDED, Execution, StepRun
from dagwright.engines.local.executions import Executions
from dagwright.engines.local.home import Home
from dagwright.engines.local.store import Stamp
from dagwright.engines.part_results import listed, result_problems
from dagwright.errors import Problem, UsageError


@dataclass(frozen=True)
class Reuse:
    """By step the results that count, all of them successes; the steps that may run, or None for all others; and what
    to say of it. `source` is the execution they come from, empty if they are the execution's own."""

    results: Mapping[str, StepRun] = field(default_factory=dict)
    chosen: Collection[str] | None = None
    source: str = ""
    notes: tuple[str, ...] = ()


# ---- an execution that goes on ----


def results_of_resumed(execution: Execution, before: Graph, graph: Graph, part: Slice, home: Home) -> Reuse:
    """What an execution of `before` need not do again when it goes on as `graph`, which may be the same; only the steps
    of `part` may run if it is a part of its pipeline.

    A step whose definition has changed runs again, and all that follows from it. A step of whose objects any is gone or
    replaced runs again if another that is to run waits for it. Raises UsageError if that is a step outside of the part,
    with every step whose result is not to be had any more.
    """
    chosen = part.steps(graph) if part else None
    may_run = {*graph.steps} if chosen is None else {*chosen}
    done = {name for name, run in execution.steps.items() if run.status == SUCCEEDED and name in graph.steps}
    finished = done & may_run
    changed = {name for name in finished if not _is_same(before.steps[name], graph.steps[name])}
    again = dict.fromkeys(in_order(graph, changed), "its definition or code has changed")
    followers = reached(changed, graph.successors) & finished
    again |= dict.fromkeys(in_order(graph, followers - changed), "what it waits for runs again")
    again |= _lost_and_needed(graph, may_run - (finished - again.keys()), finished - again.keys(), execution.id, home)
    if chosen is not None:
        _require_what_is_needed(execution, graph, chosen, in_order(graph, may_run - (finished - again.keys())), home)
    kept = {name: run for name, run in execution.steps.items() if name in done and name not in again}
    notes = [f"{name} runs again: {why}" for name, why in again.items()]
    if kept:
        notes.insert(0, f"{len(kept)} of {len(graph.steps)} steps need not run again: {listed(kept)}")
    return Reuse(kept, chosen, notes=tuple(notes))


def _is_same(before: Step, now: Step) -> bool:
    return _told(before) == _told(now)


def _told(step: Step) -> object:
    """All that a step is told; of a condition not what the steps in its branches are told."""
    if step.type != "Condition":
        return step.envelope
    own = {name: value for name, value in step.envelope.items() if name != "Arguments"}
    return own, step.conditions, step.if_steps, step.else_steps


def _lost_and_needed(graph: Graph, runs: set[str], kept: set[str], execution: str, home: Home) -> dict[str, str]:
    """Why steps of `kept` run again whose objects are gone, and are needed by a step that runs."""
    objects = _Objects(home, execution)
    lost: dict[str, str] = {}
    for name in reversed(graph.order()):
        if name in kept and not runs.isdisjoint(graph.successors[name]):
            why = next(objects.lost(name), "")
            if why:
                lost[name] = why
                runs |= {name}
    return {name: lost[name] for name in in_order(graph, lost)}


def _require_what_is_needed(
    execution: Execution, graph: Graph, chosen: tuple[str, ...], runs: tuple[str, ...], home: Home
) -> None:
    """What the steps that run need of steps outside of the part, whose results the execution has had from another."""
    needed = tuple(name for name in needs(graph, runs) if name not in chosen)
    problems = [*_Look(graph, runs, needed, home).problems(execution)]
    if problems:
        what = f"Execution {execution.id} does not have any more what {listed(runs)} need"
        raise UsageError(what, problems, hint="Run that part anew, with these steps too or with another --source.")


# ---- a part of a pipeline ----


def results_for_part(part: Slice, graph: Graph, pipeline: str, source: str, home: Home) -> Reuse:
    """What the steps of a part need of the others, from the execution `source`, or from the newest that has it.

    Raises UsageError with every step whose result is not to be had.
    """
    names = part.steps(graph)
    needed = needs(graph, names)
    if not needed and not source:
        return Reuse(chosen=names)
    executions, look = Executions(home), _Look(graph, names, needed, home)
    found = executions.find(source) if source else look.newest_usable(executions.newest(pipeline))
    if found is None:
        what = f"{listed(names)} cannot run alone: no execution of '{pipeline}' here has the results of"
        raise UsageError(f"{what} {listed(needed)}", hint="Run all of it first, or choose these steps too.")
    if found.pipeline != pipeline:
        raise UsageError(f"--source {found.id} is an execution of '{found.pipeline}', not of '{pipeline}'")
    problems = [*look.problems(found)]
    if problems:
        needs_it = "needs" if len(names) == 1 else "need"
        what = f"Execution {found.id} does not have what {listed(names)} {needs_it}"
        raise UsageError(what, problems, hint="Choose these steps too, or another --source.")
    more = {"SelectiveExecutionResult": {"SourcePipelineExecutionArn": found.id}}
    results = {name: replace(found.steps[name], more=more, tries=()) for name in needed}
    notes = [f"what {listed(needed)} gave is taken from execution {found.id}, {found.status}"] if needed else []
    between = left_out_between(graph, names)
    if between:
        notes.append(f"{listed(between)} lie between the chosen steps and do not run: SageMaker refuses such a choice")
    return Reuse(results, names, found.id, tuple(notes))


@dataclass(frozen=True)
class _Look:
    """At executions that may have what the steps `names` of a graph need of the steps `needed`."""

    graph: Graph
    names: tuple[str, ...]
    needed: tuple[str, ...]
    home: Home

    def newest_usable(self, executions: Iterable[Execution]) -> Execution | None:
        """The first without problems, else the first of all, whose problems can be said."""
        first = None
        for execution in executions:
            first = first or execution
            if not any(self.problems(execution)):
                return execution
        return first

    def problems(self, source: Execution) -> Iterator[Problem]:
        """Why the results of an execution are of no use."""
        objects = None
        for name in self.needed:
            run = source.steps.get(name)
            yield from result_problems(name, run, self.graph, self.names)
            if run is None or run.status != SUCCEEDED:
                continue
            objects = objects or _Objects(self.home, source.id)
            for why in objects.lost(name):
                yield Problem("lost-object", why, step=name)


# ---- objects ----


class _Objects:
    """What an execution has written, as the record says, and as the store has it now."""

    def __init__(self, home: Home, execution: str) -> None:
        self._home = home
        self._of: dict[str, list[str]] = {}
        self._own: dict[str, list[Stamp]] = {}
        for row in home.database.rows("written", order="uri", execution=execution):
            self._of.setdefault(row["step"], []).append(row["uri"])
            self._own.setdefault(row["uri"], []).append(Stamp(row["inode"], row["modified_ns"], row["size"]))

    def lost(self, step: str) -> Iterator[str]:
        """A sentence for each object of a step that is gone, or that nobody of this execution wrote as it is."""
        for uri in self._of.get(step, ()):
            now = self._home.store.stamp(uri)
            if now is None:
                yield f"{uri} is gone"
            elif not any(map(now.is_of, self._own[uri])):
                yield f"{uri} has been replaced{self._by(uri, now)}"

    def _by(self, uri: str, stamp: Stamp) -> str:
        known = {"uri": uri, "modified_ns": stamp.modified_ns, "size": stamp.size}
        rows = self._home.database.rows("written", order="uri", columns="execution, step", **known)
        return f" by '{rows[0]['step']}' of execution {rows[0]['execution']}" if rows else " since"
