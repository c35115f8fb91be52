"""The example with the library versions of the image it names (make test-image)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli.conftest import REPOSITORY, copied_project

from dagwright.engines.local.environments import find_python
from dagwright.errors import ConfigurationError

RULE = """
    - image: "*/sagemaker-scikit-learn:1.2-1-cpu-py3"
      requirements: config/environments/sagemaker-scikit-learn-1.2.1.txt
      python: "3.9"
"""


@pytest.mark.image
def test_the_examples_run_with_the_versions_of_their_image(tmp_path: Path) -> None:
    try:
        find_python("3.9")
    except ConfigurationError as error:
        pytest.skip(str(error))
    deploy = copied_project(tmp_path / "project", "training", "ecg-pca", "processors")
    config = deploy.folder / "config" / "project.yaml"
    config.write_text(config.read_text().replace("\n  environments:\n", f"\n  environments:{RULE}"))
    sample = deploy.folder / "sample.csv"
    subprocess.run([sys.executable, REPOSITORY / "scripts/sample_data.py", "--out", sample], check=True)
    assert deploy("upload", str(sample), "--to", "raw/uploads/breast-cancer").returncode == 0
    signals = deploy.folder / "ecg"
    subprocess.run([sys.executable, REPOSITORY / "scripts/sample_ecg.py", "--out", signals], check=True)
    assert deploy("upload", f"{signals}/", "--to", "raw/uploads/ecg").returncode == 0
    done = deploy("run", "training", "-p", "Trees=20", "--json")
    assert done.returncode == 0, done.stderr
    steps = {step["StepName"]: step["Output"] for step in json.loads(done.stdout)["PipelineExecutionSteps"]}
    assert steps["Register"]["ModelPackageVersion"] == 1
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
