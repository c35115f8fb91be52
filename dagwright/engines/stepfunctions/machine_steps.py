"""The steps of a pipeline as far as its machine tells of them, for when its definition is not to be had any more.

A machine that the compiler has written comes in, a graph goes out: of each step its name and, as far as one call says
it, its type. What steps wait for and the branches of conditions are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dagwright.definition.graph import Graph, examine_definition
from dagwright.engines.stepfunctions.compiler.readback import failures_in, mapping, states_of
from dagwright.engines.stepfunctions.compiler.tasks import RESOURCES


def steps_in(machine: Mapping[str, Any]) -> Graph:
    """What the machine tells of its pipeline; without steps for a machine that is no machine of a pipeline."""
    states = states_of(machine).items()
    # of all states only a step's own has a name without a blank
    steps = [{"Name": name, "Type": _type_of(state)} for name, state in states if " " not in name]
    return examine_definition({"Steps": steps})[0]


def _type_of(state: Mapping[str, Any]) -> str:
    """QualityCheck and ClarifyCheck start a processing job as well: they count as Processing."""
    resource = str(state.get("Resource", "")).partition(":states:::")[2]
    called = next((kind for kind, call in RESOURCES.items() if call == resource), "")
    is_fail = state.get("Type") == "Fail" or failures_in(mapping(state.get("Assign")))
    return called or ("Fail" if is_fail else "Condition")
