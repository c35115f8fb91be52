"""The conditions of a ConditionStep; several in one step must all hold. Operands are literals or variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from dagwright.arguments import is_single, of_kind, sequence
from dagwright.refusals import Findings
from dagwright.variables import PipelineVariable, Value


def _operand(value: Value, field: str, found: Findings) -> Value:
    if not isinstance(value, PipelineVariable) and not is_single(value):
        found.add("bad-condition", f"{value!r} cannot be compared", "a text, number, boolean or variable", field)
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
        found = Findings()
        self.left = _operand(left, "LeftValue", found)
        self.right = _operand(right, "RightValue", found)
        found.raise_any()

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
        found = Findings()
        self.value = _operand(value, "QueryValue", found)
        values = sequence(in_values, object, "a value to choose from", "Values", found, least=1)
        self.in_values = tuple(_operand(one, "Values", found) for one in values)
        found.raise_any()

    def expression(self) -> dict[str, Any]:
        return {"Type": self.type, "QueryValue": self.value, "Values": self.in_values}


class ConditionNot(Condition):
    """The condition does not hold."""

    __slots__ = ("condition",)
    type = "Not"

    def __init__(self, expression: Condition) -> None:
        found = Findings()
        of_kind(expression, Condition, "a condition", "Condition", found)
        self.condition = expression
        found.raise_any()

    def expression(self) -> dict[str, Any]:
        return {"Type": self.type, "Condition": self.condition}


class ConditionOr(Condition):
    """At least one of the conditions holds."""

    __slots__ = ("conditions",)
    type = "Or"

    def __init__(self, conditions: Sequence[Condition]) -> None:
        found = Findings()
        self.conditions = sequence(conditions, Condition, "a condition", "Conditions", found, least=1)
        found.raise_any()

    def expression(self) -> dict[str, Any]:
        return {"Type": self.type, "Conditions": self.conditions}
