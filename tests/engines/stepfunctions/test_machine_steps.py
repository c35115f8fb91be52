"""What a machine tells of its pipeline, against the pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest

from dagwright.definition.graph import read_definition
from dagwright.engines.stepfunctions.compiler.machine import compile_machine
from dagwright.engines.stepfunctions.compiler.readback import states_of
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.machine_steps import steps_in
from dagwright.errors import DefinitionError

TESTS = Path(__file__).parents[2]
FILES = [*sorted((TESTS / "foreign").glob("*.json")), *sorted((TESTS / "golden").rglob("*.json"))]
ALIKE = {"QualityCheck": "Processing", "ClarifyCheck": "Processing"}


def test_a_machine_tells_the_steps_of_its_pipeline_and_their_types() -> None:
    compared = 0
    for file in FILES:
        try:
            graph = read_definition(file.read_text(encoding="utf-8"))
            machine = compile_machine(graph, MachineSettings("p"))
        except DefinitionError:
            continue
        told = steps_in(machine.definition).steps
        kept = [step for step in graph.steps.values() if step.name in states_of(machine.definition)]
        expected = {step.name: ALIKE.get(step.type, step.type) for step in kept}
        assert {name: step.type for name, step in told.items()} == expected, file.name
        compared += 1
    assert compared > 15


@pytest.mark.parametrize("machine", [{}, {"States": []}, {"States": {"Say hello": {"Type": "Pass"}}}])
def test_a_machine_of_no_pipeline_tells_none(machine: dict[str, object]) -> None:
    assert not steps_in(machine).steps
