"""Amazon's own SDK, versions 2 and 3, against moto (make test-sdk): each in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from aws import AWS
from sdk.conftest import HERE, VERSIONS, Sdk

pytestmark = pytest.mark.sdk


@pytest.mark.parametrize("version", VERSIONS)
def test_a_pipeline_of_the_sdk_is_rendered_validated_and_run_here(version: str, sdk: Sdk) -> None:
    rendered = sdk.deploy(version, "render", version)
    assert rendered.returncode == 0, rendered.stderr
    assert "INFO:botocore" not in rendered.stderr
    definition = json.loads(rendered.stdout)
    assert [step["Name"] for step in definition["Steps"]] == ["Measure", "GoodEnough"]
    validated = sdk.deploy(version, "validate", version, "--json")
    assert validated.returncode == 0, validated.stdout
    without_code = sdk.deploy(version, "run", version)
    assert without_code.returncode == 1
    (code,) = [item["S3Input"]["S3Uri"] for item in definition["Steps"][0]["Arguments"]["ProcessingInputs"]]
    assert f"deploy.py upload PATH --to {code}" in without_code.stderr
    assert sdk.deploy(version, "upload", "scripts/measure.py", "--to", code, signed_in=False).returncode == 0
    done = sdk.deploy(version, "run", version, "--json")
    assert done.returncode == 0, done.stderr
    steps = {step["StepName"]: step["StepStatus"] for step in json.loads(done.stdout)["PipelineExecutionSteps"]}
    assert steps == {"Measure": "Succeeded", "GoodEnough": "Succeeded"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_pipeline_of_the_sdk_is_deployed_under_its_own_name(version: str, sdk: Sdk, aws: AWS) -> None:
    planned = sdk.deploy(version, "plan", version, "--env", "dev")
    assert planned.returncode == 2, planned.stderr
    done = sdk.deploy(version, "upsert", version, "--env", "dev")
    assert done.returncode == 0, done.stderr
    name = f"Sdk-{version.capitalize()}"
    deployed = aws.client("sagemaker").describe_pipeline(PipelineName=name)["PipelineDefinition"]
    assert json.loads(deployed) == json.loads(sdk.deploy(version, "render", version, "--env", "dev").stdout)
    assert sdk.deploy(version, "plan", version, "--env", "dev").returncode == 0, "nothing has changed"


@pytest.mark.parametrize("version", VERSIONS)
def test_without_credentials_the_reason_and_the_way_out_are_said(version: str, sdk: Sdk) -> None:
    done = sdk.deploy(version, "render", version, signed_in=False)
    assert done.returncode == 1
    assert f"pipelines/{version}.py needs AWS while it is built" in done.stderr
    assert "NoCredentialsError" in done.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_the_other_version_of_the_sdk_is_asked_for(version: str, sdk: Sdk) -> None:
    other = "three" if version == "two" else "two"
    done = sdk.deploy(version, "render", other)
    assert f"This is written for version {2 if other == 'two' else 3} of Amazon's SDK" in done.stderr


def test_a_notebook_gets_the_sdks_pipeline_with_our_bytes_and_starts_it(sdk: Sdk) -> None:
    done = sdk("three", str(HERE / "notebook.py"))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert "sagemaker.mlops.workflow.pipeline" in told["kind"]
    words = [sys.executable, "deploy.py", "render", "training", "--env", "dev"]
    ours = subprocess.run(words, cwd=sdk.folder, capture_output=True, text=True, check=True).stdout
    assert told["definition"] == ours
    assert told["name"] == told["described"] == "rc-churn-training-dev"
    assert told["executions"] == [told["execution"]]
    assert told["parameters"] == [{"Name": "Trees", "Value": "50"}]
    assert "  Seed: Integer = 42  for the split and the model" in told["shown"].splitlines()
    assert "python deploy.py upsert training --env dev" in told["refused"]
