"""The processors' pipeline, and what a program sees that is started by each kind of processor."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from cli.conftest import Deploy, copied_project, project_with


@pytest.fixture(scope="module")
def uploaded(tmp_path_factory: pytest.TempPathFactory) -> Deploy:
    """A project with the sample table uploaded."""
    return project_with(tmp_path_factory.mktemp("processors"), "breast-cancer", "processors")


@pytest.mark.parametrize("sandbox", ["auto", "paths"])
def test_every_kind_of_processor_writes_the_same_bytes(uploaded: Deploy, sandbox: str) -> None:
    config = uploaded.folder / "config/project.yaml"
    before = config.read_text()
    config.write_text(before.replace("sandbox: auto", f"sandbox: {sandbox}"))
    made = uploaded.outputs(uploaded.json("run", "processors"))
    config.write_text(before)
    kinds = {"SplitByBase": "base", "SplitByScript": "script", "SplitBySklearn": "sklearn"}
    kinds["SplitByFramework"] = "framework"
    splits = ("train", "validation", "test")
    written = {step: [(made[step][name] / f"{name}.csv").read_bytes() for name in splits] for step in kinds}
    assert len({tuple(files) for files in written.values()}) == 1
    rows = [content.splitlines()[1:] for content in written["SplitByBase"]]
    assert [len(part) for part in rows] == [341, 114, 114]
    assert len({row for part in rows for row in part}) == 569, "every row is in one split"
    for step, processor in kinds.items():
        assert json.loads((made[step]["report"] / "report.json").read_text())["processor"] == processor
    agreement = json.loads((made["CompareSplits"]["agreement"] / "agreement.json").read_text())
    assert sorted(agreement["processors"]) == sorted(kinds.values())
    assert agreement["sha256"]["train/train.csv"] == hashlib.sha256(written["SplitByBase"][0]).hexdigest()


def test_what_requirements_txt_brings_is_there_for_its_job_alone(uploaded: Deploy) -> None:
    uploaded.json("run", "processors")
    (log,) = uploaded.json("logs", "--step", "SplitByFramework")["logs"]
    assert "| split      |   rows | sha256       |" in log["text"]
    (other,) = uploaded.json("logs", "--step", "SplitBySklearn")["logs"]
    assert "sha256" not in other["text"]


# ---- what a program sees ----

PROBE = '''\
"""Tells all that it sees."""
import json, os, sys
from pathlib import Path

CODE = Path("/opt/ml/processing/input")
read = lambda name: json.loads(Path("/opt/ml/config", name).read_text())
told = {
    "argv": sys.argv,
    "directory": os.getcwd(),
    "variables": {name: os.environ.get(name) for name in ("WHO", "EMPTY", "HOSTNAME", "AWS_SECRET_ACCESS_KEY")},
    "job": read("processingjobconfig.json"),
    "hosts": read("resourceconfig.json"),
    "inputs": sorted(str(path.relative_to(CODE)) for path in CODE.rglob("*") if path.is_file()),
    "table": (CODE / "table/table.csv").read_text(),
    "made": sorted(path.name for path in Path("/opt/ml/processing/output").iterdir()),
}
try:
    from beside import BESIDE
    told["beside"] = BESIDE
except ImportError:
    told["beside"] = None
Path("/opt/ml/processing/output/told/told.json").write_text(json.dumps(told))
'''
PIPELINE = """\
from dagwright import ParameterInteger, Pipeline, ProcessingInput, ProcessingOutput, ProcessingStep

IN, OUT = "/opt/ml/processing/input", "/opt/ml/processing/output"


def build(project):
    count = ParameterInteger("Count", 3)
    job = dict(
        image=project.image("sklearn"),
        arguments=["--count", count, "two words", "$HOME; ls"],
        environment={"WHO": "probe", "EMPTY": ""},
        outputs=[ProcessingOutput(f"{OUT}/{name}", output_name=name) for name in ("told", "spare")],
    )
    table = ProcessingInput(project.s3_uri("probe/table.csv"), f"{IN}/table", "table")
    program = ProcessingInput(project.s3_uri("probe/probe.py"), f"{IN}/program", "program")
    base = ProcessingStep("Base", entrypoint=["python3", f"{IN}/program/probe.py"], inputs=[table, program], **job)
    script = ProcessingStep("Script", command=["python3", "-u"], code="probe/probe.py", inputs=[table], **job)
    sklearn = ProcessingStep("Sklearn", code="probe/probe.py", inputs=[table], **job)
    framework = ProcessingStep("Framework", source_dir="probe", code="probe.py", inputs=[table], **job)
    return Pipeline("probes", parameters=[count], steps=[base, script, sklearn, framework], project=project)
"""
CODE = "/opt/ml/processing/input/code"
RUNPROC = "/opt/ml/processing/input/entrypoint/runproc.sh"
# kind -> its ContainerEntrypoint, argv[0], working folder, inputs beside the table: as the SDK's processors have them
KINDS: dict[str, tuple[list[str], str, str, list[str]]] = {
    "Base": (
        ["python3", "/opt/ml/processing/input/program/probe.py"],
        "/opt/ml/processing/input/program/probe.py",
        "/",
        ["program/probe.py"],
    ),
    "Script": (["python3", "-u", f"{CODE}/probe.py"], f"{CODE}/probe.py", "/", ["code/probe.py"]),
    "Sklearn": (["python3", f"{CODE}/probe.py"], f"{CODE}/probe.py", "/", ["code/probe.py"]),
    "Framework": (
        ["/bin/bash", RUNPROC],
        "probe.py",
        CODE,
        ["code/beside.py", "code/probe.py", "code/sourcedir.tar.gz", "entrypoint/runproc.sh"],
    ),
}


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """(what the program told of each kind, the request of each kind as rendered)."""
    deploy = copied_project(tmp_path_factory.mktemp("probe") / "project")
    folder = deploy.folder / "probe"
    folder.mkdir()
    (folder / "probe.py").write_text(PROBE)
    (folder / "beside.py").write_text("BESIDE = 'found'\n")
    (deploy.folder / "table.csv").write_text("a,b\n1,2\n")
    (deploy.folder / "pipelines/probes.py").write_text(PIPELINE)
    for path in ("table.csv", "probe/probe.py"):
        assert deploy("upload", path, "--to", "probe").returncode == 0
    outputs = deploy.outputs(deploy.json("run", "probes"))
    told = {step: json.loads((made["told"] / "told.json").read_text()) for step, made in outputs.items()}
    rendered = json.loads(deploy("render", "probes").stdout)
    return told, {step["Name"]: step["Arguments"] for step in rendered["Steps"]}


@pytest.mark.parametrize("kind", KINDS)
def test_the_program_is_started_as_its_kind_says(kind: str, probed: Any) -> None:
    told = probed[0][kind]
    _, program, directory, beside = KINDS[kind]
    assert told["argv"] == [program, "--count", "3", "two words", "$HOME; ls"], "nothing is read by a shell"
    assert told["directory"] == directory
    assert told["inputs"] == sorted([*beside, "table/table.csv"])
    assert told["beside"] == ("found" if kind == "Framework" else None), "a lone script brings no other"
    assert told["table"] == "a,b\n1,2\n"
    assert told["made"] == ["spare", "told"]


@pytest.mark.parametrize("kind", KINDS)
def test_variables_and_configuration_files_are_those_of_the_request(kind: str, probed: Any) -> None:
    told, request = probed[0][kind], probed[1][kind]
    variables = {
        "WHO": "probe",
        "EMPTY": "",
        "HOSTNAME": "algo-1",
        "AWS_SECRET_ACCESS_KEY": "nothing-is-signed-for-here",
    }
    assert told["variables"] == variables
    assert told["hosts"] == {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"}
    job = told["job"]
    assert job["ProcessingJobArn"].endswith(f":processing-job/{job['ProcessingJobName']}")
    assert job["AppSpecification"]["ContainerArguments"] == ["--count", "3", "two words", "$HOME; ls"]
    for name in ("Environment", "ProcessingInputs", "ProcessingResources", "RoleArn", "StoppingCondition"):
        assert job[name] == request[name]


@pytest.mark.parametrize("kind", KINDS)
def test_the_request_is_what_the_sdk_renders_for_its_kind(kind: str, probed: Any) -> None:
    """Entrypoints, the names and places of the code's inputs, defaults: facts of SDK 2 and 3, both alike."""
    request = probed[1][kind]
    entrypoint = KINDS[kind][0]
    assert request["AppSpecification"]["ContainerEntrypoint"] == entrypoint
    assert request["AppSpecification"]["ContainerArguments"][0] == "--count"
    inputs = {one["InputName"]: one["S3Input"] for one in request["ProcessingInputs"]}
    added = {"Base": {"program"}, "Script": {"code"}, "Sklearn": {"code"}, "Framework": {"code", "entrypoint"}}
    assert set(inputs) == {"table"} | added[kind]
    for name, given in inputs.items():
        assert given["LocalPath"] == f"/opt/ml/processing/input/{name}"
        defaults = ("S3Prefix", "File", "FullyReplicated", "None")
        assert tuple(given[f"S3{what}"] for what in ("DataType", "InputMode", "DataDistributionType")) == defaults[:3]
        assert given["S3CompressionType"] == defaults[3]
    if kind == "Framework":
        assert inputs["code"]["S3Uri"].endswith("/sourcedir.tar.gz")
        assert inputs["entrypoint"]["S3Uri"].endswith("/runproc.sh")
    modes = [one["S3Output"]["S3UploadMode"] for one in request["ProcessingOutputConfig"]["Outputs"]]
    assert modes == ["EndOfJob", "EndOfJob"]


def test_a_requirement_that_cannot_be_had_fails_the_step(uploaded: Deploy) -> None:
    requirements = uploaded.folder / "scripts/split_source/requirements.txt"
    before = requirements.read_text()
    requirements.write_text("./no-such-package-1.0-py3-none-any.whl\n")
    done = uploaded("run", "processors")
    requirements.write_text(before)
    assert done.returncode == 3, done.stderr
    (failed,) = (line for line in done.stdout.splitlines() if line.startswith("  step"))
    assert failed.endswith("SplitByFramework")
    assert "no-such-package" in done.stdout
    assert "CompareSplits will not run" in done.stderr
