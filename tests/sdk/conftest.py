"""A copy of the example, an account that has its bucket, and the Pythons that have Amazon's SDK."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from aws import AWS

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
