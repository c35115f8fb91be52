"""Whether the tests of a Choice state decide as the conditions of the definition do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from engines.stepfunctions.compiler.choice_rules import holds
from hypothesis import given, settings
from hypothesis import strategies as st

from dagwright.definition.conditions import COMPARISONS, evaluate_conditions
from dagwright.definition.expression import render
from dagwright.definition.graph import Graph, read_definition
from dagwright.engines.stepfunctions.compiler.conditions import Decision, decide
from dagwright.engines.stepfunctions.compiler.dynamic import FileValue, Joined, ParameterValue, Produced
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings
from dagwright.engines.stepfunctions.compiler.values import Values
from dagwright.errors import EvaluationError

TYPES = {"Integer": "Integer", "Float": "Float", "String": "String", "Boolean": "Boolean"}
INTEGER, FLOAT, STRING, BOOLEAN = ({"Get": f"Parameters.{name}"} for name in TYPES)
GIVEN = {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}
AUC = FileValue("bucket", "report.json", ("auc",))
TEXT = ParameterValue("String", "String")


def file_value(key: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"S3Uri": "s3://bucket/report.json", "Path": key}}


def join(*values: Any) -> dict[str, Any]:
    return {"Std:Join": {"On": "", "Values": list(values)}}


def compare(kind: str, left: Any, right: Any) -> dict[str, Any]:
    return {"Type": kind, "LeftValue": left, "RightValue": right}


def equals(left: Any, right: Any) -> dict[str, Any]:
    return compare("Equals", left, right)


def within(query: Any, *values: Any) -> dict[str, Any]:
    return {"Type": "In", "QueryValue": query, "Values": list(values)}


def negated(condition: Any) -> dict[str, Any]:
    return {"Type": "Not", "Condition": condition}


def either(*conditions: Any) -> dict[str, Any]:
    return {"Type": "Or", "Conditions": list(conditions)}


def graph_of(conditions: list[Any]) -> Graph:
    parameters = [{"Name": name, "Type": kind} for name, kind in TYPES.items()]
    steps = [
        {"Name": "Train", "Type": "Training", "Arguments": {}},
        {"Name": "Decide", "Type": "Condition", "Arguments": {"Conditions": conditions}},
    ]
    return read_definition({"Version": "2020-12-01", "Parameters": parameters, "Steps": steps})


class Guesses(Values):
    """As if nothing were known of what a job answers."""

    def kind(self, dynamic: Any) -> str:
        return "unknown" if isinstance(dynamic, Produced) else super().kind(dynamic)


def decided(*conditions: Any) -> tuple[Decision, Values]:
    graph = graph_of(list(conditions))
    values = Guesses(graph, MachineSettings("machine"))
    return decide(graph.steps["Decide"], values), values


def decision(*conditions: Any) -> Decision:
    found, values = decided(*conditions)
    assert values.problems == []
    return found


def refusals(*conditions: Any) -> list[tuple[str, str]]:
    return [(problem.code, problem.field) for problem in decided(*conditions)[1].problems]


@dataclass
class Run:
    """One run: what the pipeline's own evaluation asks, and what the tests of a Choice state read."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    report: Any = None
    answer: Any = "s3://model"

    def parameter(self, name: str) -> Any:
        return self.parameters[name]

    def step(self, name: str) -> Mapping[str, Any]:
        return {"ModelArtifacts": {"S3ModelArtifacts": self.answer}}

    def read_text(self, s3_uri: str) -> str:
        return json.dumps(self.report)

    def execution(self, variable: str) -> Any:
        raise NotImplementedError

    experiment = execution

    def property_file(self, step: str, name: str) -> tuple[str, str]:
        raise NotImplementedError

    def read(self, value: Any) -> Any:
        """What a path of the machine leads to. Raises LookupError if it leads nowhere."""
        if isinstance(value, ParameterValue):
            return self.parameters[value.name]
        if isinstance(value, Joined):
            return "".join(part if isinstance(part, str) else render(self.read(part)) for part in value.parts)
        if isinstance(value, Produced):
            return self.answer
        assert isinstance(value, FileValue)
        (key,) = value.path
        return self.report[key]


def carried_out(found: Decision, run: Run) -> bool | None:
    """What the machine does: which branch it takes; None if the step fails."""
    if found.outcome is not None:
        return found.outcome
    if found.fails is not None and holds(found.fails, run.read):
        return None
    assert found.holds is not None
    return holds(found.holds, run.read)


def evaluated(conditions: list[Any], run: Run) -> bool | None:
    try:
        return evaluate_conditions(conditions, run)
    except EvaluationError:
        return None


NUMBERS = st.sampled_from([-1, 0, 1, 2, 6, 0.0, 0.5, 1.0, 1.5, 6.0, 2**53 - 1, 1e300])
WORDS = st.sampled_from(["", "a", "b", "true", "True", "FALSE", "fAlse", "s3://x", "Ω", "6 "])
SPELLED = st.sampled_from(["6", "6.0", "06", "1", "1e0", "0.5", "-1", "9" * 400, "-1e999", ".5"])
TEXTS = WORDS | SPELLED
LITERALS = NUMBERS | TEXTS | st.booleans()
FOUND = st.sampled_from([INTEGER, FLOAT, STRING, BOOLEAN, GIVEN, join("a", STRING), *map(file_value, "abc")])
OPERANDS = FOUND | LITERALS
KINDS_OF = st.sampled_from(sorted(COMPARISONS))
COMPARED = (
    st.builds(compare, KINDS_OF, FOUND, OPERANDS)
    | st.builds(compare, KINDS_OF, OPERANDS, FOUND)
    | st.builds(compare, KINDS_OF, LITERALS, LITERALS)
)
CONTAINED = st.builds(lambda query, values: within(query, *values), FOUND | OPERANDS, st.lists(OPERANDS, max_size=3))
CONDITIONS = st.recursive(
    COMPARED | CONTAINED,
    lambda inner: st.builds(negated, inner) | st.builds(lambda each: either(*each), st.lists(inner, max_size=4)),
    max_leaves=6,
)


def runs(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Run]:
    single = NUMBERS | texts | st.booleans()
    anything = single | st.sampled_from([None, [1], {"a": 1}])
    parameters = st.fixed_dictionaries(
        {
            "Integer": st.sampled_from([-1, 0, 1, 6]),
            "Float": st.sampled_from([0.0, 0.5, 1.0, 6.0]),
            "String": texts,
            "Boolean": st.booleans(),
        }
    )
    report = st.fixed_dictionaries({"a": single}, optional={"b": anything})
    return st.builds(Run, parameters, report, anything)


@settings(max_examples=150, deadline=None)
@given(st.lists(CONDITIONS, max_size=3), st.lists(runs(WORDS), min_size=3, max_size=8))
def test_a_machine_decides_as_the_pipeline_does(conditions: list[Any], tried: list[Run]) -> None:
    found, values = decided(*conditions)
    if not values.problems:
        for run in tried:
            assert carried_out(found, run) is evaluated(conditions, run), run


@settings(max_examples=75, deadline=None)
@given(st.lists(CONDITIONS, max_size=3), st.lists(runs(TEXTS), min_size=3, max_size=8))
def test_where_a_text_that_spells_a_number_decides_otherwise_it_is_reported(
    conditions: list[Any], tried: list[Run]
) -> None:
    found, values = decided(*conditions)
    if not values.problems and "text-number" not in {loss.code for loss in found.losses}:
        for run in tried:
            assert carried_out(found, run) is evaluated(conditions, run), run


FOUND_IN_A_FILE = [-1, 1, 0.5, True, False, "", "a", "true", "FALSE", None, [1]]
SOURCES: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "Integer": (INTEGER, [-1, 0, 1, 6]),
    "Float": (FLOAT, [0.0, 0.5, 1.0]),
    "String": (STRING, ["", "a", "b", "TRUE", "False"]),
    "Boolean": (BOOLEAN, [True, False]),
    "answer": (GIVEN, FOUND_IN_A_FILE),
    "a": (file_value("a"), [*FOUND_IN_A_FILE, ...]),
    "b": (file_value("b"), [*FOUND_IN_A_FILE, ...]),
}
WRITTEN = [0, 1, 0.5, 6.0, True, False, "", "a", "tRUE", "false", "6", "1e0", ".5", "-1e999"]


def run_of(found: Mapping[str, Any]) -> Run:
    """A run with these values; what is not there is `...`."""
    report = {key: found[key] for key in ("a", "b") if found.get(key, ...) is not ...}
    return Run(found, report, found.get("answer"))


@pytest.mark.parametrize("kind", sorted(COMPARISONS))
@pytest.mark.parametrize("left", SOURCES)
def test_every_comparison_of_a_value_found_at_run_time(kind: str, left: str) -> None:
    side, left_values = SOURCES[left]
    pairs: list[tuple[Any, list[dict[str, Any]]]] = []
    pairs += [(written, [{left: value} for value in left_values]) for written in WRITTEN]
    for right, (other, right_values) in SOURCES.items():
        pairs.append((other, [{left: one, right: another} for one in left_values for another in right_values]))
    for other, tried in pairs:
        for condition in (compare(kind, side, other), compare(kind, other, side)):
            made, values = decided(condition)
            for run in map(run_of, tried):
                # what is refused could not have been compared in any run
                expected = evaluated([condition], run)
                assert (None if values.problems else carried_out(made, run)) is expected, (condition, run)


def test_a_metric_is_compared_with_a_number() -> None:
    found = decision(compare("GreaterThanOrEqualTo", file_value("auc"), 0.8))
    assert found.fails == {
        "Not": {
            "And": [
                {"Variable": AUC, "IsPresent": True},
                {"Or": [{"Variable": AUC, "IsNumeric": True}, {"Variable": AUC, "IsBoolean": True}]},
            ]
        }
    }
    number, boolean = {"Variable": AUC, "NumericGreaterThanEquals": 0.8}, {"Variable": AUC, "BooleanEquals": True}
    assert found.holds == {"Or": [number, boolean]}
    assert (found.outcome, found.computed) == (None, ())
    assert [(loss.code, loss.step) for loss in found.losses] == [("text-number", "Decide")]


@pytest.mark.parametrize(
    ("condition", "rule"),
    [
        (compare("LessThan", 3, INTEGER), {"Variable": "Integer", "NumericGreaterThan": 3}),
        (equals(INTEGER, "6.5"), {"Variable": "Integer", "NumericEquals": 6.5}),
        (equals(True, FLOAT), {"Variable": "Float", "NumericEquals": 1}),
        (compare("LessThanOrEqualTo", INTEGER, FLOAT), {"Variable": "Integer", "NumericLessThanEqualsPath": "Float"}),
        (compare("LessThan", STRING, "b"), {"Variable": "String", "StringLessThan": "b"}),
        (equals(BOOLEAN, True), {"Variable": "Boolean", "BooleanEquals": True}),
        (equals(BOOLEAN, "FALSE"), {"Variable": "Boolean", "BooleanEquals": False}),
        (compare("LessThan", BOOLEAN, 0.5), {"Variable": "Boolean", "BooleanEquals": False}),
        (negated(equals(STRING, "a")), {"Not": {"Variable": "String", "StringEquals": "a"}}),
        (negated(negated(equals(STRING, "a"))), {"Variable": "String", "StringEquals": "a"}),
        (within(STRING, "a"), {"Variable": "String", "StringEquals": "a"}),
        (either(equals(1, 2), equals(STRING, "a")), {"Variable": "String", "StringEquals": "a"}),
    ],
)
def test_what_always_can_be_compared_is_one_test(condition: Any, rule: Any) -> None:
    found = decision(condition)
    named = json.loads(json.dumps(found.holds, default=lambda value: value.name))
    assert (named, found.fails, found.losses) == (rule, None, ())


@pytest.mark.parametrize(
    ("conditions", "outcome"),
    [
        ([], True),
        ([equals(1, 1.0), equals("TRUE", True)], True),
        ([either()], False),
        ([negated(within(3, 1, 2))], True),
        ([compare("LessThan", BOOLEAN, 2)], True),
        ([compare("GreaterThan", INTEGER, "1e999")], False),
        ([compare("LessThan", FLOAT, "9" * 4000)], True),
        ([equals(1, 2), equals(file_value("auc"), 1)], False),
        ([either(equals(1, 1), equals(1, "six"))], True),
    ],
)
def test_what_is_settled_needs_no_test(conditions: list[Any], outcome: bool) -> None:
    found = decision(*conditions)
    assert (found.outcome, found.holds, found.fails, found.computed, found.losses) == (outcome, None, None, (), ())


def test_conditions_are_evaluated_from_left_to_right_and_no_further_than_needed() -> None:
    found = decision(equals(STRING, "a"), either(equals(INTEGER, 1), equals(file_value("auc"), "x")))
    absent = {"String": "a", "Integer": 1}, {"String": "b", "Integer": 2}, {"String": "a", "Integer": 2}
    assert [carried_out(found, Run(parameters, {})) for parameters in absent] == [True, False, None]


def test_in_is_never_an_error_but_for_a_value_that_is_not_there() -> None:
    found = decision(within(file_value("auc"), 1, "a", True))
    outcomes = [carried_out(found, Run(report={"auc": value})) for value in ("a", "b", False, 1, [1], None)]
    assert outcomes == [True, False, False, True, None, None]
    assert carried_out(found, Run(report={})) is None
    assert carried_out(decision(within(file_value("auc"))), Run(report={"auc": 1})) is False
    assert carried_out(decision(negated(within(file_value("auc")))), Run(report={"auc": 1})) is True
    assert carried_out(decision(within(file_value("auc"))), Run(report={})) is None


def test_in_takes_a_text_as_a_number_only_as_usually_spelled() -> None:
    found = decision(within(STRING, 6, 0.5))
    assert [carried_out(found, Run({"String": text})) for text in ("6", "6.0", "0.5", "06", ".5")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert [loss.code for loss in found.losses] == ["text-number"]


def test_what_is_no_path_is_to_be_assigned_first() -> None:
    joined = Joined(("run-", TEXT))
    found = decision(equals(join("run-", STRING), "run-a"), within(STRING, join("run-", STRING)))
    assert found.computed == (joined,)
    assert found.holds == {
        "And": [
            {"Variable": joined, "StringEquals": "run-a"},
            {"Variable": TEXT, "StringEqualsPath": joined},
        ]
    }


def test_a_text_that_is_made_of_a_file_is_reported() -> None:
    found = decision(equals(join("v", file_value("auc")), "v1"))
    assert [loss.code for loss in found.losses] == ["text-of-a-file"]


def test_a_number_that_the_language_does_not_keep_is_reported() -> None:
    assert [loss.code for loss in decision(equals(INTEGER, 2**53)).losses] == ["large-number"]
    assert decision(equals(INTEGER, 2**53 - 1)).losses == ()


@pytest.mark.parametrize(
    ("condition", "code", "where"),
    [
        (equals(6, "six"), "incomparable", ""),
        (equals(INTEGER, "six"), "incomparable", ""),
        (equals(BOOLEAN, "yes"), "incomparable", ""),
        (equals(STRING, 6), "text-with-number", ""),
        (compare("LessThan", FLOAT, join("a", STRING)), "text-with-number", ""),
        (equals([1], 1), "incomparable", ".LeftValue"),
        (within(STRING, "a", None), "incomparable", ".Values[1]"),
        ({"Type": "NotEquals"}, "malformed-condition", ""),
    ],
)
def test_what_a_machine_can_never_compare_is_refused(condition: Any, code: str, where: str) -> None:
    place = "Arguments.Conditions[1].Conditions[0]"
    assert refusals(equals(STRING, "a"), either(condition)) == [(code, f"{place}{where}")]


def test_an_operand_without_a_value_is_refused_once() -> None:
    unsplittable = {"Std:JsonGet": {"S3Uri": STRING, "Path": "a"}}
    found = refusals(compare("LessThan", unsplittable, 2), compare("GreaterThan", unsplittable, 1))
    assert [code for code, _ in found] == ["unsplittable-uri"]


def test_many_conditions_make_flat_and_short_rules() -> None:
    def size(count: int) -> tuple[int, int]:
        found = decision(*(equals(file_value(f"k{index}"), index) for index in range(count)))
        text = json.dumps([found.holds, found.fails], default=lambda value: value.path[0])
        depth = deepest = 0
        for character in text:
            depth += {"{": 1, "}": -1}.get(character, 0)
            deepest = max(deepest, depth)
        return len(text), deepest

    (few, _), (many, deepest) = size(50), size(400)
    assert many < 14 * few
    assert deepest < 60


def test_nesting_costs_no_stack() -> None:
    condition = equals(STRING, "a")
    for _ in range(5_000):
        condition = negated(either(condition))
    assert decision(condition).holds == {"Variable": TEXT, "StringEquals": "a"}
