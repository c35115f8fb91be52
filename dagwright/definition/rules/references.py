"""What references name: a graph comes in, references to what no run will ever have go out.

Whether steps and parameters exist is the reader's affair. Here it is what lies behind them: the properties of a step,
its outputs and metrics by name, execution variables; and places that a reference cannot stand in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dagwright.definition.declaration import BRANCHES
from dagwright.definition.expression import (
    JOIN,
    JSON_GET,
    Place,
    Reference,
    function_of,
    read_expression,
)
from dagwright.definition.graph import Graph, Step
from dagwright.definition.rules.constraints import WANTED, Suggestions, Wrong, shown
from dagwright.definition.rules.references_properties import StepProperties
from dagwright.definition.rules.requests import limited
from dagwright.errors import DefinitionError, Problem

#: Execution variables, and the types of steps that alone have one. Source: Amazon's SDK, ExecutionVariables.
EXECUTION_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "StartDateTime": (),
    "CurrentDateTime": (),
    "PipelineName": (),
    "PipelineArn": (),
    "PipelineExecutionId": (),
    "PipelineExecutionArn": (),
    "TrainingJobName": ("Training", "Tuning"),
    "ProcessingJobName": ("Processing", "QualityCheck", "ClarifyCheck"),
}
EXPERIMENT_VARIABLES = ("ExperimentName", "TrialName")
_MEMBERS: Mapping[str, tuple[str, ...]] = {JOIN: ("On", "Values"), JSON_GET: ("PropertyFile", "S3Uri", "Path")}
#: Steps whose Arguments are the user's own object: what stands there is handed on, and nothing says that it is refused.
_FREE_FORM = ("Lambda", "Callback")


def reference_problems(graph: Graph) -> Iterator[Problem]:
    """References that lead nowhere, or that have no value where they stand, in document order; a thousand at most."""
    return limited(_problems(graph), 1000)


def _problems(graph: Graph) -> Iterator[Problem]:
    check = _References(graph)
    outside = {key: value for key, value in graph.definition.items() if key not in ("Steps", "Parameters")}
    for place, wrong in check.findings(outside, None):
        yield wrong.at("", place)
    for step in graph.steps.values():
        for place, wrong in check.findings(_own(step), step):
            yield wrong.at(step.name, place)


class _References:
    """The references of one graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._properties = StepProperties(graph)
        self._suggestions = Suggestions()

    def findings(self, value: Any, step: Step | None) -> Iterator[tuple[Place, Wrong]]:
        """What is wrong with the references in a value, each with its place."""
        for place, expression, reference in _expressions(value):
            if reference is not None:
                wrong = self._wrong(reference, place, step)
            else:
                wrong = self._member_wrong(expression) or self._order_wrong(expression, step)
            if wrong is not None:
                yield place, wrong

    def _wrong(self, reference: Reference, place: Place, step: Step | None) -> Wrong | None:
        if reference.root == "Steps":
            return self._property_wrong(reference, place, step)
        if reference.root == "Execution":
            return self._variable_wrong(reference, step)
        if reference.root == "PipelineExperimentConfig" and reference.name not in EXPERIMENT_VARIABLES:
            hint = self._suggestions.nearest(reference.name, EXPERIMENT_VARIABLES)
            return Wrong("unknown-variable", f"there is no experiment variable {shown(reference.name)}", hint)
        if reference.root in ("ForEach", "IterationOutput") and (step is None or step.type != "ForEach"):
            return Wrong("outside-for-each", f"{shown(reference.text)} has a value only inside a ForEach step")
        return None

    def _variable_wrong(self, reference: Reference, step: Step | None) -> Wrong | None:
        types = EXECUTION_VARIABLES.get(reference.name)
        if types is None:
            hint = self._suggestions.nearest(reference.name, EXECUTION_VARIABLES)
            return Wrong("unknown-variable", f"there is no execution variable {shown(reference.name)}", hint)
        if types and (step is None or step.type not in types):
            what = f"{reference.text} has a value only inside a {types[0]} step"
            hint = f"read it from the step that has it: Steps.<step>.{reference.name}"
            return Wrong("job-name-outside-job", what, hint, "warning")
        return None

    def _property_wrong(self, reference: Reference, place: Place, step: Step | None) -> Wrong | None:
        if reference.property_file is not None:
            if _is_file_of_json_get(place):
                return None
            what = f"{shown(reference.text)} is a file, not a value"
            return Wrong("property-file-as-value", what, f"read a value of it with {JSON_GET}")
        found = self._properties.shape(reference)
        if found is None or isinstance(found, Wrong) or found.is_single or (step and step.type == "ForEach"):
            return found if isinstance(found, Wrong) else None
        what = f"{shown(reference.text)} is {WANTED[found.kind]}, and a reference gives a single value"
        hint = self._suggestions.nearest("", found.members) if found.kind == "structure" else "go on with [0]"
        if found.goes_by_name:
            hint = "go on with ['name']"
        free = step is not None and step.type in _FREE_FORM
        return Wrong("not-a-single-value", what, hint, "warning" if free else "error")

    def _member_wrong(self, expression: Mapping[str, Any]) -> Wrong | None:
        """A member that the function does not have: the service refuses it, and what it was to say is not said."""
        ((function, body),) = expression.items()
        for key in body:
            if key not in _MEMBERS[function]:
                hint = self._suggestions.nearest(key, _MEMBERS[function])
                return Wrong("unknown-member", f"{shown(key)} is not a member of {function}", hint)
        return None

    def _order_wrong(self, expression: Mapping[str, Any], step: Step | None) -> Wrong | None:
        """A JsonGet that names its file by address, in a step that waits for nobody."""
        body = expression.get(JSON_GET)
        if body is None or "S3Uri" not in body or step is None or self._graph.predecessors.get(step.name):
            return None
        what = "the file is read by its address, and the step waits for no other"
        return Wrong("json-get-without-order", what, "name the step that writes it in DependsOn", "warning")


def _own(step: Step) -> Any:
    """A step as written, without the steps in its branches: these speak for themselves."""
    if step.type != "Condition":
        return step.envelope
    return {**step.envelope, "Arguments": {key: step.arguments[key] for key in step.arguments if key not in BRANCHES}}


def _expressions(value: Any) -> Iterator[tuple[Place, dict[str, Any], Reference | None]]:
    """Every well-formed expression in a value with its place, the outer before those inside it, in document order."""
    pending: list[tuple[Any, Place]] = [(value, None)]
    while pending:
        here, place = pending.pop()
        if function_of(here) is not None:
            try:
                yield place, here, read_expression(here)
            except DefinitionError:
                continue
        inside = here.items() if isinstance(here, dict) else enumerate(here)
        pending.extend((child, (place, key)) for key, child in reversed([*inside]) if isinstance(child, (dict, list)))


def _is_file_of_json_get(place: Place) -> bool:
    return place is not None and place[1] == "PropertyFile" and place[0] is not None and place[0][1] == JSON_GET
