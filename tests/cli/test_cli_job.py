"""`job run`, `job list`, `job describe` and `job stop` on this machine: real processes, real data."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import REPOSITORY
from cli.hints import commands
from cli.listening import until

from dagwright.cli.sources import pipeline_files, source_at
from dagwright.cli.words import parser
from dagwright.project import load_project

JOB = re.compile(r"job describe (\S+)")


def copier(name: str, *, source: Any, bucket: str = "data") -> dict[str, Any]:
    """A step that copies its input `given` to its output `made`, in upper case, with the parameter in front."""
    script = (
        "import sys, pathlib\n"
        "text = ''.join(path.read_text() for path in sorted(pathlib.Path('/opt/ml/processing/input').rglob('*.txt')))\n"
        "pathlib.Path('/opt/ml/processing/output/made.txt').write_text(sys.argv[1] + text.upper())"
    )
    cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    given = {"S3Uri": source, "LocalPath": "/opt/ml/processing/input", "S3DataType": "S3Prefix"}
    made = {
        "S3Uri": {
            "Std:Join": {"On": "/", "Values": [f"s3://{bucket}", name, {"Get": "Execution.PipelineExecutionId"}]}
        },
        "LocalPath": "/opt/ml/processing/output",
        "S3UploadMode": "EndOfJob",
    }
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": cluster},
            "AppSpecification": {
                "ImageUri": "example:1",
                "ContainerEntrypoint": ["python3", "-c", script],
                "ContainerArguments": [{"Get": "Parameters.Sign"}],
            },
            "RoleArn": "arn:aws:iam::123456789012:role/any",
            "ProcessingInputs": [{"InputName": "given", "S3Input": {**given, "S3InputMode": "File"}}],
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "made", "S3Output": made}]},
        },
    }


def made_by(step: str) -> dict[str, str]:
    return {"Get": f"Steps.{step}.ProcessingOutputConfig.Outputs['made'].S3Output.S3Uri"}


@pytest.fixture
def two_steps(tmp_path: Path) -> Path:
    """First copies s3://data/in, Second what First made."""
    definition = {
        "Version": "2020-12-01",
        "Parameters": [
            {"Name": "Sign", "Type": "String", "DefaultValue": "-"},
            {"Name": "Unread", "Type": "String"},
        ],
        "Steps": [copier("First", source="s3://data/in"), copier("Second", source=made_by("First"))],
    }
    path = tmp_path / "two.json"
    path.write_text(json.dumps(definition), encoding="utf-8")
    return path


def job_of(done: subprocess.CompletedProcess[str]) -> str:
    found = JOB.search(done.stdout)
    assert found, done.stdout
    return found[1]


def written(deploy: Any, step: str) -> list[str]:
    """What every execution of a step has written."""
    return [path.read_text() for path in deploy.stored(f"s3://data/{step}").glob("*/made.txt")]


def test_one_step_of_the_example_runs_on_a_file_of_ones_own(trained: Any) -> None:
    deploy, _ = trained
    done = deploy("job", "run", "Preprocess", "--input", f"raw={deploy.folder / 'sample.csv'}", "-p", "Seed=7")
    assert done.returncode == 0, done.stderr
    assert "training/Preprocess: execution" in done.stderr
    assert ", 1 step\n" in done.stderr
    name = job_of(done)
    assert re.fullmatch(r"rc-churn-preprocess-\d{8}-\d{6}", name)
    described = deploy.json("job", "describe", name)
    raw = next(one for one in described["ProcessingInputs"] if one["InputName"] == "raw")["S3Input"]["S3Uri"]
    assert re.fullmatch(r"s3://acme-sm-rc-churn/processed/inputs/[0-9a-f]{64}/sample.csv", raw)
    assert described["ProcessingJobStatus"] == "Completed"
    assert described["AppSpecification"]["ContainerArguments"][-1] == "7"
    assert deploy.stored(raw).read_bytes() == (deploy.folder / "sample.csv").read_bytes()
    outputs = described["ProcessingOutputConfig"]["Outputs"]
    for split in ("train", "validation", "test"):
        uri = next(one for one in outputs if one["OutputName"] == split)["S3Output"]["S3Uri"]
        assert any(deploy.stored(uri).glob("*.csv")), split


def test_a_step_goes_on_from_an_earlier_execution_and_its_model_is_its_own(trained: Any) -> None:
    deploy, execution = trained
    run = execution["PipelineExecutionArn"]
    done = deploy("job", "run", "Train", "--source", run, "-p", "Trees=5")
    assert done.returncode == 0, done.stderr
    name = job_of(done)
    described = deploy.json("job", "describe", name)
    assert described["InputDataConfig"][0]["DataSource"]["S3DataSource"]["S3Uri"].endswith(f"/{run}/train")
    assert described["HyperParameters"]["n_estimators"] == "5"
    assert described["ModelArtifacts"]["S3ModelArtifacts"].endswith(f"/{name}/output/model.tar.gz")
    assert "metric  Train validation:auc" in done.stdout
    text = deploy("job", "describe", name, "--tail", "2").stdout
    for part in ("training job  Completed", "instances  1 x ml.m5.xlarge", "input      train", "==> algo-1 <=="):
        assert part in text
    assert (
        deploy(
            "status", deploy.json("history", "training/Train")["PipelineExecutionSummaries"][0]["PipelineExecutionArn"]
        ).returncode
        == 0
    )


def test_a_folder_is_an_input_and_what_the_step_does_not_read_is_not_asked_for(
    deploy: Any, two_steps: Path, tmp_path: Path
) -> None:
    """`Unread` has no default and is not asked for; an output of a job by itself has its own address."""
    (tmp_path / "folder/deep").mkdir(parents=True)
    (tmp_path / "folder/a.txt").write_text("one ")
    (tmp_path / "folder/deep/b.txt").write_text("two")
    words = (
        "job",
        "run",
        "Second",
        "--file",
        str(two_steps),
        "--input",
        f"given={tmp_path / 'folder'}",
        "-p",
        "Sign=+",
    )
    for _ in range(2):
        done = deploy(*words)
        assert done.returncode == 0, done.stderr
    assert written(deploy, "Second") == ["+ONE TWO"] * 2
    objects = [path for path in deploy.stored("s3://").rglob("*.txt") if "inputs" in path.parts]
    assert sorted(path.name for path in objects) == ["a.txt", "b.txt"], "the same data are put there once"


def test_what_ran_by_itself_is_a_source_too(deploy: Any, two_steps: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("word")
    first = deploy("job", "run", "First", "--file", str(two_steps), "--input", f"given={tmp_path / 'in.txt'}")
    assert first.returncode == 0, first.stderr
    done = deploy("job", "run", "Second", "--file", str(two_steps), "--source", "latest", "-p", "Sign=!")
    assert done.returncode == 0, done.stderr
    assert written(deploy, "Second") == ["!-WORD"]


def test_an_execution_of_another_pipeline_is_no_source(deploy: Any, two_steps: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("word")
    words = ("job", "run", "First", "--file", str(two_steps), "--input", f"given={tmp_path / 'in.txt'}")
    first = deploy(*words, "--source", "latest")
    assert first.returncode == 0, f"a step that reads no other needs no source: {first.stderr}"
    other = two_steps.with_name("other.json")
    other.write_bytes(two_steps.read_bytes())
    (found,) = deploy.json("history")["PipelineExecutionSummaries"]
    run = found["PipelineExecutionArn"]
    done = deploy("job", "run", "Second", "--file", str(other), "--source", run)
    assert done.returncode == 64
    assert f"Execution {run} is of two, and 'Second' would run as a step of other" in done.stderr
    assert deploy("job", "run", "Second", "--file", str(two_steps), "--source", run).returncode == 0


def test_files_that_a_step_reads_as_a_folder_are_there(deploy: Any) -> None:
    """The definition has the address of the folder; in its JSON some names are spelled otherwise."""
    script = "import pathlib; print(sorted(one.name for one in pathlib.Path(sys.argv[1]).iterdir()))"
    (deploy.folder / "pipelines/asking.py").write_text(
        "import dagwright as dw\n"
        "class Asking(dw.ProcessingStep):\n"
        "    def _start(self, settings, emission):\n"
        "        uri = emission.files(self, 'files', {'a': 'li\"b.txt', 'b': 'c.txt'})\n"
        "        given = dw.ProcessingInput(uri, '/opt/ml/processing/input/files', 'files')\n"
        f"        return ['python3', '-c', {'import sys; ' + script!r}, given.destination], [given]\n"
        "def build(project):\n"
        "    step = Asking('Look', image='i:1', code='c.txt')\n"
        "    return dw.Pipeline('asking', steps=[step], project=project)\n"
    )
    for name in ('li"b.txt', "c.txt"):
        (deploy.folder / name).write_text(name)
    done = deploy("job", "run", "Look")
    assert done.returncode == 0, done.stdout + done.stderr
    assert """['c.txt', 'li"b.txt']""" in deploy("job", "describe", job_of(done), "--tail", "1").stdout


def test_without_a_project_a_definition_s_step_runs_too(deploy: Any, two_steps: Path, tmp_path: Path) -> None:
    for name in ("config", "pipelines", "steps", "scripts"):
        (deploy.folder / name).rename(tmp_path / name)
    (tmp_path / "in.txt").write_text("word")
    done = deploy("job", "run", "First", "--file", str(two_steps), "--input", f"given={tmp_path / 'in.txt'}")
    assert done.returncode == 0, done.stderr
    assert job_of(done).startswith("local-first-")
    assert written(deploy, "First") == ["-WORD"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("Trian",), "There is no step 'Trian' in any pipeline here\ndid you mean 'Train'?"),
        (
            ("Train",),
            "its input 'train' is what 'FeatureEngineering' gives (--input train=PATH_OR_S3)\n"
            "  - its input 'validation' is what 'FeatureEngineering' gives (--input validation=PATH_OR_S3)\n"
            "  - its input 'features' is what 'FeatureEngineering' gives (--input features=PATH_OR_S3)\n"
            "What an earlier execution gave is taken with --source EXECUTION, or --source latest.",
        ),
        (("Evaluate", "--input", "model=s3://bucket/m"), "its input 'test' is what"),
        (("Train", "--input", "tran=s3://bucket/x"), "'Train' has no input 'tran' (did you mean 'train'?)"),
        (("Train", "--input", "train"), "'train' is no input (write --input NAME=PATH_OR_S3)"),
        (("Preprocess", "--input", "raw=nowhere.csv"), "--input raw: there is no file or folder nowhere.csv"),
        (("Preprocess", "--input", "raw=s3://bucket/../c"), "its key would leave the bucket's folder"),
        (("Preprocess", "-p", "Trees=5"), "'Preprocess' does not read 'Trees' (it reads RawData, Seed)"),
        (("Register",), "'Register' is a RegisterModel step, which is no job that runs by itself"),
        (("Train", "--source", "latest"), "of training has results of 'FeatureEngineering'"),
        (("Preprocess", "--detach"), "--detach"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(deploy: Any, words: tuple[str, ...], said: str) -> None:
    done = deploy("job", "run", *words, "--pipeline", "training")
    assert done.returncode in (1, 64)
    assert said.replace("in any pipeline here", "in training") in done.stderr
    assert not (deploy.folder / ".dagwright/logs").exists()


def test_a_step_that_several_pipelines_have_needs_the_name_of_one(deploy: Any) -> None:
    text = (deploy.folder / "pipelines/training.py").read_text(encoding="utf-8")
    (deploy.folder / "pipelines/again.py").write_text(text.replace('"training",', '"again",'), encoding="utf-8")
    done = deploy("job", "run", "Preprocess")
    assert done.returncode == 64
    assert "Several pipelines have a step 'Preprocess': again, training" in done.stderr
    assert "--pipeline again" in done.stderr


def test_a_failure_has_exit_code_3_its_reason_and_its_log(deploy: Any, definition_file: Callable[..., Path]) -> None:
    path = definition_file(Bad="import sys; print('looking'); sys.exit('no data')", Good="pass")
    done = deploy("job", "run", "Bad", "--file", str(path))
    assert done.returncode == 3
    assert "AlgorithmError: no data, exit code 1" in done.stdout
    assert "    looking\n" in done.stdout
    assert deploy("job", "run", "Good", "--file", str(path)).returncode == 0
    listed = deploy.json("job", "list")
    assert [one["ProcessingJobStatus"] for one in listed["ProcessingJobSummaries"]] == ["Completed", "Failed"]
    assert listed["TrainingJobSummaries"] == []
    (failed,) = deploy.json("job", "list", "--status", "Failed", "--type", "processing")["ProcessingJobSummaries"]
    assert failed["FailureReason"] == "AlgorithmError: no data, exit code 1"
    assert failed["ProcessingJobName"] == job_of(done)
    assert deploy("job", "list", "--status", "Faild").stderr.endswith("did you mean 'Failed'?\n")
    assert "is the beginning of several jobs" in deploy("job", "describe", "rc-churn-").stderr
    assert "is no job of this project" in deploy("job", "describe", "other").stderr


def test_two_jobs_of_one_second_have_two_names(deploy: Any, definition_file: Callable[..., Path]) -> None:
    path = definition_file(Quick="pass")
    running = [deploy.start("job", "run", "Quick", "--file", str(path)) for _ in range(3)]
    for process in running:
        process.communicate(timeout=60)
    assert [process.returncode for process in running] == [0, 0, 0]
    names = [one["ProcessingJobName"] for one in deploy.json("job", "list")["ProcessingJobSummaries"]]
    assert len(set(names)) == 3


def test_a_running_job_is_stopped_by_its_name(deploy: Any, definition_file: Callable[..., Path]) -> None:
    path = definition_file(Long="import time; print('begun', flush=True); time.sleep(300)")
    process = deploy.start("job", "run", "Long", "--file", str(path))
    until(process, "executing")
    (running,) = deploy.json("job", "list", "--status", "InProgress")["ProcessingJobSummaries"]
    name = running["ProcessingJobName"]
    done = deploy("job", "stop", name[:20])
    assert (done.returncode, done.stdout) == (0, f"Job {name}: Stopped\n"), done.stderr
    process.communicate(timeout=60)
    assert process.returncode == 3
    again = deploy("job", "stop", name)
    assert (again.returncode, again.stderr.strip()) == (64, f"Job {name} is not running: it is Stopped")


def test_a_job_among_others_stops_with_its_execution(deploy: Any, definition_file: Callable[..., Path]) -> None:
    path = definition_file(One="import time; time.sleep(300)", Two="import time; time.sleep(300)")
    process = deploy.start("run", "--file", str(path))
    until(process, "One  executing")
    until(process, "Two  executing")
    (first, *_) = deploy.json("job", "list")["ProcessingJobSummaries"]
    done = deploy("job", "stop", first["ProcessingJobName"])
    assert done.returncode == 64
    assert "which has other steps: they stop together here" in done.stderr
    (hint,) = re.findall(r"deploy\.py (stop \S+)", done.stderr)
    assert deploy(*hint.split()).returncode == 0
    process.communicate(timeout=60)
    assert process.returncode == 3


def test_a_lambda_step_runs_by_itself_here(deploy: Any, tmp_path: Path) -> None:
    (deploy.folder / "answer.py").write_text("def handler(event, context):\n    return {'sum': event['a'] + 1}\n")
    config = deploy.folder / "config/project.yaml"
    config.write_text(
        config.read_text().replace("  sandbox: auto", "  lambdas:\n    add: answer.py:handler\n  sandbox: auto")
    )
    step = {
        "Name": "Add",
        "Type": "Lambda",
        "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:add",
        "Arguments": {"a": 4},
        "OutputParameters": [{"OutputName": "sum", "OutputType": "Integer"}],
    }
    path = tmp_path / "lambda.json"
    path.write_text(json.dumps({"Version": "2020-12-01", "Steps": [step]}))
    done = deploy("job", "run", "Add", "--file", str(path), "--json")
    assert done.returncode == 0, done.stderr
    (output,) = json.loads(done.stdout)["Metadata"]["Lambda"]["OutputParameters"]
    assert output == {"Name": "sum", "Value": "5"}


def test_the_steps_of_the_page_are_found_among_all_pipelines() -> None:
    sources = {}
    project = load_project(REPOSITORY / "config/project.yaml")
    for name, path in pipeline_files(REPOSITORY).items():
        sources[name] = {*source_at(REPOSITORY, path, project).graph.steps}
    page = (REPOSITORY / "docs/jobs.md").read_text(encoding="utf-8").replace(" # ", "\n")
    asked = [parser().parse_args(words) for words in commands(page) if words[:2] == ["job", "run"]]
    assert len(asked) == 5
    for one in asked:
        found = [name for name, steps in sources.items() if one.step in steps]
        assert one.pipeline in found if one.pipeline else len(found) == 1, one.step
