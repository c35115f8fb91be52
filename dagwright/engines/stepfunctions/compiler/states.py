"""The states of one scope, and the order in which they are told."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

State = dict[str, Any]


class States:
    """The states of one scope, by name."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}

    def add(self, name: str, state: State) -> str:
        self._states[name] = state
        return name

    def get(self, name: str) -> State:
        return self._states[name]

    def in_order(self, start: str) -> dict[str, State]:
        """Those that control reaches, each behind the first that leads to it, ends last."""
        found: dict[str, State] = {}
        ends: dict[str, State] = {}
        pending = deque([start])
        while pending:
            name = pending.popleft()
            if name in found or name in ends:
                continue
            state = self._states[name]
            (ends if _is_end(state) else found)[name] = state
            pending.extend(_targets(state))
        return {**found, **ends}


def _is_end(state: Mapping[str, Any]) -> bool:
    return state["Type"] in ("Succeed", "Fail") or bool(state.get("End"))


def _targets(state: Mapping[str, Any]) -> Iterator[str]:
    if "Next" in state:
        yield state["Next"]
    for rule in state.get("Choices", ()):
        yield rule["Next"]
    if "Default" in state:
        yield state["Default"]
    for caught in state.get("Catch", ()):
        yield caught["Next"]
