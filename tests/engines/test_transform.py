from __future__ import annotations

import ast
import gzip
import json
import os
import signal
import threading
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engines.place import IMAGE, Meeting, Place, definition, get
from engines.transforms import FILES, PROGRAM, model, transform

from dagwright.cli.ending import what_came_out
from dagwright.definition.graph import read_definition
from dagwright.engines.engine import Start
from dagwright.engines.local import serving
from dagwright.engines.local.interpreters import Interpreters
from dagwright.engines.local.jobs import LocalJobs
from dagwright.engines.local.machine import LocalMachineEngine
from dagwright.engines.local.scope import Account
from dagwright.errors import ConfigurationError, DefinitionError
from dagwright.project import EnvironmentRule

LINES = {"SplitType": "Line"}
JSON = {"ContentType": "application/json"}
OLD_PYTHON = "3.8"


def scored(place: Place, *steps: dict[str, Any], **given: Any) -> dict[str, str]:
    """What a run has made below s3://bucket/out, by the rest of the key."""
    execution = place.run(*steps, **given)
    assert execution.status == "Succeeded", execution.failure_reason
    return {key.removeprefix("out/"): place.text(key) for key in place.keys("out")}


def failed(place: Place, *steps: dict[str, Any]) -> str:
    execution = place.run(*steps)
    assert execution.status == "Failed"
    return execution.steps["T"].failure_reason


def refused(place: Place, *steps: dict[str, Any]) -> str:
    with pytest.raises(DefinitionError) as error:
        place.run(*steps)
    return str(error.value)


@pytest.fixture
def data(place: Place) -> str:
    """The address of a model whose factor is 2."""
    return place.put_archive("m/model.tar.gz", FILES)


# ---- the whole way ----


def test_every_object_becomes_one_that_later_steps_read(place_with: Callable[..., Place], each_way: str) -> None:
    place = place_with(sandbox=each_way)
    place.put("in/a.csv", "1,2\n3,4")
    place.put("in/deep/b.csv", "5,6\n")
    data = place.put_archive("model.tar.gz", FILES)
    reader = place.writing(
        "R",
        "write('seen', sorted(os.listdir(ML + '/processing/scores')))",
        inputs={"scores": {"S3Uri": get("Steps.T.TransformOutput.S3OutputPath")}},
    )
    execution = place.run(model(data), transform("s3://bucket/in", LINES), reader)
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.keys("out") == ["out/a.csv.out", "out/deep/b.csv.out"]
    assert place.text("out/a.csv.out") == "2.0,4.0\n6.0,8.0\n"
    assert place.text("out/deep/b.csv.out") == "10.0,12.0\n"
    assert place.json("R/seen") == ["a.csv.out", "deep"]
    response, job = place.output(execution, "T"), execution.steps["T"].job
    assert response["TransformJobName"] == job
    assert response["TransformJobArn"].endswith(f":transform-job/{job}")
    assert response["TransformJobStatus"] == "Completed"
    assert response["ModelName"] == place.output(execution, "M")["ModelName"]
    assert response["TransformStartTime"] <= response["TransformEndTime"]
    assert execution.steps["T"].metadata["TransformJob"]["Arn"] == response["TransformJobArn"]
    assert "3 records" in place.log(execution, "T")


def test_an_earlier_run_has_made_the_model(place: Place, data: str) -> None:
    made = place.run(model(data))
    name = place.output(made, "M")["ModelName"]
    source = place.put("in/a.csv", "1\n")
    assert scored(place, transform(source, LINES, model_name=get("Parameters.Model")), parameters={"Model": name}) == {
        "a.csv.out": "2.0\n"
    }
    assert f"did you mean '{name}'?" in refused(place, transform(source, model_name=f"{name}x"))


def test_a_package_of_the_registry_is_a_model(place: Place, data: str) -> None:
    specification = {"Containers": [{"Image": IMAGE, "ModelDataUrl": data, "Environment": {"SAGEMAKER_PROGRAM": "x"}}]}
    package = {
        "Name": "Register", "Type": "RegisterModel",
        "Arguments": {"ModelPackageGroupName": "g", "InferenceSpecification": specification},
    }  # fmt: skip
    container = {
        "ModelPackageName": get("Steps.Register.ModelPackageArn"),
        "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
    }
    step = {"Name": "M", "Type": "Model", "Arguments": {"Containers": [container]}}
    source = place.put("in/a.csv", "1\n")
    assert scored(place, package, step, transform(source, LINES)) == {"a.csv.out": "2.0\n"}


def test_both_engines_of_this_machine_make_the_same(place: Place, data: str) -> None:
    steps = model(data), transform(place.put("in/a.csv", "1\n2\n"), LINES)
    expected = scored(place, *steps)
    first = place.output(place.run(*steps), "T")
    place.engine = LocalMachineEngine(place.folder, Account(), place.settings)
    execution = place.run(*steps)
    assert execution.status == "Succeeded", execution.failure_reason
    assert {key.removeprefix("out/"): place.text(key) for key in place.keys("out")} == expected
    second = place.output(execution, "T")
    own = ("Name", "Arn", "Time")
    shared = [{name: value for name, value in one.items() if not name.endswith(own)} for one in (first, second)]
    assert shared[0] == shared[1]


def test_it_is_a_job_like_any_other(place: Place, data: str) -> None:
    execution = place.run(model(data), transform(place.put("in/a.csv", "1\n"), LINES))
    (job,) = LocalJobs(place.engine, Account()).newest(["transform"], "", 9)
    assert (job.name, job.status) == (execution.steps["T"].job, "Completed")
    assert ["output", "T", place.engine.place("s3://bucket/out")] in [
        line.split() for line in what_came_out(place.engine, execution).splitlines()
    ]


def test_a_job_that_is_stopped_ends_its_model(place: Place, meeting: Callable[[int], Meeting]) -> None:
    door = meeting(1)
    program = (
        "import os, socket\n"
        "def model_fn(folder): return socket.create_connection(('127.0.0.1', int(os.environ['MEETING'])))\n"
        "def transform_fn(model, *request): return model.recv(1)\n"
    )
    variables = {"SAGEMAKER_PROGRAM": "inference.py", "MEETING": door.port}
    data = place.put_archive("model.tar.gz", {"code/inference.py": program})

    def stop() -> None:
        assert door.complete.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    stopper = threading.Thread(target=stop)
    stopper.start()
    execution = place.run(model(data, variables=variables), transform(place.put("in/a.csv", "1\n"), LINES))
    stopper.join()
    assert execution.status == "Stopped"
    assert place.output(execution, "T")["TransformJobStatus"] == "Stopped"
    door.guests[0].settimeout(20)
    assert door.guests[0].recv(1) == b""
    assert place.keys("out") == []


# ---- the service's part ----

ROWS = "7,1,2\n8,3,4\n"
DOCUMENTS = '{"id": 7, "x": [1, 2]}\n{"id": 8, "x": [3, 4]}\n'
RECORDS = [{"SplitType": split, "BatchStrategy": strategy} for split, strategy in
           [("Line", "MultiRecord"), ("Line", "SingleRecord"), ("None", "MultiRecord")]]  # fmt: skip


@pytest.mark.parametrize("cut", RECORDS, ids=lambda cut: "-".join(cut.values()))
@pytest.mark.parametrize("assembled", ["None", "Line"])
@pytest.mark.parametrize(
    ("content", "types", "processing", "expected"),
    [
        (ROWS, "text/csv", {}, "14.0,2.0,4.0\n16.0,6.0,8.0\n"),
        (ROWS, "text/csv", {"InputFilter": "$[1:]"}, "2.0,4.0\n6.0,8.0\n"),
        (
            ROWS, "text/csv", {"InputFilter": "$[1:]", "JoinSource": "Input"},
            "7,1,2,2.0,4.0\n8,3,4,6.0,8.0\n",
        ),
        (
            ROWS, "text/csv", {"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
            "7,4.0\n8,8.0\n",
        ),
        (ROWS, "text/csv", {"OutputFilter": "$[0]"}, "14.0\n16.0\n"),
        (
            DOCUMENTS, "application/jsonlines",
            {"InputFilter": "$.x", "JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"},
            '{"id": 7, "SageMakerOutput": [2.0, 4.0]}\n{"id": 8, "SageMakerOutput": [6.0, 8.0]}\n',
        ),
    ],
)  # fmt: skip
def test_strategies_filters_and_joins(
    place: Place,
    data: str,
    content: str,
    types: str,
    processing: dict[str, str],
    expected: str,
    assembled: str,
    cut: dict[str, str],
) -> None:
    source = place.put("in/a", content)
    given = {"ContentType": types, "SplitType": cut["SplitType"]}
    step = transform(
        source, given, {"Accept": types, "AssembleWith": assembled},
        DataProcessing=processing, BatchStrategy=cut["BatchStrategy"],
    )  # fmt: skip
    made = scored(place, model(data), step)["a.out"]
    by_itself = cut["BatchStrategy"] == "SingleRecord" and assembled == "None"
    no_ends = by_itself and ("JoinSource" in processing or "OutputFilter" in processing)
    assert made == (expected.replace("\n", "") if no_ends else expected)


def test_gzip_manifests_and_hosts_that_share_the_objects(place: Place, data: str) -> None:
    for number in range(5):
        place.put(f"in/{number}.csv.gz", gzip.compress(f"{number}\n".encode()))
    manifest = [{"prefix": "s3://bucket/in/"}, *(f"{number}.csv.gz" for number in range(4))]
    source = place.put("manifest", json.dumps(manifest))
    step = transform(source, {**LINES, "CompressionType": "Gzip"}, kind="ManifestFile", count=3)
    expected = {f"{number}.csv.gz.out": f"{number * 2:.1f}\n" for number in range(4)}
    assert scored(place, model(data), step) == expected


def test_more_hosts_than_objects(place: Place, data: str) -> None:
    source = place.put("in/a.csv", "1\n")
    assert scored(place, model(data), transform(source, LINES, count=2)) == {"a.csv.out": "2.0\n"}


def test_an_object_larger_than_a_request_goes_in_several(place: Place, data: str) -> None:
    count = 300_000
    source = place.put("in/a.csv", "123456\n" * count)
    step = transform(source, LINES, MaxPayloadInMB=1)
    made = scored(place, model(data, variables={"SAGEMAKER_PROGRAM": "inference.py"}), step)
    assert made == {"a.csv.out": "246912.0\n" * count}
    whole = transform(source, MaxPayloadInMB=1)
    assert "a.csv: it is one request, and has more than the 1 MB" in failed(place, model(data), whole)


# ---- failures ----


def test_a_record_that_the_model_cannot_take(place: Place, data: str) -> None:
    place.put("in/a.csv", "1\n2\n")
    place.put("in/b.csv", "3\nfour\n5\n")
    place.put("in/c.csv", "6\n")
    step = transform("s3://bucket/in", LINES, BatchStrategy="SingleRecord")
    execution = place.run(model(data), step)
    assert execution.steps["T"].status == "Failed"
    said = "AlgorithmError: b.csv: record 2: ValueError: could not convert string to float: 'four', exit code 1"
    assert execution.steps["T"].failure_reason == said
    assert place.output(execution, "T")["FailureReason"] == said
    assert place.keys("out") == ["out/a.csv.out", "out/c.csv.out"]  # the API's text on S3OutputPath
    assert "in input_fn" in place.log(execution, "T")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"factor": "two"}, "the model was not loaded: ValueError: could not convert string to float: 'two'"),
        ({"code/inference.py": "import absent"}, "No module named 'absent'"),
        ({"code/inference.py": "def transform_fn(m, d, c, a): pass\n" + PROGRAM}, "transform_fn stands for input_fn"),
        ({"code/inference.py": "import os; os._exit(3)"}, "the model was not loaded: exit code 3"),
        ({"code/inference.py": "import sys; sys.exit(4)"}, "SystemExit: 4"),
        ({"code/inference.py": "def predict_fn(d, m): pass"}, "define model_fn(model_dir) in the program"),
        ({"code/other.py": ""}, "there is no inference.py in the model's code folder"),
    ],
)
def test_a_model_that_cannot_be_loaded(place: Place, files: dict[str, str], said: str) -> None:
    base = {} if "code/other.py" in files else FILES
    data = place.put_archive("model.tar.gz", {**base, **files})
    assert said in failed(place, model(data), transform(place.put("in/a.csv", "1\n"), LINES))


def test_an_archive_with_a_way_out(place: Place) -> None:
    data = place.put_archive("model.tar.gz", {**FILES, "../../outside": "x"})
    assert "holds '../../outside': no links, no way out" in failed(
        place, model(data), transform(place.put("in/a.csv", "1\n"), LINES)
    )


HANGS = (
    PROGRAM + "import time\ndef predict_fn(data, model):\n    if data[0][0] == 2: time.sleep(600)\n    return data\n"
)
DIES = PROGRAM + "def predict_fn(data, model):\n    if data[0][0] == 2: os._exit(9)\n    return data\n"


LEAVES_A_CHILD = """
import os, time
def end(code):
    if os.fork() == 0:
        time.sleep(600)
    os._exit(code)
"""


def test_a_model_whose_child_outlives_it_has_ended(place: Place) -> None:
    source = place.put("in/a.csv", "1\n")
    loading = place.put_archive("l.tar.gz", {"code/inference.py": LEAVES_A_CHILD + "def model_fn(folder): end(3)"})
    assert "the model was not loaded: exit code 3" in failed(place, model(loading), transform(source, LINES))
    asked = PROGRAM + LEAVES_A_CHILD + "def predict_fn(data, model): end(4)"
    data = place.put_archive("a.tar.gz", {**FILES, "code/inference.py": asked})
    assert "record 1: the process of the model ended: exit code 4" in failed(
        place, model(data), transform(source, LINES)
    )


def test_outputs_whose_names_cannot_be(place: Place, data: str) -> None:
    for name in ("a", "a.out/b", "c", "n" * 253):
        place.put(f"in/{name}", "1\n")
    reason = failed(place, model(data), transform("s3://bucket/in", LINES))
    assert reason.startswith("AlgorithmError: a.out/b: its output is a folder of another's")
    assert "(and 1 more objects)" in reason
    assert place.keys("out") == ["out/a.out", "out/c.out"]


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (HANGS, "b.csv: record 1: no answer within 1 s (InvocationsTimeoutInSeconds)"),
        (DIES, "b.csv: record 1: the process of the model ended: exit code 9"),
    ],
)
def test_a_model_that_does_not_answer_is_started_again(place: Place, program: str, said: str) -> None:
    data = place.put_archive("model.tar.gz", {**FILES, "code/inference.py": program})
    for number, name in enumerate("abc", start=1):
        place.put(f"in/{name}.csv", f"{number}\n")
    limits = {"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 1}
    step = transform("s3://bucket/in", LINES, ModelClientConfig=limits)
    execution = place.run(model(data), step)
    assert said in execution.steps["T"].failure_reason
    assert place.log(execution, "T").count("asked again after") == 1
    assert place.keys("out") == ["out/a.csv.out", "out/c.csv.out"]


CUT_OFF = gzip.compress(b"1\n2\n" * 1000, mtime=0)[:-9]


@pytest.mark.parametrize("content", [b"no gzip", CUT_OFF], ids=["text", "cut off"])
def test_what_is_no_gzip(place: Place, data: str, content: bytes) -> None:
    step = transform(place.put("in/a.gz", content), {**LINES, "CompressionType": "Gzip"})
    assert "a.gz: " in failed(place, model(data), step)


# ---- the program and its image ----


def test_variables_of_the_service_the_model_and_the_request(place: Place) -> None:
    program = (
        "import json, os\n"
        "def model_fn(folder): pass\n"
        "def transform_fn(model, data, content_type, accept, context):\n"
        "    assert context.system_properties['model_dir'].endswith('/model')\n"
        "    return json.dumps([os.environ.get(name) for name in json.loads(data)])\n"
    )
    data = place.put_archive("model.tar.gz", {"code/serve.py": program})
    names = ["A", "B", "SAGEMAKER_BATCH", "SAGEMAKER_BATCH_STRATEGY", "SAGEMAKER_MAX_PAYLOAD_IN_MB"]
    source = place.put("in/a.json", json.dumps(names))
    step = transform(
        source, JSON, {"Accept": "application/json"},
        Environment={"B": "request"}, BatchStrategy="SingleRecord", MaxPayloadInMB=3,
    )  # fmt: skip
    variables = {"SAGEMAKER_PROGRAM": "serve.py", "A": "model", "B": "model"}
    made = scored(place, model(data, variables=variables), step)["a.json.out"]
    assert json.loads(made) == ["model", "request", "true", "SINGLE_RECORD", "3"]


def test_a_source_archive_beside_the_model(place: Place) -> None:
    data = place.put_archive("m/model.tar.gz", {"factor": "3"})
    code = place.put_archive("code/sourcedir.tar.gz", {"score.py": "from beside import *", "beside.py": PROGRAM})
    variables = {"SAGEMAKER_PROGRAM": "score.py", "SAGEMAKER_SUBMIT_DIRECTORY": code}
    source = place.put("in/a.csv", "1\n")
    assert scored(place, model(data, variables=variables), transform(source, LINES)) == {"a.csv.out": "3.0\n"}


def test_containers_one_after_the_other(place: Place) -> None:
    containers = []
    for number in (2, 5):
        data = place.put_archive(f"m{number}/model.tar.gz", {**FILES, "factor": str(number)})
        variables = {"SAGEMAKER_PROGRAM": "inference.py", "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
        containers.append({"Image": IMAGE, "ModelDataUrl": data, "Environment": variables})
    pipeline = {"Name": "M", "Type": "Model", "Arguments": {"Containers": containers}}
    source = place.put("in/a.csv", "1\n2\n")
    assert scored(place, pipeline, transform(source, LINES)) == {"a.csv.out": "10.0\n20.0\n"}


def test_names_of_the_toolkits_that_programs_import(place: Place) -> None:
    program = (
        "from sagemaker_containers.beta.framework import content_types, encoders, env, modules, transformer, worker\n"
        "from sagemaker_inference import content_types as types, encoder\n"
        "import json\n"
        "def model_fn(folder): return 2\n"
        "def input_fn(body, kind): return [float(line) for line in body.split()]\n"
        "def predict_fn(data, model): return [x * model for x in data]\n"
        "def output_fn(prediction, accept):\n"
        "    assert accept == content_types.CSV == types.CSV\n"
        "    return worker.Response('\\n'.join(map(str, prediction)), mimetype=accept)\n"
    )
    data = place.put_archive("model.tar.gz", {"code/inference.py": program})
    assert scored(place, model(data), transform(place.put("in/a.csv", "1\n2\n"), LINES)) == {"a.csv.out": "2.0\n4.0"}


def test_old_pythons_run_the_programs(place_with: Callable[..., Place]) -> None:
    try:
        python = Interpreters().find(OLD_PYTHON)
    except ConfigurationError as error:
        pytest.skip(error.message)
    place = place_with(environments=(EnvironmentRule(IMAGE, interpreter=python),))
    data = place.put_archive("model.tar.gz", FILES)
    step = transform(place.put("in/a.csv", ROWS), LINES, DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input"})
    assert scored(place, model(data), step) == {"a.csv.out": "7,1,2,2.0,4.0\n8,3,4,6.0,8.0\n"}


@pytest.mark.parametrize("path", sorted(Path(serving.__file__).parent.glob("*.py")), ids=lambda path: path.stem)
def test_the_programs_have_no_words_of_newer_pythons(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))


# ---- before anything runs ----


@pytest.mark.parametrize(
    ("image", "variables", "said"),
    [
        ("a/tensorflow-inference:2.13-cpu", {"SAGEMAKER_PROGRAM": "x.py"}, "TensorFlow Serving"),
        ("a/sagemaker-scikit-learn:1.2-1-cpu-py3", {}, "names no program"),
        ("a/linear-learner:1", {}, "a program of its own"),
        ("a/sagemaker-xgboost:1.7-1", {"SAGEMAKER_INFERENCE_OUTPUT": "probability"}, "SAGEMAKER_INFERENCE_OUTPUT"),
        ("a/pytorch-inference:2.0", {"SAGEMAKER_SUBMIT_DIRECTORY": "/root/code"}, "a folder below /opt/ml"),
    ],
)
def test_images_that_cannot_answer_here(
    place: Place, data: str, image: str, variables: dict[str, str], said: str
) -> None:
    source = place.put("in/a.csv", "1\n")
    text = refused(place, model(data, image, variables), transform(source))
    assert said in text


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"given": {"SplitType": "Words"}}, "SplitType must be None or Line"),
        ({"kind": "AugmentedManifestFile"}, "S3DataType must be S3Prefix or ManifestFile"),
        ({"MaxPayloadInMB": 101}, "100 MB at most"),
        ({"MaxPayloadInMB": 20, "MaxConcurrentTransforms": 6}, "20 for 6 requests at a time"),
        ({"DataProcessing": {"InputFilter": "1:"}}, "DataProcessing.InputFilter: '1:' is no path"),
        ({"DataProcessing": {"OutputFilter": "$.score"}}, "a row of CSV has places, not names"),
        (
            {"DataProcessing": {"JoinSource": "Input"}, "given": {"ContentType": "image/png"}},
            "filters and joins CSV and",
        ),
        ({"DataProcessing": {"JoinSource": "Input"}, "given": JSON}, "input and output of one format"),
    ],
)
def test_requests_that_cannot_be_followed(place: Place, data: str, members: dict[str, Any], said: str) -> None:
    assert said in refused(place, model(data), transform(place.put("in/a.csv", "1\n"), **members))


def test_missing_data_is_said_before_anything_runs(place: Place) -> None:
    text = refused(place, model("s3://bucket/absent.tar.gz"), transform("s3://bucket/in"))
    assert "its input 'model' is not there: s3://bucket/absent.tar.gz" in text
    assert "its input 'input' is not there: s3://bucket/in" in text


def test_missing_libraries_are_said_before_anything_runs(place_with: Callable[..., Place], tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", symlinks=True)
    place = place_with(environments=(EnvironmentRule("*", interpreter=str(tmp_path / "bare/bin/python")),))
    data, source = place.put_archive("model.tar.gz", FILES), place.put("in/a.csv", "1\n")
    text = refused(place, model(data, "a/sagemaker-xgboost:1.7-1", {}), transform(source))
    assert "'sagemaker-xgboost:1.7-1' lacks what the image holds: numpy, scipy, xgboost" in text


def test_what_a_run_will_do_is_known_of_a_model_that_it_makes(place: Place, data: str) -> None:
    source = place.put("in/a.csv", "1\n")
    graph = read_definition(definition(model(data), transform(source)))
    checked = place.engine.check(Start("p", graph), place.watcher)
    step = next(step for step in checked.steps if step.step == "T")
    assert list(step.libraries) == [IMAGE]
    assert [(needed.name, needed.uri, needed.source) for needed in step.needed] == [
        ("input", source, "there"),
        ("model", data, "there"),
    ]


def test_a_function_stands_in_for_a_program_that_is_not_here(place: Place, data: str) -> None:
    (place.folder / "score.py").write_text(
        "import os\n"
        "def score(event, context):\n"
        "    for name in os.listdir(event['Inputs']['input']):\n"
        "        text = open(os.path.join(event['Inputs']['input'], name)).read()\n"
        "        open(os.path.join(event['Outputs']['output'], name + '.out'), 'w').write(text.upper())\n"
    )
    source = place.put("in/a.csv", "one\n")
    step = transform(source, model_name="nobody-knows-it")
    with pytest.raises(DefinitionError, match="has made a model named 'nobody-knows-it'"):
        place.run(step)
    start = Start("p", read_definition(definition(step)), stand_ins={"T": f"{place.folder}/score.py:score"})
    execution = place.engine.run(start, place.watcher)
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("out/a.csv.out") == "ONE\n"


def test_a_function_that_stands_in_gets_the_archive_of_a_known_model(place: Place, data: str) -> None:
    (place.folder / "score.py").write_text(
        "import os\n"
        "def score(event, context):\n"
        "    with open(event['Outputs']['output'] + '/seen', 'w') as file:\n"
        "        file.write(' '.join(os.listdir(event['Inputs']['model'])))\n"
    )
    steps = model(data, "a/tensorflow-inference:2.13-cpu"), transform(place.put("in/a.csv", "1\n"))
    start = Start("p", read_definition(definition(*steps)), stand_ins={"T": f"{place.folder}/score.py:score"})
    execution = place.engine.run(start, place.watcher)
    assert execution.status == "Succeeded", execution.failure_reason
    assert place.text("out/seen") == "model.tar.gz"
