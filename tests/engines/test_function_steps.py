"""Jobs of decorated functions, as far as they can be told without Amazon's SDK; with it: tests/sdk/test_sdk_jobs.py."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from engines.place import Place, get

from dagwright.errors import DefinitionError

HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
DRIVER = "sagemaker_remote_function_bootstrap"
# Stands for the SDK's: it starts another program beside it, and both have /opt/ml written into them.
JOB_DRIVER = f"""
#!/bin/bash
set -eu
python /opt/ml/input/data/{DRIVER}/bootstrap.py "$@"
source /opt/ml/input/sm_training.env
cp /opt/ml/input/told.json "$SM_MODEL_DIR"
"""
BOOTSTRAP = """
import getpass, json, sys
json.dump({"words": sys.argv[1:], "user": getpass.getuser()}, open("/opt/ml/input/told.json", "w"))
open("/opt/ml/input/sm_training.env", "w").write("export SM_MODEL_DIR=/opt/ml/model\\n")
"""
BASE = "s3://bucket/Functions"


def function(place: Place, python: str = HERE, stored: bool = True, **more: str) -> Any:
    place.put("Functions/bootstrap/job_driver.sh", JOB_DRIVER)
    place.put("Functions/bootstrap/bootstrap.py", BOOTSTRAP)
    for name in ("function", "arguments") if stored else ():
        place.put(f"Functions/Add/2026/{name}/payload.pkl", b"")
    words = {
        "s3_base_uri": BASE,
        "client_python_version": python,
        "client_sagemaker_pysdk_version": "2.257.7",
        "pipeline_step_name": "Add",
        "pipeline_execution_id": get("Execution.PipelineExecutionId"),
        "func_step_s3_dir": "2026",
        **more,
    }
    arguments = [word for name, text in words.items() for word in (f"--{name}", text)]
    return place.training(
        "Add",
        channels={DRIVER: "s3://bucket/Functions/bootstrap"},
        AlgorithmSpecification={
            "ContainerEntrypoint": ["/bin/bash", f"/opt/ml/input/data/{DRIVER}/job_driver.sh"],
            "ContainerArguments": arguments,
        },
    )


@pytest.fixture
def with_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dagwright.engines.local.environments.Environments.lacks", lambda *_: False)


def test_the_driver_is_started_with_its_words(place_with: Any, each_way: str, with_sdk: None) -> None:
    place = place_with(sandbox=each_way)
    execution = place.run(function(place))
    assert execution.status == "Succeeded", place.log(execution, "Add") + execution.failure_reason
    model = place.output(execution, "Add")["ModelArtifacts"]["S3ModelArtifacts"]
    told = json.loads(place.archive(model)["told.json"])
    assert told["user"] == "root", "for anyone else the SDK calls sudo"
    assert told["words"][:4] == ["--s3_base_uri", BASE, "--client_python_version", HERE]
    assert execution.id in told["words"]


def test_another_python_is_a_sentence(place: Place) -> None:
    with pytest.raises(DefinitionError, match=r"packed by Python 3\.7, which alone can read it") as caught:
        place.run(function(place, python="3.7"))
    assert "python: '3.7', requirements: FILE" in str(caught.value)
    assert "sagemaker==2.257.7" in str(caught.value)


def test_an_environment_without_the_sdk_is_a_sentence(place: Place) -> None:
    with pytest.raises(DefinitionError, match=r"sagemaker==2\.257\.7 unpacks; the Python of image:1 here has no sage"):
        place.run(function(place))


@pytest.mark.parametrize(
    "words", [{"job_conda_env": "own"}, {"dependency_settings": '{"dependency_file": "environment.yml"}'}]
)
def test_conda_is_a_sentence(place: Place, with_sdk: None, words: dict[str, str]) -> None:
    with pytest.raises(DefinitionError, match="a local run has no conda"):
        place.run(function(place, **words))


def test_a_function_that_is_not_there_is_a_sentence(place: Place, with_sdk: None) -> None:
    missing = r"its input 'function' is not there: s3://bucket/Functions/Add/2026/function/payload\.pkl"
    with pytest.raises(DefinitionError, match=missing):
        place.run(function(place, stored=False))
