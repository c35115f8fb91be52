"""What a state machine calls: its text comes in, the integrations of its states and the names of its jobs go out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

# A name that a machine makes when it runs: 'rc-churn-train-{}-{}'.
_MADE_NAME = re.compile(r"'([A-Za-z0-9-]+?)-?\{\}")


def integrations(text: str) -> dict[str, None]:
    """What stands behind `:states:::` in the resources of a machine's tasks, each once, in the machine's order."""
    return {str(state["Resource"]).partition(":states:::")[2]: None for state in _tasks(text)}


def name_starts(text: str, called: str) -> dict[str, None]:
    """With what the names begin that the machine gives to what it creates by one integration: jobs, models."""
    found: dict[str, None] = {}
    for state in _tasks(text):
        named = state.get("Parameters", {}) if str(state["Resource"]).endswith(f":::{called}") else {}
        made = (_MADE_NAME.search(str(value)) for member, value in named.items() if member.endswith("Name.$"))
        found |= {one[1]: None for one in made if one is not None}
    return found


def _tasks(text: str) -> Iterator[Mapping[str, Any]]:
    """The Task states of a machine, those of its branches and maps too; of an empty text none."""
    waiting = [json.loads(text)] if text else []  # what is next is last
    while waiting:
        machine = waiting.pop()
        for state in machine.get("States", {}).values():
            if state["Type"] == "Task":
                yield state
            inside = [state[name] for name in ("ItemProcessor", "Iterator") if name in state]
            waiting += [*state.get("Branches", ()), *inside]
