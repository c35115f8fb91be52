"""`get_pipeline` of a pipeline module, with a stand-in of Amazon's SDK; the real one is in tests/sdk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[1]
SDK = {
    "sagemaker/mlops/workflow/pipeline.py": """
import os
REGION_AT_IMPORT = os.environ["AWS_DEFAULT_REGION"]
class Pipeline:
    def __init__(self, name="", parameters=None, pipeline_experiment_config=1, steps=None, sagemaker_session=None):
        self.name, self.parameters, self.sagemaker_session = name, parameters, sagemaker_session
        self.experiment = pipeline_experiment_config
    def definition(self):
        return "the SDK's own"
    def start(self, parameters=None):
        return f"started {self.name} with {parameters}"
    def upsert(self, role_arn):
        return "upserted"
    create = update = upsert
""",
    "sagemaker/core/helper/session_helper.py": """
class Session:
    def __init__(self, boto_session, default_bucket):
        self.region, self.bucket = boto_session.region_name, default_bucket
""",
    "sagemaker/core/workflow/parameters.py": """
from enum import Enum
class Kind(Enum):
    String, Integer, Float, Boolean = "String", "Integer", "Float", "Boolean"
class Parameter:
    def __init__(self, name, default_value=None, kind=None, enum_values=None):
        self.name, self.default_value, self.enum_values = name, default_value, enum_values
        self.parameter_type = Kind[kind or type(self).__name__.removeprefix("Parameter")]
        wanted = {"Float": float, "Integer": int, "String": str, "Boolean": bool}[self.parameter_type.value]
        assert default_value is None or type(default_value) is wanted
class ParameterString(Parameter): pass
class ParameterInteger(Parameter): pass
class ParameterFloat(Parameter): pass
def ParameterBoolean(name, default_value=None): return Parameter(name, default_value, "Boolean")
""",
}
PROBE = """
import json, os, sys
from pipelines.training import get_pipeline
def told(call):
    try: return call()
    except Exception as error: return f"{type(error).__name__}: {error}"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example, in a folder that is not the working folder of any notebook."""
    folder = tmp_path / "project"
    for name in ("config", "pipelines", "steps", "scripts"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture
def sdk(tmp_path: Path) -> Path:
    for name, text in SDK.items():
        file = tmp_path / "sdk" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "sdk"


def notebook(project: Path, program: str, *paths: Path) -> Any:
    """What a notebook in another folder makes of `program`, which prints JSON."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    variables["PYTHONPATH"] = os.pathsep.join(str(path) for path in (project, REPOSITORY, *paths))
    done = subprocess.run(
        [sys.executable, "-c", PROBE + program],
        env=variables, cwd=project.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rendered(project: Path, environment: str) -> str:
    words = ["render", "training", "--env", environment]
    program = f"import sys; from dagwright.cli import main; sys.exit(main({words!r}))"
    done = subprocess.run([sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_object_is_the_sdks_with_our_definition(project: Path, sdk: Path) -> None:
    program = """
one = get_pipeline()  # before anything else of the SDK, which cannot be imported without a Region
from sagemaker.mlops.workflow.pipeline import Pipeline
other = get_pipeline("production", sagemaker_session="mine")
print(json.dumps({
    "is": isinstance(one, Pipeline), "name": one.name, "definition": one.definition(), "experiment": one.experiment,
    "session": [one.sagemaker_session.region, one.sagemaker_session.bucket],
    "other": [other.name, other.definition(), other.sagemaker_session],
    "started": one.start({"Trees": 5}),
    "environment": os.environ.get("AWS_DEFAULT_REGION"),
}))
"""
    told = notebook(project, program, sdk)
    assert told["is"] is True
    assert told["name"] == "rc-churn-training-dev"
    assert told["definition"] == rendered(project, "dev")
    assert told["experiment"] is None
    assert told["session"] == ["us-east-1", "acme-sm-rc-churn"]
    assert told["other"] == ["rc-churn-training", rendered(project, "production"), "mine"]
    assert told["started"] == "started rc-churn-training-dev with {'Trees': 5}"
    assert told["environment"] is None


def test_parameters_are_there_with_defaults_and_what_they_are_for(project: Path, sdk: Path) -> None:
    module = project / "pipelines" / "training.py"
    text = module.read_text()
    text = text.replace("parameters=[", 'parameters=[ParameterBoolean("Dry", False), ParameterString("Key"), ')
    text = text.replace("    ParameterFloat,\n", "    ParameterBoolean,\n    ParameterFloat,\n")
    text = text.replace('ParameterFloat("MinAuc", 0.95', 'ParameterFloat("MinAuc", 1')
    module.write_text(text)
    program = """
one = get_pipeline()
print(json.dumps({"shown": repr(one), "defaults": {each.name: each.default_value for each in one.parameters}}))
"""
    told = notebook(project, program, sdk)
    assert told["defaults"]["Trees"] == 200
    assert told["defaults"]["MinAuc"] == 1.0
    lines = told["shown"].splitlines()
    assert lines[:3] == ["Pipeline rc-churn-training-dev", "  Dry: Boolean = False", "  Key: String must be given"]
    assert "  Seed: Integer = 42  for the split and the model" in lines


def test_deploying_is_left_to_the_command_line(project: Path, sdk: Path) -> None:
    program = """
one = get_pipeline("staging")
print(json.dumps([told(lambda: getattr(one, name)(role_arn="r")) for name in ("upsert", "create", "update")]))
"""
    for refusal in notebook(project, program, sdk):
        assert "rc-churn-training-staging is deployed by the command line" in refusal
        assert "python deploy.py upsert training --env staging" in refusal


def test_what_is_missing_is_said(project: Path, sdk: Path) -> None:
    program = 'print(json.dumps([told(lambda: get_pipeline(name)) for name in ("local", "prodction", "dev")]))'
    local, misspelt, without = notebook(project, program)
    assert "UsageError: get_pipeline('local'): a pipeline is deployed to dev, staging, production" in local
    assert "did you mean 'production'?" in misspelt
    assert "UserError: get_pipeline needs version 3 of Amazon's SDK; it is not installed here" in without
    assert "pip install 'dagwright[sagemaker]'" in without
    shutil.rmtree(sdk / "sagemaker" / "mlops")
    information = sdk / "sagemaker-2.257.7.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: sagemaker\nVersion: 2.257.7\n")
    (older,) = notebook(project, 'print(json.dumps([told(lambda: get_pipeline("dev"))]))', sdk)
    assert "sagemaker 2.257.7 is installed here, and says: No module named 'sagemaker.mlops'" in older
