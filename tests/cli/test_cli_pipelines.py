"""`list` and `render`, and what is said of pipeline modules that are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import copied_project

from dagwright.definition.graph import read_definition
from dagwright.writing import text_of

GOLDEN = Path(__file__).parents[1] / "golden" / "example"
PIPELINES = sorted(path.stem.replace("_", "-") for path in (Path(__file__).parents[2] / "pipelines").glob("[!_]*.py"))
RENDERINGS = {
    **{f"{name}.json": [name, "--env", "dev"] for name in PIPELINES},
    **{f"{name}.asl.json": [name, "--target", "stepfunctions", "--env", "dev"] for name in PIPELINES},
    "training.json": ["training"],
    "training.production.json": ["training", "--env", "production"],
    "training.mmd": ["training", "--target", "mermaid"],
    "file-report.production.json": ["file-report", "--env", "production"],
    "file-report.mmd": ["file-report", "--target", "mermaid"],
}
DEFINITIONS = [name for name in RENDERINGS if name.endswith(".json") and not name.endswith(".asl.json")]


@pytest.mark.parametrize("name", RENDERINGS)
def test_the_example_renders_to_its_golden_file(name: str, tmp_path: Path) -> None:
    """After a wanted change: deploy.py render <words> --out tests/golden/example/<name>."""
    deploy = copied_project(tmp_path / "project", RENDERINGS[name][0])
    done = deploy("render", *RENDERINGS[name])
    assert done.returncode == 0, done.stderr
    assert done.stdout == (GOLDEN / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DEFINITIONS)
def test_a_golden_definition_is_read_back_and_emitted_again(name: str) -> None:
    text = (GOLDEN / name).read_text(encoding="utf-8")
    assert text_of(dict(read_definition(text).definition)) == text


def test_render_writes_a_file(deploy: Any) -> None:
    done = deploy("render", "training", "--out", "out.json")
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads((deploy.folder / "out.json").read_text())["Version"] == "2020-12-01"


def test_render_draws_a_definition_from_a_file_or_from_standard_input(deploy: Any) -> None:
    text = deploy("render", "training").stdout
    (deploy.folder / "d.json").write_text(text)
    from_file = deploy("render", "--file", "d.json", "--target", "mermaid")
    assert from_file.stdout == deploy("render", "training", "--target", "mermaid").stdout
    assert deploy("render", "--file", "-", "--target", "mermaid", given=text).stdout == from_file.stdout


def test_list_names_pipelines_and_their_parameters(deploy: Any) -> None:
    listed = {item["name"]: item for item in deploy.json("list")["pipelines"]}
    assert sorted(listed) == ["training"]
    found = listed["training"]
    seed = next(item for item in found["parameters"] if item["name"] == "Seed")
    assert seed == {"name": "Seed", "type": "Integer", "description": "for the split and the model", "default": 42}
    assert "MinAuc" in deploy("list").stdout


BROKEN = {
    "raises": ("def build(project):\n    return 1 / 0\n", "pipelines/broken.py, line 2: ZeroDivisionError"),
    "does not parse": ("def build(project:\n", "pipelines/broken.py, line 1: SyntaxError"),
    "imports what is not there": ("import steps.nothing\n", "ModuleNotFoundError: No module named 'steps.nothing'"),
    "ends the program": ("raise SystemExit(3)\n", "line 1: SystemExit"),
    "has no build": ("x = 1\n", "has no function build(project)"),
    "returns something else": ("def build(project):\n    return 3\n", "returns a int, not a Pipeline"),
    "takes another's name": (
        "from dagwright import Pipeline\ndef build(project):\n    return Pipeline('training', steps=[])\n",
        "a pipeline named 'training', which is the name of pipelines/training.py",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_pipeline_module_that_is_wrong_is_explained(case: str, deploy: Any) -> None:
    text, sentence = BROKEN[case]
    (deploy.folder / "pipelines" / "broken.py").write_text(text)
    done = deploy("render", "broken")
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_module_does_not_hide_the_others(deploy: Any) -> None:
    (deploy.folder / "pipelines" / "broken.py").write_text("1 / 0\n")
    done = deploy("list", "--json")
    assert done.returncode == 1
    listed = [item["name"] for item in json.loads(done.stdout)["pipelines"]]
    assert "training" in listed
    assert "broken" not in listed
    assert "broken: pipelines/broken.py cannot be built" in done.stderr
    assert deploy("render", "training").returncode == 0


def test_two_files_of_one_name_are_refused(deploy: Any) -> None:
    for name in ("two_of.py", "two-of.py"):
        (deploy.folder / "pipelines" / name).write_text("")
    done = deploy("list")
    assert done.returncode == 1
    assert "Two pipelines are named 'two-of'" in done.stderr


def test_an_unknown_pipeline_is_wrong_usage_with_the_nearest_name(deploy: Any) -> None:
    done = deploy("render", "trianing")
    assert done.returncode == 64
    assert "did you mean 'training'?" in done.stderr


def test_a_script_that_does_not_exist_is_named_with_its_step(deploy: Any) -> None:
    (deploy.folder / "scripts" / "train.py").unlink()
    done = deploy("render", "training")
    assert done.returncode == 1
    assert "Train" in done.stderr
    assert "scripts/train.py does not exist" in done.stderr


def test_all_problems_of_the_configuration_come_at_once(deploy: Any) -> None:
    config = deploy.folder / "config" / "project.yaml"
    text = config.read_text().replace("region: us-east-1", "regoin: us-east-1").replace("ml.m5.xlarge", "m5.xlarge", 1)
    config.write_text(text)
    done = deploy("run", "training")
    assert done.returncode == 1
    for part in ("config/project.yaml:", "regoin", "did you mean 'region'?", "m5.xlarge"):
        assert part in done.stderr


def test_a_project_without_a_configuration_says_so(deploy: Any) -> None:
    (deploy.folder / "config" / "project.yaml").unlink()
    done = deploy("list")
    assert done.returncode == 1
    assert "project.yaml" in done.stderr


def test_an_unknown_environment_is_wrong_usage(deploy: Any) -> None:
    done = deploy("render", "training", "--env", "prodction")
    assert done.returncode == 64
    assert "did you mean 'production'?" in done.stderr
