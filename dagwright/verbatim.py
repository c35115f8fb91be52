"""What the vocabulary has no word for, as the definition spells it: a step, a parameter, an expression.

In comes JSON in which variables may stand as anywhere else; out comes the same JSON. It is read back and checked like
all that is emitted: what it refers to has to be there, and is waited for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dagwright.arguments import mapping, of_kind, required_literal
from dagwright.parameters import Parameter
from dagwright.properties import OutputProperties, Properties
from dagwright.refusals import Findings, item_name
from dagwright.shapes import EXTRA_MEMBERS, RESPONSES
from dagwright.steps import Step
from dagwright.variables import PipelineVariable

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dagwright.emit import Emission
    from dagwright.steps import StepOptions

_BRANCHES = ("IfSteps", "ElseSteps")


class Verbatim(PipelineVariable):
    """An expression as it stands, such as a property that AWS's model does not know yet.

    >>> Verbatim({"Get": "Steps.Train.NewestMember"}).expr
    {'Get': 'Steps.Train.NewestMember'}
    """

    __slots__ = ("json",)

    def __init__(self, json: Mapping[str, Any]) -> None:
        found = Findings()
        of_kind(json, Mapping, "an expression", "expression", found, 'such as {"Get": "Steps.Train.Member"}')
        found.raise_any()
        self.json = json

    def __repr__(self) -> str:
        return f"Verbatim({self.json!r})"

    def expression(self) -> Any:
        return self.json


class VerbatimParameter(Parameter):
    """A parameter whose declaration is `members`, whatever they are: without a type, or with an empty default."""

    __slots__ = ("members",)

    def __init__(self, name: str, members: Mapping[str, Any], description: str | None = None) -> None:
        found = Findings()
        self.name = item_name("parameter", name, found)
        self.members = mapping(members, self._field, found)
        if "Name" in self.members:
            found.add("bad-members", "the name is said twice", "leave Name out of the members", self._field)
        found.raise_any()
        self.default_value = self.members.get("DefaultValue")
        self.enum_values = ()
        self.description = description
        self.declared_by = ""

    @property
    def type(self) -> str:  # type: ignore[override] # the other kinds have one each
        """The declared type; empty if there is none."""
        return str(self.members.get("Type") or "")

    def declaration(self) -> dict[str, Any]:
        return {"Name": self.name, **self.members}


class VerbatimStep(Step):
    """A step of any type: its `arguments` and, beside them, its `members`, as the definition has them.

    For types that have no class here (QualityCheck, AutoML, Endpoint …), and for requests that do not fit a class. Of a
    Condition the steps in `arguments["IfSteps"]` and `["ElseSteps"]` are steps like any other. The project fills in
    nothing.
    """

    def __init__(
        self,
        name: str,
        type: str,  # noqa: A002 - AWS's name for it
        arguments: Mapping[str, Any] | None = None,
        **options: Unpack[StepOptions],
    ) -> None:
        super().__init__(name, **options)
        required_literal(type, "type", self.found)
        self.type = str(type)  # type: ignore[misc] # the other classes have one each
        of_kind(arguments, Mapping | None, "a map", "Arguments", self.found)
        self.verbatim_arguments = arguments

    @property
    def properties(self) -> Any:
        """What the type gives, where AWS's model knows it: Properties, or OutputProperties of Lambda and Callback."""
        if self.type in ("Lambda", "Callback"):
            outputs = self.members.get("OutputParameters")
            named = outputs if isinstance(outputs, list) else []
            return OutputProperties(self, [one["OutputName"] for one in named if "OutputName" in one])
        if self.type in RESPONSES:
            return Properties(self, "", RESPONSES[self.type], extra=EXTRA_MEMBERS.get(self.type))
        return super().properties

    @property
    def children(self) -> tuple[Step, ...]:
        if self.type != "Condition" or self.verbatim_arguments is None:
            return ()
        branches = [self.verbatim_arguments.get(branch) for branch in _BRANCHES]
        lists = [branch for branch in branches if isinstance(branch, list | tuple)]
        return tuple(step for branch in lists for step in branch if isinstance(step, Step))

    def arguments(self, emission: Emission) -> Mapping[str, Any] | None:
        return self.verbatim_arguments
