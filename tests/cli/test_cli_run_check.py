"""`run --check`: what would be done with each step, and nothing is done; and the words that go with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cli.conftest import Deploy

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"


def definition(folder: Path) -> str:
    code = {"S3Uri": "s3://theirs/code/main.py", "LocalPath": "/opt/ml/processing/code"}
    out = {"S3Uri": "s3://theirs/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    first = {
        "ProcessingResources": {"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1}},
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", "/opt/ml/processing/code/main.py"]},
        "ProcessingInputs": [{"InputName": "code", "S3Input": {**code, "S3DataType": "S3Prefix"}}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": out}]},
    }
    data = {"S3Uri": "s3://theirs/out/x", "LocalPath": "/opt/ml/processing/in"}
    second = {**first, "ProcessingInputs": [*first["ProcessingInputs"], {"InputName": "in", "S3Input": data}]}  # type: ignore[misc]
    steps: list[dict[str, Any]] = [
        {"Name": "First", "Type": "Processing", "Arguments": first},
        {"Name": "Second", "Type": "Processing", "Arguments": second, "DependsOn": ["First"]},
        {"Name": "Search", "Type": "AutoML", "Arguments": {}},
    ]
    (folder / "d.json").write_text(json.dumps({"Version": "2020-12-01", "Steps": steps}))
    return "d.json"


def test_a_check_tells_of_every_step_and_starts_nothing(empty: Deploy) -> None:
    done = empty("run", "--check", "--file", definition(empty.folder))
    assert done.returncode == 1
    told = [line.split() for line in done.stdout.splitlines()]
    assert ["First", "Processing", "cannot", "run"] in told
    assert ["First", "code", "missing", "s3://theirs/code/main.py"] in told
    assert ["Second", "in", "from", "an", "earlier", "step", "s3://theirs/out/x"] in told
    assert ": --stand-in Search=outputs.json; or run it on AWS" in done.stdout
    assert "d: 3 problems to solve first; nothing was started" in done.stdout
    assert not (empty.folder / ".dagwright" / "s3").exists()


def test_what_is_declared_and_brought_makes_it_run(empty: Deploy) -> None:
    file = definition(empty.folder)
    (empty.folder / "code").mkdir()
    script = "open('/opt/ml/processing/out/x', 'w').write('1')"
    (empty.folder / "code" / "main.py").write_text(script)
    (empty.folder / "search.json").write_text("{}")
    words = ["--file", file, "--stand-in", "Search=search.json", "--map", "s3://theirs/code=code"]
    checked = empty.json("run", "--check", *words)
    assert [step["how"] for step in checked["steps"]] == ["runs", "runs", "stand-in"]
    assert checked["steps"][0]["data"] == [
        {"name": "code", "uri": "s3://theirs/code/main.py", "source": "arrives with the run"}
    ]
    assert list(checked["steps"][0]["libraries"]) == [IMAGE]
    assert not (empty.folder / ".dagwright" / "s3").exists()
    ran = empty("run", *words)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "stand-in search.json" in ran.stderr
    assert "stand-in search.json" in empty("status").stdout
    steps = {step["StepName"]: step for step in empty.json("status")["PipelineExecutionSteps"]}
    assert steps["Search"]["Metadata"]["StandIn"] == {"Source": "search.json"}
    assert "StandIn" not in steps["First"]["Metadata"]


def test_words_of_this_machine_are_checked(empty: Deploy) -> None:
    file = definition(empty.folder)
    for words, said in (
        (["--stand-in", "Search"], "--stand-in Search: it has another form"),
        (["--stand-in", "Serch=x.json"], "there is no step 'Serch'"),
        (["--stand-in", "Search=x.json"], "there is no file 'x.json'"),
        (["--map", "theirs=code"], "'theirs' is not an S3 address"),
        (["--map", "s3://theirs/code=nowhere"], "There is no file or folder nowhere"),
        (["--expect", "theirs"], "'theirs' is not an S3 address"),
        (["--stand-in", "Search=a", "--stand-in", "Search=b"], "'Search' is given twice"),
    ):
        done = empty("run", "--file", file, *words)
        assert said in done.stderr, (words, done.stderr)
        assert done.returncode in (1, 64)
