"""JSON of a definition to Python source: a Get becomes the variable it names, a Join a Join, a map a map.

In comes a value; out comes a Node of the layout. Where it matters whether the vocabulary would say the same again, the
source is evaluated, among the objects that the module's statements have made so far.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from keyword import iskeyword
from math import isfinite
from typing import Any

import dagwright
from dagwright.definition.diff_values import exact
from dagwright.definition.expression import (
    GET,
    JOIN,
    JSON_GET,
    Computation,
    Reference,
    function_of,
    parse_reference,
    unrolled,
)
from dagwright.errors import DefinitionError
from dagwright.importing.layout import Node, call, depth_of, followed, lines_of, quoted, row, table
from dagwright.importing.names import Names

# Python's own parser ends at two hundred brackets; long before, nobody can read them.
_DEEPEST = 24
_UNDER = "output/model.tar.gz"


class Draft:
    """Statements in the making: the objects they have made, and the source of a value among these.

    `known` are literals that have a name already: the text, and the source that stands for it; `constants` those names
    that the module gives itself.
    """

    def __init__(self, known: Mapping[str, str], project: object, constants: Mapping[str, str]) -> None:
        self.names = Names()
        self.statements: list[tuple[str, Node]] = []
        self.steps: dict[str, str] = {}
        """Names of steps, and of the variables that hold them; those that are there by now."""
        self.steps_to_be: dict[str, str] = {}
        """The variables of all steps."""
        self.parameters: dict[str, str] = {}
        self.files: dict[tuple[str, str], str] = {}
        """Step and property file, and the variable that holds it."""
        self.files_read: set[tuple[str, str]] = set()
        """Steps and their property files that some JsonGet reads."""
        self.reads_project = False
        self._known = known
        vocabulary = {name: getattr(dagwright, name) for name in dagwright.__all__}
        self._objects: dict[str, Any] = {"__builtins__": {}, "project": project, **constants, **vocabulary}
        self._variables = {
            variable.name: f"{holder.__name__}.{name}"
            for holder in (dagwright.ExecutionVariables, dagwright.PipelineExperimentConfigProperties)
            for name, variable in vars(holder).items()
            if not name.startswith("_")
        }

    # Statements

    def state(self, name: str, node: Node) -> Any:
        """Add `name = node`, and give what it makes. Raises DefinitionError if the vocabulary refuses it."""
        made = self._objects[name] = self.made(node)
        self.statements.append((name, node))
        return made

    def made(self, node: Node) -> Any:
        """What the source gives. It was written here, from literals and the names of this draft alone."""
        return eval("\n".join(lines_of(node, "(", ")")), self._objects)  # noqa: S307

    def says(self, node: Node, member: Any, *asked: Any) -> bool:
        """Whether the vocabulary takes the source, and writes this JSON for it; `asked` are what `request` takes."""
        from dagwright.writing import written

        try:
            made = self.made(node)
            return exact(written(made.request(*asked) if asked else made)) == exact(member)
        except DefinitionError:
            return False

    # Values

    def value(self, value: Any) -> Node:
        """The source of any JSON value; parts that are nested too deeply become variables of their own."""
        node: Node = unrolled(self._value(value))
        return node

    def row(self, values: Iterable[Any]) -> Node:
        """The source of a list of values."""
        return row(self.value(one) for one in values)

    def _value(self, value: Any) -> Computation:
        function = function_of(value)
        if function == GET:
            return self._reference(parse_reference(value[GET]), value)
        if function is not None:
            node = yield (self._join if function == JOIN else self._json_get)(value)
        elif isinstance(value, dict):
            members = []
            for name, member in value.items():
                members.append((name, (yield self._value(member))))
            node = table(members)
        elif isinstance(value, list):
            items = []
            for item in value:
                items.append((yield self._value(item)))
            node = row(items)
        else:
            return self._single(value)
        return self.shallow(node)

    def shallow(self, node: Node) -> Node:
        """The node, or the name of a variable that holds it if too many brackets stand in one another."""
        if depth_of(node) < _DEEPEST:
            return node
        name = self.names.made("inner", "part")
        self.state(name, node)
        return name

    def _single(self, value: Any) -> str:
        if isinstance(value, float):
            return number(value)
        if not isinstance(value, str):
            return repr(value)
        source = self._known.get(value)
        self.reads_project = self.reads_project or (source is not None and "project." in source)
        return source or quoted(value)

    def _reference(self, reference: Reference, value: Any) -> Node:
        if reference.root == "Parameters" and reference.name in self.parameters:
            return self.parameters[reference.name]
        if reference.text in self._variables:
            return self._variables[reference.text]
        if reference.root == "Steps" and reference.name in self.steps:
            for source in self._properties(reference):
                if self._is_property(source, reference.text):
                    return source
        return _verbatim(value)

    def _properties(self, reference: Reference) -> Iterable[str]:
        """How a property might be read, the shortest way first."""
        step, path = self.steps[reference.name], reference.path
        if path[:2] == ("ProcessingOutputConfig", "Outputs") and path[3:] == ("S3Output", "S3Uri"):
            yield f"{step}.output_uri({quoted(str(path[2]))})"
        if len(path) == 2 and path[0] == "OutputParameters":
            yield f"{step}.properties.Outputs[{quoted(str(path[1]))}]"
        ways = (f".{key}" if isinstance(key, str) and _is_member(key) else f"[{_key(key)}]" for key in path)
        yield f"{step}.properties{''.join(ways)}"
        if path and isinstance(path[0], str) and _is_member(path[0]):
            yield f"{step}.properties.{path[0]}{''.join(f'[{_key(key)}]' for key in path[1:])}"

    def _is_property(self, source: str, text: str) -> bool:
        try:
            made = self.made(source)
        except (AttributeError, DefinitionError):
            return False
        return isinstance(made, dagwright.Properties) and made.is_single and repr(made) == text

    def _join(self, value: Any) -> Computation:
        body = value[JOIN]
        if body.keys() != {"On", "Values"} or not body["Values"]:
            return _verbatim(value, (yield self._body(body)))
        nodes = []
        for one in body["Values"]:
            nodes.append((yield self._value(one)))
        best = self._top_model(body) or self._below_output(body, nodes) or self._as_text(body, nodes)
        return best or call("Join", quoted(body["On"]), row(nodes))

    def _as_text(self, body: Any, nodes: list[Node]) -> Node | None:
        """A Join of one value, which makes a text of what is none."""
        (first, *more) = body["Values"]
        if body["On"] or more or function_of(first) is None or self.kind(first) == "String":
            return None
        return followed(nodes[0], ".to_string()")

    def _below_output(self, body: Any, nodes: list[Node]) -> Node | None:
        """A file below a step's output."""
        first, below = nodes[0], nodes[1:]
        if body["On"] != "/" or not below or not isinstance(first, str) or not first.endswith(")"):
            return None
        step, found, output = first.partition(".output_uri(")
        return call(f"{step}.output_uri", output[:-1], *below) if found else None

    def _top_model(self, body: Any) -> Node | None:
        """The artifact of one of a tuning step's best jobs."""
        values = body["Values"]
        if body["On"] != "/" or len(values) not in (4, 5) or (values[0], values[-1]) != ("s3:/", _UNDER):
            return None
        if function_of(values[-2]) != GET:
            return None
        job = parse_reference(values[-2][GET])
        if job.root != "Steps" or job.name not in self.steps or len(job.path) != 3 or not isinstance(job.path[1], int):
            return None
        place = [self.value(one) for one in values[1:-2]]
        node = call(f"{self.steps[job.name]}.get_top_model_s3_uri", str(job.path[1]), *place)
        try:
            return node if self.says(node, {JOIN: body}) else None
        except AttributeError:
            return None

    def _json_get(self, value: Any) -> Computation:
        body = value[JSON_GET]
        node: Node
        if "PropertyFile" in body:
            read = parse_reference(body["PropertyFile"][GET])
            step = self.steps.get(read.name) or quoted(read.name)
            file = self.files.get((read.name, str(read.property_file))) if read.name in self.steps else None
            node = call("JsonGet", step, file or quoted(str(read.property_file)), quoted(body["Path"]))
        else:
            uri = yield self._value(body["S3Uri"])
            node = call("JsonGet", s3_uri=uri, json_path=quoted(body["Path"]))
        if self.says(node, value):
            return node
        return _verbatim(value, (yield self._body(body)))

    def _body(self, body: Any) -> Computation:
        """The members of a function that the vocabulary would write in another way."""
        members = []
        for name, member in body.items():
            if function_of(member) == GET:
                members.append((name, table([(GET, quoted(member[GET]))])))
            else:
                members.append((name, (yield self._value(member))))
        return table(members)

    # What a value is for the vocabulary

    def kind(self, value: Any) -> str:
        """The type of a text or an expression as the vocabulary knows it: `String`, `Integer` …, or nothing."""
        function = function_of(value)
        if function is None:
            return "String" if isinstance(value, str) else ""
        if function == JOIN:
            return "String" if value[JOIN].keys() == {"On", "Values"} and value[JOIN]["Values"] else ""
        if function == JSON_GET:
            return ""
        reference = parse_reference(value[GET])
        if reference.root == "Parameters":
            return str(self._objects[self.parameters[reference.name]].type)
        return "String" if reference.text in self._variables else ""

    def is_text(self, value: Any) -> bool:
        """Whether a field that makes a text of everything leaves the value as it is."""
        return self.kind(value) == "String"

    def is_textual(self, value: Any) -> bool:
        """Whether a field for a text takes the value."""
        return isinstance(value, str) or (function_of(value) is not None and self.kind(value) in ("", "String"))

    def is_count(self, value: Any) -> bool:
        """Whether a field for a count takes the value."""
        if function_of(value) is not None:
            return self.kind(value) in ("", "Integer")
        return isinstance(value, int) and not isinstance(value, bool) and value > 0


def number(value: float) -> str:
    """The source of a number, as `ruff format` has it. Raises DefinitionError for one that has none."""
    if not isfinite(value):
        raise DefinitionError("a number is too large", hint="numbers of a definition are below 1.8e308")
    return repr(value).replace("e+", "e")


def number_or_text(text: str) -> str:
    """The source of a number that is written as this text; the text's own if there is none."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return quoted(text)
    is_number = isinstance(said, int | float) and not isinstance(said, bool) and isfinite(said)
    return number(said) if is_number and exact(said) == text == repr(said) else quoted(text)


def _verbatim(value: Any, body: Node | None = None) -> Node:
    function = str(function_of(value))
    return call("Verbatim", table([(function, body if body is not None else quoted(value[function]))]))


def _is_member(key: str) -> bool:
    """Whether it may stand behind a dot. Whoever wrote the definition chose it, and what is made is evaluated: an
    expression must not pass for a name."""
    return key.isascii() and key.isidentifier() and key[0].isupper() and not iskeyword(key)


def _key(key: str | int) -> str:
    return quoted(key) if isinstance(key, str) else str(key)
