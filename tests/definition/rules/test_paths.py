"""Which steps are linked by nothing but an S3 address."""

from __future__ import annotations

import time
from typing import Any

import pytest
from definition.rules.samples import (
    condition,
    function,
    get,
    given,
    graph_of,
    join,
    model,
    output,
    processing,
    training,
)

from dagwright.definition.rules.paths import address_of, path_problems

ID = get("Execution.PipelineExecutionId")


def writer(uri: Any, name: str = "Prepare") -> dict[str, Any]:
    return processing(name, ProcessingOutputConfig=output(uri))


def reader(uri: Any, name: str = "Evaluate", depends_on: Any = None) -> dict[str, Any]:
    waits = {"DependsOn": depends_on} if depends_on else {}
    return {**processing(name, ProcessingInputs=given(uri)), **waits}


def told(*steps: Any) -> list[tuple[str, str]]:
    return [(problem.step, problem.what.split("'")[1]) for problem in path_problems(graph_of(*steps))]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("s3://b/data", "s3://b/data"),
        ("s3://b/data/", "s3://b/data"),
        ("s3://b/data", "s3://b/data/train.csv"),
        ("s3://b/data/train", "s3://b/data"),
        (get("Parameters.Out"), get("Parameters.Out")),
        (join("s3:/", "b", ID, "data"), join("s3://b", ID, "data")),
        (join("s3://b/", ID, "/data", on=""), join("s3://b", ID, "data/train.csv")),
        (join("s3://b", join("runs", ID)), join("s3://b/runs", ID, "data")),
        (join(get("Parameters.Bucket"), "data"), join(get("Parameters.Bucket"), "data", "x")),
        (join("s3://b/run-", ID, on=""), join("s3://b/run-", ID, on="")),
    ],
)
def test_reading_what_another_writes_without_waiting_is_told(written: Any, read: Any) -> None:
    assert told(writer(written), reader(read)) == [("Evaluate", "Prepare")]
    assert told(reader(read), writer(written)) == [("Evaluate", "Prepare")]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("s3://b/data", "s3://b/database"),
        ("s3://b/data/train", "s3://b/data/test"),
        ("s3://b", "s3://b/data"),
        ("s3://b/data", "s3://b"),
        ("s3://b/data", "s3://c/data"),
        (get("Parameters.Out"), get("Parameters.In")),
        (get("Parameters.Out"), join(get("Parameters.Out"), "data")),
        (join("s3://b", ID, "data"), join("s3://b", get("Parameters.Run"), "data")),
        ("data", "data"),
        (1, 1),
    ],
)
def test_other_addresses_are_other_data(written: Any, read: Any) -> None:
    assert told(writer(written), reader(read)) == []


def test_who_waits_in_whatever_way_is_in_order() -> None:
    first = writer("s3://b/data")
    assert told(first, reader("s3://b/data", depends_on=["Prepare"])) == []
    assert told(first, function("Between", ["Prepare"]), reader("s3://b/data", depends_on=["Between"])) == []
    reference = get("Steps.Prepare.ProcessingOutputConfig.Outputs['data'].S3Output.S3Uri")
    assert told(first, reader(reference)) == []


def test_who_reads_before_the_writer_is_in_order_too() -> None:
    last = {**writer("s3://b/data"), "DependsOn": ["Evaluate"]}
    assert told(reader("s3://b/data"), last) == []


def test_a_step_may_read_what_it_writes_itself() -> None:
    both = processing("Merge", ProcessingInputs=given("s3://b/data"), ProcessingOutputConfig=output("s3://b/data"))
    assert told(both) == []


def test_only_the_writer_that_is_in_no_order_is_named() -> None:
    steps = [writer("s3://b/data", "First"), writer("s3://b/data", "Second")]
    assert told(*steps, reader("s3://b/data", depends_on=["First"])) == [("Evaluate", "Second")]


def test_steps_that_never_run_together_need_no_order() -> None:
    assert told(condition("Gate", [writer("s3://b/data")], [reader("s3://b/data")])) == []
    follows = condition("Second", [writer("s3://b/data")], DependsOn=["A"])
    assert told(condition("First", [function("A")], [reader("s3://b/data")]), follows) == []
    assert told(condition("Gate", [writer("s3://b/data"), reader("s3://b/data")])) == [("Evaluate", "Prepare")]


def test_a_model_below_a_training_path_has_a_name_nobody_can_write_down() -> None:
    read = model(PrimaryContainer={"ModelDataUrl": "s3://acme-data/models/churn-7/output/model.tar.gz"})
    assert told(training(), read) == []
    whole = reader("s3://acme-data/models")
    assert told(training(), whole) == [("Evaluate", "Train")]


def test_the_address_of_an_odd_value_is_no_address() -> None:
    for value in (None, [], {}, {"a": 1}, True, "/local/file", "", {"Std:Join": 1}, {"Std:Join": {"Values": 1}}):
        assert address_of(value) == ()
    assert address_of(join("s3:/", "b", "k/")) == ("s3:", "", "b", "k")


def test_thousands_of_readers_and_writers_are_quick() -> None:
    steps: list[Any] = [writer("s3://b/0/data", "S0")]
    for index in range(1, 3000):
        step = reader(f"s3://b/{index - 1}/data", f"S{index}", [f"S{index - 2}"] if index > 1 else None)
        step["Arguments"]["ProcessingOutputConfig"] = output(f"s3://b/{index}/data")
        steps.append(step)
    started = time.process_time()
    assert len(told(*steps)) == 2999
    assert time.process_time() - started < 5
