"""The conditions of a ConditionStep; several in one step must all hold. Operands are literals or variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from dagwright.refusals import refuse
from dagwright.variables import PipelineVariable, Value


def _operand(value: object, field: str) -> Any:
    if not isinstance(value, str | int | float | PipelineVariable):
        refuse("bad-condition", f"{value!r} cannot be compared", "a text, number, boolean or variable", field=field)
    return value


def _condition(value: object, field: str) -> Condition:
    if not isinstance(value, Condition):
        refuse("bad-condition", f"{value!r} is not a condition", "such as ConditionEquals(left, right)", field=field)
    return value


class Condition:
    """The base of all conditions."""

    __slots__ = ()
    type: ClassVar[str]

    def expression(self) -> dict[str, Any]:
        """The JSON, in which the operands are still Python objects."""
        raise NotImplementedError

    @property
    def expr(self) -> Any:
        """The JSON as it stands in a definition."""
        from dagwright.writing import written

        return written(self)


class _Comparison(Condition):
    __slots__ = ("left", "right")

    def __init__(self, left: Value, right: Value) -> None:
        self.left = _operand(left, "LeftValue")
        self.right = _operand(right, "RightValue")

    def expression(self) -> dict[str, Any]:
        return {"Type": self.type, "LeftValue": self.left, "RightValue": self.right}


class ConditionEquals(_Comparison):
    """left == right."""

    __slots__ = ()
    type = "Equals"


class ConditionGreaterThan(_Comparison):
    """left > right."""

    __slots__ = ()
    type = "GreaterThan"


class ConditionGreaterThanOrEqualTo(_Comparison):
    """left >= right."""

    __slots__ = ()
    type = "GreaterThanOrEqualTo"


class ConditionLessThan(_Comparison):
    """left < right."""

    __slots__ = ()
    type = "LessThan"


class ConditionLessThanOrEqualTo(_Comparison):
    """left <= right."""

    __slots__ = ()
    type = "LessThanOrEqualTo"


class ConditionIn(Condition):
    """value is one of in_values."""

    __slots__ = ("in_values", "value")
    type = "In"

    def __init__(self, value: Value, in_values: Sequence[Value]) -> None:
        self.value = _operand(value, "QueryValue")
        if isinstance(in_values, str) or not isinstance(in_values, Sequence) or not in_values:
            refuse("bad-condition", f"{in_values!r} is not a list of values", field="Values")
        self.in_values = tuple(_operand(one, "Values") for one in in_values)

    def expression(self) -> dict[str, Any]:
        return {"Type": self.type, "QueryValue": self.value, "Values": self.in_values}


class ConditionNot(Condition):
    """The condition does not hold."""

    __slots__ = ("condition",)
    type = "Not"

    def __init__(self, expression: Condition) -> None:
        self.condition = _condition(expression, "Condition")

    def expression(self) -> dict[str, Any]:
        return {"Type": self.type, "Condition": self.condition}


class ConditionOr(Condition):
    """At least one of the conditions holds."""

    __slots__ = ("conditions",)
    type = "Or"

    def __init__(self, conditions: Sequence[Condition]) -> None:
        if not conditions:
            refuse("bad-condition", "ConditionOr has no conditions", field="Conditions")
        self.conditions = tuple(_condition(one, "Conditions") for one in conditions)

    def expression(self) -> dict[str, Any]:
        return {"Type": self.type, "Conditions": self.conditions}
