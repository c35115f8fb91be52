"""Spark steps: what they render, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from vocabulary_example import project

import dagwright as dw

JAR = dw.ParameterString("Jar")
INPUT = "/opt/ml/processing/input"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("app.py", "lib/b.py", "lib/a.zip", "other/c.egg", "job.jar", "dep.jar", "table.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def spark(**options: Any) -> dw.SparkStep:
    return dw.SparkStep("Features", **{"image": "spark", "submit_app": "app.py", **options})


def pipeline(step: dw.Step, folder: Path) -> dw.Pipeline:
    return dw.Pipeline("p", steps=[step], parameters=[JAR], project=project(folder))


def arguments(step: dw.Step, folder: Path) -> dict[str, Any]:
    written: dict[str, Any] = pipeline(step, folder).to_dict()["Steps"][0]["Arguments"]
    return written


def entrypoint(step: dw.Step, folder: Path) -> list[Any]:
    words: list[Any] = arguments(step, folder)["AppSpecification"]["ContainerEntrypoint"]
    return words


def sources(step: dw.Step, folder: Path) -> dict[str, tuple[Any, str]]:
    given = arguments(step, folder)["ProcessingInputs"]
    return {one["InputName"]: (one["S3Input"]["S3Uri"], one["S3Input"]["LocalPath"]) for one in given}


def test_an_application_alone_is_submitted_from_the_input_code(folder: Path) -> None:
    assert entrypoint(spark(), folder) == ["smspark-submit", f"{INPUT}/code/app.py"]
    ((uri, place),) = sources(spark(), folder).values()
    assert uri.endswith("/app.py")
    assert place == f"{INPUT}/code"


def test_a_python_application_with_all_it_can_have(folder: Path) -> None:
    step = spark(
        submit_py_files=["lib/b.py", "other/c.egg"],
        submit_jars=["dep.jar"],
        submit_files=["table.txt"],
        spark_event_logs_s3_uri="s3://bucket/events",
        configuration={"Classification": "spark-defaults", "Properties": {"spark.a": True, "spark.b": 3}},
        arguments=["--seed", 1],
        inputs=[dw.ProcessingInput("s3://bucket/raw", f"{INPUT}/raw", "raw")],
    )
    assert entrypoint(step, folder) == [
        "smspark-submit",
        *("--py-files", f"{INPUT}/py-files"),
        *("--jars", f"{INPUT}/jars"),
        *("--files", f"{INPUT}/files"),
        *("--local-spark-event-logs-dir", "/opt/ml/processing/spark-events/"),
        f"{INPUT}/code/app.py",
    ]
    found = sources(step, folder)
    assert list(found) == ["raw", "py-files", "jars", "files", "conf", "code"]
    assert found["conf"][1] == f"{INPUT}/conf"
    (output,) = arguments(step, folder)["ProcessingOutputConfig"]["Outputs"]
    events = {"S3Uri": "s3://bucket/events", "LocalPath": "/opt/ml/processing/spark-events/"}
    assert output == {"OutputName": "spark-events", "S3Output": {**events, "S3UploadMode": "Continuous"}}
    contents = {asset.uri: asset.content() for asset in pipeline(step, folder).assets()}
    assert contents[f"{found['py-files'][0]}/b.py"] == b"lib/b.py"
    assert contents[f"{found['py-files'][0]}/c.egg"] == b"other/c.egg"
    properties = {"spark.a": "true", "spark.b": "3"}
    assert json.loads(contents[found["conf"][0]]) == {"Classification": "spark-defaults", "Properties": properties}


def test_a_jar_is_started_by_its_class(folder: Path) -> None:
    step = spark(submit_app="job.jar", submit_class="com.example.Main", submit_jars=["dep.jar"])
    assert entrypoint(step, folder) == [
        "smspark-submit",
        *("--class", "com.example.Main"),
        *("--jars", f"{INPUT}/jars"),
        f"{INPUT}/code/job.jar",
    ]


def test_addresses_and_variables_are_inputs_of_their_own(folder: Path) -> None:
    """The image's smspark-submit takes a list of S3 addresses or one of folders, and not both in one list."""
    step = spark(submit_jars=["s3://b/one.jar", "dep.jar", JAR])
    assert f"{INPUT}/jars,{INPUT}/jars-1,{INPUT}/jars-2" in entrypoint(step, folder)
    found = sources(step, folder)
    assert found["jars-1"] == ("s3://b/one.jar", f"{INPUT}/jars-1")
    assert found["jars-2"] == ({"Get": "Parameters.Jar"}, f"{INPUT}/jars-2")
    assert found["jars"][0].endswith("/jars")


def test_files_lie_under_the_hash_of_all_of_them(folder: Path) -> None:
    def address(*files: str) -> Any:
        return sources(spark(submit_py_files=[*files]), folder)["py-files"][0]

    both = address("lib/b.py", "lib/a.zip")
    assert both == address("lib/a.zip", "lib/b.py")
    assert both != address("lib/b.py")
    (folder / "lib/b.py").write_text("changed")
    assert both != address("lib/b.py", "lib/a.zip")


def test_one_configuration_or_a_list_with_variables_of_the_environment(folder: Path) -> None:
    export = {"Classification": "export", "Properties": {"A": 1}}
    step = spark(
        configuration=[
            {"Classification": "core-site", "Properties": {"a": 0.5}},
            {"Classification": "spark-env", "Properties": {}, "Configurations": [export]},
        ]
    )
    (content,) = (
        asset.content() for asset in pipeline(step, folder).assets() if asset.uri.endswith("/configuration.json")
    )
    assert json.loads(content) == [
        {"Classification": "core-site", "Properties": {"a": "0.5"}},
        {
            "Classification": "spark-env",
            "Properties": {},
            "Configurations": [{"Classification": "export", "Properties": {"A": "1"}}],
        },
    ]


def test_outputs_and_event_logs_can_be_read_by_later_steps(folder: Path) -> None:
    step = spark(spark_event_logs_s3_uri=JAR, outputs=[dw.ProcessingOutput("/opt/ml/processing/out", output_name="o")])
    later = dw.ProcessingStep(
        "Later",
        image="i",
        entrypoint=["a"],
        inputs=[dw.ProcessingInput(step.output_uri("spark-events"), f"{INPUT}/e", "e")],
    )
    written = dw.Pipeline("p", steps=[step, later], parameters=[JAR], project=project(folder)).to_dict()
    assert written["Steps"][1]["Arguments"]["ProcessingInputs"][0]["S3Input"]["S3Uri"] == {
        "Get": "Steps.Features.ProcessingOutputConfig.Outputs['spark-events'].S3Output.S3Uri"
    }


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no application": ({"submit_app": None}, "submit_app is not given"),
    "a folder": ({"submit_app": "lib/"}, "'lib/' is a folder"),
    "another file": ({"submit_app": "app.R"}, "neither a Python file nor a jar"),
    "a variable": ({"submit_app": JAR}, "submit_app is a variable"),
    "a jar without its class": ({"submit_app": "job.jar"}, "say submit_class="),
    "a class for Python": ({"submit_class": "a.B"}, "submit_class goes with a jar"),
    "modules for a jar": (
        {"submit_app": "job.jar", "submit_class": "a.B", "submit_py_files": ["lib/b.py"]},
        "submit_py_files go with a Python file",
    ),
    "no module": ({"submit_py_files": ["table.txt"]}, "'table.txt' is none of .py, .zip, .egg"),
    "a folder of modules": ({"submit_py_files": ["lib"]}, "'lib' is none of .py, .zip, .egg"),
    "no jar": ({"submit_jars": ["s3://b/a.zip"]}, "'s3://b/a.zip' is none of .jar"),
    "one name twice": ({"submit_files": ["a/x", "b/x"]}, "two of them are called 'x'"),
    "no list": ({"submit_jars": "dep.jar"}, "is not a list"),
    "no address": ({"spark_event_logs_s3_uri": "events"}, "'events' is not an S3 address"),
    "a taken name": (
        {
            "spark_event_logs_s3_uri": "s3://b/e",
            "outputs": [dw.ProcessingOutput("/opt/ml/processing/e", output_name="spark-events")],
        },
        "'spark-events' is taken by the event logs",
    ),
    "a taken input": (
        {"submit_jars": ["dep.jar"], "inputs": [dw.ProcessingInput("s3://b/k", f"{INPUT}/x", "jars")]},
        "'jars' is taken",
    ),
    "an unknown classification": (
        {"configuration": {"Classification": "spark-default", "Properties": {}}},
        "did you mean 'spark-defaults'?",
    ),
    "an unknown member": (
        {"configuration": {"Classification": "spark-defaults", "Propertes": {}}},
        "did you mean 'Properties'?",
    ),
    "no classification": ({"configuration": ["spark"]}, "'spark' is not a classification"),
    "no configuration": ({"configuration": 3}, "is not a classification or a list of them"),
    "an environment without export": (
        {"configuration": {"Classification": "spark-env", "Properties": {"A": "b"}}},
        "sets variables in an inner 'export'",
    ),
    "one classification twice": (
        {"configuration": [{"Classification": "core-site", "Properties": {"a": n}} for n in "bc"]},
        "core-site is there twice",
    ),
    "a variable in the configuration": (
        {"configuration": {"Classification": "core-site", "Properties": {"a": JAR}}},
        "has no value when configuration.json is written",
    ),
    "another word": ({"code": "app.py"}, "it is called submit_app here"),
    "a program of its own": ({"entrypoint": ["a"]}, "ProcessingStep is for an image with another program"),
    "the SDK's word": ({"image_uri": "i"}, "it is called image here"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_mistake_is_refused_at_its_line(what: str) -> None:
    options, said = REFUSED[what]
    with pytest.raises(dw.DefinitionError) as caught:
        spark(**options)
    assert said in str(caught.value)
    assert {problem.step for problem in caught.value.problems} == {"Features"}
    assert all(problem.where.rpartition(":")[0].endswith("test_spark.py") for problem in caught.value.problems)


def test_what_is_not_there_is_missing_at_its_place(folder: Path) -> None:
    step = spark(submit_app="ap.py", submit_py_files=["s3://b/a.py", "lib/b.py", "lib/z.py"])
    with pytest.raises(dw.DefinitionError) as caught:
        arguments(step, folder)
    assert [(one.code, one.field) for one in caught.value.problems] == [
        ("missing-file", "submit_py_files[2]"),
        ("missing-file", "submit_app"),
    ]


def test_without_a_project_there_is_no_bucket_for_the_files(folder: Path) -> None:
    own: dict[str, Any] = {"role": "r", "instance_type": "t", "instance_count": 1, "volume_size_in_gb": 30}
    step = spark(submit_app="s3://b/app.py", submit_files=[str(folder / "table.txt")], **own)
    with pytest.raises(dw.DefinitionError, match=r"no bucket to put files/table\.txt into") as caught:
        dw.Pipeline("p", steps=[step]).to_dict()
    assert caught.value.problems[0].field == "submit_files[0]"
