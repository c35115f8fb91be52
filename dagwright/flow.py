"""Steps that decide: take one branch or the other, or end the execution with a message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dagwright.arguments import sequence, text
from dagwright.conditions import Condition
from dagwright.properties import Properties
from dagwright.shapes import RESPONSES
from dagwright.steps import Step
from dagwright.variables import Text

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
        if_steps: Sequence[Step] | None = (),
        else_steps: Sequence[Step] | None = (),
        **options: Unpack[StepOptions],
    ) -> None:
        super().__init__(name, **options)
        self.conditions = sequence(conditions, Condition, "a condition", "Conditions", self.found, least=1)
        self.if_steps = sequence(if_steps, Step, "a step", "IfSteps", self.found)
        self.else_steps = sequence(else_steps, Step, "a step", "ElseSteps", self.found)
        other = set(self.else_steps)
        for step in self.if_steps:
            if step in other:
                self.found.add("both-branches", f"'{step.name}' is in both branches", "declare it twice", "ElseSteps")

    @property
    def children(self) -> tuple[Step, ...]:
        return (*self.if_steps, *self.else_steps)

    @property
    def properties(self) -> Properties:
        """`Outcome` and nothing else."""
        return Properties(self, "", RESPONSES[self.type])

    def arguments(self, emission: Emission) -> dict[str, Any]:
        return {"Conditions": self.conditions, "IfSteps": self.if_steps, "ElseSteps": self.else_steps}


class FailStep(Step):
    """End the execution as failed, with a message that may hold variables."""

    type = "Fail"

    def __init__(self, name: str, error_message: Text = "", **options: Unpack[StepOptions]) -> None:
        super().__init__(name, **options)
        self.error_message = text(error_message, "ErrorMessage", self.found)

    def arguments(self, emission: Emission) -> dict[str, Any]:
        return {"ErrorMessage": self.error_message}
