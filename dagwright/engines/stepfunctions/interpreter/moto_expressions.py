"""What stands behind a member that ends in `.$`, as a component of moto's interpreter.

What comes in: a text (`$.a[0]`, `$$.Execution.Name`, `$Rate`, `States.Format('{}', $Rate)`), or a template with such
texts in it. What goes out: components that put their value on the stack. Three things of moto 5.2.5 are not used,
because they are wrong for our language:

- Its parser of intrinsic functions takes a text before its JSON escapes are undone, knows no `\\'` in it and no numbers
  with a point. Here texts are taken apart anew; the functions themselves are moto's.
- Its `States.Format` hands the text to Python's `format`, to which `\\{` is no escape; ours undoes `\\'`, `\\{`, `\\}`
  and `\\\\` as the developer guide (page "intrinsic functions") describes.
- Its variables are evaluated by a JSONata evaluator that it does not have, and `$[0].a` gives it a list. Here a path is
  the same for the input, the context object and a variable: a single place gives its value or fails, a path with a
  wildcard, a slice or a filter gives the list of what it finds, which may be empty.

This file is made of moto: import it only where a machine is executed.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from jsonpath_ng import Child, Fields, Index, JSONPath, Root
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.parser import parse
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.payload.payloadvalue.payloadtmpl.payload_tmpl import PayloadTmpl
from moto.stepfunctions.parser.asl.component.common.string.string_expression import (
    StringExpression,
    StringExpressionSimple,
    StringSampler,
)
from moto.stepfunctions.parser.asl.component.intrinsic.argument.argument import (
    Argument,
    ArgumentFunction,
    ArgumentList,
    ArgumentLiteral,
    ArgumentVar,
)
from moto.stepfunctions.parser.asl.component.intrinsic.function.statesfunction.factory import StatesFunctionFactory
from moto.stepfunctions.parser.asl.component.intrinsic.function.statesfunction.generic.string_format import StringFormat
from moto.stepfunctions.parser.asl.component.intrinsic.function.statesfunction.states_function import StatesFunction
from moto.stepfunctions.parser.asl.component.intrinsic.functionname.state_function_name_types import (
    StatesFunctionNameType,
)
from moto.stepfunctions.parser.asl.component.intrinsic.functionname.states_function_name import StatesFunctionName
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.variable_store import NoSuchVariable
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError

from dagwright.engines.stepfunctions.interpreter.moto_failures import failure
from dagwright.errors import InternalError

_DEEPEST_NESTING = 10
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_FUNCTION = re.compile(r"States\.([A-Za-z0-9]+)\(")
_TEXT = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
_PATH = re.compile(
    r"""\$ (?: [^\s,()\['"] | \[ (?: [^\]'"] | '(?: [^'\\] | \\. )*' | "(?: [^"\\] | \\. )*" )* \] )*""", re.VERBOSE
)
_WORDS = {"true": True, "false": False, "null": None}
_NAMES = StatesFunctionNameType.__members__


class Path(StringSampler):
    """`$.a`, `$$.a` and `$variable.a`."""

    def __init__(self, text: str) -> None:
        super().__init__(literal_value=text)
        variable = _VARIABLE.match(text)
        self._variable = variable[1] if variable else ""
        self._context = text.startswith("$$")
        inside = text[variable.end() :] if variable else text[2 if self._context else 1 :]
        self._find = _finder(f"${inside}")

    def _eval_body(self, env: Environment) -> None:
        env.stack.append(copy.deepcopy(self.value(env)))

    def value(self, env: Environment) -> Any:
        """What is there. Raises NoSuchJsonPathError if nothing is."""
        if self._context:
            root = env.states.context_object.context_object_data
        elif self._variable:
            try:
                root = env.variable_store.get(self._variable)
            except NoSuchVariable as error:
                raise NoSuchJsonPathError(self.literal_value, {}) from error
        else:
            root = env.stack[-1]
        found = self._find(root)
        if found is _NOTHING:
            raise NoSuchJsonPathError(self.literal_value, root)
        return found


_NOTHING = object()


@lru_cache(maxsize=10_000)
def _finder(path: str) -> Callable[[Any], Any]:
    """A function that gives what a path finds: a value or `_NOTHING` if it can lead to one place only, else a list."""
    if path == "$":
        return lambda root: root
    try:
        tree = parse(path)
    except (JSONPathError, ValueError) as error:
        raise InternalError(f"{path} in the state machine is no path: {error}") from error
    keys = _keys_to_one_place(tree)
    if keys is not None:
        return lambda root: _followed(root, keys)
    return lambda root: [match.value for match in tree.find(root)]


def _keys_to_one_place(tree: JSONPath) -> list[str | int] | None:
    """The keys and indexes of a path that can lead to one place only; None for any other."""
    keys: list[str | int] = []
    while isinstance(tree, Child):
        last = tree.right
        if isinstance(last, Fields) and len(last.fields) == 1 and last.fields[0] != "*":
            keys.append(last.fields[0])
        elif isinstance(last, Index) and len(last.indices) == 1:
            keys.append(last.indices[0])
        else:
            return None
        tree = tree.left
    return keys[::-1] if isinstance(tree, Root) else None


def _followed(root: Any, keys: Sequence[str | int]) -> Any:
    """What the keys lead to: versions of jsonpath-ng disagree about an index into an object or a text."""
    here = root
    for key in keys:
        try:
            if isinstance(key, str):
                here = here[key] if isinstance(here, dict) else _NOTHING
            else:
                here = here[key] if isinstance(here, list) else _NOTHING
        except LookupError:
            return _NOTHING
    return here


class Intrinsic(StringExpressionSimple):
    """A call of an intrinsic function. What goes wrong in it is States.Runtime, which no Catch sees: the language has
    States.IntrinsicFailure for it, but the service may report it so (developer guide, "Handling errors"), and a machine
    must do without a Catch for it."""

    def __init__(self, text: str, function: StatesFunction) -> None:
        super().__init__(literal_value=text)
        self._function = function

    def _eval_body(self, env: Environment) -> None:
        try:
            self._function.eval(env=env)
        except (FailureEventException, NoSuchJsonPathError):
            raise
        except Exception as error:
            cause = f"The function '{self.literal_value}' had the following error: {error}"
            raise failure(env, StatesErrorNameType.StatesRuntime.to_name(), cause) from error


class Format(StringFormat):
    """States.Format with its escapes."""

    def _eval_body(self, env: Environment) -> None:
        self.argument_list.eval(env=env)
        template, *values = env.stack.pop()
        pieces = re.findall(r"\\.|\{\}|[^\\{]+|.", template, re.DOTALL)
        if pieces.count("{}") != len(values):
            raise ValueError(f"it has {pieces.count('{}')} times {{}} and {len(values)} values")
        texts: Iterator[str] = map(self._to_str_repr, values)
        written = [next(texts) if piece == "{}" else piece[-1] if piece.startswith("\\") else piece for piece in pieces]
        env.stack.append("".join(written))


def expression(text: str) -> StringExpression:
    """The component of a path or of a call of an intrinsic function. Raises InternalError for anything else."""
    if text.startswith("$"):
        return Path(text)
    return _Reading(text).whole()


class _Reading:
    """Takes the text of an intrinsic function apart, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def whole(self) -> Intrinsic:
        function = self._function(1)
        if self._position != len(self._text):
            raise self._error("something follows it")
        return Intrinsic(self._text, function)

    def _function(self, depth: int) -> StatesFunction:
        call = _FUNCTION.match(self._text, self._position)
        if not call or call[1] not in _NAMES or depth > _DEEPEST_NESTING:
            raise self._error("no function of the language, or nested too deeply")
        self._position = call.end()
        arguments: list[Argument] = []
        while not self._take(")"):
            if arguments and not self._take(","):
                raise self._error("a ',' or ')' is missing")
            self._skip_blanks()
            arguments.append(self._argument(depth))
        given = ArgumentList(arguments=arguments)
        if call[1] == "Format":
            return Format(argument_list=given)
        name = StatesFunctionName(function_type=_NAMES[call[1]])
        return StatesFunctionFactory.from_name(func_name=name, argument_list=given)

    def _argument(self, depth: int) -> Argument:
        if text := self._next(_TEXT):
            return ArgumentLiteral(definition_value=text[1])
        if path := self._next(_PATH):
            found: Any = Path(path[0])  # evaluated as a variable is, whatever kind of path it is
            return ArgumentVar(string_variable_sample=found)
        if self._text.startswith("States.", self._position):
            return ArgumentFunction(function=self._function(depth + 1))
        if number := self._next(_NUMBER):
            whole = number[1] is None and number[2] is None
            return ArgumentLiteral(definition_value=int(number[0]) if whole else float(number[0]))
        for word, value in _WORDS.items():
            if self._take(word):
                return ArgumentLiteral(definition_value=value)
        raise self._error("no argument")

    def _next(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._position)
        if found:
            self._position = found.end()
        return found

    def _take(self, expected: str) -> bool:
        self._skip_blanks()
        taken = self._text.startswith(expected, self._position)
        self._position += len(expected) if taken else 0
        return taken

    def _skip_blanks(self) -> None:
        while self._text.startswith(" ", self._position):
            self._position += 1

    def _error(self, what: str) -> InternalError:
        return InternalError(f"at character {self._position} of {self._text!r} in the state machine: {what}")


class _Place(NamedTuple):
    """Where in a template a value goes."""

    path: tuple[str | int, ...]
    member: str
    expression: StringExpression


class Template(PayloadTmpl):
    """A payload template: JSON in which a member `name.$` is found at run time, in objects within arrays as well."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self._places: list[_Place] = []
        self._skeleton: Any = {"": template}
        pending: list[tuple[Any, Any, tuple[str | int, ...]]] = [(self._skeleton, "", ())]
        while pending:
            container, key, path = pending.pop()
            value = container[key]
            if isinstance(value, Mapping):
                container[key] = {name.removesuffix(".$"): item for name, item in value.items()}
                found = {name: text for name, text in value.items() if name.endswith(".$")}
                self._places += [_Place(path, name[:-2], expression(text)) for name, text in found.items()]
                pending += [(container[key], name, (*path, name)) for name in value if name not in found]
            elif isinstance(value, list):
                container[key] = [*value]
                pending += [(container[key], index, (*path, index)) for index in range(len(value))]

    def _eval_body(self, env: Environment) -> None:
        built = copy.deepcopy(self._skeleton[""])
        for place in self._places:
            target: Any = built
            for part in place.path:
                target = target[part]
            env.next_field_name = f"{place.member}.$"
            place.expression.eval(env)
            target[place.member] = env.stack.pop()
        env.stack.append(built)
