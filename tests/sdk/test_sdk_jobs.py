"""Definitions that Amazon's SDK makes of functions and folders, run here from the file with the SDK's own scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws import AWS
from sdk.conftest import BUCKET, HERE, REPOSITORY, VERSIONS, Sdk

pytestmark = pytest.mark.sdk


class Here:
    """A project that has what the SDK has put into the bucket, and a definition."""

    def __init__(self, sdk: Sdk, aws: AWS) -> None:
        self.folder = sdk.folder
        self._sdk = sdk
        self._s3 = aws.client("s3")

    def define(self, version: str, program: str, *words: str) -> None:
        made = self._sdk(version, str(HERE / program), BUCKET, *words)
        assert made.returncode == 0, made.stdout + made.stderr
        (self.folder / "definition.json").write_text(made.stdout.splitlines()[-1])
        for item in self._s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
            path = self.folder / ".dagwright/s3" / BUCKET / item["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read())

    def map(self, image: str, version: str) -> None:
        """Run the jobs of this image on the Python that has the SDK."""
        python = REPOSITORY / ".sdk" / VERSIONS[version] / "bin/python"
        config = self.folder / "config/project.yaml"
        rule = f'  environments:\n    - image: "*/{image}"\n      interpreter: {python}\n'
        config.write_text(config.read_text().replace("  environments:\n", rule, 1))

    def run(self, *words: str) -> tuple[subprocess.CompletedProcess[str], Any]:
        variables = {name: text for name, text in os.environ.items() if not name.startswith("AWS_")}
        done = subprocess.run(
            [sys.executable, "deploy.py", "run", "--file", "definition.json", "--json", *words],
            cwd=self.folder,
            env={**variables, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done, json.loads(done.stdout) if done.stdout.startswith("{") else None

    def stored(self, uri: str) -> Path:
        return self.folder / ".dagwright/s3" / uri.removeprefix("s3://")


@pytest.fixture
def here(sdk: Sdk, aws: AWS) -> Here:
    return Here(sdk, aws)


def statuses(execution: Any) -> dict[str, str]:
    return {step["StepName"]: step["StepStatus"] for step in execution["PipelineExecutionSteps"]}


def test_functions_hand_their_results_on_and_decide_a_branch(here: Here) -> None:
    here.define("two", "functions.py")
    here.map("functions:1", "two")
    done, execution = here.run("-p", "Count=4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert statuses(execution) == dict.fromkeys(["Generate", "Measure", "Enough", "Publish"], "Succeeded")
    measured = next(step for step in execution["PipelineExecutionSteps"] if step["StepName"] == "Measure")
    results = here.stored(measured["Output"]["OutputDataConfig"]["S3OutputPath"])
    assert json.loads((results / "results.json").read_text())["Result"] == {"sum": 60}


def test_the_other_branch_and_a_function_that_fails(here: Here) -> None:
    here.define("two", "functions.py")
    here.map("functions:1", "two")
    done, execution = here.run("-p", "Count=2")
    assert done.returncode == 3
    assert execution["FailureReason"] == "step 'TooFew' failed: too few"
    here.define("two", "functions.py", "fail")
    done, execution = here.run()
    assert "there are no numbers" in execution["FailureReason"]


def test_what_a_function_needs_is_said_before_the_start(here: Here) -> None:
    here.define("two", "functions.py")
    done, _ = here.run()
    assert done.returncode == 1
    assert "has no sagemaker" in done.stderr
    assert "requirements: FILE" in done.stderr
    here.map("functions:1", "two")
    definition = here.folder / "definition.json"
    before = definition.read_text()
    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    definition.write_text(before.replace(f'"--client_python_version", "{python}"', '"--client_python_version", "3.7"'))
    assert "was packed by Python 3.7, which alone can read it" in here.run()[0].stderr
    definition.write_text(before)
    (payload,) = here.stored(f"s3://{BUCKET}/Functions/Generate").glob("*/function/payload.pkl")
    payload.unlink()
    assert "its input 'function' is not there" in here.run()[0].stderr
