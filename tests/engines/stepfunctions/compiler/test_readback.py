"""What is read from a machine is what was written into it."""

from __future__ import annotations

from typing import Any

import pytest
from agreement import SETTINGS, Seeded
from random_pipelines import random_pipeline

from dagwright.definition.graph import Graph, read_definition
from dagwright.engines.stepfunctions.compiler.machine import compile_machine
from dagwright.engines.stepfunctions.compiler.names import LONGEST, StateNames
from dagwright.engines.stepfunctions.compiler.readback import (
    failures_in,
    is_failure,
    may_start_again,
    outcome_of,
    settled_outcome,
    states_of,
    step_of,
)
from dagwright.engines.stepfunctions.compiler.variables import is_failures
from dagwright.errors import DefinitionError

Written = list[tuple[Graph, dict[str, Any]]]


@pytest.fixture(scope="module")
def written() -> Written:
    """The states of some machines, with what they were made of."""
    found = []
    for seed in range(40):
        graph = read_definition(random_pipeline(Seeded(seed), most=20).definition)
        try:
            found.append((graph, states_of(compile_machine(graph, SETTINGS).definition)))
        except DefinitionError:
            continue
    assert len(found) > 10
    return found


def test_every_state_of_a_step_has_its_name_and_the_others_have_no_step_s(written: Written) -> None:
    controls = set()
    for graph, states in written:
        for name, state in states.items():
            if step_of(name) in graph.steps:
                assert name == step_of(name) or name.startswith(f"{step_of(name)}: ")
            else:
                assert ": " not in name
                assert state["Type"] in ("Pass", "Choice", "Parallel", "Succeed", "Fail")
                controls.add(name.partition(" ")[0])
    assert {"may", "end", "begin"} <= controls


def test_a_condition_s_choice_holds_by_one_rule_and_may_fail_by_another(written: Written) -> None:
    seen = set()
    for graph, states in written:
        for name, state in states.items():
            if name in graph.steps and graph.steps[name].type == "Condition" and state["Type"] == "Choice":
                outcomes = [outcome_of(state, rule) for rule in range(len(state["Choices"]))]
                assert outcomes.count(True) == 1
                assert outcome_of(state, None) is False
                seen.update(outcomes)
    assert seen == {True, None}


def test_a_settled_condition_says_what_it_has_come_to(written: Written) -> None:
    found = [
        settled_outcome(states[name])
        for graph, states in written
        for name, step in graph.steps.items()
        if step.type == "Condition" and states.get(name, {}).get("Type") == "Pass"
    ]
    assert {*found} == {True, False}


def test_a_job_may_start_again_if_its_step_has_policies_for_that(written: Written) -> None:
    for graph, states in written:
        for name in graph.steps.keys() & states.keys():
            looped = f"{name}: again" in states
            assert may_start_again(states[name]) is looped


def test_a_catch_that_notes_nothing_is_no_failure() -> None:
    assert not is_failure({"ErrorEquals": ["States.ALL"], "Next": "K"})
    assert not is_failure({"Assign": {"FailuresCheck": [{"Step": "K"}]}})
    assert is_failure({"Assign": {"Failures__2": [{"Step": "A", "Cause.$": "$.Cause"}]}})


def test_failures_are_found_in_a_machine_and_in_a_history() -> None:
    failure = {"Step": "A", "Error": "E", "Cause": "c"}
    assert failures_in({"A_Succeeded": None, "Failures": [failure]}) == [failure]
    assert failures_in({"Failures__1": '[{"Step":"A","Error":"E","Cause":"c"}]'}) == [failure]
    assert failures_in({"FailuresCheck": "true", "Failures_2": [failure]}) == []
    for nothing in ("null", None, "no json", "3", [3], "[" * 100_000):
        assert failures_in({"Failures": nothing}) == []


@pytest.mark.parametrize("name", ["Failures", "Failures__1", "Failures__12"])
def test_the_variable_of_failures(name: str) -> None:
    assert is_failures(name)
    assert not is_failures(f"{name}_Outcome")
    assert not is_failures(f"My{name}")


def test_states_are_found_wherever_they_stand_and_whatever_stands_there() -> None:
    inner = {"States": {"B": {"Type": "Pass"}}}
    outer = {"States": {"F": {"Branches": [inner, {"States": {"C": {"Branches": 3}}}, None]}, "D": None}}
    assert [*states_of(outer)] == ["F", "D", "B", "C"]
    assert states_of({"States": 3}) == {}


def test_names_are_unique_and_short_enough() -> None:
    names = StateNames()
    long = "x" * 64
    given = [names.control(f"end of {long} (failed)"), names.control(f"end of {long} (failed)")]
    given += [names.side_by_side([long, "B", "C", "D", "E"]), names.new(f"{long}: read {long}.json")]
    assert len({*given}) == len(given)
    assert max(map(len, given)) <= LONGEST
    assert [step_of(name) == long for name in given] == [False, False, False, True]
    assert names.side_by_side(["A", "B", "C", "D", "E"]) == "A + B + C + 2 more"
