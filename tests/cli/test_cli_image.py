"""The example with the library versions of the image it names (make test-image)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from cli.conftest import project_with, step_of

from dagwright.engines.local.interpreters import Interpreters
from dagwright.errors import ConfigurationError

RULE = """
    - image: "*/sagemaker-scikit-learn:1.2-1-cpu-py3"
      requirements: config/environments/sagemaker-scikit-learn-1.2.1.txt
      python: "3.9"
"""


@pytest.mark.image
def test_the_examples_run_with_the_versions_of_their_image(tmp_path: Path) -> None:
    try:
        Interpreters().find("3.9")
    except ConfigurationError as error:
        pytest.skip(str(error))
    deploy = project_with(tmp_path, "breast-cancer", "training", "ecg-pca", "processors")
    config = deploy.folder / "config" / "project.yaml"
    config.write_text(config.read_text().replace("\n  environments:\n", f"\n  environments:{RULE}"))
    deploy.upload(deploy.sample("ecg"), "raw/uploads/ecg")
    done = deploy("run", "training", "-p", "Trees=20", "--json")
    assert done.returncode == 0, done.stderr
    assert step_of(json.loads(done.stdout), "Register")["Output"]["ModelPackageVersion"] == 1
    assert "is not mapped" not in done.stderr
    (log,) = deploy.json("logs", "--step", "Train")["logs"]
    assert "validation:auc" in log["text"]
    python = next(deploy.folder.glob(".dagwright/environments/*/bin/python"))
    versions = subprocess.run(
        [python, "-c", "import sklearn, pandas; print(sklearn.__version__, pandas.__version__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert versions.stdout.split() == ["1.2.1", "1.1.3"]
    for pipeline in ("ecg-pca", "processors"):
        done = deploy("run", pipeline)
        assert done.returncode == 0, done.stdout + done.stderr
