"""The names of states: as people read them in the console's picture, and as they are told apart again.

The state that does a step's work has the step's name, and one beside it that does some of it is called `<step>: <what>`
(`readback.step_of` takes that apart). A state that only leads on tells of no step: `may Train run`, `end of Train`. No
step's name holds a blank, so that every other state has a name with one.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

LONGEST = 80
"""Characters of a state's name (developer guide, "Service quotas")."""

READ_STATE, MERGE_STATE, CHECK_STATE = "Read parameters", "Merge parameters", "Check parameters"
SUCCEEDED_STATE, FAILED_STATE = "Pipeline succeeded", "Pipeline failed"
_FIXED = (READ_STATE, MERGE_STATE, CHECK_STATE, SUCCEEDED_STATE, FAILED_STATE)
_SHOWN = 3


class StateNames:
    """Gives every state of one machine a name of its own; those of steps are theirs already."""

    def __init__(self) -> None:
        self._taken = set(_FIXED)

    def new(self, wanted: str) -> str:
        """`Train: read evaluation.json`, with a number if that is taken, cut if it is too long."""
        number = 1
        name = _fitting(wanted)
        while name in self._taken:
            number += 1
            name = _fitting(wanted, f" ({number})")
        self._taken.add(name)
        return name

    def control(self, wanted: str) -> str:
        """The name of a state that does nothing of a step's work, which is never spelled `<step>: <what>`: `may Train
        run`, `end of Train`. `wanted` has its first blank before any colon."""
        return self.new(wanted)

    def side_by_side(self, steps: Sequence[str]) -> str:
        """`A + B + C + 2 more`, after the first step of each branch."""
        more = [f"{len(steps) - _SHOWN} more"] if len(steps) > _SHOWN else []
        return self.control(" + ".join([*steps[:_SHOWN], *more]))


def _fitting(wanted: str, suffix: str = "") -> str:
    if len(wanted) + len(suffix) <= LONGEST:
        return wanted + suffix
    digest = sha256(wanted.encode()).hexdigest()[:6]
    return f"{wanted[: LONGEST - len(suffix) - 8]}… {digest}{suffix}"
