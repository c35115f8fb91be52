"""Network isolation, and what it cuts off."""

from __future__ import annotations

from typing import Any

import pytest
from definition.rules.samples import found, get, join, model, parameter, processing, training

from dagwright.definition.rules.isolation import isolation_problems

ALONE = {"EnableNetworkIsolation": True}


def isolated(*command: Any, **changes: Any) -> dict[str, Any]:
    return processing(NetworkConfig=ALONE, AppSpecification={"ContainerEntrypoint": [*command]}, **changes)


@pytest.mark.parametrize(
    "words",
    [
        ["bash", "-c", "pip install -r requirements.txt && python3 a.py"],
        ["bash", "-c", "pip3 install pandas"],
        ["bash", "-c", "aws s3 cp s3://a/b ."],
        ["python3", "-c", "import boto3"],
        ["sh", "-c", "curl https://example.com"],
        ["sh", "-c", "git clone https://example.com/a.git"],
        ["apt-get install -y git"],
        ["smspark-submit", "a.py", "s3a://a/b"],
    ],
)
def test_a_command_that_wants_the_network_is_told(words: list[str]) -> None:
    assert [code for code, _ in found(isolation_problems, isolated(*words))] == ["needs-network"]
    assert found(isolation_problems, processing(AppSpecification={"ContainerEntrypoint": words})) == []


@pytest.mark.parametrize(
    "words",
    [
        ["python3", "/opt/ml/processing/input/code/prepare.py", "--input", "/opt/ml/processing/input"],
        ["/bin/bash", "/opt/ml/processing/input/entrypoint/runproc.sh"],
        ["python3", "pip_install_report.py", "--curly", "--no-curl", "x/curl", "my-requirements.txt", "boto3-free"],
        [get("Parameters.Script"), join("a", "b"), 1, None],
        ["smspark-submit", "a.py"],
    ],
)
def test_other_commands_are_fine_without_it(words: list[Any]) -> None:
    assert found(isolation_problems, isolated(*words), parameters=[parameter("Script")]) == []


def test_spark_on_several_instances_needs_it() -> None:
    several = {"ClusterConfig": {"InstanceCount": 2}}
    job = isolated("smspark-submit", "a.py", ProcessingResources=several)
    assert found(isolation_problems, job) == [("needs-network", "Arguments.AppSpecification.ContainerEntrypoint[0]")]


@pytest.mark.parametrize("where", ["HyperParameters", "Environment"])
@pytest.mark.parametrize(
    "address", ['"s3://a/b.tar.gz"', "s3://a/b.tar.gz", join("s3:/", "a", "b"), join("s3://a", get("Parameters.Code"))]
)
def test_script_mode_downloads_its_code(where: str, address: Any) -> None:
    key = "sagemaker_submit_directory" if where == "HyperParameters" else "SAGEMAKER_SUBMIT_DIRECTORY"
    job = training(EnableNetworkIsolation=True, **{where: {key: address}})
    assert found(isolation_problems, job) == [("needs-network", f"Arguments.{where}.{key}")]


def test_code_that_comes_as_an_input_is_there() -> None:
    mounted = {"sagemaker_submit_directory": '"/opt/ml/input/data/code/sourcedir.tar.gz"'}
    assert found(isolation_problems, training(EnableNetworkIsolation=True, HyperParameters=mounted)) == []
    packed = {"SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code"}
    assert found(isolation_problems, model(**ALONE, PrimaryContainer={"Environment": packed})) == []


def test_isolation_may_be_a_parameter() -> None:
    job = training(
        EnableNetworkIsolation=get("Parameters.Alone"), Environment={"SAGEMAKER_SUBMIT_DIRECTORY": "s3://a/b"}
    )
    told = [[parameter("Alone", "Boolean", DefaultValue=value)] for value in (True, False)]
    assert [len(found(isolation_problems, job, parameters=one)) for one in told] == [1, 0]
