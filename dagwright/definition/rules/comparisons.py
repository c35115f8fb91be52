"""Conditions: a graph comes in, problems with their shape and with what they compare go out.

What can be compared is the table of `conditions.py`. Whether the service compares a text with a number or a boolean is
not documented; the SDK's local mode refuses to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dagwright.definition.conditions import COMPARISONS, MEMBERS, comparable, condition_problems, conditions_in
from dagwright.definition.expression import JOIN, Place, Reference, function_of, read_expression, spell_place
from dagwright.definition.graph import Graph, Step
from dagwright.definition.rules.constraints import kind_of
from dagwright.definition.rules.references_properties import StepProperties
from dagwright.errors import DefinitionError, Problem, did_you_mean
from dagwright.shapes import Shape

_KINDS = {"str": "String", "bool": "Boolean", "int": "Integer", "float": "Float"}
#: Any value of a kind; what a text holds decides what it can be compared with, so it has no example.
_EXAMPLES: Mapping[str, Any] = {"Integer": 1, "Float": 1.0, "Boolean": True}


class _Operand(NamedTuple):
    """One side of a comparison: what is known of its type, and its value if it is written out."""

    kind: str
    is_constant: bool = False
    value: Any = None


def comparison_problems(graph: Graph) -> Iterator[Problem]:
    """Conditions that cannot be read, that compare what cannot be compared, or that are not there."""
    operands = _Operands(graph)
    for step in graph.steps.values():
        if step.type != "Condition":
            continue
        if step.arguments.get("Conditions") in (None, []):
            what = "there are no Conditions, so IfSteps always run"
            yield Problem("no-conditions", what, "give a condition", "warning", step.name, "Arguments.Conditions")
        malformed = condition_problems(step)
        yield from malformed
        unreadable = {problem.field for problem in malformed}
        for condition, place in conditions_in(step):
            if spell_place(place) not in unreadable:
                yield from _member_problems(condition, place, step)
                yield from _operand_problems(condition, place, step, operands)


def _member_problems(condition: Mapping[str, Any], place: Place, step: Step) -> Iterator[Problem]:
    known = ("Type", *MEMBERS[condition["Type"]])
    for key in condition:
        if key not in known:
            what = f"'{key:.80}' is not a member of {condition['Type']}"
            field = spell_place((place, key))
            yield Problem("malformed-condition", what, did_you_mean(key, known), step=step.name, field=field)


def _operand_problems(condition: Mapping[str, Any], place: Place, step: Step, operands: _Operands) -> Iterator[Problem]:
    if condition["Type"] == "In":
        yield from _member_value_problems(condition, place, step)
    if condition["Type"] not in COMPARISONS:
        return
    left, right = (operands.operand(condition[side]) for side in ("LeftValue", "RightValue"))
    field = spell_place(place)
    if _never_fit(left, right):
        what = f"{condition['Type']} cannot compare {_spell(left)} with {_spell(right)}"
        hint = "compare numbers with numbers, texts with texts, booleans with booleans"
        yield Problem("incomparable", what, hint, step=step.name, field=field)
    elif "String" in (left.kind, right.kind) and left.kind != right.kind and left.kind and right.kind:
        what = f"{condition['Type']} compares {_spell(left)} with {_spell(right)}"
        hint = "whether the service does that by value is not documented: give both sides one type"
        yield Problem("mixed-comparison", what, hint, "warning", step.name, field)


def _member_value_problems(condition: Mapping[str, Any], place: Place, step: Step) -> Iterator[Problem]:
    """In compares single values; a list, an object or a null among them is equal to nothing."""
    values: list[tuple[Any, Place]] = [(condition["QueryValue"], (place, "QueryValue"))]
    values.extend((value, ((place, "Values"), index)) for index, value in enumerate(condition["Values"]))
    for value, at in values:
        if isinstance(value, (list, dict, type(None))) and function_of(value) is None:
            what, hint = f"In compares single values, and this is {kind_of(value)}", "a text, a number or an expression"
            yield Problem("incomparable", what, hint, step=step.name, field=spell_place(at))


class _Operands:
    """The operands of a graph's conditions."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._properties = StepProperties(graph)

    def operand(self, value: Any) -> _Operand:
        """What is known of one side of a comparison."""
        function = function_of(value)
        if function is None:
            return _Operand(_KINDS.get(type(value).__name__, "neither"), True, value)
        if function == JOIN:
            return _Operand("String")
        try:
            reference = read_expression(value)
        except DefinitionError:  # the reader has said so
            return _Operand("")
        return _Operand("" if reference is None else self._kind_of(reference))

    def _kind_of(self, reference: Reference) -> str:
        """The type that a reference yields; empty if only a run can tell."""
        if reference.root == "Parameters" and reference.name in self._graph.parameters:
            return self._graph.parameters[reference.name].type
        if reference.root in ("Execution", "PipelineExperimentConfig"):
            return "String"
        step = self._graph.steps.get(reference.name) if reference.root == "Steps" else None
        if step is None:
            return ""
        if step.type == "Condition" and reference.path == ("Outcome",):
            return "Boolean"
        found = self._properties.shape(reference) if reference.path[:1] == ("OutputParameters",) else None
        return found.name if isinstance(found, Shape) and found.name in _KINDS.values() else ""


def _never_fit(left: _Operand, right: _Operand) -> bool:
    if "neither" in (left.kind, right.kind):
        return True
    values = [side.value if side.is_constant else _EXAMPLES.get(side.kind) for side in (left, right)]
    return None not in values and comparable(*values) is None


def _spell(side: _Operand) -> str:
    kind = {"String": "the text", "Boolean": "the boolean", "neither": "the value"}.get(side.kind, "the number")
    if side.is_constant:
        return f"{kind} {side.value!r:.80}"
    return {"String": "a text", "Boolean": "a boolean"}.get(side.kind, "a number" if side.kind else "a value")
