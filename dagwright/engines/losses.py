"""What a pipeline does on SageMaker and a state machine does not, or does otherwise: reported, never silent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Loss:
    """One difference: of a step, or of the whole pipeline if `step` is empty. `hint` says what to do about it."""

    code: str
    what: str
    step: str = ""
    hint: str = ""

    def as_json(self) -> dict[str, str]:
        """Its members that say something."""
        return {name: value for name, value in vars(self).items() if value}

    def __str__(self) -> str:
        said = f"{self.step}: {self.what}" if self.step else self.what
        return f"{said} ({self.hint})" if self.hint else said
