"""Parts of a pipeline: what --from, --to and --only choose."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dagwright.definition.graph import Graph, read_definition
from dagwright.definition.slices import Slice, left_out_between, needs, parts
from dagwright.errors import UsageError


def graph(edges: dict[str, list[str]], *, condition: tuple[str, list[str], list[str]] | None = None) -> Graph:
    """Steps by name, each with those it waits for; `condition`: a name and the steps of its two branches."""
    inside = {name for branch in (condition or ("", [], []))[1:] for name in branch}

    def step(name: str) -> dict[str, Any]:
        if condition and name == condition[0]:
            branches = {
                "IfSteps": [step(one) for one in condition[1]],
                "ElseSteps": [step(one) for one in condition[2]],
            }
            return {
                "Name": name,
                "Type": "Condition",
                "DependsOn": edges[name],
                "Arguments": {"Conditions": [], **branches},
            }
        return {"Name": name, "Type": "Processing", "DependsOn": edges[name], "Arguments": {}}

    steps = [step(name) for name in edges if name not in inside]
    return read_definition(json.dumps({"Version": "2020-12-01", "Steps": steps}))


# A -> B -> C -> E, A -> D -> E, and F by itself
DIAMOND = {"A": [], "B": ["A"], "C": ["B"], "D": ["A"], "E": ["C", "D"], "F": []}


@pytest.mark.parametrize(
    ("part", "chosen"),
    [
        (Slice(), "ABCDEF"),
        (Slice(first=("B",)), "BCE"),
        (Slice(first=("C", "D")), "CDE"),
        (Slice(last=("C",)), "ABC"),
        (Slice(first=("A",), last=("E",)), "ABCDE"),
        (Slice(first=("B",), last=("E",)), "BCE"),
        (Slice(first=("B",), last=("B",)), "B"),
        (Slice(only=("E", "C")), "CE"),
        (Slice(only=("F",)), "F"),
    ],
)
def test_what_is_chosen_comes_in_document_order(part: Slice, chosen: str) -> None:
    assert "".join(part.steps(graph(DIAMOND))) == chosen


def test_nothing_named_is_no_choice() -> None:
    assert not Slice()
    assert Slice(last=("A",))


def test_every_unknown_name_is_said_with_the_nearest() -> None:
    with pytest.raises(UsageError) as caught:
        Slice(first=("Trian",), last=("Evaluat",)).steps(graph({"Train": [], "Evaluate": ["Train"]}))
    assert [(problem.what, problem.hint) for problem in caught.value.problems] == [
        ("there is no step 'Trian'", "did you mean 'Train'?"),
        ("there is no step 'Evaluat'", "did you mean 'Evaluate'?"),
    ]


def test_only_does_not_go_with_the_other_two() -> None:
    with pytest.raises(UsageError, match="--only names all the steps by itself"):
        Slice(first=("A",), only=("B",)).steps(graph(DIAMOND))


def test_ends_that_no_way_joins_are_refused() -> None:
    with pytest.raises(UsageError, match="No way leads from 'E' to 'B'"):
        Slice(first=("E",), last=("B",)).steps(graph(DIAMOND))


def test_a_step_in_a_branch_needs_its_condition() -> None:
    found = graph({"A": [], "C": ["A"], "Yes": [], "No": []}, condition=("C", ["Yes"], ["No"]))
    assert Slice(last=("Yes",)).steps(found) == ("A", "C", "Yes")
    assert Slice(first=("C",)).steps(found) == ("C", "Yes", "No")
    assert needs(found, ("Yes",)) == ("C",)


def test_what_the_chosen_steps_need_of_the_others() -> None:
    assert needs(graph(DIAMOND), ("E", "C")) == ("B", "D")
    assert needs(graph(DIAMOND), ("A", "B")) == ()


def test_what_lies_between_the_chosen_steps_is_found() -> None:
    assert left_out_between(graph(DIAMOND), ("A", "E")) == ("B", "C", "D")
    assert left_out_between(graph(DIAMOND), ("A", "B", "C", "D", "E")) == ()
    assert left_out_between(graph(DIAMOND), ("C", "D")) == ()


def test_steps_that_no_edge_joins_are_parts_of_their_own() -> None:
    assert parts(graph(DIAMOND), ("A", "B", "F")) == [("A", "B"), ("F",)]
    assert parts(graph(DIAMOND), ("C", "D")) == [("C",), ("D",)]
    assert parts(graph(DIAMOND), tuple("ABCDE")) == [tuple("ABCDE")]


def test_a_choice_is_linear_in_a_long_pipeline() -> None:
    names = [f"S{number}" for number in range(5000)]
    chain = graph({name: names[max(0, number - 1) : number] for number, name in enumerate(names)})
    assert len(Slice(first=("S1",), last=("S4998",)).steps(chain)) == 4998
    assert left_out_between(chain, ("S0", "S4999")) == tuple(names[1:-1])
    assert len(parts(chain, names[::2])) == 2500
