"""Random pipelines come to the same on the local engine and, compiled, on an interpreter of state machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from agreement import Example, a_home, disagreement, run_compiled
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from random_pipelines import random_pipeline

from dagwright.definition.graph import read_definition
from dagwright.engines.local.home import Home
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
    example = random_pipeline(Drawn(data), most)
    note(str(example))
    found = ""
    refused: set[str] = set()
    try:
        found = disagreement(example, home)
    except DefinitionError as error:
        refused = {problem.code for problem in error.problems}
    assert refused <= {"unsplittable-uri", "text-with-number", "incomparable"}
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
    "what is false or zero is compared like anything else": pipeline(
        processing("A"),
        condition("C", equals(from_file("A", "ok"), False), equals(from_file("A", "x"), 0), yes=[processing("D")]),
        files={"A": {"ok": False, "x": 0}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("example", CASES.values(), ids=CASES)
def test_what_once_disagreed(example: Example, home: Home) -> None:
    assert disagreement(example, home) == ""


def test_a_disagreement_is_seen(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison itself: another order of evaluation, and another argument."""
    example = pipeline(processing("A"), after("B", "A"))

    def otherwise(example: Example, graph: Any) -> Any:
        record = run_compiled(example, graph)
        record.began["B"] = 0
        record.requests["A"] = {"RoleArn": "another"}
        return record

    monkeypatch.setattr("agreement.run_compiled", otherwise)
    found = disagreement(example, home)
    assert "in the machine B began before A had ended" in found
    assert "another" in found


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
