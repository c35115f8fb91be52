from __future__ import annotations

from collections.abc import Callable

import pytest
from engines.place import Place, condition, definition, get

from dagwright.definition.graph import read_definition
from dagwright.engines.engine import Start
from dagwright.errors import ConfigurationError, DefinitionError, ExecutionError
from dagwright.project import EnvironmentRule


def test_everything_that_cannot_run_here_is_said_at_once(place: Place) -> None:
    bad = place.processing("Bad", "pass", outputs={"out": "nowhere"})
    tuning = {"Name": "Tune", "Type": "AutoML", "Arguments": {}}
    waits = {"Name": "Waits", "Type": "Condition", "Arguments": {"Conditions": [], "IfSteps": [], "ElseSteps": []}}
    waits["DependsOn"] = [{"Step": "Bad", "Trigger": "Failed"}]
    training = place.training("Train", "pass", OutputDataConfig=None)
    with pytest.raises(DefinitionError) as refused:
        place.run(bad, tuning, waits, training)
    assert {problem.step for problem in refused.value.problems} == {"Bad", "Tune", "Waits", "Train"}
    assert "a step of type AutoML does not run on this machine" in str(refused.value)


@pytest.mark.parametrize("name", ["x/../../../hello", "..", "a" * 65, "a\0b", "\ud800", "a\n"])
def test_a_name_that_is_no_step_name_is_refused_before_anything_exists(place: Place, name: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        place.run(place.processing("P", "pass") | {"Name": name})
    (problem,) = refused.value.problems
    assert problem.code == "bad-name"
    assert str(refused.value).isprintable() or "\n" in str(refused.value)
    assert not list((place.folder / ".dagwright").glob("logs/*"))
    assert not list(place.folder.parent.glob("hello*"))


@pytest.mark.parametrize("path", ["/opt/ml/a\0b", "/opt/ml/\ud800", "/opt/ml/../../etc/x", "opt/ml/x"])
def test_a_folder_that_no_job_can_have_is_refused_before_anything_starts(place: Place, path: str) -> None:
    given = place.processing("In", "pass", inputs={"in": {"S3Uri": place.put("x", "x"), "LocalPath": path}})
    taken = place.processing("Out", "pass", outputs={"out": {"S3Uri": "s3://bucket/o", "LocalPath": path}})
    checkpoints = place.training("T", "pass", CheckpointConfig={"S3Uri": "s3://bucket/c", "LocalPath": path})
    with pytest.raises(DefinitionError) as refused:
        place.run(given, taken, checkpoints)
    assert [problem.step for problem in refused.value.problems] == ["In", "Out", "T"]


@pytest.mark.parametrize("path", ["/opt/ml", "/opt/ml/", "//opt//ml/x/.."])
def test_an_output_of_all_of_opt_ml_is_refused_before_anything_starts(place: Place, path: str) -> None:
    taken = place.processing("Out", "pass", outputs={"out": {"S3Uri": "s3://bucket/o", "LocalPath": path}})
    with pytest.raises(DefinitionError, match="An output takes all of /opt/ml"):
        place.run(taken)


def test_a_source_archive_in_no_channel_is_refused_before_anything_starts(place: Place) -> None:
    outside = "/opt/ml/input/data/../../../../etc/x.tar.gz"
    hyperparameters = {"sagemaker_program": "t.py", "sagemaker_submit_directory": outside}
    with pytest.raises(DefinitionError, match="The job uses the folder"):
        place.run(place.training("T", hyperparameters=hyperparameters))


def test_what_a_step_of_the_pipeline_writes_needs_not_be_there(place: Place) -> None:
    first = place.writing("First", "write('deep/x', 'x')")
    second = place.processing("Second", "pass", inputs={"in": "s3://bucket/First/deep"}, depends_on=["First"])
    third = place.processing("Third", "pass", inputs={"in": "s3://bucket"}, depends_on=["First"])
    fourth = place.processing(
        "Fourth", "pass", inputs={"in": get("Steps.First.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")}
    )
    assert place.run(first, second, third, fourth).status == "Succeeded"


def test_what_a_later_step_writes_excuses_nothing(place: Place) -> None:
    reader = place.processing("Reader", "pass", inputs={"in": "s3://bucket/later/data"})
    later = place.training("Later", "pass", OutputDataConfig={"S3OutputPath": "s3://bucket/later/"})
    with pytest.raises(DefinitionError, match="nothing was started") as refused:
        place.run(reader, later | {"DependsOn": ["Reader"]})
    assert [problem.step for problem in refused.value.problems] == ["Reader"]


def test_what_is_left_out_is_noted(place: Place) -> None:
    policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "MaxAttempts": 2}
    steps = [condition(f"S{n}") | {"CacheConfig": {"Enabled": True}} for n in range(5)]
    place.run(*steps, place.processing("Again", "pass", RetryPolicies=[policy]))
    assert not any("RetryPolicies" in note for note in place.watcher.notes), "they are followed"
    assert "CacheConfig of S0, S1, S2 and 2 more is left out: no Condition step is cached" in place.watcher.notes


def test_a_rule_of_the_configuration_that_cannot_be_followed_stops_the_run(place_with: Callable[..., Place]) -> None:
    place = place_with(sandbox="paths", environments=(EnvironmentRule("*", interpreter="absent"),))
    with pytest.raises((DefinitionError, ConfigurationError), match="'absent' for image"):
        place.run(place.processing("P", "pass"))


def test_sandboxes_that_are_insisted_on_and_refused_are_an_error(
    place_with: Callable[..., Place], refusal: str
) -> None:
    place = place_with(sandbox="namespaces")
    if not refusal:
        assert place.run(place.processing("P", "pass")).status == "Succeeded"
        return
    with pytest.raises(ExecutionError, match="this machine refuses them"):
        place.run(place.processing("P", "pass"))


def test_inputs_that_need_one_place_are_named_before_anything_starts(place: Place) -> None:
    data = place.put("data/a.csv", "x")
    streamed = {"S3Uri": data, "S3InputMode": "Pipe"}
    at = "/opt/ml/processing/t"
    same = place.processing(
        "Same", "pass", inputs={"in": streamed, "too": {**streamed, "LocalPath": "/opt/ml/processing/in/"}}
    )
    file = place.processing(
        "File", "pass", inputs={"t": "s3://bucket/data", "u": {"S3Uri": data, "LocalPath": f"{at}/a.csv"}}
    )
    output = place.processing("Output", "pass", inputs={"in": streamed}, outputs={"in_1/x": "s3://bucket/out"})
    channels = {"train": {"S3Uri": data, "InputMode": "Pipe"}, "train_0": data}
    with pytest.raises(DefinitionError) as refused:
        place.run(same, file, output, place.training("T", "pass", channels))
    assert {problem.step: problem.what for problem in refused.value.problems} == {
        "Same": "input 'in' and input 'too' both need /opt/ml/processing/in_0; "
        "input 'in' and input 'too' both need /opt/ml/processing/in_1",
        "File": f"input 't' puts its object 'a.csv' where input 'u' needs {at}/a.csv",
        "Output": "the output to s3://bucket/out needs the folder /opt/ml/processing/in_1/x, "
        "and input 'in' makes /opt/ml/processing/in_1 a file",
        "T": "input 'train' and input 'train_0' both need /opt/ml/input/data/train_0",
    }


def test_inputs_may_share_a_folder_and_lie_in_each_other(place: Place) -> None:
    place.put("data/deep/a", "x")
    inputs = {
        "in": "s3://bucket/data",
        "in/deep": place.put("b", "x"),
        "more": {"S3Uri": place.put("c", "x"), "LocalPath": "/opt/ml/processing/in"},
    }
    script = "write('seen', sorted(name for _, _, names in os.walk(ML + '/processing/in') for name in names))"
    assert place.run(place.writing("P", script, inputs=inputs)).status == "Succeeded"
    assert place.json("P/seen") == ["a", "b", "c"]


def test_a_model_whose_data_nobody_brings_is_said_before_the_start(place: Place) -> None:
    brought = place.put("mine/model.tar.gz", b"m")
    trained = get("Steps.T.ModelArtifacts.S3ModelArtifacts")
    made = [
        {"Name": name, "Type": "Model", "Arguments": {"PrimaryContainer": {"Image": "i", "ModelDataUrl": uri}}}
        for name, uri in (("Mine", brought), ("Trained", trained), ("Theirs", "s3://theirs/model.tar.gz"))
    ]
    containers = [{"Image": "i", "ModelDataUrl": "https://theirs.s3.amazonaws.com/m.tar.gz"}]
    register = {"ModelPackageGroupName": "g", "InferenceSpecification": {"Containers": containers}}
    with pytest.raises(DefinitionError) as refused:
        place.run(
            *made, {"Name": "Package", "Type": "RegisterModel", "Arguments": register}, place.training("T", "pass")
        )
    assert [problem.step for problem in refused.value.problems] == ["Theirs", "Package"]
    assert "its input 'model' is not there: s3://theirs/m.tar.gz" in str(refused.value)


def test_addresses_that_a_program_is_told_are_shown_and_need_not_be_there(place: Place) -> None:
    there = place.put("there.csv", "x")
    step = place.writing("S", "pass", variables={"THERE": there, "OWN": "s3://bucket/S/", "NONE": "s3:// none"})
    step["Arguments"]["AppSpecification"]["ContainerArguments"] = ["--input", "s3://theirs/raw.csv"]
    checked = place.engine.check(Start("p", read_definition(definition(step))), place.watcher)
    assert not checked.problems
    told = {(one.name, one.uri, one.source) for one in checked.steps[0].needed if one.name != "code"}
    assert told == {("argument", "s3://theirs/raw.csv", "named, not there"), ("THERE", there, "there")}


def test_what_script_mode_makes_of_hyperparameters_is_shown_once(place: Place) -> None:
    archive = "s3://theirs/code/sourcedir.tar.gz"
    told = {"sagemaker_program": "t.py", "sagemaker_submit_directory": archive, "model_dir": "s3://theirs/model"}
    step = place.training("T", hyperparameters=told)
    checked = place.engine.check(Start("p", read_definition(definition(step))), place.watcher)
    needed = [(one.name, one.uri) for one in checked.steps[0].needed]
    assert needed == [("source code", archive), ("argument", "s3://theirs/model")]


def test_what_comes_from_earlier_steps_names_them(place: Place) -> None:
    made = get("Steps.First.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri")
    first = place.writing("First", "pass")
    second = place.processing("Second", "pass", inputs={"in": made})
    checked = place.engine.check(Start("p", read_definition(definition(first, second))), place.watcher)
    told = {one.name: (one.source, one.steps) for step in checked.steps for one in step.needed if step.step == "Second"}
    assert told == {"in": ("from an earlier step", ("First",)), "code": ("there", ())}
