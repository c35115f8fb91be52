"""`deploy.py import`: a definition in a file becomes a pipeline of the project, and runs like any other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cli.conftest import REPOSITORY, Deploy

FOREIGN = REPOSITORY / "tests/foreign"
USUAL = FOREIGN / "train-evaluate-register.json"


def test_what_is_imported_is_a_pipeline_like_any_other(deploy: Deploy) -> None:
    done = deploy("import", "--file", str(USUAL))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("pipelines/train_evaluate_register.py: 6 steps; it emits")
    rendered = deploy("render", "train-evaluate-register")
    assert json.loads(rendered.stdout) == json.loads(USUAL.read_text())
    assert "train-evaluate-register" in deploy("list").stdout


def test_steps_that_stand_verbatim_are_named(deploy: Deploy) -> None:
    done = deploy("import", "--file", str(FOREIGN / "auto-ml.json"), "--name", "their-models", "--json")
    told = json.loads(done.stdout)
    assert told["name"] == "their-models"
    assert told["verbatim"][0]["reason"] == "there is no class for AutoML"
    again = deploy("import", "--file", str(FOREIGN / "auto-ml.json"), "--name", "their-models", "--force")
    assert again.returncode == 0
    assert "there is no class for AutoML" in again.stderr
    assert "there is no class for AutoML" in (deploy.folder / "pipelines/their_models.py").read_text()


def test_a_file_that_is_there_stays_as_it_is(deploy: Deploy) -> None:
    before = (deploy.folder / "pipelines/training.py").read_bytes()
    done = deploy("import", "--file", str(USUAL), "--name", "training")
    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert (deploy.folder / "pipelines/training.py").read_bytes() == before


def test_what_is_the_projects_own_is_read_from_it(deploy: Deploy) -> None:
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/acme-sagemaker-shared/python:3.11"
    role = "arn:aws:iam::123456789012:role/SageMaker-Rc-Churn-ExecutionRole"
    model = {"PrimaryContainer": {"Image": image, "ModelDataUrl": "s3://acme-sm-rc-churn/m"}, "ExecutionRoleArn": role}
    definition = {"Version": "2020-12-01", "Steps": [{"Name": "M", "Type": "Model", "Arguments": model}]}
    done = deploy("import", "--file", "-", "--name", "theirs", given=json.dumps(definition))
    assert done.returncode == 0, done.stderr
    text = (deploy.folder / "pipelines/theirs.py").read_text()
    assert 'image=project.image("python")' in text
    assert "role=project.role" in text
    assert json.loads(deploy("render", "theirs").stdout) == definition


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--file", "none.json"], 1, "none.json cannot be read"),
        (["--file", str(FOREIGN / "dangling-names.json")], 1, "there is no step 'Preprocess'"),
        (["--file", str(USUAL), "--name", "../../etc/x"], 64, "this cannot be the name of a pipeline"),
        (["--file", str(USUAL), "--name", "a-b", "--out", "pipelines/c.py"], 64, "is not found there"),
        (["--file", str(USUAL), "--out", "nowhere/c.py"], 1, "cannot be written"),
        (["--name", "x"], 64, "--file"),
    ],
)
def test_what_cannot_be_imported_says_why(deploy: Deploy, words: list[str], code: int, told: str) -> None:
    before = sorted(deploy.folder.rglob("*.py"))
    done = deploy("import", *words)
    assert (done.returncode, told in done.stderr) == (code, True), done.stderr
    assert sorted(deploy.folder.rglob("*.py")) == before


def test_elsewhere_without_a_project(tmp_path: Any) -> None:
    (tmp_path / "deploy.py").write_text((REPOSITORY / "deploy.py").read_text())
    done = Deploy(tmp_path)("import", "--file", str(USUAL), "--out", "mine.py")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mine.py").read_text().startswith('"""mine, imported')
