"""What has a value only while the pipeline runs: the base of parameters, properties and functions, and its text.

In comes a Python value or a variable; out comes what may stand in a field that AWS wants as a string.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn, TypeAlias

from dagwright.refusals import refuse

Primitive: TypeAlias = "str | int | float | bool"
Text: TypeAlias = "str | PipelineVariable"
Number: TypeAlias = "int | PipelineVariable"
Value: TypeAlias = "Primitive | PipelineVariable"


class PipelineVariable:
    """Something the engine knows and Python does not: it can be put into a field, never be computed with.

    >>> from dagwright import ParameterInteger
    >>> ParameterInteger("Seed", 7).expr
    {'Get': 'Parameters.Seed'}
    """

    __slots__ = ()

    is_text = False
    """True if the value is a string for certain, so that a string field takes it as it is."""

    def expression(self) -> Any:
        """The JSON, in which the operands are still Python objects."""
        raise NotImplementedError

    @property
    def expr(self) -> Any:
        """The JSON as it stands in a definition."""
        from dagwright.writing import written

        return written(self)

    def to_string(self) -> PipelineVariable:
        """The value as text: itself when it is text already, else a Join of this one value (facts of the format)."""
        from dagwright.functions import Join

        return self if self.is_text else Join("", [self])

    def _not_known(self, operation: str) -> NoReturn:
        raise TypeError(
            f"{self!r} has no value before the pipeline runs, so {operation} cannot work on it; "
            'put it together with Join, as in Join("/", ["s3://bucket", variable]), or pass variable.to_string()'
        )

    def __str__(self) -> str:  # noqa: PLE0307 - it never returns
        self._not_known("str() or an f-string")

    def __format__(self, spec: str) -> str:
        self._not_known("format() or an f-string")

    def __int__(self) -> int:
        self._not_known("int()")

    def __float__(self) -> float:
        self._not_known("float()")

    def __add__(self, other: object) -> NoReturn:
        self._not_known("+")

    def __radd__(self, other: object) -> NoReturn:
        self._not_known("+")

    def __iter__(self) -> Iterator[Any]:
        self._not_known("a loop")

    def __contains__(self, item: object) -> bool:
        self._not_known("'in'")


def text(value: object, field: str, step: str = "") -> Text:  # noqa: RET503 - refuse() never returns
    """What a string field gets: a string as it is, numbers and booleans as JSON spells them, variables as text.

    Booleans become `true` and `false`, which is how the service itself writes a Boolean parameter into a string.
    Raises DefinitionError for anything else.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, PipelineVariable):
        return value.to_string()
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    refuse("bad-value", f"{value!r} is not text", "a string, a number, a boolean or a variable", step, field)


def check_s3_address(value: object, field: str) -> None:
    """Raise a DefinitionError unless the value is an S3 address, a variable, or left out."""
    if isinstance(value, str) and not value.startswith("s3://"):
        refuse("bad-s3-uri", f"'{value}' is not an S3 address", "it begins with s3:// or is a variable", field=field)
