"""Pipeline parameters: declared with a name and perhaps a default; read wherever a single value may stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from dagwright.errors import Problem, did_you_mean
from dagwright.refusals import caller, checked_item_name, refusal, shown
from dagwright.variables import PipelineVariable


class Parameter(PipelineVariable):
    """The base of the four kinds.

    `description` is for people (`deploy.py list`, reports). It stays out of the definition: no definition that the
    service is known to have accepted carries one.
    """

    __slots__ = ("default_value", "description", "enum_values", "name")

    type: ClassVar[str]
    python_types: ClassVar[tuple[Any, ...]]

    def __init__(self, name: str, default_value: Any, enum_values: Sequence[str], description: str | None) -> None:
        self.name = checked_item_name("parameter", name)
        self.default_value = default_value
        self.enum_values = tuple(enum_values)
        self.description = description
        problems = list(self._problems())
        if problems:
            raise refusal(problems)

    def _problems(self) -> list[Problem]:
        where, field, default = shown(caller()), f"Parameters.{self.name}", self.default_value
        odd = [value for value in self.enum_values if not isinstance(value, str) or not value]
        found = [Problem("bad-enum", f"{v!r} cannot be chosen: not a text", field=field, where=where) for v in odd]
        if default is None:
            return found
        wrong_bool = isinstance(default, bool) and bool not in self.python_types
        if wrong_bool or not isinstance(default, self.python_types):
            what = f"the default {default!r} is {type(default).__name__}, the parameter is {self.type}"
            hint = "leave the default out if every run must give a value"
            return [*found, Problem("bad-default", what, hint, field=field, where=where)]
        if default == "":
            hint = "the service refuses empty values at start; leave the default out or choose a word for 'nothing'"
            return [*found, Problem("bad-default", "the default is an empty text", hint, field=field, where=where)]
        if self.enum_values and default not in self.enum_values:
            hint = did_you_mean(default, [value for value in self.enum_values if isinstance(value, str)])
            what = f"the default {default!r} is not one of the values to choose from"
            return [*found, Problem("bad-default", what, hint, field=field, where=where)]
        return found

    def __repr__(self) -> str:
        return f"Parameters.{self.name}"

    def expression(self) -> Any:
        return {"Get": f"Parameters.{self.name}"}

    def declaration(self) -> dict[str, Any]:
        """The entry in the definition's `Parameters`: Name, Type, DefaultValue, EnumValues."""
        declared: dict[str, Any] = {"Name": self.name, "Type": self.type}
        if self.default_value is not None:
            declared["DefaultValue"] = self.default_value
        if self.enum_values:
            declared["EnumValues"] = list(self.enum_values)
        return declared


class ParameterString(Parameter):
    """A text.

    >>> ParameterString("Approval", "Pending", enum_values=["Pending", "Approved"]).declaration()["Type"]
    'String'
    """

    __slots__ = ()
    type = "String"
    python_types = (str,)
    is_text = True

    def __init__(
        self,
        name: str,
        default_value: str | None = None,
        enum_values: Sequence[str] = (),
        description: str | None = None,
    ) -> None:
        super().__init__(name, default_value, enum_values, description)


class ParameterInteger(Parameter):
    """A whole number."""

    __slots__ = ()
    type = "Integer"
    python_types = (int,)

    def __init__(self, name: str, default_value: int | None = None, description: str | None = None) -> None:
        super().__init__(name, default_value, (), description)


class ParameterFloat(Parameter):
    """A number; a whole number is a fine default."""

    __slots__ = ()
    type = "Float"
    python_types = (float, int)

    def __init__(self, name: str, default_value: float | None = None, description: str | None = None) -> None:
        super().__init__(name, default_value, (), description)


class ParameterBoolean(Parameter):
    """True or False; as text the service writes `true` and `false`."""

    __slots__ = ()
    type = "Boolean"
    python_types = (bool,)

    def __init__(self, name: str, default_value: bool | None = None, description: str | None = None) -> None:
        super().__init__(name, default_value, (), description)
