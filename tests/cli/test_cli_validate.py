"""`validate` as a user meets it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dagwright.cli.words import ENVIRONMENTS

SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn"
BROKEN = """
from dagwright import Pipeline, ProcessingStep


def build(project):
    step = ProcessingStep("Prepare", image="example:1", code="scripts/nowhere.py")
    return Pipeline(name="broken", steps=[step], project=project)
"""


def pinned(folder: Path) -> None:
    """Names the example's image by a digest."""
    change(folder, "{ framework: sklearn, version: 1.2-1 }", f"{SKLEARN}@sha256:{'1' * 64}")


def change(folder: Path, old: str, new: str) -> None:
    config = folder / "config" / "project.yaml"
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))


def problems(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(done.stdout)["problems"]
    return found


def broken_definition(folder: Path) -> Path:
    steps = [{"Name": "Stop\x1b[31m", "Type": "Fail", "DependOn": [], "Arguments": {"ErrorMessage": "no"}}]
    path = folder / "d.json"
    path.write_text(json.dumps({"Version": "2020-12-01", "Steps": steps}))
    return path


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_example_has_no_error_in_any_environment(deploy: Any, env: str) -> None:
    done = deploy("validate", "training", "--env", env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "training: 5 warnings"


def test_a_pipeline_without_a_problem_is_one_line(deploy: Any) -> None:
    pinned(deploy.folder)
    done = deploy("validate", "training", "--env", "production")
    assert done.stdout == "training: nothing to complain about (7 steps, sagemaker, production)\n"
    assert deploy.json("validate", "training") == {"problems": []}


def test_an_image_by_tag_is_an_error_where_it_counts(deploy: Any) -> None:
    change(deploy.folder, "image-by-tag: warning", "no-vpc: warning")
    for env, code, severity in (("local", 0, "warning"), ("dev", 0, "warning"), ("staging", 1, "error")):
        done = deploy("validate", "training", "--env", env, "--json")
        assert done.returncode == code
        assert {problem["severity"] for problem in problems(done)} == {severity}


def test_problems_are_grouped_by_step_with_its_line(deploy: Any) -> None:
    lines = deploy("validate", "training").stdout.splitlines()
    assert lines[:4] == [
        "Preprocess  steps/preprocess.py:16",
        "  warning  Arguments.AppSpecification.ImageUri  image-by-tag",
        "           a tag, or no tag, names the image: it may be another one tomorrow",
        "           name it by its digest: registry/repository@sha256:…",
    ]


def test_json_has_the_members_that_programs_need(deploy: Any) -> None:
    first = deploy.json("validate", "training")["problems"][0]
    assert {key: first[key] for key in ("code", "severity", "step", "field", "where")} == {
        "code": "image-by-tag",
        "severity": "warning",
        "step": "Preprocess",
        "field": "Arguments.AppSpecification.ImageUri",
        "where": "steps/preprocess.py:16",
    }
    assert set(first) == {"code", "severity", "step", "field", "what", "hint", "where"}


def test_without_a_name_every_pipeline_is_looked_at_and_a_broken_one_hides_none(deploy: Any) -> None:
    pinned(deploy.folder)
    (deploy.folder / "pipelines" / "broken.py").write_text(BROKEN)
    (deploy.folder / "pipelines" / "odd.py").write_text("raise ValueError('odd')\n")
    done = deploy("validate", "--json")
    assert done.returncode == 1
    told = [(one["pipeline"], one["code"], one.get("where", "")) for one in problems(done)]
    assert ("broken", "missing-file", "pipelines/broken.py:6") in told
    assert ("odd", "not-built", "") in told
    # other pipelines have images by tag; the training pipeline's one is pinned
    assert {pipeline for pipeline, code, _ in told if code != "image-by-tag"} == {"broken", "odd"}
    assert "training" not in {pipeline for pipeline, _, _ in told}
    text = deploy("validate").stdout
    assert "training: nothing to complain about (7 steps, sagemaker, local)" in text.splitlines()
    assert "ValueError: odd" in text


def test_what_building_finds_is_told_like_everything_else(deploy: Any) -> None:
    (deploy.folder / "pipelines" / "broken.py").write_text(BROKEN)
    done = deploy("validate", "broken")
    assert (done.returncode, done.stderr) == (1, "")
    assert "Prepare  pipelines/broken.py:6" in done.stdout
    assert "  error    code  missing-file" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("broken: ")


def test_a_project_without_pipelines_says_how_to_begin(deploy: Any) -> None:
    for module in (deploy.folder / "pipelines").glob("[!_]*.py"):
        module.unlink()
    done = deploy("validate")
    assert (done.returncode, done.stdout.startswith("There are no pipelines here")) == (0, True)
    assert deploy.json("validate") == {"problems": []}


def test_a_file_needs_no_project(deploy: Any, tmp_path: Path) -> None:
    for name in ("config", "pipelines", "steps", "scripts"):
        (deploy.folder / name).rename(tmp_path / name)
    path = broken_definition(tmp_path)
    done = deploy("validate", "--file", str(path), "--env", "production")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    assert "Stop\\x1b[31m\n  error    Name  bad-name" in done.stdout
    assert done.stdout.splitlines()[-1] == f"{path}: 2 errors"
    given = deploy("validate", "--file", "-", "--json", given=path.read_text())
    assert [problem["code"] for problem in problems(given)] == ["bad-name", "unknown-step-key"]
    assert "pipeline" not in problems(given)[0]


def test_a_file_in_a_project_is_held_to_its_rules(deploy: Any, definition_file: Callable[..., Path]) -> None:
    path = definition_file(Prepare="print(1)")
    told = [
        {
            (one["code"], one["severity"])
            for one in problems(deploy("validate", "--file", str(path), "--env", env, "--json"))
        }
        for env in ("dev", "staging")
    ]
    assert ("no-vpc", "warning") in told[0]
    assert ("no-vpc", "error") in told[1]
    assert ("image-by-tag", "warning") in told[1]


def test_a_file_that_is_no_definition_is_a_problem_and_one_that_is_not_there_an_error(deploy: Any) -> None:
    (deploy.folder / "d.json").write_text('{"Steps": [\n')
    done = deploy("validate", "--file", "d.json", "--json")
    assert done.returncode == 1
    assert [(one["code"], one["where"]) for one in problems(done)] == [("not-json", "line 2, column 1")]
    (deploy.folder / "d.json").write_bytes(b"\xff\xfe")
    assert [one["code"] for one in problems(deploy("validate", "--file", "d.json", "--json"))] == ["not-json"]
    absent = deploy("validate", "--file", "nowhere.json")
    assert (absent.returncode, absent.stdout) == (1, "")
    assert absent.stderr == "nowhere.json cannot be read: No such file or directory\n"


def test_a_target_has_its_own_rules(deploy: Any) -> None:
    pinned(deploy.folder)
    everything = Path(__file__).parents[1] / "golden" / "vocabulary" / "everything.json"
    done = deploy("validate", "--file", str(everything), "--target", "local", "--json")
    told = {(one["code"], one["step"]) for one in problems(done)}
    assert told == {("cannot-run-here", step) for step in ("Spark",)}
    assert deploy("validate", "training", "--target", "local").stdout == (
        "training: nothing to complain about (7 steps, local, local)\n"
    )
    assert deploy("validate", "training", "--target", "stepfunctions").returncode == 0


def test_checks_say_how_much_a_rule_counts(deploy: Any) -> None:
    change(
        deploy.folder, "environment_suffix: false", 'checks: { image-by-tag: "off", cycle: "off", image-by-tga: "off" }'
    )
    done = deploy("validate", "training", "--json")
    assert [(one["code"], one["severity"]) for one in problems(done)] == [
        ("fixed-check", "warning"),
        ("unknown-check", "warning"),
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["validate", "trainnig"],
        ["validate", "training", "--file", "d.json"],
        ["validate", "--target", "moon"],
        ["validate", "--env", "moon"],
        ["validate", "a", "b"],
    ],
)
def test_wrong_words_are_wrong_usage(deploy: Any, words: list[str]) -> None:
    done = deploy(*words)
    assert (done.returncode, done.stdout) == (64, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("width", [60, 80, 120])
def test_lines_are_as_long_as_the_terminal_is_wide(deploy: Any, width: int) -> None:
    output = deploy("validate", "training", variables={"COLUMNS": str(width)}).stdout
    said = [line for line in output.splitlines() if line.startswith(" " * 11)]
    assert said
    assert max(len(line) for line in said) <= width


def test_colours_are_for_a_terminal(deploy: Any) -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(controller, "rb", buffering=0) as reading:
        variables = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
        variables.pop("NO_COLOR", None)
        process = subprocess.Popen(deploy.command("validate"), cwd=deploy.folder, stdout=terminal, env=variables)
        os.close(terminal)
        shown = b""
        try:
            while piece := reading.read(65536):
                shown += piece
        except OSError:  # how Linux says that nobody writes any more
            pass
        assert process.wait() == 0
    assert b"\x1b[33mwarning" in shown
    assert "\x1b" not in deploy("validate").stdout


def test_a_condition_that_cannot_be_read_stops_a_run_before_it_starts(deploy: Any) -> None:
    arguments = {"Conditions": [{"Type": "NotEquals", "LeftValue": 1, "RightValue": 2}]}
    definition = {"Version": "2020-12-01", "Steps": [{"Name": "Gate", "Type": "Condition", "Arguments": arguments}]}
    (deploy.folder / "d.json").write_text(json.dumps(definition))
    (problem,) = problems(deploy("validate", "--file", "d.json", "--json"))
    done = deploy("run", "--file", "d.json")
    assert done.returncode == 1
    assert problem["what"] in done.stderr
    assert "nothing was started" in done.stderr


def test_names_without_an_end_are_cut_for_people_and_whole_for_programs(deploy: Any) -> None:
    path = deploy.folder / "d.json"
    path.write_text(json.dumps({"Version": "2020-12-01", "Steps": [{"Name": "a" * 5000, "Type": "b" * 5000}]}))
    assert max(map(len, deploy("validate", "--file", "d.json").stdout.splitlines())) <= 120
    assert {one["step"] for one in problems(deploy("validate", "--file", "d.json", "--json"))} == {"a" * 5000}
