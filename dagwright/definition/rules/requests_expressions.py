"""What an expression can come to, compared with what its place wants.

In: an expression and the shape of its place. Out: why it does not fit. The service compares types when a pipeline is
created ("Cannot assign property reference … to argument of type …"); a wrong default shows only once it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dagwright.definition.expression import JOIN, Reference, evaluate, function_of, read_expression, references
from dagwright.definition.graph import Graph, Parameter
from dagwright.definition.rules.constraints import WANTED, Wrong, shown, value_wrong
from dagwright.definition.rules.jobs import Defaults
from dagwright.definition.rules.references_properties import StepProperties
from dagwright.errors import DagwrightError, DefinitionError
from dagwright.shapes import Shape

_KINDS = {"String": "string", "Integer": "integer", "Float": "float", "Boolean": "boolean"}
#: What each kind of place takes; a kind that is not here takes anything single.
_TAKES = {
    "string": ("string", "blob"),
    "integer": ("integer", "long"),
    "long": ("integer", "long"),
    "float": ("float", "double", "integer", "long"),
    "double": ("float", "double", "integer", "long"),
    "boolean": ("boolean",),
}
#: The type to declare for a place of each kind; for other numbers it is Float.
_DECLARED = {"boolean": "Boolean", "integer": "Integer", "long": "Integer"}


class Expressions:
    """The expressions of a graph. What a parameter's values do in a place is looked at once."""

    def __init__(self, graph: Graph) -> None:
        self._parameters = graph.parameters
        self._properties = StepProperties(graph)
        self._defaults = Defaults(graph)
        self._judged: dict[tuple[str, Shape], list[Wrong]] = {}

    def wrongs(self, expression: dict[str, Any], shape: Shape) -> Iterator[Wrong]:
        """Why an expression does not fit its place; nothing about those the reader refuses."""
        try:
            reference = read_expression(expression)
        except DefinitionError:
            return
        given = self._given(reference)
        if given is not None and not given.is_single:
            return  # the rule for references speaks of it
        if not shape.is_single:
            what = f"{WANTED[shape.kind]} is wanted here, and {function_of(expression)} gives a single value"
            yield Wrong("expression-for-structure", what, "write it out; what is inside may be expressions")
            return
        wrong = self._type_wrong(reference, given, shape)
        if wrong is not None:
            yield wrong
        elif reference is not None and reference.root == "Parameters":
            yield from self._parameter_wrongs(reference.name, shape)
        elif function_of(expression) == JOIN:
            yield from self._join_wrongs(expression, shape)

    def _given(self, reference: Reference | None) -> Shape | None:
        """The shape of a step's property; None for anything else and where it is not known."""
        found = self._properties.shape(reference) if reference is not None and reference.root == "Steps" else None
        return found if isinstance(found, Shape) else None

    def _type_wrong(self, reference: Reference | None, given: Shape | None, shape: Shape) -> Wrong | None:
        kind, source = self._kind(reference, given)
        takes = _TAKES.get(shape.kind)
        if takes is None or kind in ("", *takes):
            return None
        what = f"{source} is {WANTED[kind]}, and {WANTED[shape.kind]} is wanted"
        # Whether the service writes a date as text by itself is not documented.
        unsure = kind == "timestamp" and shape.kind == "string"
        return Wrong("expression-type", what, _conversion(reference, shape), "warning" if unsure else "error")

    def _kind(self, reference: Reference | None, given: Shape | None) -> tuple[str, str]:
        """The kind of value an expression comes to, empty if that is not known; and what to call it."""
        if reference is None:
            return "", ""
        if reference.root == "Parameters" and reference.name in self._parameters:
            parameter = self._parameters[reference.name]
            return _KINDS[parameter.type], f"the parameter {shown(parameter.name)}"
        if reference.root in ("Execution", "PipelineExperimentConfig"):
            # Nothing says whether a date is refused where a text is wanted; elsewhere it cannot be right.
            return ("" if reference.name.endswith("DateTime") else "string"), shown(reference.text)
        return (given.kind if given is not None else ""), shown(reference.text)

    def _parameter_wrongs(self, name: str, shape: Shape) -> list[Wrong]:
        if (name, shape) not in self._judged:
            parameter = self._parameters.get(name)
            self._judged[name, shape] = [*_values_wrong(parameter, shape)] if parameter is not None else []
        return self._judged[name, shape]

    def _join_wrongs(self, expression: dict[str, Any], shape: Shape) -> Iterator[Wrong]:
        """A Join is text; what it says with the defaults of its parameters is looked at if that is known."""
        if shape.kind not in ("string", "blob", "timestamp"):
            what = f"a Join is a text, and {WANTED[shape.kind]} is wanted"
            yield Wrong("expression-type", what, "refer to the value itself")
            return
        text, defaults = self._text(expression)
        wrong = value_wrong(text, shape) if text is not None else None
        if wrong is not None and "" not in defaults:  # an empty default often means: to be said at each start
            what = f"with the defaults of its parameters: {wrong.what}" if defaults else wrong.what
            yield Wrong(wrong.code, what, wrong.hint)

    def _text(self, join: dict[str, Any]) -> tuple[Any, list[Any]]:
        """What a Join says with the defaults of its parameters, and these; None if only a run can tell."""
        defaults: list[Any] = []
        try:
            for reference in references(join):
                if reference.root != "Parameters":
                    return None, defaults
                defaults.append(self._defaults.parameter(reference.name))
            return evaluate(join, self._defaults), defaults
        except DagwrightError:
            return None, defaults


def _values_wrong(parameter: Parameter, shape: Shape) -> Iterator[Wrong]:
    """What a place has against a parameter's default and its allowed values; their own types are another rule's."""
    if parameter.has_default:
        wrong = value_wrong(parameter.default, shape)
        if wrong is not None and wrong.code != "wrong-type":
            what = f"the default of the parameter {shown(parameter.name)}: {wrong.what}"
            if parameter.default == "":
                yield Wrong(wrong.code, what, "without DefaultValue, a start has to say one", "warning")
            else:
                yield Wrong(wrong.code, what, wrong.hint)
    for value in parameter.enum_values:
        wrong = value_wrong(value, shape)
        if value != parameter.default and wrong is not None and wrong.code != "wrong-type":
            what = f"the parameter {shown(parameter.name)} allows {shown(str(value))}: {wrong.what}"
            yield Wrong(wrong.code, what, wrong.hint)
            return


def _conversion(reference: Reference | None, shape: Shape) -> str:
    """How the value could be made to fit."""
    if shape.kind == "string":
        return f'make it text: {{"{JOIN}": {{"On": "", "Values": [it]}}}}, in Python .to_string()'
    declared = _DECLARED.get(shape.kind, "Float")
    if reference is not None and reference.root == "Parameters":
        return f"declare the parameter as {declared}"
    outputs = reference is not None and reference.path[:1] == ("OutputParameters",)
    return f"declare the output as {declared}" if outputs else ""
