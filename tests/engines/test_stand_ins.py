"""What stands in for steps: results in files, functions in place of programs, and what is said of them before a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from engines.place import Place, condition, definition, get

from dagwright.definition.graph import read_definition
from dagwright.engines.engine import Start
from dagwright.engines.execution import Execution
from dagwright.errors import DefinitionError, UsageError


@pytest.fixture(autouse=True)
def here(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place.folder)


def stand_in(place: Place, name: str, content: Any) -> str:
    path = place.folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return name


def run(place: Place, *steps: dict[str, Any], **stand_ins: str) -> Execution:
    graph = read_definition(definition(*steps))
    return place.engine.run(Start("p", graph, stand_ins=stand_ins), place.watcher)


def refusal(place: Place, *steps: dict[str, Any], **stand_ins: str) -> str:
    with pytest.raises(DefinitionError, match="nothing was started") as refused:
        run(place, *steps, **stand_ins)
    return str(refused.value)


AUTO_ML = {"Name": "Search", "Type": "AutoML", "Arguments": {"RoleArn": "arn:aws:iam::123456789012:role/r"}}


def test_a_file_gives_the_result_of_a_step_that_does_not_run_here(place: Place) -> None:
    given = {"BestCandidate": {"InferenceContainers": [{"Image": "i", "Environment": {"A": "1"}}]}}
    place.put("s.py", "")
    best = get("Steps.Search.BestCandidate.InferenceContainers[0].Environment['A']")
    after = place.writing("After", "write('seen', os.environ['BEST'])", variables={"BEST": best})
    execution = run(place, AUTO_ML, after, Search=stand_in(place, "search.json", given))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("After/seen") == "1"
    output = place.output(execution, "Search")
    assert output["AutoMLJobArn"].endswith(f"automl-job/{output['AutoMLJobName']}")
    assert execution.steps["Search"].metadata == {"StandIn": {"Source": "search.json"}}
    assert place.engine.describe().steps["Search"].metadata == {"StandIn": {"Source": "search.json"}}
    assert execution.steps["After"].metadata.keys() == {"ProcessingJob", "Used"}


def test_what_later_steps_read_and_a_file_does_not_give_is_said_before_the_start(place: Place) -> None:
    name = get("Steps.Search.BestCandidate.CandidateName")
    after = place.writing("After", "pass", variables={"BEST": name})
    said = refusal(place, AUTO_ML, after, Search=stand_in(place, "search.json", {"BestCandidate": {}}))
    assert "After: it reads what search.json does not give: Steps.Search.BestCandidate.CandidateName" in said


def evaluation(place: Place) -> tuple[dict[str, Any], dict[str, Any]]:
    """A step that writes a property file, and a condition that reads it."""
    file = [{"PropertyFileName": "Report", "OutputName": "out", "FilePath": "evaluation.json"}]
    step = place.writing("Evaluate", "sys.exit(1)", PropertyFiles=file)
    accuracy = {"Std:JsonGet": {"PropertyFile": get("Steps.Evaluate.PropertyFiles.Report"), "Path": "accuracy"}}
    good = {"Type": "GreaterThan", "LeftValue": accuracy, "RightValue": 0.5}
    return step, condition("Good", good, then=[place.writing("Yes", "pass")], otherwise=[place.writing("No", "pass")])


def test_files_are_where_the_job_would_have_written_them(place: Place) -> None:
    content = {"Files": {"out/evaluation.json": {"accuracy": 0.9}, "out/more": "data", "s3://bucket/else": [1]}}
    (place.folder / "data" / "deep").mkdir(parents=True)
    (place.folder / "data" / "deep" / "a.csv").write_text("1,2")
    execution = run(place, *evaluation(place), Evaluate=stand_in(place, "e.json", content))
    assert execution.status == "Succeeded", execution.failure_reason
    assert "Yes" in execution.steps
    assert place.keys("Evaluate") == ["Evaluate/evaluation.json", "Evaluate/more/deep/a.csv"]
    assert place.json("else") == [1]


def test_a_property_file_that_a_stand_in_does_not_write_is_said_before_the_start(place: Place) -> None:
    said = refusal(place, *evaluation(place), Evaluate=stand_in(place, "e.json", {}))
    assert "Good: it reads Steps.Evaluate.PropertyFiles.Report, and e.json writes no out/evaluation.json" in said


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"nothing/x": {}}, "'nothing/x', which is no output (Name an output (out)"),
        ({"out": {}}, "is a document without a name"),
        ({"out/x": "missing.csv"}, "names missing.csv, and there is no such file or folder"),
        ({"out/x": "x" * 5000}, "and there is no such file or folder"),
        ({"out": "linked"}, "is a link to a folder"),
        ({"out/x": 1, "s3://bucket/S/x": 2}, "has two contents for s3://bucket/S/x"),
        ({"out/../../x": 1}, "its key would leave the bucket's folder"),
        ({"s3://bucket/x/": 1}, "names a folder, not an object"),
    ],
)
def test_files_that_lead_nowhere_are_said_before_the_start(place: Place, files: Any, reason: str) -> None:
    (place.folder / "linked").mkdir()
    (place.folder / "linked" / "folder").symlink_to(place.folder)
    step = place.writing("S", "pass")
    assert reason in refusal(place, step, S=stand_in(place, "s.json", {"Files": files}))


def test_what_a_stand_in_writes_is_there_for_whoever_names_its_address(place: Place) -> None:
    first = place.writing("First", "pass")
    script = "write('seen', open(ML + '/processing/in/a.json').read())"
    after = place.writing("After", script, inputs={"in": "s3://bucket/First"}, depends_on=["First"])
    execution = run(place, first, after, First=stand_in(place, "f.json", {"Files": {"out/a.json": [1]}}))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("After/seen") == "[1]"


@pytest.mark.parametrize("by_name", [True, False])
def test_data_that_a_stand_in_does_not_write_is_said_before_the_start(place: Place, by_name: bool) -> None:
    first = place.writing("First", "pass")
    uri = get("Steps.First.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri") if by_name else "s3://bucket/First"
    after = place.writing("After", "pass", inputs={"in": uri}, depends_on=["First"])
    said = refusal(place, first, after, First=stand_in(place, "f.json", {}))
    assert "After: its input 'in' is not there: s3://bucket/First" in said


def test_files_follow_the_outputs_that_a_pasted_response_names(place: Place) -> None:
    moved = {"OutputName": "out/a", "S3Output": {"S3Uri": "s3://bucket/elsewhere"}}
    content = {"ProcessingOutputConfig": {"Outputs": [moved]}, "Files": {"out/a/x.json": {"a": 1}}}
    uri = get("Steps.First.ProcessingOutputConfig.Outputs['out/a'].S3Output.S3Uri")
    after = place.writing("After", "write('seen', os.listdir(ML + '/processing/in'))", inputs={"in": uri})
    execution = run(place, place.writing("First", "pass"), after, First=stand_in(place, "f.json", content))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.json("After/seen") == ["x.json"]


def test_an_output_that_a_response_puts_nowhere_is_said_before_the_start(place: Place) -> None:
    moved = {"OutputName": "out", "S3Output": {"S3Uri": "http://elsewhere"}}
    content = {"ProcessingOutputConfig": {"Outputs": [moved]}, "Files": {"out/x": 1}}
    said = refusal(place, place.writing("First", "pass"), First=stand_in(place, "f.json", content))
    assert "f.json: 'http://elsewhere/x' is not an S3 address" in said


def test_a_wrong_member_that_a_later_step_reads_is_said_before_the_start(place: Place) -> None:
    after = place.writing("After", "pass", variables={"CODE": get("Steps.First.ExitMessage")})
    said = refusal(place, place.writing("First", "pass"), after, First=stand_in(place, "f.json", {"ExitMessage": [1]}))
    assert "After" in said
    assert "must be a string" in said


def test_a_model_that_is_there_already_is_left_as_it_is(place: Place) -> None:
    uri = place.put("theirs/model.tar.gz", "their model")
    content = {"ModelArtifacts": {"S3ModelArtifacts": uri}}
    execution = run(place, place.training("T", "pass"), T=stand_in(place, "t.json", content))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("theirs/model.tar.gz") == "their model"


def test_a_training_that_is_stood_in_for_has_a_model(place: Place) -> None:
    content = {"Files": {"model": "trained"}, "FinalMetricDataList": [{"MetricName": "auc", "Value": 0.8}]}
    (place.folder / "trained").mkdir()
    (place.folder / "trained" / "model.bin").write_bytes(b"m")
    model = get("Steps.T.ModelArtifacts.S3ModelArtifacts")
    container = {"Image": "i", "ModelDataUrl": model}
    register = {"ModelPackageGroupName": "g", "InferenceSpecification": {"Containers": [container]}}
    steps = (place.training("T", "pass"), {"Name": "R", "Type": "RegisterModel", "Arguments": register})
    execution = run(place, *steps, T=stand_in(place, "t.json", content))
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.archive(place.output(execution, "T")["ModelArtifacts"]["S3ModelArtifacts"]) == {"model.bin": b"m"}
    without = run(place, *steps, T=stand_in(place, "t.json", {}))
    packed = place.archive(place.output(without, "T")["ModelArtifacts"]["S3ModelArtifacts"])
    assert b"no model was trained" in packed["STAND-IN.txt"]


FUNCTION = """
import os
def program(event, context):
    with open(event["Inputs"]["in"] + "/x.txt") as file:
        text = file.read()
    with open(event["Outputs"]["out"] + "/y.txt", "w") as file:
        file.write(text + event["Arguments"]["Environment"]["WORD"] + event["StepName"])
    return {"no", "JSON"}
def fails(event, context):
    raise ValueError("not today")
def result(event, context):
    return {"Answer": event["Arguments"]["RoleArn"]}
def wrong(event, context):
    return "text"
"""


def container_step(place: Place) -> dict[str, Any]:
    place.put("data/x.txt", "x")
    return place.writing("P", "sys.exit(1)", entrypoint=[], inputs={"in": "s3://bucket/data"}, variables={"WORD": "+"})


def test_a_function_is_the_program_of_a_container(place: Place) -> None:
    stand_in(place, "f.py", FUNCTION)
    execution = run(place, container_step(place), P="f.py:program")
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("P/y.txt") == "x+P"
    assert execution.steps["P"].metadata["StandIn"] == {"Source": "f.py:program"}
    assert execution.steps["P"].job


def test_a_function_that_fails_fails_its_step(place: Place) -> None:
    stand_in(place, "f.py", FUNCTION)
    execution = run(place, container_step(place), P="f.py:fails")
    assert execution.status == "Failed"
    assert "not today" in execution.steps["P"].failure_reason


def test_a_function_gives_the_result_of_a_step_without_a_container(place: Place) -> None:
    stand_in(place, "f.py", FUNCTION)
    after = place.writing("After", "write('seen', os.environ['A'])", variables={"A": get("Steps.Search.Answer")})
    execution = run(place, AUTO_ML, after, Search="f.py:result")
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("After/seen") == "arn:aws:iam::123456789012:role/r"
    failed = run(place, AUTO_ML, Search="f.py:wrong")
    assert "must return an object or None" in failed.steps["Search"].failure_reason


def test_a_function_stands_for_a_lambda_function(place: Place) -> None:
    stand_in(place, "f.py", "def handler(event, context):\n    return {'twice': event['n'] * 2, 'more': 1}\n")
    step = {
        "Name": "L", "Type": "Lambda", "Arguments": {"n": 4}, "FunctionArn": "arn:aws:lambda:r:1:function:f",
        "OutputParameters": [{"OutputName": "twice", "OutputType": "Integer"}],
    }  # fmt: skip
    assert place.output(run(place, step, L="f.py:handler"), "L") == {"OutputParameters": {"twice": 8}}
    given = stand_in(place, "l.json", {"OutputParameters": {"twice": "9"}})
    assert place.output(run(place, step, L=given), "L") == {"OutputParameters": {"twice": 9}}
    assert "l.json: The handler's answer has no output parameter 'twice'" in refusal(
        place, step, L=stand_in(place, "l.json", {})
    )


@pytest.mark.parametrize(
    ("place_of", "content", "said"),
    [
        ("s.json", "[1]", "holds no object"),
        ("s.json", "{", "is no JSON"),
        ("s.json", '{"FinalMetric": NaN}', "is no JSON"),
        ("s.json", '{"FinalMetric": 1e999}', "is no JSON"),
        ("none.json", None, "there is no file 'none.json'"),
        ("s.py:none.x", "", "there is no file"),
        ("s.json", '{"Files": []}', "Files must be an object"),
    ],
)
def test_a_stand_in_of_no_use_is_refused(place: Place, place_of: str, content: str | None, said: str) -> None:
    if content is not None:
        stand_in(place, place_of.partition(":")[0], content)
    with pytest.raises(UsageError, match=said):
        run(place, AUTO_ML, Search=place_of)


def test_nothing_stands_in_for_a_decision(place: Place) -> None:
    stand_in(place, "s.json", "{}")
    with pytest.raises(UsageError, match="is a Condition step, which nothing stands in for"):
        run(place, *evaluation(place), Good="s.json")


def test_the_configuration_names_stand_ins_by_step_and_pipeline(tmp_path: Path) -> None:
    stand_ins = {"other/Search": "none.json", "p/Search": "deep/s.json", "Unknown": "none.json"}
    place = Place(tmp_path, stand_ins=stand_ins)
    (tmp_path / "deep").mkdir()
    stand_in(place, "deep/s.json", {"BestCandidate": {}})
    execution = place.run(AUTO_ML)
    assert place.output(execution, "Search")["BestCandidate"] == {}


def test_a_stand_in_of_the_configuration_for_no_step_of_its_pipeline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no step 'Serch' in 'p'"):
        Place(tmp_path, stand_ins={"p/Serch": "s.json"}).run(AUTO_ML)


def test_data_is_brought_to_the_address_that_a_definition_names(place: Place) -> None:
    (place.folder / "mine").mkdir()
    (place.folder / "mine" / "a.csv").write_text("1")
    step = place.writing("S", "write('seen', os.listdir(ML + '/processing/in'))", inputs={"in": "s3://theirs/data/"})
    graph = read_definition(definition(step))
    assert "s3://theirs/data" in refusal(place, step)
    execution = place.engine.run(Start("p", graph, maps={"s3://theirs/data": "mine"}), place.watcher)
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.json("S/seen") == ["a.csv"]


def test_what_a_program_writes_without_saying_so_may_be_expected(place: Place) -> None:
    store = place.engine.home.store.root
    first = place.processing("First", "pass")
    second = place.processing("Second", "pass", inputs={"in": "s3://bucket/quiet/x"}, depends_on=["First"])
    graph = read_definition(definition(first, second))
    with pytest.raises(DefinitionError, match="Second: its input 'in' is not there"):
        place.engine.run(Start("p", graph), place.watcher)
    execution = place.engine.run(Start("p", graph, expected=("s3://bucket/quiet",)), place.watcher)
    assert not (store / "bucket" / "quiet").exists()
    assert "finds no object at s3://bucket/quiet/x" in execution.steps["Second"].failure_reason
