"""One step of a pipeline by itself: a graph, the name of a step and what its inputs are to be come in, the graph of a
definition of that step alone goes out.

What the step reads of others is replaced by its value, out of the results of an earlier execution; an input that is
given needs none. Parameters and execution variables stay what they are: they get their values when the step starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, Protocol

from dagwright.definition.expression import (
    GET,
    JSON_GET,
    Computation,
    Place,
    evaluate,
    function_of,
    parse_reference,
    references,
    spell_place,
    unrolled,
)
from dagwright.definition.graph import Graph, Step, read_definition
from dagwright.errors import EvaluationError, Problem, StorageError, UsageError, did_you_mean

#: By type of step: the list of its inputs, the member that names one, and the way from there to its address.
_INPUTS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "Processing": ("ProcessingInputs", "InputName", ("S3Input", "S3Uri")),
    "Training": ("InputDataConfig", "ChannelName", ("DataSource", "S3DataSource", "S3Uri")),
}


class Results(Protocol):
    """What other steps have given. Raises EvaluationError for what is not there."""

    def step(self, name: str) -> Mapping[str, Any]:
        """The Describe response of a step that has succeeded."""

    def read_text(self, s3_uri: str) -> str:
        """The text of an object; may also raise StorageError or AWSError."""


def alone(graph: Graph, name: str, given: Mapping[str, str], results: Results | None) -> Graph:
    """The definition of one step: its inputs those that are `given` (S3 addresses by name), what it reads of other
    steps taken from `results`, its parameters those that it reads. Without results everything has to be given.

    Raises UsageError with everything that is missing, and with how to give it; AWSError.
    """
    step = graph.steps[name]
    problems = [*_unknown_inputs(step, given)]
    missing: list[_Missing] = []
    scope = None if results is None else _Scope(graph, results)
    resolved = unrolled(_resolved(_with_inputs(step, given), None, scope, missing))
    problems += _missing_problems(step, missing)
    if problems:
        hint = "What an earlier execution gave is taken with --source EXECUTION, or --source latest." if missing else ""
        raise UsageError(f"'{name}' cannot run by itself like this", problems, hint)
    read = {reference.name for reference in references(resolved) if reference.root == "Parameters"}
    declared = [item for item in graph.definition.get("Parameters") or [] if item["Name"] in read]
    return read_definition({**graph.definition, "Parameters": declared, "Steps": [resolved]})


def steps_read(graph: Graph, name: str, given: Mapping[str, str]) -> tuple[str, ...]:
    """The other steps whose results a step reads when these inputs are given, in document order."""
    envelope = _with_inputs(graph.steps[name], given)
    found = {reference.name for reference in references(envelope) if reference.root == "Steps"}
    return tuple(other for other in graph.steps if other in found)


def inputs_reading(step: Step, source: Any) -> tuple[str, ...]:
    """The names of a step's inputs whose address, as declared, is `source`."""
    way = _INPUTS.get(step.type, ("", "", ("",)))[2][-1]
    return tuple(name for name, _, one in _inputs(step.type, step.arguments) if one and one.get(way) == source)


class _Missing(NamedTuple):
    """A value that another step would give, where it would stand, and why it is not known, if anybody was asked."""

    place: str
    step: str
    why: str


@dataclass(frozen=True)
class _Scope:
    """The values of references to other steps, and of nothing else."""

    graph: Graph
    results: Results

    def step(self, name: str) -> Mapping[str, Any]:
        return self.results.step(name)

    def property_file(self, step: str, name: str) -> tuple[str, str]:
        return self.graph.steps[step].property_files[name]

    def read_text(self, s3_uri: str) -> str:
        try:
            return self.results.read_text(s3_uri)
        except StorageError as error:
            raise EvaluationError(error.message, hint=error.hint) from error

    def parameter(self, name: str) -> NoReturn:
        raise EvaluationError(f"Parameters.{name} has no value before the start")

    def execution(self, variable: str) -> NoReturn:
        raise EvaluationError(f"Execution.{variable} has no value before the start")

    def experiment(self, variable: str) -> NoReturn:
        raise EvaluationError(f"PipelineExperimentConfig.{variable} has no value before the start")


def _inputs(kind: str, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any] | None]]:
    """Each input's name, its place, and the object that has its address; None if it reads no S3. What has no name
    cannot be given."""
    member, label, way = _INPUTS.get(kind, ("", "", ()))
    items = arguments.get(member)
    for index, item in enumerate(items if isinstance(items, list) else ()):
        name = item.get(label) if isinstance(item, dict) else None
        if not isinstance(name, str):
            continue
        source = item
        for key in way[:-1]:
            source = source.get(key) if isinstance(source, dict) else None
        yield name, f"Arguments.{member}[{index}]", source if isinstance(source, dict) else None


def _with_inputs(step: Step, given: Mapping[str, str]) -> dict[str, Any]:
    """The step as declared, waiting for no other, with the given addresses in their places."""
    envelope = {key: value for key, value in step.envelope.items() if key != "DependsOn"}
    if not given:
        return envelope
    arguments = deepcopy(dict(step.arguments))
    for name, _, source in _inputs(step.type, arguments):
        if name in given and source is not None:
            source[_INPUTS[step.type][2][-1]] = given[name]
    return {**envelope, "Arguments": arguments}


def _unknown_inputs(step: Step, given: Mapping[str, str]) -> Iterator[Problem]:
    sources = {name: source for name, _, source in _inputs(step.type, step.arguments)}
    for name in given:
        if name not in sources:
            hint = did_you_mean(name, sources) or "the step has no inputs"
            yield Problem("unknown-input", f"'{step.name}' has no input '{name:.80}'", hint)
        elif sources[name] is None:
            what = f"the input '{name}' of '{step.name}' reads no S3 address that could be replaced"
            yield Problem("unknown-input", what, "leave it out")


def _missing_problems(step: Step, missing: list[_Missing]) -> Iterator[Problem]:
    """One problem for each input, and one for each other place that waits for a value."""
    inputs = {place: name for name, place, source in _inputs(step.type, step.arguments) if source is not None}
    told: set[str] = set()
    for one in missing:
        place = next((place for place in inputs if one.place.startswith(f"{place}.")), one.place)
        if place in told:
            continue
        told.add(place)
        what = f"is what '{one.step}' gives{f', and {one.why}' if one.why else ''}"
        if place in inputs:
            hint = f"--input {inputs[place]}=PATH_OR_S3"
            yield Problem("missing-input", f"its input '{inputs[place]}' {what}", hint)
        else:
            yield Problem("missing-result", f"{one.place} {what}", "only an execution can give it")


def _resolved(value: Any, place: Place, scope: _Scope | None, missing: list[_Missing]) -> Computation:
    """The value with what other steps gave in the place of the expressions that read it; what is not known is noted."""
    function = function_of(value)
    reference = value[GET] if function == GET else value[JSON_GET].get("PropertyFile") if function == JSON_GET else None
    if reference is not None:
        read = parse_reference(reference[GET] if isinstance(reference, dict) else reference)
        if read.root != "Steps":
            return value
        why = ""
        try:
            if scope is not None:
                return evaluate(value, scope)
        except EvaluationError as error:
            why = f"{error.message} ({error.hint})" if error.hint else error.message
        missing.append(_Missing(spell_place(place), read.name, why))
        return value
    if isinstance(value, dict):
        members = {}
        for key, member in value.items():
            members[key] = yield _resolved(member, (place, key), scope, missing)
        return members
    if isinstance(value, list):
        items = []
        for index, item in enumerate(value):
            items.append((yield _resolved(item, (place, index), scope, missing)))
        return items
    return value
