"""What a command knows of a pipeline beside its definition."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from typing import Any

import pytest

from dagwright.cli.sources import Source, source_of

PIPELINE = """
from dagwright import ConditionEquals, ConditionStep, FailStep, ParameterString, Pipeline, Schedule

def build(project):
    mode = ParameterString("Mode", "x", description="what to do")
    inner = FailStep(
        "Inner",
        error_message="no",
    )
    gate = ConditionStep("Gate", conditions=[ConditionEquals(mode, "x")], if_steps=[inner], else_steps=[])
    return Pipeline(
        "small", steps=[gate], parameters=[mode, ParameterString("Plain", "y")], project=project,
        description="A small one", schedules=[Schedule("nightly", cron="0 2 * * ? *")], max_parallel_steps=3,
    )
"""


@pytest.fixture
def source(deploy: Any, monkeypatch: pytest.MonkeyPatch) -> Source:
    (deploy.folder / "pipelines" / "small.py").write_text(PIPELINE)
    monkeypatch.chdir(deploy.folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return source_of(Namespace(root=deploy.folder, pipeline="small", file=None, env="dev"))


def test_each_step_has_its_place_those_in_branches_too(source: Source) -> None:
    assert source.places == {"Gate": "pipelines/small.py:10", "Inner": "pipelines/small.py:6"}


def test_what_goes_with_it_when_it_is_deployed_is_known(source: Source) -> None:
    assert source.description == "A small one"
    assert [schedule.name for schedule in source.schedules] == ["nightly"]
    assert source.max_parallel_steps == 3
    assert source.parameter_descriptions == {"Mode": "what to do"}
    assert source.deployed_name == "", "the project names it"


def test_the_environment_and_the_folder_are_afterwards_as_they_were(
    deploy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = deploy.folder / "pipelines" / "small.py"
    module.write_text(f"import os\nassert os.environ['AWS_DEFAULT_REGION'] == 'us-east-1'\nos.chdir('/')\n{PIPELINE}")
    monkeypatch.chdir(deploy.folder)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert source_of(Namespace(root=deploy.folder, pipeline="small", file=None, env="dev")).name == "small"
    assert "AWS_DEFAULT_REGION" not in os.environ
    assert os.getcwd() == str(deploy.folder)
