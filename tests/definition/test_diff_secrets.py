"""Secrets are not shown where definitions are compared, and that they change is."""

from __future__ import annotations

import json
from typing import Any

from dagwright.definition.diff import Change, compare
from dagwright.definition.diff_secrets import hidden
from dagwright.definition.graph import Graph, examine_definition


def graph(password: str, **more: Any) -> Graph:
    arguments = {"Environment": {"DB_PASSWORD": password, "MODE": "fast"}, **more}
    step = {"Name": "Train", "Type": "Training", "Arguments": arguments}
    return examine_definition(json.dumps({"Version": "2020-12-01", "Steps": [step]}))[0]


def test_a_secret_that_changes_is_a_change_without_its_values() -> None:
    (step,) = compare(*hidden(graph("correct horse"), graph("battery staple"))).steps
    assert step.fields == (Change("changed", "Arguments.Environment.DB_PASSWORD", "(secret 1)", "(secret 2)"),)


def test_a_secret_that_stays_is_no_change_wherever_it_stands() -> None:
    assert not compare(*hidden(graph("correct horse"), graph("correct horse")))
    old, new = graph("correct horse"), graph("correct horse", ContainerArguments=["--db", "correct horse"])
    (step,) = compare(*hidden(old, new)).steps
    assert "correct horse" not in json.dumps(step.as_json())


def test_the_graphs_themselves_keep_what_they_have() -> None:
    one = graph("correct horse")
    hidden(one)
    assert one.definition == graph("correct horse").definition
    assert hidden(graph("")) == [graph("").definition]


def test_a_part_of_a_text_and_a_number_are_hidden_too() -> None:
    token = f"ghp_{'a1' * 18}"
    one = graph("", ContainerArguments=[f"clone https://{token}@example.org/x"], StaticHyperParameters={"api_key": 7})
    text = json.dumps(hidden(one))
    assert token not in text
    assert ": 7" not in text
    assert "example.org/x" in text
