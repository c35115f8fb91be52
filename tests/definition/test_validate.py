"""The validator as a whole: what it asks, in which order it tells, and that nothing makes it raise."""

from __future__ import annotations

import json
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from definition.rules import samples
from definition.rules.samples import (
    GONE,
    compare,
    condition,
    function,
    get,
    graph_of,
    join,
    parameter,
    processing,
    step,
    training,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pages import page

from dagwright.definition.graph import examine_definition
from dagwright.definition.rules.catalogue import ERROR, PROJECT, RULES, STRUCTURE, WARNING
from dagwright.definition.rules.names import SIBLINGS
from dagwright.definition.validate import RULES_OF, validate, validate_graph
from dagwright.errors import Problem

GOLDEN = Path(__file__).parents[1] / "golden"
GOLDENS = ["example/training.json", "example/training.production.json", "vocabulary/everything.json"]
TARGETS = ["sagemaker", "stepfunctions", "local"]


def codes(problems: list[Problem]) -> list[str]:
    return [problem.code for problem in problems]


def definition(*steps: Any, **top: Any) -> dict[str, Any]:
    return {"Version": "2020-12-01", "Steps": [*steps], **top}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", GOLDENS)
def test_our_own_definitions_have_no_error(name: str, target: Any) -> None:
    problems = validate((GOLDEN / name).read_text(), target=target, region="us-east-1")
    assert {problem.code for problem in problems} <= {"image-by-tag", "digest-of-nothing"}
    lowered = {
        "image-by-tag": "warning",
        "digest-of-nothing": "warning",
    }  # AWS's images, and one that is yet to be pushed
    strict = validate((GOLDEN / name).read_text(), target=target, strict=True, checks=lowered)
    assert [problem for problem in strict if problem.severity == "error"] == []


def test_text_bytes_and_object_are_the_same() -> None:
    text = json.dumps(definition(processing(NetworkConfig=GONE)))
    graph, structural = examine_definition(text)
    problems = validate(text)
    assert problems == validate(text.encode()) == validate(json.loads(text)) == validate_graph(graph, structural)
    assert codes(problems) == ["no-vpc"]


NO_DEFINITIONS: dict[str, Any] = {
    "no text": "",
    "half a text": "{",
    "a list": "[]",
    "a number": "1",
    "a text": '"text"',
    "null": "null",
    "other bytes": b"\xff\xfe",
    "half a character": '{"a": "\ud800"}',
    "deep lists": "[" * 100_000,
    "deep objects": '{"a":' * 100_000,
    "closed deep lists": "[" * 900 + "]" * 900,
    "NaN": '{"Steps": NaN}',
    "nothing": None,
    "an integer": 1,
    "a Python list": [],
    "a set": {1, 2},
    "an object of another kind": object(),
    "a set inside": {"a": {1}},
    "a tuple as key": {(): 1},
    "a Python NaN": {"Steps": float("nan")},
    "half a character in an object": {"Steps": "\ud800"},
}


@pytest.mark.parametrize("name", NO_DEFINITIONS)
def test_what_is_no_definition_is_one_problem(name: str) -> None:
    (problem,) = validate(NO_DEFINITIONS[name])
    assert (problem.code, problem.severity) == ("not-json", "error")
    assert len(str(problem)) < 400


def test_an_object_that_holds_itself_is_no_definition() -> None:
    circle: dict[str, Any] = {"Version": "2020-12-01"}
    circle["Steps"] = [circle]
    assert codes(validate(circle)) == ["not-json"]


def test_problems_come_in_document_order() -> None:
    steps = [
        {**training("B", ResourceConfig={"InstanceCount": 2}, VpcConfig=GONE), "DependOn": []},
        condition("Gate", [function("A b")], conditions=[]),
        processing("A", StoppingCondition=GONE, RoleArn="x"),
    ]
    source = definition(*steps, Extra=1, Parameters=[1])
    assert [(problem.step, problem.field) for problem in validate(source, checks={"no-rule": "off"})] == [
        ("", "Extra"),
        ("", "Parameters[0]"),
        ("", "checks.no-rule"),
        ("B", "Arguments.VpcConfig"),
        ("B", "Arguments.EnableInterContainerTrafficEncryption"),
        ("B", "DependOn"),
        ("Gate", "Arguments.Conditions"),
        ("A b", "Name"),
        ("A", "Arguments.RoleArn"),
        ("A", "Arguments.StoppingCondition.MaxRuntimeInSeconds"),
    ]


def test_each_problem_is_told_once() -> None:
    problem = Problem("cycle", "these steps wait for each other", step="A")
    assert codes(validate_graph(graph_of(), [problem, problem], target="local")) == ["cycle"]


def test_the_rules_of_the_project_are_errors_where_it_counts() -> None:
    source = definition(processing(NetworkConfig=GONE), {**function("A"), "DependOn": []})
    assert [(one.code, one.severity) for one in validate(source)] == [
        ("no-vpc", "warning"),
        ("unknown-step-key", "error"),
    ]
    assert [one.severity for one in validate(source, strict=True)] == ["error", "error"]


def test_a_project_says_how_much_a_rule_counts() -> None:
    source = definition(processing(NetworkConfig=GONE), Parameters=[parameter("P")])
    assert [(one.code, one.severity) for one in validate(source)] == [
        ("unused-parameter", "warning"),
        ("no-vpc", "warning"),
    ]
    checks = {"no-vpc": "off", "unused-parameter": "error"}
    assert [(one.code, one.severity) for one in validate(source, checks=checks)] == [("unused-parameter", "error")]
    assert [one.severity for one in validate(source, strict=True, checks={"no-vpc": "warning"})] == [
        "warning",
        "warning",
    ]


@pytest.mark.parametrize("severity", ["warning", "off"])
@pytest.mark.parametrize("code", [code for code, rule in RULES.items() if rule.weight == STRUCTURE])
def test_what_keeps_a_definition_from_being_read_is_always_an_error(code: str, severity: str) -> None:
    structural = [Problem(code, "something is wrong", step="A")]
    problems = validate_graph(graph_of(function("A")), structural, checks={code: severity})
    assert [(one.code, one.severity, one.field) for one in problems] == [
        ("fixed-check", "warning", f"checks.{code}"),
        (code, "error", ""),
    ]
    assert codes(validate_graph(graph_of(function("A")), structural, checks={code: "error"})) == [code]


def test_an_unknown_rule_in_checks_is_told_with_the_nearest() -> None:
    (problem,) = validate(definition(function("A")), checks={"image-by-tagg": "off"})
    assert (problem.code, problem.hint) == ("unknown-check", "did you mean 'image-by-tag'?")


def test_what_only_sagemaker_refuses_is_fine_elsewhere() -> None:
    inner = condition("Inner", [function("A")])
    source = {"Steps": [condition("Outer", [inner]), function("B", ["Outer"])]}
    assert codes(validate(source)) == ["bad-version", "nested-condition", "depends-on-condition"]
    assert validate(source, target="stepfunctions") == validate(source, target="local") == []


def test_what_protects_a_job_on_aws_is_nothing_to_a_machine() -> None:
    source = definition(processing(NetworkConfig=GONE, StoppingCondition=GONE))
    told = set(codes(validate(source, target="stepfunctions", strict=True)))
    assert told == {"no-time-limit", "no-vpc"}
    assert validate(source, target="local", strict=True, region="nowhere") == []


def test_every_target_has_the_rules_that_hold_anywhere() -> None:
    assert set(RULES_OF["local"]) < set(RULES_OF["stepfunctions"]) < set(RULES_OF["sagemaker"])


def test_what_the_service_misses_is_not_missed_again_by_the_project() -> None:
    one = training(StoppingCondition=GONE)["Arguments"]
    objective = {"Type": "Maximize", "MetricName": "auc"}
    limits = {"MaxParallelTrainingJobs": 1, "MaxNumberOfTrainingJobs": 2}
    config = {"Strategy": "Random", "HyperParameterTuningJobObjective": objective, "ResourceLimits": limits}
    tuning = step("Tune", "Tuning", {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": one})
    assert codes(validate(definition(tuning))) == ["missing-member"]


def test_a_secret_is_not_repeated_by_the_rule_that_refuses_it() -> None:
    parameters = [parameter("DbPassword", DefaultValue="not-a-real-one, not even a role")]
    job = processing(RoleArn=get("Parameters.DbPassword"))
    problems = validate(definition(job, Parameters=parameters))
    assert codes(problems) == ["secret", "pattern-mismatch"], problems
    assert "not-a-real-one" not in str(problems)


@pytest.mark.parametrize(
    "role",
    [
        join("role", get("Parameters.DbPassword"), "x"),
        join(get("Parameters.DbPassword"), "x" * 90),
        join("x" * 60, get("Parameters.DbPassword")),
        get("Parameters.DbPassword"),
    ],
)
@pytest.mark.parametrize("value", ["not-a-real-one", 'it\'s "not-a-real-one"', "hush", 86420975])
def test_a_secret_is_not_told_where_an_expression_brings_it(role: Any, value: Any) -> None:
    kind = "Integer" if isinstance(value, int) else "String"
    members = {"DefaultValue": value, "EnumValues": [value, "other not-a-real-one"]}
    source = definition(processing(RoleArn=role), Parameters=[parameter("DbPassword", kind, **members)])
    problems = validate(source)
    assert len(problems) >= 3
    for hidden in ("not-a-real", "hush", "86420975"):
        assert hidden not in json.dumps([problem.as_json() for problem in problems])


def test_a_token_is_not_told_wherever_it_stands() -> None:
    token = "ghp_" + "not1a2real3one" * 3
    steps = [
        {**function("A"), "DependsOn": [{"Step": "B", "Trigger": token}]},
        {**function("B"), "OutputParameters": [{"OutputName": "x", "OutputType": token}]},
        processing("C", RoleArn=join("x", token), AppSpecification={"ImageUri": f"https://me:{token}@host/ image"}),
        condition("D", conditions=[{"Type": token}, compare({"a": token}, 1)]),
    ]
    problems = validate(definition(*steps, Parameters=[parameter("P", token)]))
    assert len(problems) > 8
    assert token[:12] not in json.dumps([problem.as_json() for problem in problems])


def test_a_problem_about_a_long_name_is_short() -> None:
    source = definition(
        function("A", x={"Get": f"Steps.A.{'b' * 100_000}['"}), function("C", x=get("Parameters.P" * 9_999))
    )
    problems = validate(source)
    assert codes(problems) == ["malformed-expression", "malformed-expression"]
    assert max(len(problem.what) for problem in problems) == 1000


def test_addresses_without_an_end_take_no_time() -> None:
    jobs = [processing(f"S{index}", ProcessingInputs=samples.given("s3://b/" + "a/" * 1_000_000)) for index in range(2)]
    started = time.process_time()
    assert {problem.code for problem in validate(definition(*jobs))} == {"wrong-size", "large-definition"}
    assert time.process_time() - started < 10


@pytest.mark.parametrize("kind", [*SIBLINGS, "Sorting", ""])
def test_every_type_of_step_is_taken_with_anything_in_it(kind: str) -> None:
    values: list[Any] = [None, {}, [], [None], [[]], {"": None}, "x", 1, True, {"Get": 1}, {"Std:Join": 1}]
    keys = {*(key for keys in SIBLINGS.values() for key in keys), "Arguments", "DependsOn", "DisplayName"}
    for value in values:
        odd = {"Name": "S", "Type": kind, **dict.fromkeys(keys, value)}
        assert isinstance(validate(definition(odd)), list)
        one = {"Name": "S", "Type": kind, "Arguments": dict.fromkeys(_ARGUMENTS, value)}
        assert isinstance(validate(definition(one)), list)


_ARGUMENTS = [
    *("ProcessingResources", "ProcessingInputs", "ProcessingOutputConfig", "AppSpecification", "NetworkConfig"),
    *("StoppingCondition", "Environment", "HyperParameters", "InputDataConfig", "OutputDataConfig", "ResourceConfig"),
    *("AlgorithmSpecification", "TrainingJobDefinition", "TrainingJobDefinitions", "PrimaryContainer", "Containers"),
    *("InferenceSpecification", "Conditions", "IfSteps", "ElseSteps", "ErrorMessage", "TransformInput", "Tags"),
]


def test_nesting_up_to_the_readers_limit_is_read() -> None:
    value: Any = "x"
    for _ in range(380):
        value = {"a": value}
    assert validate(definition(function("A", deep=value))) == []
    nested: Any = [function("A")]
    for index in range(90):
        nested = [condition(f"C{index}", nested)]
    assert set(codes(validate(definition(*nested)))) == {"nested-condition"}
    inner: Any = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
    for _ in range(150):
        inner = {"Type": "Not", "Condition": {"Type": "Or", "Conditions": [inner]}}
    assert codes(validate(definition(condition("Gate", [function("A")], conditions=[inner])))) in ([], ["not-json"])


@pytest.mark.parametrize("shape", ["steps", "keys", "items", "text", "parameters", "unknown"])
def test_megabytes_of_json_take_seconds(shape: str) -> None:
    big: dict[str, Any] = {
        "steps": definition(*(function(f"S{index}", [f"S{index - 1}"] if index else None) for index in range(6_000))),
        "keys": definition(function("A", **{f"k{index}": index for index in range(100_000)})),
        "items": definition(function("A", items=[*range(700_000)])),
        "text": definition(function("A", text="x" * 5_000_000)),
        "parameters": definition(function("A"), Parameters=[parameter(f"P{index}") for index in range(20_000)]),
        "unknown": definition(processing("A", **{f"k{index}": index for index in range(100_000)})),
    }[shape]
    text = json.dumps(big)
    started = time.process_time()
    assert isinstance(validate(text, strict=True), list)
    assert time.process_time() - started < 30


def test_2000_steps_take_ten_times_as_long_as_200() -> None:
    def seconds(count: int) -> float:
        steps = [processing(f"S{index}") for index in range(count)]
        text = json.dumps(definition(*steps))
        started = time.process_time()
        assert validate(text, strict=True, checks={"large-definition": "off"}) == []
        return time.process_time() - started

    seconds(10)
    assert seconds(2000) < 30 * max(seconds(200), 0.01)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=8,
)
VALUES = JSON | st.sampled_from(
    [{"Get": "Parameters.P"}, {"Get": "Steps.A.x"}, {"Get": "Execution.X"}, {"Std:Join": {"Values": ["s3://a", 1]}}]
)
STEPS = st.recursive(
    st.fixed_dictionaries(
        {"Name": st.sampled_from("ABC") | JSON, "Type": st.sampled_from([*SIBLINGS]) | JSON},
        optional={
            "Arguments": st.dictionaries(st.sampled_from(_ARGUMENTS), VALUES, max_size=4) | VALUES,
            "DependsOn": st.lists(st.sampled_from("ABC") | VALUES, max_size=2) | VALUES,
            **dict.fromkeys(["CacheConfig", "RetryPolicies", "PropertyFiles", "OutputParameters"], VALUES),
        },
    ),
    lambda steps: st.fixed_dictionaries(
        {
            "Name": st.sampled_from("ABC"),
            "Type": st.just("Condition"),
            "Arguments": st.fixed_dictionaries(
                {}, optional={"Conditions": VALUES, "IfSteps": st.lists(steps) | VALUES, "ElseSteps": st.lists(steps)}
            ),
        }
    ),
    max_leaves=4,
)
TOP = st.fixed_dictionaries(
    {"Steps": st.lists(STEPS, max_size=4) | JSON}, optional={"Parameters": VALUES, "Version": JSON, "Metadata": JSON}
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(JSON | TOP, st.sampled_from(TARGETS), st.booleans())
def test_nothing_that_is_json_makes_it_raise(source: Any, target: Any, strict: bool) -> None:
    text = json.dumps(source)
    problems = validate(text, target=target, strict=strict, region="us-east-1")
    assert len(set(problems)) == len(problems)
    assert all(problem.code in RULES and problem.what for problem in problems)
    assert problems == validate(text, target=target, strict=strict, region="us-east-1")


def places_of(value: Any) -> list[tuple[Any, Any]]:
    found, pending = [], [value]
    while pending:
        here = pending.pop()
        members = [*here.items()] if isinstance(here, dict) else [*enumerate(here)]
        found.extend((here, key) for key, _ in members)
        pending.extend(child for _, child in members if isinstance(child, (dict, list)))
    return found


@QUICK
@given(st.sampled_from(GOLDENS), st.data())
def test_no_mutation_of_a_real_definition_makes_it_raise(name: str, data: st.DataObject) -> None:
    mutated = deepcopy(json.loads((GOLDEN / name).read_text()))
    for _ in range(data.draw(st.integers(1, 3))):
        places = places_of(mutated)
        if not places:
            break
        container, key = places[data.draw(st.integers(0, len(places) - 1))]
        if data.draw(st.booleans()):
            del container[key]
        else:
            container[key] = deepcopy(data.draw(VALUES))
    problems = validate(mutated, strict=True)
    assert all(problem.code in RULES and problem.what for problem in problems)


def test_every_rule_of_the_project_is_a_warning_until_it_counts() -> None:
    assert {code for code, rule in RULES.items() if rule.weight == PROJECT} >= {"no-vpc", "secret", "image-by-tag"}


def test_the_page_shows_every_rule_with_its_weight() -> None:
    """One table for each weight, in the catalogue's words and order."""
    tables = page("validating").partition("## The rules\n")[2].split("### ")[1:]
    weights = (STRUCTURE, ERROR, WARNING, PROJECT)
    for weight, shown in zip(weights, tables, strict=True):
        rows = [line for line in shown.splitlines() if line.startswith("| `")]
        assert rows == [f"| `{code}` | {rule.finds} |" for code, rule in RULES.items() if rule.weight == weight]
