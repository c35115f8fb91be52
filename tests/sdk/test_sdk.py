"""Amazon's own SDK, versions 2 and 3, against moto (make test-sdk): each in an environment of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from aws import AWS

pytestmark = pytest.mark.sdk
HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
VERSIONS = {"two": "v2", "three": "v3"}
BUCKET = "acme-sm-rc-churn"
SCRIPT = """
import json, pathlib
folder = pathlib.Path("/opt/ml/processing/output")
(folder / "evaluation.json").write_text(json.dumps({"auc": {"value": 0.75}}))
"""


class Sdk:
    """A copy of the example, and the Pythons that have the SDK."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, version: str, *words: str, signed_in: bool = True) -> subprocess.CompletedProcess[str]:
        """One command by the Python that has this version of the SDK."""
        python = REPOSITORY / ".sdk" / VERSIONS[version] / "bin" / "python"
        if not python.exists():
            pytest.skip(f"there is no {python.relative_to(REPOSITORY)}: make test-sdk makes it")
        variables = {**os.environ, "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{self.folder}"}
        for name in () if signed_in else ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del variables[name]
        return subprocess.run(
            [str(python), *words], cwd=self.folder, env=variables, capture_output=True, text=True, check=False
        )

    def deploy(self, version: str, *words: str, signed_in: bool = True) -> subprocess.CompletedProcess[str]:
        return self(version, "deploy.py", *words, signed_in=signed_in)


@pytest.fixture
def sdk(tmp_path: Path, aws: AWS) -> Sdk:
    """With an account that has the project's bucket."""
    folder = tmp_path / "project"
    for name in ("config", "pipelines", "steps", "scripts"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "deploy.py", folder)
    for name in VERSIONS:
        shutil.copy(HERE / "pipelines" / f"{name}.py", folder / "pipelines")
    (folder / "scripts" / "measure.py").write_text(SCRIPT)
    aws.client("s3").create_bucket(Bucket=BUCKET)
    return Sdk(folder)


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
