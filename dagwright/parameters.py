"""Pipeline parameters: declared with a name and perhaps a default; read wherever a single value may stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from dagwright.arguments import is_single, sequence
from dagwright.errors import did_you_mean
from dagwright.refusals import Findings, item_name
from dagwright.variables import PipelineVariable


class Parameter(PipelineVariable):
    """The base of the four kinds.

    `description` is for people (`deploy.py list`, reports). It stays out of the definition: no definition that the
    service is known to have accepted carries one.
    """

    __slots__ = ("declared_by", "default_value", "description", "enum_values", "name")

    python_types: ClassVar[tuple[Any, ...]]

    def __init__(
        self, name: str, default_value: Any, enum_values: Sequence[str] | None, description: str | None
    ) -> None:
        found = Findings()
        self.name = item_name("parameter", name, found)
        self.default_value = default_value
        self.enum_values = sequence(enum_values, str, "a text", self._field, found)
        self.description = description
        self.declared_by = ""
        """How a pipeline declares it, if not by its `parameters`: what to say where that is forgotten."""
        if "" in self.enum_values:
            found.add("bad-enum", "an empty text cannot be chosen", "the service refuses empty values", self._field)
        self._check_default(found)
        found.raise_any()

    @property
    def _field(self) -> str:
        return f"Parameters.{self.name}"

    def _check_default(self, found: Findings) -> None:
        default = self.default_value
        if default is None:
            return
        wrong_bool = isinstance(default, bool) and bool not in self.python_types
        if wrong_bool or not isinstance(default, self.python_types):
            what = f"the default {default!r} is {type(default).__name__}, the parameter is {self.type}"
            found.add("bad-default", what, "leave the default out if every run must give a value", self._field)
        elif not is_single(default):
            found.add("bad-default", f"the default {default!r} is no number that JSON has", "", self._field)
        elif default == "":
            hint = "the service refuses empty values at start; leave the default out or choose a word for 'nothing'"
            found.add("bad-default", "the default is an empty text", hint, self._field)
        elif self.enum_values and default not in self.enum_values:
            what = f"the default {default!r} is not one of the values to choose from"
            found.add("bad-default", what, did_you_mean(default, self.enum_values), self._field)

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

    def __init__(
        self,
        name: str,
        default_value: str | None = None,
        enum_values: Sequence[str] | None = None,
        description: str | None = None,
    ) -> None:
        super().__init__(name, default_value, enum_values, description)


class ParameterInteger(Parameter):
    """A whole number."""

    __slots__ = ()
    type = "Integer"
    python_types = (int,)

    def __init__(self, name: str, default_value: int | None = None, description: str | None = None) -> None:
        super().__init__(name, default_value, None, description)


class ParameterFloat(Parameter):
    """A number; a whole number is a fine default."""

    __slots__ = ()
    type = "Float"
    python_types = (float, int)

    def __init__(self, name: str, default_value: float | None = None, description: str | None = None) -> None:
        super().__init__(name, default_value, None, description)


class ParameterBoolean(Parameter):
    """True or False; as text the service writes `true` and `false`."""

    __slots__ = ()
    type = "Boolean"
    python_types = (bool,)

    def __init__(self, name: str, default_value: bool | None = None, description: str | None = None) -> None:
        super().__init__(name, default_value, None, description)
