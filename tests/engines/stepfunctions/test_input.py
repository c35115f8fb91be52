"""What an execution is started with, typed as its machine takes it."""

from __future__ import annotations

import json

import pytest

from dagwright.definition.graph import read_definition
from dagwright.engines.stepfunctions.input import typed_input
from dagwright.errors import ParameterError

PARAMETERS = {"Trees": "Integer", "Rate": "Float", "Fast": "Boolean", "Label": "String"}
GRAPH = read_definition(
    json.dumps(
        {
            "Version": "2020-12-01",
            "Parameters": [
                {"Name": "Seed", "Type": "Integer", "DefaultValue": 1},
                *({"Name": name, "Type": kind, "DefaultValue": None} for name, kind in PARAMETERS.items()),
            ],
            "Steps": [],
        }
    )
)
GIVEN = {"Rate": "0.5", "Trees": "50", "Fast": "TRUE", "Label": "7"}


def test_only_what_is_given_is_there_in_its_own_type() -> None:
    found = typed_input(GRAPH, GIVEN)
    assert list(found.items()) == [("Rate", 0.5), ("Trees", 50), ("Fast", True), ("Label", "7")]


def test_what_the_machine_would_not_take_is_refused() -> None:
    with pytest.raises(ParameterError) as caught:
        typed_input(GRAPH, {**GIVEN, "Trees": "many", "Unknown": "1"})
    assert [one.code for one in caught.value.problems] == ["unknown-parameter", "bad-value"]
