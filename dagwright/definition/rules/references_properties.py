"""What a property of a step is: `Steps.Train.ModelArtifacts.S3ModelArtifacts` comes in, its shape goes out.

A path is followed through the response that AWS's model describes; where the step's own declaration tells the names
(outputs, metrics, hyperparameters, output parameters), through these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagwright.definition.expression import Reference, is_expression
from dagwright.definition.graph import Graph, Step
from dagwright.definition.path import NAMED_LISTS, Path, write_path
from dagwright.definition.rules.constraints import Suggestions, Wrong, shown
from dagwright.shapes import EXTRA_MEMBERS, PIPELINES, RESPONSES, Shape

_WITHOUT_PROPERTIES = frozenset({"Cleanup"})
_WITH_OUTPUTS = frozenset({"Lambda", "Callback"})
_OUTPUTS = "OutputParameters"
#: Maps of a response that repeat the request: only what the step sets is there.
_ECHOES = (("HyperParameters",), ("Environment",))
_SINGLE = ("String", "Integer", "Float", "Boolean")

#: The names that a step declares, of output parameters with their types.
Names = Mapping[str, Any]


class StepProperties:
    """The properties of a graph's steps. Each is followed once, however often it is read."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._suggestions = Suggestions()
        self._found: dict[str, Shape | Wrong | None] = {}
        self._names: dict[tuple[str, Path], Names | None] = {}

    def shape(self, reference: Reference) -> Shape | Wrong | None:
        """The shape of what a reference to a step names, or why there is none; None if it cannot be known.

        No model describes the properties of EMRServerless, ForEach and unknown types. Fail steps and steps that do not
        exist are the reader's affair.
        """
        if reference.text not in self._found:
            step = self._graph.steps.get(reference.name)
            self._found[reference.text] = self._follow(step, reference.path) if step is not None else None
        return self._found[reference.text]

    def _follow(self, step: Step, path: Path) -> Shape | Wrong | None:
        if step.type in _WITH_OUTPUTS:
            return self._output_parameter(step, path)
        if step.type in _WITHOUT_PROPERTIES:
            return Wrong("no-properties", f"a {step.type} step has no properties", "name the step in DependsOn")
        here = RESPONSES.get(step.type)
        if here is None or not here.exists:
            return None
        extra = EXTRA_MEMBERS.get(step.type, {})
        for depth, key in enumerate(path):
            beyond = extra if depth == 0 else {}
            found = self._next(here, key, path[:depth], step, beyond)
            if isinstance(found, Wrong):
                return found
            here = found
        return here

    def _next(self, here: Shape, key: str | int, before: Path, step: Step, extra: Mapping[str, Shape]) -> Shape | Wrong:
        """The shape one key further on."""
        if here.kind in ("list", "map"):
            return self._element(here, key, before, step)
        if key in extra:
            return extra[str(key)]
        if key in here.members:
            return here.member(str(key))
        place = f"in {write_path(before)} of a {step.type} step" if before else f"of a {step.type} step"
        what = f"there is no property {shown(str(key))} {place}"
        if here.is_single:
            return Wrong("unknown-property", what, f"{write_path(before)} is a single value: nothing follows it")
        return Wrong("unknown-property", what, self._suggestions.nearest(str(key), (*here.members, *extra)))

    def _element(self, here: Shape, key: str | int, before: Path, step: Step) -> Shape | Wrong:
        place = write_path(before)
        if isinstance(key, int) and not here.goes_by_position:
            return Wrong("bad-key", f"{place} goes by names, not by position", f"write {place}['name']")
        if isinstance(key, str) and not here.goes_by_name:
            return Wrong("bad-key", f"{place} goes by position, not by names", f"write {place}[0]")
        known = self._declared(step, before) if isinstance(key, str) else None
        if known is not None and key not in known:
            hint = self._suggestions.nearest(str(key), known) if known else f"the step sets no {place}"
            return Wrong("unknown-name", f"the step {shown(step.name)} has no {shown(str(key))} in {place}", hint)
        return here.element

    def _declared(self, step: Step, path: Path) -> Names | None:
        """The names that the step declares at this place of its response; None if it does not tell."""
        if (step.name, path) not in self._names:
            self._names[step.name, path] = _declared(step, path)
        return self._names[step.name, path]

    def _output_parameter(self, step: Step, path: Path) -> Shape | Wrong | None:
        if len(path) != 2 or path[0] != _OUTPUTS:
            what = f"a {step.type} step has outputs and no other properties"
            return Wrong("unknown-property", what, f"write {_OUTPUTS}['name']")
        declared = self._declared(step, (_OUTPUTS,)) or {}
        if path[1] not in declared:
            hint = self._suggestions.nearest(str(path[1]), declared) or f"declare it under the step's {_OUTPUTS}"
            return Wrong("unknown-name", f"the step {shown(step.name)} has no output {shown(str(path[1]))}", hint)
        kind = declared[str(path[1])]
        return Shape(PIPELINES, kind) if kind in _SINGLE else None


def _declared(step: Step, path: Path) -> Names | None:
    if path == (_OUTPUTS,):
        return {str(one.get("OutputName")): one.get("OutputType") for one in _items(step.envelope.get(_OUTPUTS))}
    if path in (("ProcessingInputs",), ("ProcessingOutputConfig", "Outputs")):
        return _named(_at(step.arguments, path), NAMED_LISTS[str(path[-1])])
    if path == ("FinalMetricDataList",):
        # An algorithm of Amazon's own brings its metrics along, and the step then declares none.
        return _named(_at(step.arguments, ("AlgorithmSpecification", "MetricDefinitions")), "Name") or None
    if path in _ECHOES:
        echoed = _at(step.arguments, path)
        return None if is_expression(echoed) else dict.fromkeys(echoed) if isinstance(echoed, dict) else {}
    return None


def _named(items: Any, label: str) -> Names | None:
    """The names in a list; None if one of them is only known at run time."""
    names = [item.get(label) for item in _items(items)]
    if is_expression(items) or any(is_expression(name) for name in names):
        return None
    return {name: None for name in names if isinstance(name, str)}


def _items(items: Any) -> list[Mapping[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _at(here: Any, path: Path) -> Any:
    for key in path:
        here = here.get(key) if isinstance(here, Mapping) else None
    return here
