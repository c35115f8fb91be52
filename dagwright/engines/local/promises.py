"""What the files that stand in for steps will give, known before the run.

What comes in: a graph, what stands in for its steps, and the scope of a run that has not begun. What goes out: for each
such step its result and the objects it writes, and a problem for everything of it that is of no use to the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from dagwright.definition.expression import Reference
from dagwright.definition.graph import Graph, Step
from dagwright.definition.path import NAMED_LISTS, follow
from dagwright.engines.local.scope import UNKNOWN, RunScope, evaluate_known
from dagwright.engines.local.stand_ins import FILES, StandIn
from dagwright.errors import DagwrightError, EvaluationError, Problem


@dataclass
class Promises:
    """What is known: by step its result, in which `UNKNOWN` stands for what only the run makes, and the addresses of
    the objects that will be there."""

    results: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    objects: dict[str, set[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def promises_of(graph: Graph, stand_ins: Mapping[str, StandIn], scope: RunScope) -> Promises:
    """What all files give; a file may stand for a step that reads what another gives."""
    promises = Promises()
    for name in graph.order():
        stand_in = stand_ins.get(name)
        if stand_in is not None and stand_in.function is None:
            try:
                _promise(graph.steps[name], stand_in, replace(scope, outputs=promises.results), promises)
            except DagwrightError as error:
                what = error.message.removeprefix(f"{stand_in.place}: ")
                promises.problems.append(Problem("stand-in", f"{stand_in.place}: {what}", error.hint, step=name))
    promises.problems.extend(_unmet_references(graph, stand_ins, promises))
    return promises


def _promise(step: Step, stand_in: StandIn, scope: RunScope, promises: Promises) -> None:
    from dagwright.engines.local.baselines import PROPERTIES
    from dagwright.engines.local.stand_in_steps import files_of, made_by_the_run, response_of

    request = evaluate_known(step.arguments, scope)
    result = response_of(step, stand_in, request, made_by_the_run(step))
    promises.results[step.name] = {**dict.fromkeys(PROPERTIES.get(step.type, ()), UNKNOWN), **result}
    files = files_of(step, stand_in, result)
    promises.objects[step.name] = {*(uri for uri, _ in files.objects), files.artifact} - {""}
    for uri in promises.objects[step.name]:
        if not uri.startswith(UNKNOWN):
            scope.store.object_path(uri)


def _unmet_references(graph: Graph, stand_ins: Mapping[str, StandIn], promises: Promises) -> Iterator[Problem]:
    """Members of results that later steps read, and that the files which stand in do not give."""
    for step in graph.steps.values():
        for reference in step.references:
            if reference.root == "Steps" and reference.name in promises.objects:
                stand_in = stand_ins[reference.name]
                if reference.property_file is None:
                    yield from _unmet(step, reference, promises.results[reference.name], stand_in)
                else:
                    yield from _unwritten(step, reference, graph.steps[reference.name], stand_in, promises)


def _unmet(step: Step, reference: Reference, response: Mapping[str, Any], stand_in: StandIn) -> Iterator[Problem]:
    try:
        follow(response, reference.path, reference.text, NAMED_LISTS)
    except EvaluationError as error:
        what = f"it reads what {stand_in.place} does not give: {error.message}"
        yield Problem("stand-in", what, f"add it to {stand_in.place}", step=step.name)


def _unwritten(
    step: Step, reference: Reference, writer: Step, stand_in: StandIn, promises: Promises
) -> Iterator[Problem]:
    output, file = writer.property_files[str(reference.property_file)]
    whole = f"{output}/{file}"
    from dagwright.engines.local.stand_in_steps import places_of

    folder = dict(places_of(writer, promises.results[writer.name])).get(output, "")
    is_elsewhere = not folder.startswith("s3://") and any(name.startswith("s3://") for name in stand_in.files)
    if f"{folder.rstrip('/')}/{file}" not in promises.objects[writer.name] and not is_elsewhere:
        what = f"it reads {reference.text}, and {stand_in.place} writes no {whole}"
        hint = f'add it to {stand_in.place}: "{FILES}": {{"{whole}": {{…}}}}'
        yield Problem("stand-in", what, hint, step=step.name)
