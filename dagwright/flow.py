"""Steps that decide: take one branch or the other, or end the execution with a message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dagwright.conditions import Condition
from dagwright.properties import Properties
from dagwright.shapes import Shape
from dagwright.steps import Step
from dagwright.variables import Text, text

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from dagwright.emit import Emission
    from dagwright.steps import StepOptions


class ConditionStep(Step):
    """Run `if_steps` when every condition holds, else `else_steps`; either may be empty."""

    type = "Condition"

    def __init__(
        self,
        name: str,
        conditions: Sequence[Condition],
        if_steps: Sequence[Step] = (),
        else_steps: Sequence[Step] = (),
        **options: Unpack[StepOptions],
    ) -> None:
        super().__init__(name, **options)
        self.conditions = tuple(conditions)
        self.if_steps = tuple(if_steps)
        self.else_steps = tuple(else_steps)
        odd = [one for one in self.conditions if not isinstance(one, Condition)]
        found = [("bad-condition", f"{one!r} is not a condition", "", "Conditions") for one in odd]
        if not self.conditions:
            found.append(("bad-condition", "there are no conditions", "give at least one", "Conditions"))
        other = set(self.else_steps)
        both = [step.name for step in self.if_steps if step in other]
        found += [("both-branches", f"'{one}' is in both branches", "declare it twice", "ElseSteps") for one in both]
        self.refuse_all(found)

    @property
    def children(self) -> tuple[Step, ...]:
        return (*self.if_steps, *self.else_steps)

    @property
    def properties(self) -> Properties:
        """`Outcome` and nothing else."""
        return Properties(self, "", None, extra={"Outcome": Shape("sagemaker", "Boolean")})

    def arguments(self, emission: Emission) -> dict[str, Any]:
        return {"Conditions": self.conditions, "IfSteps": self.if_steps, "ElseSteps": self.else_steps}


class FailStep(Step):
    """End the execution as failed, with a message that may hold variables."""

    type = "Fail"

    def __init__(self, name: str, error_message: Text = "", **options: Unpack[StepOptions]) -> None:
        super().__init__(name, **options)
        self.error_message = text(error_message, "ErrorMessage", name)

    def arguments(self, emission: Emission) -> dict[str, Any]:
        return {"ErrorMessage": self.error_message}
