"""What runs, in which order, and what each ending means for the rest."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from engines.place import Meeting, Place, Watcher, condition, definition, equals, fail, get, join, json_get

from dagwright.definition.graph import read_definition
from dagwright.engines.engine import Start
from dagwright.errors import DefinitionError, InternalError, ParameterError

TRUE = equals(1, 1)


def empty(name: str, depends_on: list[str] | None = None) -> dict[str, Any]:
    """A step that is done at once: a condition without branches."""
    return condition(name, depends_on=depends_on)


@pytest.mark.parametrize(
    ("b", "c", "ran"), [(1, 1, ["A", "B", "C", "E"]), (1, 0, ["A", "B", "C", "F"]), (0, 1, ["A", "B", "D", "I"])]
)
def test_nested_branches(place: Place, b: int, c: int, ran: list[str]) -> None:
    inner = condition("C", equals(get("Parameters.C"), 1), then=[empty("E")], otherwise=[empty("F")])
    outer = condition("B", equals(get("Parameters.B"), 1), then=[inner], otherwise=[empty("D")], depends_on=["A"])
    steps = [empty("A"), outer, empty("I", ["D"]), empty("G", ["E", "I"]), empty("H", ["G"])]
    execution = place.run(*steps, parameters={"B": b, "C": c})
    assert (list(execution.steps), execution.status) == (ran, "Succeeded")
    assert sorted(place.watcher.left_out) == sorted(set("ABCDEFGHI") - set(ran))


def test_all_conditions_must_hold_and_branches_may_be_empty(place: Place) -> None:
    both = condition("Both", TRUE, equals("a", "b"), then=[fail("Wrong")])
    execution = place.run(both, condition("Empty", TRUE))
    assert execution.status == "Succeeded"
    assert place.output(execution, "Both") == {"Outcome": False}
    assert execution.steps["Empty"].metadata == {"Condition": {"Outcome": "True"}}


def test_a_failure_lets_independent_steps_go_on_and_holds_back_its_own(place: Place) -> None:
    bad = place.processing("Bad", "sys.exit('broken')")
    execution = place.run(bad, empty("After", ["Bad"]), empty("Other"), empty("Last", ["Other"]))
    assert execution.status == "Failed"
    assert list(execution.steps) == ["Bad", "Other", "Last"]
    assert execution.failure_reason == "step 'Bad' failed: AlgorithmError: broken, exit code 1"
    assert place.watcher.left_out == ["After"]


def test_a_fail_step_ends_the_execution_and_what_runs_may_finish(
    place: Place, meeting: Callable[[int], Meeting]
) -> None:
    door = meeting(1)
    running = place.writing("Running", "meet(); write('done', '1')", variables={"MEETING": door.port})
    gate = condition("Gate", TRUE, then=[fail("Stop", "enough")])
    threading.Thread(target=lambda: door.complete.wait() and door.release(), daemon=True).start()
    execution = place.run(running, gate, empty("Never", ["Running"]))
    assert execution.steps["Stop"].failure_reason == "enough"
    assert execution.steps["Running"].status == "Succeeded"
    assert "Never" not in execution.steps
    assert (execution.status, execution.failure_reason) == ("Failed", "step 'Stop' failed: enough")


def test_a_fail_steps_text(place: Place) -> None:
    text = join("condition greater than check return: ", get("Steps.Check.Outcome"), " for ", get("Parameters.N"))
    execution = place.run(condition("Check", equals(1, 2)), fail("F", text), parameters={"N": 3})
    assert execution.steps["F"].failure_reason == "condition greater than check return: false for 3"
    silent = place.run(fail("F"))
    assert silent.steps["F"].as_json()["Metadata"] == {"Fail": {"ErrorMessage": ""}}
    assert "FailureReason" not in silent.steps["F"].as_json()


def test_independent_steps_run_side_by_side(place: Place, meeting: Callable[[int], Meeting]) -> None:
    door = meeting(2)
    threading.Thread(target=lambda: door.complete.wait() and door.release(), daemon=True).start()
    steps = [place.processing(name, "meet()", variables={"MEETING": door.port}, limit=30) for name in "AB"]
    assert place.run(*steps).status == "Succeeded"
    assert door.complete.is_set()


def test_no_more_run_at_once_than_the_configuration_allows(
    place_with: Callable[..., Place], meeting: Callable[[int], Meeting]
) -> None:
    place = place_with(max_parallel=2)
    running, most = 0, 0
    door = meeting(0)

    def serve() -> None:
        nonlocal running, most
        for _ in range(5):
            guest = door.listener.accept()[0]
            running = sum(step.status == "Executing" for step in seen.values())
            most = max(most, running)
            guest.close()

    seen: dict[str, Any] = {}
    place.watcher.changed = lambda step: seen.__setitem__(step.name, step)  # type: ignore[method-assign]
    threading.Thread(target=serve, daemon=True).start()
    steps = [place.processing(f"S{n}", "meet()", variables={"MEETING": door.port}) for n in range(5)]
    execution = place.engine.run(Start("p", read_definition(definition(*steps))), place.watcher)
    assert execution.status == "Succeeded"
    assert most <= 2


def test_two_thousand_conditions_in_a_row(place: Place) -> None:
    chain = [empty(f"C{n}", [f"C{n - 1}"] if n else None) for n in range(2000)]
    started = time.perf_counter()
    execution = place.run(*chain)
    assert (execution.status, len(execution.steps)) == ("Succeeded", 2000)
    assert time.perf_counter() - started < 20
    assert len(place.engine.describe().steps) == 2000


def test_execution_variables_and_properties_reach_a_job(place: Place) -> None:
    names = (
        "PipelineName",
        "PipelineExecutionId",
        "StartDateTime",
        "PipelineArn",
        "PipelineExecutionArn",
        "ProcessingJobName",
    )
    variables = {name: get(f"Execution.{name}") for name in names}
    variables["FIRST"] = join(get("Steps.First.ProcessingJobArn"), get("Steps.First.Environment['ML']"), on="|")
    second = place.writing("Second", "write('seen', dict(os.environ))", variables=variables)
    execution = place.run(place.processing("First", "pass"), second)
    seen = place.json("Second/seen")
    assert seen["PipelineName"] == "p"
    assert seen["PipelineExecutionId"] == execution.id
    assert seen["StartDateTime"] == execution.started
    assert seen["PipelineExecutionArn"] == f"{seen['PipelineArn']}/execution/{execution.id}"
    assert seen["ProcessingJobName"] == execution.steps["Second"].job
    assert seen["FIRST"].startswith(place.output(execution, "First")["ProcessingJobArn"] + "|")


FILES = [{"PropertyFileName": "Report", "OutputName": "out", "FilePath": "report.json"}]


@pytest.mark.parametrize(
    ("script", "path", "said"),
    [
        ("pass", "a", "cannot be read: There is no object s3://bucket/E/report.json"),
        ("write('report.json', '{broken')", "a", "is not JSON"),
        ("write('report.json', {'a': 1})", "b", "b"),
        ("write('report.json', {'a': {'b': 1}})", "a", "is an object"),
        ("write('report.json', 'NaN')", "a", "is not JSON"),
    ],
)
def test_a_property_file_that_does_not_serve_is_a_sentence(place: Place, script: str, path: str, said: str) -> None:
    step = place.writing("E", script, PropertyFiles=FILES)
    execution = place.run(step, condition("Gate", equals(json_get("E", "Report", path), 1)))
    assert execution.steps["E"].status == "Succeeded"
    assert execution.steps["Gate"].status == "Failed"
    assert said in execution.steps["Gate"].failure_reason


def test_a_property_file_decides(place: Place) -> None:
    step = place.writing("E", "write('report.json', '{\"auc\": 0.70}')", PropertyFiles=FILES)
    auc = json_get("E", "Report", "auc")
    gate = condition(
        "Gate", {"Type": "LessThan", "LeftValue": auc, "RightValue": 0.8}, then=[fail("F", join("auc:", auc))]
    )
    assert place.run(step, gate).steps["F"].failure_reason == "auc:0.70"


def test_models_and_versions(place: Place) -> None:
    model = get("Steps.T.ModelArtifacts.S3ModelArtifacts")
    containers = [{"Image": "i", "ModelDataUrl": model}]
    register = {
        "Name": "R",
        "Type": "RegisterModel",
        "Arguments": {"ModelPackageGroupName": "group", "InferenceSpecification": {"Containers": containers}},
    }
    create = {"Name": "M", "Type": "Model", "Arguments": {"PrimaryContainer": {"ModelDataUrl": model}}}
    reader = fail("F", join(get("Steps.R.ModelPackageArn"), get("Steps.R.ModelApprovalStatus"), on=" "))
    first = place.run(place.training("T", "pass"), register, create)
    second = place.run(place.training("T", "pass"), register, reader)
    assert first.status == "Succeeded", first.failure_reason
    assert [place.output(e, "R")["ModelPackageVersion"] for e in (first, second)] == [1, 2]
    assert second.steps["F"].failure_reason.endswith(":model-package/group/2 PendingManualApproval")
    assert place.output(first, "M")["ModelName"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "ModelPackageGroupName is missing"),
        ({"ModelPackageGroupName": 1}, "ModelPackageGroupName must be a string"),
    ],
)
def test_a_package_that_cannot_be_kept_is_a_sentence(place: Place, arguments: Any, said: str) -> None:
    execution = place.run({"Name": "M", "Type": "RegisterModel", "Arguments": arguments})
    assert execution.steps["M"].status == "Failed"
    assert said in execution.steps["M"].failure_reason


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        ("Model", {"PrimaryContainer": {"ModelDataUrl": "s3://bucket/absent"}}, "is not there: s3://bucket/absent"),
        ("Model", {"PrimaryContainer": []}, "PrimaryContainer must be an object"),
        ("Model", {"Containers": ["x"]}, "Containers[0] must be an object"),
        ("RegisterModel", {"InferenceSpecification": 1}, "InferenceSpecification must be an object"),
        ("RegisterModel", {"InferenceSpecification": {"Containers": [1]}}, "Containers[0] must be an object"),
    ],
)
def test_what_a_model_lacks_is_said_before_the_start(place: Place, kind: str, arguments: Any, said: str) -> None:
    with pytest.raises(DefinitionError, match=re.escape(said)):
        place.run({"Name": "M", "Type": kind, "Arguments": arguments})


def test_a_model_whose_data_no_step_has_written_fails(place: Place) -> None:
    """Its training writes below that address, but not this."""
    uri = {"Std:Join": {"On": "/", "Values": [get("Steps.T.OutputDataConfig.S3OutputPath"), "absent"]}}
    model = {"Name": "M", "Type": "Model", "Arguments": {"PrimaryContainer": {"ModelDataUrl": uri}}}
    execution = place.run(place.training("T", "pass"), model)
    assert "The model's data s3://bucket/models/absent do not exist" in execution.steps["M"].failure_reason


def test_a_wrong_type_that_only_the_run_can_know_fails_the_step(place: Place) -> None:
    first = place.processing("First", "pass")
    second = place.processing("Second", "pass", depends_on=["First"])
    second["Arguments"]["StoppingCondition"] = {"MaxRuntimeInSeconds": get("Steps.First.ProcessingJobName")}
    third = place.processing("Third", "pass", inputs={"in": get("Steps.First.ProcessingJobName")})
    execution = place.run(first, second, third)
    assert "MaxRuntimeInSeconds must be a whole number" in execution.steps["Second"].failure_reason
    assert "is not an S3 address" in execution.steps["Third"].failure_reason


def test_data_that_is_not_there_is_said_before_anything_starts(place: Place) -> None:
    with pytest.raises(DefinitionError) as refused:
        place.run(place.processing("P", "pass", inputs={"in": "s3://bucket/raw"}), place.processing("Q", "pass"))
    assert "P: its input 'in' is not there: s3://bucket/raw" in str(refused.value)
    assert "deploy.py upload PATH --to s3://bucket/raw" in str(refused.value)
    assert place.engine.history() == []
    assert not list((place.folder / ".dagwright").glob("logs/*"))


def test_wrong_parameters_are_said_before_anything_exists(place: Place) -> None:
    with pytest.raises(ParameterError):
        place.run(empty("A"), parameters={"N": 1}, N="many", M=1)
    assert not (place.folder / ".dagwright").exists()


@pytest.mark.parametrize(
    ("error", "raised", "said"),
    [
        (TypeError("of ours"), InternalError, "This is a bug of dagwright: TypeError: of ours\n.*--debug"),
        (BrokenPipeError(), BrokenPipeError, "^$"),
    ],
)
def test_our_own_bug_is_said_as_one_and_ends_everything(
    place: Place, error: Exception, raised: type[Exception], said: str
) -> None:
    def bug(step: Any) -> None:
        raise error

    graph = read_definition(definition(place.processing("P", "pass")))
    watcher = Watcher()
    watcher.changed = bug  # type: ignore[method-assign]
    with pytest.raises(raised, match=said):
        place.engine.run(Start("p", graph), watcher)
    recorded = place.engine.describe()
    assert (recorded.status, recorded.steps["P"].status) == ("Failed", "Stopped")


def test_a_reason_that_utf8_cannot_hold_is_recorded(place: Place) -> None:
    place.run(fail("F", "half \ud800"))
    assert place.engine.describe().steps["F"].failure_reason == "half \\ud800"


def test_two_runs_at_once_in_one_project(place: Place, meeting: Callable[[int], Meeting]) -> None:
    door = meeting(2)
    threading.Thread(target=lambda: door.complete.wait() and door.release(), daemon=True).start()
    step = place.writing("P", "meet()", variables={"MEETING": door.port}, limit=30)
    other = Place(place.folder, sandbox=place.settings.sandbox)
    results: list[Any] = []
    threads = [threading.Thread(target=lambda p=p: results.append(p.run(step))) for p in (place, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.engine.close()
    assert [execution.status for execution in results] == ["Succeeded"] * 2
    assert {e.id for e in place.engine.history()} == {e.id for e in results}


def test_the_record_says_what_the_run_said(place: Place) -> None:
    execution = place.run(place.training("T", "pass"), condition("C", TRUE, then=[fail("F", "x")], depends_on=["T"]))
    recorded = place.engine.describe(execution.id[:6])
    assert recorded.as_json() == execution.as_json()
    assert place.engine.describe().id == execution.id
    assert [log.host for log in place.engine.logs(recorded.steps["T"])] == ["algo-1"]
    assert place.engine.logs(recorded.steps["C"]) == []


def test_a_thread_that_cannot_be_started_fails_its_step(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [place.processing(name, "pass") for name in "PQ"]
    start = threading.Thread.start

    def limited(thread: threading.Thread) -> None:
        if thread.name == "P":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    execution = place.run(*steps)
    assert {step.name: step.status for step in execution.steps.values()} == {"P": "Failed", "Q": "Succeeded"}
    assert "InternalServerError: it could not be started: can't start" in execution.steps["P"].failure_reason
