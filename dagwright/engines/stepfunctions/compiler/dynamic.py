"""What a state finds out when it runs, as values: the leaves of a compiled template that are not plain JSON.

A template is a JSON value in which such a leaf may stand in the place of any scalar. `payload` writes it in the
language of the machine, where a member whose value is found at run time ends in `.$`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from dagwright.definition.expression import Computation, unrolled
from dagwright.definition.path import Path
from dagwright.errors import DefinitionError, InternalError


@dataclass(frozen=True)
class ParameterValue:
    """A parameter of the execution; `type` is as declared (String, Integer, Float, Boolean)."""

    name: str
    type: str


@dataclass(frozen=True)
class Context:
    """Something the context object tells: `$$.Execution.Name`."""

    path: str


@dataclass(frozen=True)
class Produced:
    """What a step gave when it ran: a path in the Describe response of its job, or in the like of it."""

    step: str
    path: Path


@dataclass(frozen=True)
class Started:
    """When the execution started, as 14 digits: 20261121170959."""


@dataclass(frozen=True)
class Unique:
    """Eight hexadecimal digits that no other evaluation gives again."""


@dataclass(frozen=True)
class Joined:
    """Parts one after the other, as one text. None of them is itself joined, and one at least is not a text."""

    parts: tuple[Any, ...]
    """Each a text or a Dynamic."""


@dataclass(frozen=True)
class FileValue:
    """A value in a JSON file in S3, read just before the step that asks for it. Both parts of the address are a text or
    a Dynamic."""

    bucket: Any
    key: Any
    path: Path


Dynamic: TypeAlias = ParameterValue | Context | Produced | Started | Unique | Joined | FileValue
DYNAMIC = (ParameterValue, Context, Produced, Started, Unique, Joined, FileValue)

# What an intrinsic function's text cannot hold as it is. Source: developer guide, "Reserved characters in intrinsic
# functions".
_RESERVED = "\\'{}"
_ESCAPES = str.maketrans({character: f"\\{character}" for character in _RESERVED})
# A field nests at most ten intrinsic functions (developer guide, "Intrinsic functions"); what stands in a list brings
# up to four: States.Format of the digits of a States.UUID.
_DEEPEST_LIST = 6
_MEMBER_IS_PATH = ".$"
# Lists of a response that hold what a job has reported or found, be it nothing.
_OPTIONAL = ("FinalMetricDataList", "TrainingJobSummaries")


def may_be_absent(value: Any) -> bool:
    """Whether something found at run time need not be there: in a file, or a metric that no job has reported."""
    if isinstance(value, Produced):
        return bool(value.path) and value.path[0] in _OPTIONAL
    return isinstance(value, FileValue)


class Names(Protocol):
    """How a state spells what it reads, where it stands."""

    def spell(self, value: ParameterValue | Context | Produced | Started | FileValue) -> str:
        """A path: `$Rate`, `$$.Execution.Name`, `$Train_S3ModelArtifacts`, `$.file_1.metrics.auc`."""


def payload(template: Any, names: Names) -> Any:
    """The template as `Parameters`, `Assign` or `ResultSelector` take it.

    `{"Role": "r", "Rate": ParameterValue("Rate", "Float")}` -> `{"Role": "r", "Rate.$": "$Rate"}`; a list with values
    found at run time becomes a call of States.Array. Raises DefinitionError for what the language cannot say: such a
    value beside an object in one list, and a member whose own name ends in `.$`. A template that is itself found at run
    time has no member to stand behind: `spelled` is for that.
    """
    if _is_computed(template):
        raise InternalError("a value found at run time needs a member to stand behind")
    return unrolled(_written(template, names))


def spelled(value: Dynamic, names: Names) -> str:
    """One value as a path or as an intrinsic function: what stands behind a member that ends in `.$`."""
    if isinstance(value, Joined):
        text = "".join(_escaped(part) if isinstance(part, str) else "{}" for part in value.parts)
        arguments = [f"'{text}'", *(spelled(part, names) for part in value.parts if not isinstance(part, str))]
        return f"States.Format({', '.join(arguments)})"
    if isinstance(value, Unique):
        # of 6b3f7a52-9c1d-4e0b-… the first group
        return "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0)"
    return names.spell(value)


def dynamics(template: Any) -> Iterator[Dynamic]:
    """Every value found at run time in a template, in its order; of a Joined and a FileValue also what is in them."""
    pending = [template]
    while pending:
        here = pending.pop()
        if isinstance(here, DYNAMIC):
            yield here
        if isinstance(here, dict):
            pending.extend(reversed(here.values()))
        elif isinstance(here, list):
            pending.extend(reversed(here))
        elif isinstance(here, Joined):
            pending.extend(reversed(here.parts))
        elif isinstance(here, FileValue):
            pending.extend((here.key, here.bucket))


def _written(template: Any, names: Names) -> Computation:
    if isinstance(template, dict):
        members = {}
        for key, value in template.items():
            if key.endswith(_MEMBER_IS_PATH):
                what = f"the member '{key}' cannot be written in a state machine, where '.$' marks a path"
                raise DefinitionError(what, hint="give it a name that does not end in '.$'")
            if _is_computed(value):
                members[f"{key}{_MEMBER_IS_PATH}"] = yield _computed(value, names, 0)
            else:
                members[key] = (yield _written(value, names)) if isinstance(value, (dict, list)) else value
        return members
    if isinstance(template, list):
        items = []
        for item in template:
            items.append((yield _written(item, names)) if isinstance(item, (dict, list)) else item)
        return items
    return template


def _is_computed(value: Any) -> bool:
    """Whether it takes a path or a function: a value found at run time, or a list that holds one, itself or in lists
    inside it."""
    pending = [value]
    while pending:
        here = pending.pop()
        if isinstance(here, DYNAMIC):
            return True
        if isinstance(here, list):
            pending.extend(here)
    return False


def _computed(value: Any, names: Names, depth: int) -> Computation:
    """A value as a path, or as an argument of a function."""
    if isinstance(value, DYNAMIC):
        return spelled(value, names)
    if isinstance(value, list):
        if depth == _DEEPEST_LIST:
            raise DefinitionError(f"a value found at run time stands in lists nested more than {_DEEPEST_LIST} deep")
        items = []
        for item in value:
            items.append((yield _computed(item, names, depth + 1)))
        return f"States.Array({', '.join(items)})"
    if isinstance(value, dict):
        what = "a list holds an object beside a value found at run time, which a state machine cannot write"
        raise DefinitionError(what, hint="move the value into an object of its own, or write it out")
    return _literal(value)


def _literal(value: Any) -> str:
    """A scalar as an argument of a function other than States.Format, whose texts alone may hold escapes."""
    if isinstance(value, str):
        return f"States.Format('{_escaped(value)}')" if any(one in _RESERVED for one in value) else f"'{value}'"
    if isinstance(value, (bool, int)):
        return json.dumps(value)
    # null is no argument, and of numbers with a point and an exponent the guide says nothing
    return f"States.StringToJson('{json.dumps(value)}')"


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
