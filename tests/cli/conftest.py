"""A copy of the project's own files, and its command line as a real process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import identities
import pytest
from cli.hints import check_commands

REPOSITORY = Path(__file__).parents[2]
SAMPLES = {
    "breast-cancer": ("sample_data.py", "sample.csv"),
    "digits": ("sample_digits.py", "digits"),
    "ecg": ("sample_ecg.py", "ecg"),
    "flights": ("sample_flights.py", "flights"),
}
"""Folder below raw/uploads -> the script that makes what lies there, and the file or folder it makes."""
USER_FILES = ("config", "pipelines", "steps", "scripts", "deploy.py")


@dataclass(frozen=True)
class Deploy:
    """`deploy.py` of one project folder."""

    folder: Path

    def __call__(
        self, *words: str, variables: Mapping[str, str] | None = None, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env={**self.caller(words), **(variables or {})},
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        check_commands(done.stderr)
        if not {"render", "logs"} & {*words[:1]}:  # these two print what others wrote
            check_commands(done.stdout)
        return done

    def caller(self, words: Sequence[str]) -> dict[str, str]:
        """The environment of a process in which this command calls AWS as who gives it."""
        with identities.calling(identities.of_command(words, self.folder)):
            return {**os.environ}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, str(self.folder / "deploy.py"), *words]

    def json(self, *words: str) -> Any:
        done = self(*words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def stored(self, uri: str) -> Path:
        """Where the local store keeps this address."""
        return self.folder / ".dagwright/s3" / uri.removeprefix("s3://")

    def outputs(self, execution: Any) -> dict[str, dict[str, Path]]:
        """Processing step -> output -> its folder."""
        return {
            step["StepName"]: {one["OutputName"]: self.stored(one["S3Output"]["S3Uri"]) for one in made["Outputs"]}
            for step in execution["PipelineExecutionSteps"]
            if (made := step.get("Output", {}).get("ProcessingOutputConfig"))
        }

    def sample(self, name: str) -> Path:
        """The file or folder that the sample's script makes, in the project's folder."""
        script, made = SAMPLES[name]
        subprocess.run([sys.executable, REPOSITORY / "scripts" / script, "--out", self.folder / made], check=True)
        return self.folder / made

    def upload(self, path: Path, to: str) -> None:
        done = self("upload", str(path), "--to", to)
        assert done.returncode == 0, done.stderr

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*words),
            cwd=self.folder,
            env=self.caller(words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def deploy(tmp_path: Path) -> Deploy:
    """The example project, with nothing uploaded and nothing run."""
    return copied_project(tmp_path / "project")


@pytest.fixture
def empty(tmp_path: Path) -> Deploy:
    """A folder with nothing but the command."""
    shutil.copy(REPOSITORY / "deploy.py", tmp_path)
    return Deploy(tmp_path)


def copied_project(folder: Path, *pipelines: str) -> Deploy:
    """The project's own files, with these pipelines only; the training pipeline unless others are named."""
    folder.mkdir()
    for name in USER_FILES:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    for path in (folder / "pipelines").glob("[!_]*.py"):
        if path.stem.replace("_", "-") not in (pipelines or ("training",)):
            path.unlink()
    return Deploy(folder)


def project_with(folder: Path, sample: str, *pipelines: str) -> Deploy:
    """A project in `folder` with these pipelines, and a sample that is uploaded."""
    deploy = copied_project(folder / "project", *pipelines)
    deploy.upload(deploy.sample(sample), f"raw/uploads/{sample}")
    return deploy


def step_of(execution: Any, name: str) -> Any:
    return next(step for step in execution["PipelineExecutionSteps"] if step["StepName"] == name)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Deploy, Any]:
    """A project in which the training pipeline has run once, and what `run --json` printed."""
    deploy = project_with(tmp_path_factory.mktemp("trained"), "breast-cancer")
    return deploy, deploy.json("run", "training", "-p", "Trees=20")


@pytest.fixture
def definition_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a definition of inline scripts: name of a step -> Python text, in a row unless told otherwise."""

    def write(name: str = "small.json", **scripts: str) -> Path:
        steps = [inline_step(step, text) for step, text in scripts.items()]
        path = tmp_path / name
        path.write_text(json.dumps({"Version": "2020-12-01", "Steps": steps}), encoding="utf-8")
        return path

    return write


def inline_step(name: str, script: str) -> dict[str, Any]:
    cluster = {"InstanceType": "ml.t3.medium", "InstanceCount": 1, "VolumeSizeInGB": 1}
    return {
        "Name": name,
        "Type": "Processing",
        "Arguments": {
            "ProcessingResources": {"ClusterConfig": cluster},
            "AppSpecification": {"ImageUri": "example:1", "ContainerEntrypoint": ["python3", "-c", script]},
            "RoleArn": "arn:aws:iam::123456789012:role/any",
        },
    }
