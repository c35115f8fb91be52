"""What a constructor is given, made sure of: texts, counts, lists, maps, S3 addresses.

In comes what the user wrote, the name of its place, and the Findings of the declaration. Out comes a value of the
right kind; what is wrong is noted in the Findings, and something harmless takes its place until they are raised.
None always means: not said.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from dagwright.refusals import Findings
from dagwright.variables import PipelineVariable, Text

T = TypeVar("T")


def as_text(value: object) -> Text | None:
    """What a string field gets: a string as it is, numbers and booleans as JSON spells them, variables as text.

    Booleans become `true` and `false`, which is how the service itself writes a Boolean parameter into a string.
    None for what has no text: None, NaN, an object.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, PipelineVariable):
        return value.to_string()
    return json.dumps(value) if is_single(value) else None


def is_single(value: object) -> bool:
    """Whether JSON has the value as a text, a number or a boolean; it has no NaN and no infinity."""
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def brief(value: object) -> str:
    """The value as Python writes it, cut where a sentence would become a page."""
    spelled = repr(value)
    return spelled if len(spelled) <= 60 else f"{spelled[:57]}..."


def of_kind(value: object, kinds: Any, what: str, field: str, found: Findings, hint: str = "") -> bool:
    """Whether the value is an instance of one of `kinds`; if not, that is noted. `what` is one, as in `a step`."""
    if not isinstance(value, kinds):
        found.add("bad-value", f"{brief(value)} is not {what}", hint, field)
        return False
    return True


def text(value: object, field: str, found: Findings) -> Text:
    """The value as text, see `as_text`."""
    written = as_text(value)
    if written is None:
        found.add("bad-value", f"{brief(value)} is not text", "a string, a number, a boolean or a variable", field)
        return ""
    return written


def optional_text(value: object, field: str, found: Findings) -> Any:
    """The value, which is None, a string, or a variable that is not known to be something else."""
    if isinstance(value, PipelineVariable) and value.type not in ("", "String"):
        found.add("bad-value", f"{value!r} is {value.type}, and this is a text", "variable.to_string()", field)
    elif value is not None and not isinstance(value, str | PipelineVariable):
        found.add("bad-value", f"{brief(value)} is not a text", "a string or a variable", field)
    return value


def literal(value: Any, field: str, found: Findings) -> str | None:
    """The value, which is None or a string: what has to be known while the pipeline is written."""
    return value if of_kind(value, str | None, "a literal text", field, found) else None


def required_literal(value: object, field: str, found: Findings) -> None:
    """Note a problem unless the value is a string that says something."""
    if of_kind(value, str, "a literal text", field, found) and not value:
        found.add("missing-value", f"{field} is not given", f"say {field}=…", field)


def required_text(value: object, field: str, found: Findings) -> Any:
    """The same for a value that has to be said; an empty string says nothing."""
    if value is None or (isinstance(value, str) and not value):
        found.add("missing-value", f"{field} is not given", f"say {field}=…", field)
    return optional_text(value, field, found)


def s3_address(value: object, field: str, found: Findings) -> None:
    """Note a problem unless the value is an S3 address, a variable, or None."""
    if isinstance(value, str) and not value.startswith("s3://"):
        found.add("bad-s3-uri", f"'{value}' is not an S3 address", "it begins with s3:// or is a variable", field)
    optional_text(value, field, found)


def count(value: object, field: str, found: Findings, least: int = 1) -> None:
    """Note a problem unless the value is a whole number from `least` on, a variable that may be one, or None."""
    hint = "a whole number or a ParameterInteger"
    if isinstance(value, PipelineVariable):
        if value.type not in ("", "Integer"):
            found.add("bad-number", f"{value!r} is {value.type}, and this is a count", hint, field)
    elif value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        found.add("bad-number", f"{brief(value)} is not a whole number", hint, field)
    elif isinstance(value, int) and value < least:
        found.add("bad-number", f"{value} is less than {least}", hint, field)


def sequence(
    values: Sequence[T] | None,
    kinds: type | tuple[type, ...],
    what: str,
    field: str,
    found: Findings,
    least: int = 0,
) -> tuple[T, ...]:
    """The elements of a list or tuple, at least `least`, all of the given kinds; none for None.

    `what` is one of them, as in `a step`.
    """
    given: object = values
    if given is not None and (isinstance(given, str | PipelineVariable) or not isinstance(given, Sequence)):
        found.add("not-a-list", f"{brief(given)} is not a list", "put it in [ ]", field)
        return ()
    if len(values or ()) < least:
        found.add("empty-list", f"there is no {what.partition(' ')[2]}", "give at least one", field)
    for at, one in enumerate(values or ()):
        if not isinstance(one, kinds):
            found.add("wrong-element", f"{brief(one)} is not {what}", "", f"{field}[{at}]")
    return tuple(one for one in values or () if isinstance(one, kinds))


def text_list(values: Sequence[object] | None, field: str, found: Findings) -> list[Text] | None:
    """A list of texts, such as a program's arguments; None for an empty one."""
    elements = sequence(values, object, "a value", field, found)
    return [text(value, f"{field}[{at}]", found) for at, value in enumerate(elements)] or None


def mapping(values: Mapping[str, T] | None, field: str, found: Findings) -> dict[str, T]:
    """A map with texts as keys; an empty one for None."""
    if values is None or not of_kind(values, Mapping, "a map", field, found, 'such as {"name": value}'):
        return {}
    for name in values:
        of_kind(name, str, "a text, which the key of a map is", field, found)
    return {name: value for name, value in values.items() if isinstance(name, str)}


def texts(values: Mapping[str, object] | None, field: str, found: Findings) -> dict[str, Text] | None:
    """A map of texts, such as an environment; None for an empty one."""
    given = mapping(values, field, found)
    return {name: text(value, f"{field}['{name}']", found) for name, value in given.items()} or None
