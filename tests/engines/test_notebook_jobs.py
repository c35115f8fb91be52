"""Notebook jobs: the request is the one of a NotebookJobStep, the notebooks are ours."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest
from engines.place import Place

from dagwright.engines.local import notebook_jobs
from dagwright.engines.local.job import Job
from dagwright.engines.local.notebook_jobs import PROGRAM, runs_notebook, with_notebook
from dagwright.errors import ExecutionError

CHANNEL = "sagemaker_headless_execution_pipelinestep"
ADD = "total = int(rows) + 1\nprint('total', total)"


def notebook(*cells: str, **metadata: Any) -> str:
    """The first cell holds the defaults of the parameters."""
    shown = [
        {
            "cell_type": "code", "id": f"c{number}", "metadata": {} if number else {"tags": ["parameters"]},
            "execution_count": None, "outputs": [], "source": text,
        }
        for number, text in enumerate(cells)
    ]  # fmt: skip
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": shown})


def step(place: Place, files: dict[str, str], hyperparameters: dict[str, str] | None = None, **more: str) -> Any:
    for name, text in files.items():
        place.put(f"input/{name}", text)
    variables = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "SM_JOB_DEF_VERSION": "1.0",
        "SM_ENV_NAME": "sagemaker-default-env",
        "SM_SKIP_EFS_SIMULATION": "true",
        "SM_EXECUTION_INPUT_PATH": f"/opt/ml/input/data/{CHANNEL}",
        "SM_KERNEL_NAME": "python3",
        "SM_INPUT_NOTEBOOK_NAME": "count.ipynb",
        "SM_OUTPUT_NOTEBOOK_NAME": "count-2026-11-21T10:11:12.5.ipynb",
        **more,
    }
    return place.training(
        "N",
        channels={CHANNEL: "s3://bucket/input"},
        hyperparameters=hyperparameters,
        variables=variables,
        AlgorithmSpecification={"ContainerEntrypoint": ["amazon_sagemaker_scheduler"]},
    )


def outputs(place: Place) -> dict[str, bytes]:
    (key,) = [key for key in place.keys("models") if key.endswith("output.tar.gz")]
    with tarfile.open(fileobj=io.BytesIO((place.engine.home.store.root / "bucket" / key).read_bytes())) as archive:
        return {m.name: archive.extractfile(m).read() for m in archive.getmembers()}  # type: ignore[union-attr]


def texts(executed: bytes) -> str:
    """What the cells printed."""
    cells = json.loads(executed)["cells"]
    return "".join("".join(out.get("text", "")) for cell in cells for out in cell.get("outputs", ()))


def test_a_notebook_runs_with_its_parameters(place_with: Any, each_way: str) -> None:
    place = place_with(sandbox=each_way)
    text = notebook("rows = 1", ADD)
    execution = place.run(step(place, {"count.ipynb": text}, {"rows": "41"}))
    assert execution.status == "Succeeded", place.log(execution, "N") + execution.failure_reason
    found = outputs(place)
    assert sorted(found) == [
        "count-2026-11-21T10-11-12-5.ipynb",
        "count.ipynb",
        "sagemaker_job_execution.log",
    ]
    assert found["count.ipynb"].decode() == text, "as it came"
    assert texts(found["count-2026-11-21T10-11-12-5.ipynb"]) == "total 42\n"
    assert "total 42" in place.log(execution, "N")
    assert place.output(execution, "N")["Environment"]["SM_OUTPUT_NOTEBOOK_NAME"].startswith("count-")


def test_what_the_start_script_exports_is_there_for_the_cells(place: Place) -> None:
    files = {
        "count.ipynb": notebook("", "import os; print(os.environ['TOLD'], open('beside.txt').read())"),
        "beside.txt": "beside",
        "init.sh": "export TOLD=hello\n",
    }
    execution = place.run(step(place, files, SM_INIT_SCRIPT="init.sh", SM_OUTPUT_NOTEBOOK_NAME="out.ipynb"))
    assert execution.status == "Succeeded", place.log(execution, "N") + execution.failure_reason
    assert texts(outputs(place)["out.ipynb"]) == "hello beside\n"


def test_a_cell_that_fails_is_the_reason_and_the_log_has_what_came_before(place: Place) -> None:
    execution = place.run(step(place, {"count.ipynb": notebook("rows = 1", "print('seen')", "int('x')")}))
    reason = "AlgorithmError: cell 3 of count.ipynb: ValueError: invalid literal for int() with base 10: 'x'"
    assert reason in execution.failure_reason
    assert "seen" in place.log(execution, "N")


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"SM_KERNEL_NAME": "scala"}, "there is no kernel 'scala' in this job's environment; its kernels: python3"),
        ({"SM_INPUT_NOTEBOOK_NAME": "other.ipynb"}, "the notebook 'other.ipynb' is not in its channel, which holds co"),
        ({"SM_JOB_DEF_VERSION": "2.0"}, "SM_JOB_DEF_VERSION is '2.0'; 1.0 is known here"),
        ({"SM_INIT_SCRIPT": "no.sh"}, "the script for the start, no.sh, is not in the notebook's channel"),
    ],
)
def test_what_cannot_be_run_is_a_sentence(place: Place, variables: dict[str, str], reason: str) -> None:
    execution = place.run(step(place, {"count.ipynb": notebook("rows = 1", ADD)}, **variables))
    assert reason in execution.failure_reason


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        ("[]", "rows", "count.ipynb: this is no notebook: it has no cells, or no metadata"),
        ('{"cells": [], "metadata": null}', "rows", "count.ipynb: this is no notebook"),
        (notebook(ADD), "open('pwned', 'w'); rows", "has no name that a variable can have"),
    ],
)
def test_what_is_no_notebook_or_no_parameter_is_a_sentence(place: Place, text: str, name: str, reason: str) -> None:
    assert reason in place.run(step(place, {"count.ipynb": text}, {name: "1"})).failure_reason


def test_an_environment_without_papermill_is_a_sentence() -> None:
    job = Job("j", "image", (notebook_jobs.SCHEDULER,), lambda host: {}, ("algo-1",), lambda host: {})
    assert runs_notebook(job)
    assert not runs_notebook(Job("j", "image", (), lambda host: {}, ("algo-1",), lambda host: {}))
    with pytest.raises(ExecutionError, match="papermill is not installed in the Python of its image"):
        with_notebook(job, lambda image, module: module == "papermill")
    ready = with_notebook(job, lambda image, module: False)
    assert ready.command == ("python", PROGRAM)
    assert "papermill" in ready.files("algo-1")[PROGRAM]
