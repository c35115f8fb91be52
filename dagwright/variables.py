"""What has a value only while the pipeline runs: the base of parameters, properties and functions.

In comes a declaration; out comes the JSON that stands for its value in a definition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NoReturn, TypeAlias

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

    type: ClassVar[str] = ""
    """`String`, `Integer`, `Float` or `Boolean`; empty if that shows only when the pipeline runs."""

    def expression(self) -> Any:
        """The JSON, in which the operands are still Python objects."""
        raise NotImplementedError

    @property
    def expr(self) -> Any:
        """The JSON as it stands in a definition."""
        from dagwright.writing import written

        return written(self)

    def to_string(self) -> PipelineVariable:
        """The value as text: itself when it is text for certain, else a Join of this one value."""
        from dagwright.functions import Join

        return self if self.type == "String" else Join("", [self])

    def _not_known(self, operation: str) -> NoReturn:
        raise TypeError(
            f"{self!r} has no value before the pipeline runs, so {operation} cannot work on it; "
            'put it together with Join, as in Join("/", ["s3://bucket", variable]), or pass variable.to_string()'
        )

    def _not_decided(self, operation: str) -> NoReturn:
        raise TypeError(
            f"{self!r} has no value before the pipeline runs, so {operation} cannot work on it; "
            "let the pipeline decide, with ConditionEquals, ConditionGreaterThan and the like in a ConditionStep"
        )

    def _not_computed(self, other: object) -> NoReturn:
        raise TypeError(f"{self!r} has no value before the pipeline runs, so it cannot be computed with; a step can")

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

    __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _not_computed
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _not_computed

    def __iter__(self) -> Iterator[Any]:
        self._not_known("a loop")

    def __contains__(self, item: object) -> bool:
        self._not_known("'in'")

    def __bool__(self) -> bool:  # noqa: PLE0304 - it never returns
        self._not_decided("if, and, or, not")

    def __eq__(self, other: object) -> bool:
        return self is other or self._not_decided("== or !=")

    def __lt__(self, other: object) -> bool:
        self._not_decided("<, <=, > or >=")

    __gt__ = __le__ = __ge__ = __lt__

    # An own __eq__ takes the hash away; a variable still goes into sets and dicts as the object it is.
    __hash__ = object.__hash__
