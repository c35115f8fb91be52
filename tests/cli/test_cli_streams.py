"""However the command is started: closed streams, full devices, other encodings, hostile text."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EMPTY = '{"Version": "2020-12-01", "Steps": []}'


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&-", "<&- >&- 2>&-", "> /dev/null 2>&1"])
def test_closed_streams_change_nothing(redirection: str, deploy: Any) -> None:
    (deploy.folder / "d.json").write_text(EMPTY)
    words = " ".join(deploy.command("run", "--file", "d.json"))
    done = subprocess.run(["/bin/sh", "-c", f"{words} {redirection}"], cwd=deploy.folder, check=False)
    assert done.returncode == 0
    assert deploy.json("history")["PipelineExecutionSummaries"][0]["PipelineExecutionStatus"] == "Succeeded"


def test_a_reader_that_goes_away_is_no_error_message(deploy: Any) -> None:
    words = " ".join(deploy.command("render", "training"))
    done = subprocess.run(
        ["/bin/sh", "-c", f"{words} | head -n 1"], cwd=deploy.folder, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("{\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_output_that_cannot_be_written_is_said(deploy: Any) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            deploy.command("render", "training"), stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert "The output cannot be written: No space left on device" in done.stderr


def test_a_module_that_prints_does_not_spoil_the_output(deploy: Any) -> None:
    module = deploy.folder / "pipelines" / "loud.py"
    module.write_text(
        "import os\nfrom dagwright import Pipeline\nprint('loud')\nos.chdir('/')\n"
        "def build(project):\n    print('louder')\n    return Pipeline('loud', steps=[])\n"
    )
    done = deploy("render", "loud", "--out", "out.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((deploy.folder / "out.json").read_text())["Steps"] == []
    assert json.loads(deploy("render", "loud").stdout)["Steps"] == []
    assert "louder" in done.stderr


def test_what_a_job_says_cannot_steer_the_terminal(deploy: Any, definition_file: Callable[..., Path]) -> None:
    path = definition_file(Evil=r"print('\x1b]0;title\x07\x1b[2J'); raise SystemExit('\x1b[31mred')")
    done = deploy("run", "--file", str(path))
    assert done.returncode == 3
    assert "\x1b" not in done.stdout + done.stderr
    assert r"\x1b[31mred" in done.stdout


def test_text_that_the_terminal_cannot_show_is_spelled_out(deploy: Any) -> None:
    text = EMPTY.replace('"Steps"', '"Parameters": [{"Name": "Word", "Type": "String"}], "Steps"')
    (deploy.folder / "d.json").write_text(text)
    plain = {"PYTHONIOENCODING": "ascii"}
    done = deploy("run", "--file", "d.json", "-p", "Word=Schätzung", "--json", variables=plain)
    assert done.returncode == 0, done.stderr
    assert r"Sch\xe4tzung" in done.stdout
    assert deploy("render", "--file", "-", given=text, variables=plain).returncode == 0


def test_bytes_that_are_no_text_are_refused(deploy: Any) -> None:
    (deploy.folder / "d.json").write_text(EMPTY)
    words = [word.encode() for word in deploy.command("run", "--file", "d.json", "-p")]
    done = subprocess.run([*words, b"Word=\xff"], cwd=deploy.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "a value that is not text" in done.stderr


def test_a_file_without_an_end_is_refused(deploy: Any) -> None:
    done = deploy("render", "--file", "/dev/zero")
    assert done.returncode == 1
    assert "which no pipeline definition has" in done.stderr


def test_a_huge_evaluation_is_summed_up(deploy: Any, tmp_path: Path) -> None:
    script = (
        "import json; m = {f'm{i}': {'value': i} for i in range(1000)}; m['big'] = {'value': 10**400}; "
        "json.dump({'x_metrics': m}, open('/opt/ml/processing/out/e.json', 'w'))"
    )
    output = {"S3Uri": "s3://bucket/out", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}
    step = {
        "Name": "Evaluate",
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1}},
            "AppSpecification": {"ImageUri": "x:1", "ContainerEntrypoint": ["python3", "-c", script]},
            "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": output}]},
        },
        "PropertyFiles": [{"PropertyFileName": "P", "OutputName": "out", "FilePath": "e.json"}],
    }
    path = tmp_path / "d.json"
    path.write_text(json.dumps({"Version": "2020-12-01", "Steps": [step]}))
    done = deploy("run", "--file", str(path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Evaluate and 980 more" in done.stdout


def test_a_folder_with_links_is_refused_rather_than_half_uploaded(deploy: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "x.csv").write_text("x")
    (folder / "link").symlink_to(tmp_path)
    done = deploy("upload", str(folder), "--to", "raw")
    assert done.returncode == 1
    assert "is a link to a folder" in done.stderr
    (folder / "link").unlink()
    os.mkfifo(folder / "pipe")
    assert "is no regular file" in deploy("upload", str(folder), "--to", "raw").stderr
