"""The example project and an AWS account for it; `plan` and `upsert` in this process, which is faster."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cli.conftest import copied_project
from cli.hints import check_commands

from dagwright.cli import main

if TYPE_CHECKING:
    from aws import AWS

SCHEDULE = 'Schedule("nightly", cron="0 2 * * ? *", timezone="Asia/Shanghai", parameters={"Seed": 7})'
DEPLOYED = "rc-churn-training-dev"


@dataclass
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Site:
    """A copy of the example project, with its training pipeline alone, whose bucket is there."""

    def __init__(self, folder: Path, aws: AWS, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = copied_project(folder).folder
        self.aws = aws
        self._capsys = capsys
        aws.client("s3").create_bucket(Bucket="acme-sm-rc-churn")

    def __call__(self, *words: str, env: str = "dev") -> Said:
        self.aws.calls.clear()
        self._capsys.readouterr()
        code = main([*words, "--env", env], self.folder)
        said = Said(code, *self._capsys.readouterr())
        check_commands(said.err)
        if words[0] not in ("render", "logs"):  # these two print what others wrote
            check_commands(said.out)
        return said

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file of the project."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        # Python takes a compiled module for current if the source has its size and its second.
        shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)

    def schedule(self, *declared: str) -> None:
        """The training pipeline has these schedules, and no others."""
        name = "pipelines/training.py"
        lines = (self.folder / name).read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if "schedules=" not in line and "Schedule," not in line]
        text = "\n".join(kept).replace("    Pipeline,", "    Pipeline,\n    Schedule,", 1)
        text = text.replace(
            "        project=project,\n    )",
            f"        project=project,\n        schedules=[{', '.join(declared)}],\n    )",
        )
        (self.folder / name).write_text(text + "\n", encoding="utf-8")

    def described(self, name: str = DEPLOYED) -> dict[str, Any]:
        found: dict[str, Any] = self.aws.client("sagemaker").describe_pipeline(PipelineName=name)
        return found


@pytest.fixture
def site(tmp_path: Path, aws: AWS, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", ["deploy.py"])
    yield Site(tmp_path / "project", aws, capsys)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("pipelines", "steps")]:
        del sys.modules[name]
