"""Expressions: `{"Get": …}`, `{"Std:Join": …}` and `{"Std:JsonGet": …}`.

What comes in: any JSON value of a definition. What goes out: what it refers to (`references`, `survey`), or the value
it comes to (`evaluate`). An object is an expression when its **only** key is `Get` or starts with `Std:`; with a key
beside it, it is plain data and passes through. Nothing here recurses over the depth of a value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from math import isinf
from typing import Any, NamedTuple, Protocol

from dagwright.definition.path import NAMED_LISTS, Path, follow, parse_parts, parse_path, write_path
from dagwright.errors import DefinitionError, EvaluationError, StorageError, did_you_mean

GET = "Get"
JOIN = "Std:Join"
JSON_GET = "Std:JsonGet"
#: What a Get can start with. ForEach and IterationOutput are read, and have no value here.
ROOTS = ("Parameters", "Execution", "Steps", "PipelineExperimentConfig", "ForEach", "IterationOutput")
_SCALAR_ROOTS = ("Parameters", "Execution", "PipelineExperimentConfig")
_ITERATION_ROOTS = ("ForEach", "IterationOutput")
_NAME = re.compile(r"""[^.\[\]'"]+""")

#: Where a value stands inside another: (the place of its container, its key), outermost None.
Place = tuple[Any, str | int] | None
#: A computation that yields the smaller computations it waits for (see `unrolled`).
Computation = Generator[Any, Any, Any]


@dataclass(frozen=True)
class Reference:
    """What a Get names: `Steps.Train.HyperParameters['a.b']` has the root `Steps`, the name `Train` and the path
    `("HyperParameters", "a.b")`."""

    root: str
    name: str
    path: Path
    text: str

    @property
    def property_file(self) -> str | None:
        """The property file this names (`Steps.Evaluate.PropertyFiles.Report` -> `Report`), else None."""
        if self.root != "Steps" or len(self.path) != 2 or self.path[0] != "PropertyFiles":
            return None
        return str(self.path[1])


class PropertyFile(NamedTuple):
    """A JSON file that a processing step promises: which of its outputs, and the file's path below it."""

    output_name: str
    file_path: str


class Scope(Protocol):
    """What an expression may ask of the run it is evaluated in; an engine implements it.

    Values are JSON values; a date is ISO-8601 text in UTC. Each method raises EvaluationError for what is not there.
    """

    def parameter(self, name: str) -> Any:
        """The run's value of a parameter, typed as declared."""

    def execution(self, variable: str) -> Any:
        """An execution variable: PipelineName, PipelineExecutionId, StartDateTime, …"""

    def experiment(self, variable: str) -> Any:
        """ExperimentName or TrialName."""

    def step(self, name: str) -> Mapping[str, Any]:
        """The Describe response of a step that has ended."""

    def property_file(self, step: str, name: str) -> tuple[str, str]:
        """(output name, file path) of a step's property file: `graph.steps[step].property_files[name]`."""

    def read_text(self, s3_uri: str) -> str:
        """The text of an object; may also raise StorageError or OSError."""


class _JSONFloat(float):
    """A float that remembers how the JSON file wrote it, so that a Join shows the same digits (0.70, 1e-5)."""

    text: str

    def __new__(cls, text: str) -> _JSONFloat:
        number = super().__new__(cls, text)
        if isinf(number):
            raise ValueError(f"{text:.40} is too large for a number")
        number.text = str(text)
        return number


def parse_reference(text: Any) -> Reference:
    """The parts of a Get. Raises DefinitionError, and nothing else, for what is not one."""
    if not isinstance(text, str):
        raise DefinitionError(f"a Get names what it reads in a text, not in {_kind(text)}")
    root, _, rest = text.partition(".")
    if root not in ROOTS:
        raise DefinitionError(f"'{text}' does not start with a known root", hint=did_you_mean(root, ROOTS))
    name = _NAME.match(rest)
    if name is None:
        raise DefinitionError(f"'{text}' names nothing after '{root}'", hint=f"write {root}.<name>")
    path = parse_parts(rest[name.end() :], text)
    if path and root in _SCALAR_ROOTS:
        raise DefinitionError(f"'{text}' reaches into a single value", hint=f"write {root}.{name[0]}")
    return Reference(root, name[0], path, text)


def function_of(value: Any) -> str | None:
    """`Get`, `Std:Join`, `Std:JsonGet` or another `Std:` name if the value is an expression, else None."""
    if isinstance(value, dict) and len(value) == 1:
        (key,) = value
        if key == GET or (isinstance(key, str) and key.startswith("Std:")):
            return str(key)
    return None


def is_expression(value: Any) -> bool:
    """Whether the value is computed at run time instead of standing for itself."""
    return function_of(value) is not None


def references(value: Any) -> Iterator[Reference]:
    """Every reference within a JSON value, in document order; DefinitionError at a malformed expression."""
    for _, found in survey(value):
        if isinstance(found, DefinitionError):
            raise found
        yield found


def survey(value: Any) -> Iterator[tuple[Place, Reference | DefinitionError]]:
    """Every reference, and every malformed expression as the error it is, each with its place, in document order."""
    pending: list[tuple[Any, Place]] = [(value, None)]
    while pending:
        here, place = pending.pop()
        function = function_of(here)
        if function is None:
            pending.extend(_children(here, place))
            continue
        try:
            reference = read_expression(here)
        except DefinitionError as error:
            yield place, error
            continue
        if reference is not None:
            yield place, reference
        else:
            pending.extend(_children(here[function], (place, function)))


def read_expression(expression: dict[str, Any]) -> Reference | None:
    """What a Get names; None for a function. Raises DefinitionError if the shape of this one expression is wrong (those
    inside it are not looked at)."""
    ((function, body),) = expression.items()
    if function == GET:
        return parse_reference(body)
    if function not in (JOIN, JSON_GET):
        raise DefinitionError(f"'{function}' is not a known function", hint=did_you_mean(function, (JOIN, JSON_GET)))
    if not isinstance(body, dict):
        raise DefinitionError(f"{function} needs an object, and has {_kind(body)}")
    if function == JOIN:
        _check_join(body)
    else:
        _check_json_get(body)
    return None


def spell_place(place: Place) -> str:
    """The place as text: `Arguments.Environment['a b'].Std:Join.Values[1]`."""
    keys: list[str | int] = []
    while place is not None:
        place, key = place
        keys.append(key)
    return write_path(tuple(reversed(keys)))


def evaluate(value: Any, scope: Scope) -> Any:
    """A new JSON value with every expression replaced by what it comes to.

    Raises EvaluationError where one has no value (absent or null, an unreadable file, a list in a Join), and
    DefinitionError for an expression that `read_definition` would have refused.
    """
    return unrolled(compute(value, scope))


def unrolled(computation: Computation) -> Any:
    """The result of a computation that yields its sub-computations: recursion with the stack in a list."""
    stack = [computation]
    result: Any = None
    while stack:
        try:
            stack.append(stack[-1].send(result))
            result = None
        except StopIteration as done:
            stack.pop()
            result = done.value
    return result


def compute(value: Any, scope: Scope) -> Computation:
    """`evaluate`, as a computation for `unrolled`."""
    function = function_of(value)
    if function is not None:
        return (yield _compute_function(function, value, scope))
    if isinstance(value, dict):
        members = {}
        for key, member in value.items():
            members[key] = (yield compute(member, scope)) if isinstance(member, (dict, list)) else member
        return members
    if isinstance(value, list):
        items = []
        for item in value:
            items.append((yield compute(item, scope)) if isinstance(item, (dict, list)) else item)
        return items
    return value


def render(value: Any) -> str:
    """A single value as a Join writes it.

    Text as it is; booleans `true` and `false` and integers without a point, as the service does; a float in the fewest
    digits that read back the same (`0.8`, `1e-05`), one out of a JSON file as that file wrote it. Raises
    EvaluationError for anything else.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, _JSONFloat):
        return value.text
    if isinstance(value, float):
        return repr(value)
    raise EvaluationError(f"{_kind(value)} cannot become text", hint="only text, numbers and booleans can")


def _children(value: Any, place: Place) -> Iterator[tuple[Any, Place]]:
    """The containers directly inside a value, last first: what is pushed last is looked at first."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = list(enumerate(value))
    return ((child, (place, key)) for key, child in reversed(pairs) if isinstance(child, (dict, list)))


def _check_join(body: dict[str, Any]) -> None:
    values = body.get("Values")
    if not isinstance(values, list):
        raise DefinitionError(f"{JOIN} needs a list of Values", hint='write {"On": "/", "Values": [...]}')
    if not isinstance(body.get("On", ""), str):
        raise DefinitionError(f"{JOIN} joins on a text; On is {_kind(body['On'])}")
    for index, value in enumerate(values):
        if value is None or (isinstance(value, (list, dict)) and not is_expression(value)):
            raise DefinitionError(f"{JOIN} joins single values; Values[{index}] is {_kind(value)}")


def _check_json_get(body: dict[str, Any]) -> None:
    path = body.get("Path")
    if not isinstance(path, str):
        raise DefinitionError(f"{JSON_GET} needs a Path that is written out: a text, not {_kind(path)}")
    parse_path(path)
    if ("PropertyFile" in body) == ("S3Uri" in body):
        raise DefinitionError(f"{JSON_GET} reads either a PropertyFile or an S3Uri", hint="give exactly one of them")
    if "PropertyFile" in body:
        _property_file_reference(body["PropertyFile"])
    elif not (isinstance(body["S3Uri"], str) or is_expression(body["S3Uri"])):
        raise DefinitionError(f"{JSON_GET} needs an S3Uri that is a text or an expression")


def _property_file_reference(value: Any) -> Reference:
    hint = 'write {"Get": "Steps.<step>.PropertyFiles.<name>"}'
    if function_of(value) != GET:
        raise DefinitionError(f"{JSON_GET} needs a Get in PropertyFile", hint=hint)
    reference = parse_reference(value[GET])
    if reference.root not in _ITERATION_ROOTS and reference.property_file is None:
        raise DefinitionError(f"'{reference.text}' is not a property file", hint=hint)
    return reference


def _compute_function(function: str, expression: dict[str, Any], scope: Scope) -> Computation:
    reference = read_expression(expression)
    if reference is not None:
        return _look_up(reference, scope)
    body = expression[function]
    return (yield (_join if function == JOIN else _json_get)(body, scope))


def _look_up(reference: Reference, scope: Scope) -> Any:
    single: dict[str, Callable[[str], Any]] = {
        "Parameters": scope.parameter,
        "Execution": scope.execution,
        "PipelineExperimentConfig": scope.experiment,
    }
    if reference.root in single:
        return follow(single[reference.root](reference.name), (), reference.text)
    if reference.root in _ITERATION_ROOTS:
        raise _outside_iteration(reference)
    if reference.property_file is not None:
        raise EvaluationError(f"{reference.text} is a file, not a value", hint=f"read it with {JSON_GET}")
    return follow(scope.step(reference.name), reference.path, reference.text, NAMED_LISTS)


def _outside_iteration(reference: Reference) -> EvaluationError:
    return EvaluationError(f"{reference.text} has a value only inside a ForEach step, which cannot be run here")


def _join(body: dict[str, Any], scope: Scope) -> Computation:
    texts = []
    for index, value in enumerate(body["Values"]):
        found = yield compute(value, scope)
        try:
            texts.append(render(found))
        except EvaluationError as error:
            source = value.get(GET, "") if isinstance(value, dict) else ""
            where = f"{JOIN}, Values[{index}]{f' ({source})' if source else ''}"
            raise EvaluationError(f"{where}: {error.message}", hint=error.hint) from None
    return str(body.get("On", "")).join(texts)


def _json_get(body: dict[str, Any], scope: Scope) -> Computation:
    if "PropertyFile" in body:
        reference = _property_file_reference(body["PropertyFile"])
        label, uri = reference.text, _property_file_uri(reference, scope)
    else:
        uri = yield compute(body["S3Uri"], scope)
        if not isinstance(uri, str):
            raise EvaluationError(f"{JSON_GET} needs a text as S3Uri, and has {_kind(uri)}")
        label = uri
    document = _read_json(uri, label, scope)
    value = follow(document, parse_path(body["Path"]), f"{label} at '{body['Path']}'")
    if isinstance(value, (dict, list)):
        raise EvaluationError(
            f"{label} at '{body['Path']}' is {_kind(value)}; {JSON_GET} gives a text, a number or a boolean",
            hint=did_you_mean("", map(str, value)) if isinstance(value, dict) else "",
        )
    return value


def _property_file_uri(reference: Reference, scope: Scope) -> str:
    """`<S3Uri of the step's output>/<FilePath>` with one slash between them."""
    if reference.root in _ITERATION_ROOTS:
        raise _outside_iteration(reference)
    output_name, file_path = scope.property_file(reference.name, str(reference.property_file))
    path = ("ProcessingOutputConfig", "Outputs", output_name, "S3Output", "S3Uri")
    folder = follow(scope.step(reference.name), path, f"{reference.text} (output '{output_name}')", NAMED_LISTS)
    return f"{str(folder).rstrip('/')}/{file_path.lstrip('/')}"


def _read_json(uri: str, label: str, scope: Scope) -> Any:
    source = uri if uri == label else f"{label} ({uri})"
    try:
        text = scope.read_text(uri)
    except (EvaluationError, StorageError, OSError, UnicodeDecodeError) as error:
        reason = error.message if isinstance(error, (EvaluationError, StorageError)) else str(error)
        raise EvaluationError(
            f"{source} cannot be read: {reason}", hint="does the step write this file, under this name?"
        ) from error
    try:
        return json.loads(text, parse_float=_JSONFloat, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = str(error) or "it is nested too deeply"
        raise EvaluationError(f"{source} is not JSON: {reason}", hint=f"it starts with {text[:40]!r}") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


def _kind(value: Any) -> str:
    if value is None:
        return "nothing (null)"
    names = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}
    return names.get(type(value)) or ("a number" if isinstance(value, float) else f"a {type(value).__name__}")
