"""What AWS's model demands of one value: its type, its allowed values, its pattern, its size.

In: a JSON value and the Shape of its place. Out: what is wrong with it, as a `Wrong` that becomes a problem at that
place, or None. Values of fields that the model calls sensitive are not repeated.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from dagwright.definition.expression import Place, spell_place
from dagwright.definition.rules.constraints_patterns import matches
from dagwright.errors import Problem, did_you_mean
from dagwright.job_facts import FAST_FILE_HINT
from dagwright.shapes import Shape

Severity = Literal["error", "warning"]

#: What a place of each kind wants, in words.
WANTED = {
    "structure": "an object",
    "list": "a list",
    "map": "an object",
    "string": "a text",
    "integer": "a whole number",
    "long": "a whole number",
    "float": "a number",
    "double": "a number",
    "boolean": "true or false",
    "timestamp": "a date",
    "blob": "a text",
}
_GIVEN = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}
_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "list": (list,),
    "map": (dict,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float, str),
    "blob": (str,),
}
_WORD = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+|[0-9]+")
_ABBREVIATIONS = {"Uri": "URI", "Url": "URL", "Arn": "ARN", "Arns": "ARNs", "Kms": "KMS"}
_NUMERAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
# Examples say more than these patterns do.
_EXAMPLES = {
    "S3Uri": "such as s3://bucket/prefix",
    "Url": "such as s3://bucket/model.tar.gz",
    "RoleArn": "such as arn:aws:iam::123456789012:role/Name",
    "KmsKeyId": "a key's id, its ARN, or alias/name",
    "SubnetId": "such as subnet-0a1b2c3d4e5f60718",
    "SecurityGroupId": "such as sg-0a1b2c3d4e5f60718",
}
# What people take from elsewhere, by the shape of its place and the value: the reason says more than a near word.
_KNOWN_MISTAKES = {
    ("ProcessingS3InputMode", "FastFile"): FAST_FILE_HINT,
}
_TOO_SMALL = (".small", ".micro", ".nano")  # sizes of EC2 that no job has
_LONGEST_SHOWN = 80


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a value, wherever it stands."""

    code: str
    what: str
    hint: str = ""
    severity: Severity = "error"

    def at(self, step: str, place: Place) -> Problem:
        """The problem at a place of a step."""
        return Problem(self.code, self.what, self.hint, self.severity, step=step, field=spell_place(place))


class Suggestions:
    """`did_you_mean` for the first hundred unknown words: a definition of nothing else must not take minutes."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, tuple[str, ...]], str] = {}

    def nearest(self, word: str, known: Collection[str]) -> str:
        """The nearest of what is known, as a hint, or what is known; empty after a hundred words or among too many."""
        if len(known) > 500:
            return ""
        question = (word[:_LONGEST_SHOWN], tuple(known))
        if question not in self._asked:
            if len(self._asked) >= 100:
                return ""
            self._asked[question] = did_you_mean(*question)
        return self._asked[question]


def value_wrong(value: Any, shape: Shape) -> Wrong | None:
    """What is wrong with a value that stands for itself; of a list or an object only its own type and size."""
    wrong = _type_wrong(value, shape)
    if wrong is not None:
        return wrong
    if isinstance(value, (list, dict)):
        return _size_wrong(len(value), shape, "entries")
    if isinstance(value, str):
        return _enum_wrong(value, shape) or _size_wrong(len(value), shape, "characters") or _pattern_wrong(value, shape)
    return _range_wrong(value, shape)


def kind_of(value: Any) -> str:
    """A JSON value's type in words."""
    return "nothing (null)" if value is None else _GIVEN.get(type(value), "something else")


def shown(text: str) -> str:
    """A text in quotes, cut where a sentence would become a page."""
    return repr(text) if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]!r}…"


def a(name: str) -> str:
    """A shape's name in words, with its article: `ProcessingInstanceType` -> `a processing instance type`."""
    words = [_ABBREVIATIONS.get(word, word if word.isupper() else word.lower()) for word in _WORD.findall(name)]
    sounds_open = words[0][0] in ("AEFHILMNORSX" if words[0].isupper() else "aeio")
    return f"{'an' if sounds_open else 'a'} {' '.join(words)}"


def _type_wrong(value: Any, shape: Shape) -> Wrong | None:
    allowed = _TYPES.get(shape.kind)
    if allowed is None or (isinstance(value, allowed) and (shape.kind == "boolean" or not isinstance(value, bool))):
        return None
    what = f"{kind_of(value)} stands where {WANTED[shape.kind]} is wanted"
    if isinstance(value, float) and shape.kind in ("integer", "long") and value.is_integer():
        return Wrong("wrong-type", what, f"write {value:.0f}", "warning")
    return Wrong("wrong-type", what, _other_spelling(value, shape))


def _other_spelling(value: Any, shape: Shape) -> str:
    """How the value may have been meant, as a hint."""
    if shape.kind == "string" and isinstance(value, bool):
        return f'write "{str(value).lower()}"'
    if shape.kind == "string" and isinstance(value, (int, float)):
        return "write it in quotes"
    if shape.kind == "string":
        return "a list or an object can be written as its JSON text"
    if (
        isinstance(value, str)
        and shape.kind not in ("structure", "list", "map", "boolean")
        and _NUMERAL.fullmatch(value)
    ):
        return "write it without quotes"
    if isinstance(value, str) and value.lower() in ("true", "false") and shape.kind == "boolean":
        return f"write {value.lower()} without quotes"
    return "put it in [ ]" if shape.kind == "list" and value is not None else ""


def _enum_wrong(value: str, shape: Shape) -> Wrong | None:
    if not shape.enum or value in shape.enum:
        return None
    hint = _KNOWN_MISTAKES.get((shape.name, value)) or _near(value, tuple(shape.traits["enum"]))
    return Wrong("not-in-enum", f"{shown(value)} is not {a(shape.name)}", hint)


@lru_cache(maxsize=256)
def _near(value: str, allowed: Sequence[str]) -> str:
    """The values one may have meant, as a hint: of many, such as instance types, those of one family."""
    family = value[:_LONGEST_SHOWN].rpartition(".")[0]
    related = sorted((one for one in allowed if family and one.rpartition(".")[0] == family), key=_size)
    if len(allowed) > 12 and related:
        begins = f"the smallest is {related[0]}; " if value.endswith(_TOO_SMALL) else ""
        return f"{begins}of this family: {', '.join(related[:12])}"
    return did_you_mean(value[:_LONGEST_SHOWN], allowed)


def _size(instance_type: str) -> tuple[int, int]:
    """Orders the sizes of one family: medium, large, xlarge, 2xlarge, 10xlarge."""
    size = instance_type.rpartition(".")[2]
    times = size.removesuffix("xlarge")
    return ({"medium": 0, "large": 1}.get(size, 2), int(times) if times.isdigit() else 1)


def _size_wrong(size: int, shape: Shape, unit: str) -> Wrong | None:
    least, most = shape.traits.get("min"), shape.traits.get("max")
    if most is not None and size > most:
        return Wrong("wrong-size", f"{size} {unit} are too many: at most {most} are allowed")
    if least is not None and size < least:
        what = "it is empty" if not size else f"{size} {unit} are too few"
        hint = "leave it out" if not size else ""
        return Wrong("wrong-size", f"{what}: at least {least} {unit if least > 1 else _one(unit)} needed", hint)
    return None


def _one(unit: str) -> str:
    return {"entries": "entry is", "characters": "character is"}[unit]


def _pattern_wrong(value: str, shape: Shape) -> Wrong | None:
    pattern = shape.traits.get("pattern")
    if pattern is None or matches(pattern, value):
        return None
    what = "the value" if shape.traits.get("sensitive") else shown(value)
    hint = _EXAMPLES.get(shape.name) or f"its pattern is {pattern}"
    return Wrong("pattern-mismatch", f"{what} has not the form of {a(shape.name)}", hint)


def _range_wrong(value: float, shape: Shape) -> Wrong | None:
    least, most = shape.traits.get("min"), shape.traits.get("max")
    if isinstance(value, bool) or ((least is None or value >= least) and (most is None or value <= most)):
        return None
    if least is None or most is None:
        allowed = f"at least {least}" if most is None else f"at most {most}"
    else:
        allowed = f"{least} to {most}"
    return Wrong("out-of-range", f"{value} is out of range: {allowed} is allowed")
