"""Random pipelines come to the same on the local engine and, compiled, on an interpreter of state machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from agreement import SETTINGS, Example, a_home, disagreement, part_of, rest_of, run_compiled
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from random_pipelines import random_pipeline

from dagwright.definition.graph import read_definition
from dagwright.engines.execution import EXECUTING, StepRun
from dagwright.engines.local.home import Home
from dagwright.engines.stepfunctions.compiler.machine import compile_machine
from dagwright.engines.stepfunctions.compiler.readback import states_of
from dagwright.engines.stepfunctions.step_runs import step_runs
from dagwright.errors import DefinitionError

BUCKET = "s3://bucket"


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with a_home() as made:
        yield made


class Drawn:
    """Chance out of hypothesis, so that an example that fails is made small."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def number(self, least: int, most: int) -> int:
        return self._data.draw(st.integers(least, most))


@settings(max_examples=300, deadline=None, suppress_health_check=[*HealthCheck])
@given(data=st.data(), most=st.sampled_from((3, 6, 12, 30)))
def test_random_pipelines_agree(home: Home, data: st.DataObject, most: int) -> None:
    agrees(random_pipeline(Drawn(data), most), home)


@settings(max_examples=200, deadline=None, suppress_health_check=[*HealthCheck])
@given(data=st.data(), most=st.sampled_from((3, 6, 12, 30)))
def test_random_parts_of_random_pipelines_agree(home: Home, data: st.DataObject, most: int) -> None:
    """The cut machine runs what the local engine runs of the chosen steps, in an order that the graph allows."""
    whole = random_pipeline(Drawn(data), most)
    agrees(part_of(whole, read_definition(whole.definition), home, Drawn(data)), home)


@settings(max_examples=200, deadline=None, suppress_health_check=[*HealthCheck])
@given(data=st.data(), most=st.sampled_from((3, 6, 12, 30)))
def test_random_pipelines_go_on_alike(home: Home, data: st.DataObject, most: int) -> None:
    """After a failure: what has succeeded stands in the machine as a result."""
    whole = random_pipeline(Drawn(data), most)
    agrees(rest_of(whole, read_definition(whole.definition), home), home)


def agrees(example: Example, home: Home) -> None:
    note(str(example))
    found, refused = "", set[str]()
    try:
        found = disagreement(example, home)
    except DefinitionError as error:
        refused = {problem.code for problem in error.problems}
    # a value that a known result does not have is missed before anything runs
    allowed = {"unsplittable-uri", *({"missing-result"} if example.before else ())}
    assert refused <= allowed, "nothing else that is drawn may be refused"
    assert not found, found


# ---- what has once been found to disagree ----


def processing(name: str, **more: Any) -> dict[str, Any]:
    output = {"OutputName": "out", "S3Output": {"S3Uri": f"{BUCKET}/{name}", "LocalPath": "/opt"}}
    report = {"PropertyFileName": "Report", "OutputName": "out", "FilePath": "report.json"}
    arguments = {"ProcessingOutputConfig": {"Outputs": [output]}, "RoleArn": "role"}
    return {"Name": name, "Type": "Processing", "Arguments": arguments, "PropertyFiles": [report], **more}


def from_file(step: str, path: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": {"Get": f"Steps.{step}.PropertyFiles.Report"}, "Path": path}}


def condition(name: str, *conditions: Any, yes: Any = (), no: Any = (), **more: Any) -> dict[str, Any]:
    arguments = {"Conditions": [*conditions], "IfSteps": [*yes], "ElseSteps": [*no]}
    return {"Name": name, "Type": "Condition", "Arguments": arguments, **more}


def equals(left: Any, right: Any) -> dict[str, Any]:
    return {"Type": "Equals", "LeftValue": left, "RightValue": right}


def pipeline(*steps: dict[str, Any], **more: Any) -> Example:
    return Example({"Version": "2020-12-01", "Steps": [*steps]}, **more)


def after(name: str, *sources: str) -> dict[str, Any]:
    return processing(name, DependsOn=[*sources])


CASES = {
    "a branch that is joined behind a failure still hands on what did not fail": pipeline(
        processing("A"), after("B", "A"), after("C", "A"), after("D", "B"), after("E", "B", "C"), after("F", "C"),
        fails=frozenset({"C"}),
    ),
    "a file that an earlier condition makes unnecessary is not missed": pipeline(
        processing("A"),
        condition("C", equals(1, {"Get": "Steps.A.ProcessingJobArn"}), equals(from_file("A", "x"), 1), no=[after("B")])
        | {"Arguments": {
            "Conditions": [equals({"Get": "Steps.A.ProcessingJobArn"}, "no"), equals(from_file("A", "x"), 1)],
            "IfSteps": [], "ElseSteps": [processing("B")],
        }},
    ),
    "a list to look in is read no further than to the first that is equal": pipeline(
        processing("A"), processing("B"),
        condition(
            "C",
            {"Type": "In", "QueryValue": from_file("A", "x"), "Values": [1, from_file("B", "x")]},
            yes=[processing("D")],
        ),
        files={"A": {"x": 1}},
    ),
    "a number where a text should be stays what it is until a Join makes it one": pipeline(
        processing("A"),
        {
            "Name": "M",
            "Type": "Model",
            "Arguments": {
                "PrimaryContainer": {"Image": "i", "ModelDataUrl": from_file("A", "x")},
                "ExecutionRoleArn": "role",
            },
        },
        {
            "Name": "N",
            "Type": "Model",
            "Arguments": {
                "PrimaryContainer": {
                    "Image": "i",
                    "ModelDataUrl": {
                        "Std:Join": {"On": "/", "Values": [{"Get": "Steps.M.PrimaryContainer.ModelDataUrl"}]}
                    },
                },
                "ExecutionRoleArn": "role",
            },
        },
        files={"A": {"x": 0.5}},
    ),
    "what is false or zero is compared like anything else": pipeline(
        processing("A"),
        condition("C", equals(from_file("A", "ok"), False), equals(from_file("A", "x"), 0), yes=[processing("D")]),
        files={"A": {"ok": False, "x": 0}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("example", CASES.values(), ids=CASES)
def test_what_once_disagreed(example: Example, home: Home) -> None:
    assert disagreement(example, home) == ""


# ---- what is told of the steps ----


def fail(name: str, message: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Fail", "Arguments": {"ErrorMessage": message}}


def reading(name: str, source: str, path: str = "x") -> dict[str, Any]:
    """A job that reads a value of another one's file."""
    step = processing(name)
    return {**step, "Arguments": {**step["Arguments"], "Environment": {"X": from_file(source, path)}}}


def with_policy(name: str, kind: str = "SageMaker.CAPACITY_ERROR") -> dict[str, Any]:
    policy = {"ExceptionType": [kind], "IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": 2}
    return processing(name, RetryPolicies=[policy])


def arn(step: str) -> dict[str, Any]:
    return {"Get": f"Steps.{step}.ProcessingJobArn"}


def call(name: str) -> dict[str, Any]:
    return {"Name": name, "Type": "Lambda", "FunctionArn": "arn:f", "Arguments": {}, "OutputParameters": []}


def register(name: str, source: str) -> dict[str, Any]:
    data = {"ModelDataUrl": arn(source), "Image": "image"}
    arguments = {"ModelPackageGroupName": "group", "InferenceSpecification": {"Containers": [data]}}
    return {"Name": name, "Type": "RegisterModel", "Arguments": arguments}


NOT_NESTED = (processing("A"), processing("B"), after("C", "A"), after("D", "A", "B"))
NO_CAPACITY = "CapacityError: none left"
TOLD = {
    "before a barrier: what waits for the failure never runs": (
        pipeline(*NOT_NESTED, fails=frozenset({"A"})),
        "A Failed, B Succeeded",
    ),
    "before a barrier: what does not wait for the failure runs": (
        pipeline(*NOT_NESTED, fails=frozenset({"B"})),
        "A Succeeded, B Failed, C Succeeded",
    ),
    "behind a barrier": (
        pipeline(*NOT_NESTED, after("E", "C", "D"), fails=frozenset({"D"})),
        "A Succeeded, B Succeeded, C Succeeded, D Failed",
    ),
    "a row in a branch fails at its end": (
        pipeline(processing("A"), after("B", "A"), processing("C"), after("D", "B", "C"), fails=frozenset({"B"})),
        "A Succeeded, B Failed, C Succeeded",
    ),
    "both branches fail": (
        pipeline(processing("A"), processing("B"), after("C", "A", "B"), fails=frozenset({"A", "B"})),
        "A Failed, B Failed",
    ),
    "branches in branches": (
        pipeline(
            processing("A"), after("B", "A"), after("C", "A"), after("D", "B", "C"), processing("E"),
            after("F", "D", "E"), fails=frozenset({"C"}),
        ),
        "A Succeeded, B Succeeded, C Failed, E Succeeded",
    ),
    "a condition that holds": (
        pipeline(processing("A"), condition("K", equals(arn("A"), "arn:A"), yes=[after("B")], no=[after("N")])),
        "A Succeeded, B Succeeded, K Succeeded True",
    ),
    "a condition that does not hold, with nothing in that branch": (
        pipeline(processing("A"), condition("K", equals(arn("A"), "x"), yes=[after("B")])),
        "A Succeeded, K Succeeded False",
    ),
    "a condition beside others, of whose branches nothing may run": (
        pipeline(
            processing("A"), processing("B"), condition("K", equals(arn("A"), "arn:A"), yes=[after("D", "B")]),
            fails=frozenset({"B"}),
        ),
        "A Succeeded, B Failed, K Succeeded True",
    ),
    "conditions that are settled beforehand": (
        pipeline(
            processing("A"), condition("K", equals(1, 1), yes=[after("B", "A")], no=[after("M")]),
            condition("L", equals(1, 2), yes=[after("N")], DependsOn=["A"]), fails=frozenset({"A"}),
        ),
        "A Failed, K Succeeded True",
    ),
    "a condition whose value is not in its file": (
        pipeline(processing("A"), condition("K", equals(from_file("A", "x"), 1), yes=[after("B")]), files={"A": {}}),
        "A Succeeded, K Failed",
    ),
    "a condition without its file": (
        pipeline(processing("A"), condition("K", equals(from_file("A", "x"), 1), no=[after("B")])),
        "A Succeeded, K Failed",
    ),
    "a condition that does without its file": (
        pipeline(
            processing("A"),
            condition("K", equals(arn("A"), "x"), equals(from_file("A", "x"), 1), no=[after("B")]),
        ),
        "A Succeeded, B Succeeded, K Succeeded False",
    ),
    "conditions called like variables of the machine": (
        pipeline(
            processing("A"), processing("Failures"),
            condition("FailuresCheck", equals(arn("A"), "arn:A"), yes=[after("B")]), after("C", "Failures"),
            condition("Other", equals({"Get": "Steps.FailuresCheck.Outcome"}, True), yes=[after("D", "C")]),
        ),
        "A Succeeded, B Succeeded, C Succeeded, D Succeeded, Failures Succeeded, FailuresCheck Succeeded True, "
        "Other Succeeded True",
    ),
    "a Fail step at the end": (
        pipeline(processing("A"), condition("K", equals(arn("A"), "arn:A"), yes=[fail("Stop", "it is bad")])),
        "A Succeeded, K Succeeded True, Stop Failed: it is bad",
    ),
    "a Fail step in a branch": (
        pipeline(
            processing("A"), processing("B"), condition("K", equals(arn("A"), "arn:A"), yes=[fail("Stop", arn("A"))]),
        ),
        "A Succeeded, B Succeeded, K Succeeded True, Stop Failed: arn:A",
    ),
    "a job that is started again, and succeeds": (
        pipeline(with_policy("A"), after("B", "A"), stumbles={"A": [NO_CAPACITY, NO_CAPACITY]}),
        "A 3 Succeeded, B Succeeded",
    ),
    "a job that is started again, and fails for the same reason": (
        pipeline(with_policy("A"), after("B", "A"), stumbles={"A": [NO_CAPACITY] * 3}),
        f"A 3 Failed: {NO_CAPACITY}",
    ),
    "a job in a branch that is started again, and fails for another reason": (
        pipeline(with_policy("A"), processing("B"), stumbles={"A": [NO_CAPACITY, "AlgorithmError: no"]}),
        "A 2 Failed: AlgorithmError: no, B Succeeded",
    ),
    "a job whose failure no policy names": (
        pipeline(with_policy("A", "SageMaker.JOB_INTERNAL_ERROR"), stumbles={"A": [NO_CAPACITY]}),
        f"A Failed: {NO_CAPACITY}",
    ),
    "a job that reads a file that is not there": (
        pipeline(processing("A"), reading("B", "A"), after("C", "B")),
        "A Succeeded, B Failed",
    ),
    "a job that reads a value that is not in its file": (
        pipeline(processing("A"), reading("B", "A"), processing("C"), files={"A": {"y": 1}}),
        "A Succeeded, B Failed, C Succeeded",
    ),
    "functions and the registry": (
        pipeline(processing("A"), register("R", "A"), call("F"), answers={"F": {}}, fails=frozenset({"F"})),
        "A Succeeded, F Failed: AlgorithmError: as planned, R Succeeded",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("example", "said"), TOLD.values(), ids=TOLD)
def test_what_is_told_of_the_steps(example: Example, said: str, home: Home) -> None:
    assert disagreement(example, home) == ""
    steps = run_compiled(example, read_definition(example.definition)).steps
    quoted = ": " in said
    assert ", ".join(told(step, quoted=quoted) for _, step in sorted(steps.items())) == said


def told(step: StepRun, *, quoted: bool) -> str:
    """`A 3 Failed: CapacityError`: the number of attempts if there was more than one, and the reason if it is known."""
    attempts = f" {step.attempts}" if step.attempts != 1 else ""
    outcome = step.metadata.get("Condition", {}).get("Outcome", "")
    reason = f": {step.failure_reason}" if step.failure_reason and quoted else ""
    return f"{step.name}{attempts} {step.status}{outcome and ' '}{outcome}{reason}"


@pytest.mark.parametrize("example", [example for example, _ in TOLD.values() if not example.stumbles])
def test_a_step_that_has_ended_does_not_begin_again(example: Example) -> None:
    graph = read_definition(example.definition)
    states = states_of(compile_machine(graph, SETTINGS).definition)
    events = run_compiled(example, graph).events
    ended: dict[str, str] = {}
    for count in range(len(events)):
        steps = step_runs(events[:count], states, graph, ended="")
        now = {name: run.status for name, run in steps.items() if run.status != EXECUTING}
        assert ended.items() <= now.items()
        ended = now


def test_a_disagreement_is_seen(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison itself: another order of evaluation, and another argument."""
    example = pipeline(processing("A"), after("B", "A"))

    def otherwise(example: Example, graph: Any) -> Any:
        record = run_compiled(example, graph)
        record.began["B"] = 0
        record.requests["A"] = {"RoleArn": "another"}
        record.steps = {"A": replace(record.steps["A"], status="Executing"), "D": record.steps["B"]}
        return record

    monkeypatch.setattr("agreement.run_compiled", otherwise)
    found = disagreement(example, home)
    assert "in the machine B began before A had ended" in found
    assert "another" in found
    assert "steps only here: ['B'], only in the history: ['D']" in found
    assert "'status': 'Executing'" in found


def test_a_missing_parameter_ends_the_machine_with_its_name() -> None:
    definition = {
        "Version": "2020-12-01",
        "Parameters": [{"Name": "Rate", "Type": "Float"}],
        "Steps": [processing("A")],
    }
    record = run_compiled(Example(definition), read_definition(definition), given={})
    assert record.status == "Failed"
    assert "the parameter 'Rate' has no value" in record.reason
    assert record.requests == {}
