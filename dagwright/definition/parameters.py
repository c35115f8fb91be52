"""The values a run is started with: `Name=Value` texts come in, typed values for all parameters go out.

The service takes texts only, so a value that is given typed is written as the text it stands for first, and is refused
for the same reasons. All problems are raised together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from dagwright.definition.declaration import Parameter
from dagwright.definition.expression import render
from dagwright.definition.graph import Graph
from dagwright.errors import EvaluationError, ParameterError, Problem, did_you_mean

#: StartPipelineExecution's limits (API reference): parameters in one call, and characters in one value.
MOST_PARAMETERS = 200
LONGEST_VALUE = 1024

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_EXAMPLES = {"Integer": "such as 5", "Float": "such as 0.5", "Boolean": "true or false", "String": "a text"}


def read_assignments(texts: Iterable[str]) -> dict[str, str]:
    """`["Rate=0.1", "Path=s3://b/a=b"]` -> `{"Rate": "0.1", "Path": "s3://b/a=b"}`. Raises ParameterError."""
    given: dict[str, str] = {}
    problems = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not text.isprintable() and not _is_text(text):
            problems.append(
                Problem("bad-assignment", f"{name!r:.80} has a value that is not text", "write it in UTF-8")
            )
        elif not name or not equals:
            problems.append(Problem("bad-assignment", f"'{text:.80}' is not a parameter", "write Name=Value"))
        elif name in given:
            problems.append(Problem("repeated-parameter", f"'{name}' is given twice", "keep one of the two"))
        given.setdefault(name, value)
    if problems:
        raise ParameterError("the parameters cannot be read", problems)
    return given


def _is_text(text: str) -> bool:
    """Whether it can be written in UTF-8: bytes of a command line that are not UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def start_values(graph: Graph, given: Mapping[str, Any]) -> dict[str, Any]:
    """The typed value of every parameter of the graph, in declared order: the one given, else the default.

    Integer is read as int, Float as float, Boolean (`true`, `false`, any case) as bool, String as str. A default is
    read the same way, except that a String's may be empty. Raises ParameterError with every problem: unknown names,
    values of the wrong type, empty, too long or not among EnumValues, and parameters that have neither.
    """
    problems = [*_unknown(graph, given)]
    values: dict[str, Any] = {}
    for name, parameter in graph.parameters.items():
        if name not in given and not parameter.has_default:
            what, hint = f"the parameter '{name}' has no value", f"give {name}=<{parameter.type}>; it has no default"
            problems.append(Problem("missing-parameter", what, hint))
            continue
        try:
            values[name] = _given(parameter, given[name]) if name in given else _default(parameter)
        except _BadValueError as bad:
            problems.append(bad.problem)
    if problems:
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ParameterError(f"the pipeline cannot be started: {count} with its parameters", problems)
    return values


class _BadValueError(Exception):
    """Carries the problem with one value to where they are collected."""

    def __init__(self, code: str, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.problem = Problem(code, what, hint)


def _unknown(graph: Graph, given: Mapping[str, Any]) -> Iterable[Problem]:
    if len(given) > MOST_PARAMETERS:
        what = f"{len(given)} parameters are given; an execution takes at most {MOST_PARAMETERS}"
        yield Problem("too-many-parameters", what, "leave out those that equal their default")
    for name in given:
        if name not in graph.parameters:
            hint = did_you_mean(name, graph.parameters) or "the pipeline has no parameters"
            yield Problem("unknown-parameter", f"there is no parameter '{name:.80}'", hint)


def _given(parameter: Parameter, value: Any) -> Any:
    text = _as_text(parameter, value)
    if not text:
        what = f"the value of '{parameter.name}' is empty, which the service refuses"
        hint = "leave it out to use the default" if parameter.has_default else "give at least one character"
        raise _BadValueError("empty-value", what, hint)
    if len(text) > LONGEST_VALUE:
        what = f"the value of '{parameter.name}' has {len(text)} characters; at most {LONGEST_VALUE} are allowed"
        raise _BadValueError("value-too-long", what, "put it in a file on S3 and give its address")
    typed = _typed(parameter, text)
    if parameter.enum_values and typed not in parameter.enum_values:
        allowed = [render(value) for value in parameter.enum_values if isinstance(value, (str, int, float))]
        what = f"'{text}' is not an allowed value of '{parameter.name}'"
        raise _BadValueError("not-in-enum", what, did_you_mean(text, allowed))
    return typed


def _default(parameter: Parameter) -> Any:
    return _typed(parameter, _as_text(parameter, parameter.default))


def _as_text(parameter: Parameter, value: Any) -> str:
    try:
        return render(value)
    except EvaluationError:
        what = f"the value of '{parameter.name}' is not a text, a number or a boolean: {value!r:.80}"
        raise _BadValueError("bad-value", what, f"{parameter.type}: {_EXAMPLES[parameter.type]}") from None


def _typed(parameter: Parameter, text: str) -> Any:
    if parameter.type == "String":
        return text
    if parameter.type == "Boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    # Python reads no more than 4300 digits as an integer
    if parameter.type == "Integer" and _INTEGER.fullmatch(text) and len(text) <= 4000:
        return int(text)
    if parameter.type == "Float" and _FLOAT.fullmatch(text) and isfinite(float(text)):
        return float(text)
    what = f"'{text:.80}' is not a value of '{parameter.name}', which is of type {parameter.type}"
    raise _BadValueError("bad-value", what, f"{parameter.type}: {_EXAMPLES[parameter.type]}")
