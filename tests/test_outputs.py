"""config/outputs/<environment>.json: what it may hold, how it is read and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dagwright.errors import ConfigurationError, StorageError
from dagwright.outputs import Outputs, outputs_path, read_outputs, write_outputs

KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
IMAGE = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/acme/file-report@sha256:{'0a' * 32}"
ALL = Outputs(
    {"training": ("sg-0b2c3d4e5f6071829",), "processing": ("sg-0a1b2c3d",)},
    ("subnet-0a1b2c3d4e5f60718",),
    "vpc-0a1b2c3d",
    KEY,
    "arn:aws:sqs:us-east-1:123456789012:rc-churn-dead-letters",
    {"python": IMAGE, "file-report": IMAGE},
)


def write(root: Path, content: Any) -> None:
    path = root / outputs_path("dev")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")


def test_without_a_file_nothing_is_known(tmp_path: Path) -> None:
    for environment in ("local", "dev", "../../etc"):
        assert read_outputs(tmp_path, environment) == Outputs()


def test_what_is_written_is_read_and_written_the_same(tmp_path: Path) -> None:
    assert write_outputs(tmp_path, "dev", ALL)
    text = (tmp_path / outputs_path("dev")).read_text(encoding="utf-8")
    assert [*json.loads(text)] == ["security_groups", "subnets", "vpc", "key", "dead_letter_queue", "images"]
    assert [*json.loads(text)["security_groups"]] == ["processing", "training"]
    found = read_outputs(tmp_path, "dev")
    assert found == ALL
    assert not write_outputs(tmp_path, "dev", found), "nothing changed, nothing written"
    assert [path.name for path in (tmp_path / "config/outputs").iterdir()] == ["dev.json"]


def test_every_problem_is_said_with_its_place(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "security_groups": {"processing": ["sg-0a1b2c3d", "sg-x"], "trainig": []},
            "subnets": "subnet-0a1b2c3d",
            "vpc": 3,
            "key": "alias/mine",
            "images": {"a b": IMAGE, "python": "example.com/python:3.11", "none": None},
            "keys": {},
        },
    )
    with pytest.raises(ConfigurationError, match=r"config/outputs/dev\.json has 9 problems") as caught:
        read_outputs(tmp_path, "dev")
    assert {problem.where for problem in caught.value.problems} == {"config/outputs/dev.json"}
    assert [problem.field for problem in caught.value.problems] == [
        "security_groups.processing[1]",
        "security_groups.trainig",
        "subnets",
        "vpc",
        "key",
        "images.a b",
        "images.python",
        "images.none",
        "keys",
    ]
    assert "did you mean 'training'?" in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 100_000, '"text"'])
def test_what_is_no_object_is_refused(tmp_path: Path, content: str) -> None:
    write(tmp_path, content)
    with pytest.raises(ConfigurationError, match="has a problem"):
        read_outputs(tmp_path, "dev")


@pytest.mark.parametrize("linked", ["file", "folder"])
def test_a_link_out_of_the_project_is_neither_read_nor_written_through(tmp_path: Path, linked: str) -> None:
    root, outside = tmp_path / "project", tmp_path / "outside"
    (root / "config").mkdir(parents=True)
    outside.mkdir()
    (outside / "dev.json").write_text("{}", encoding="utf-8")
    if linked == "folder":
        (root / "config/outputs").symlink_to(outside)
    else:
        (root / "config/outputs").mkdir()
        (root / "config/outputs/dev.json").symlink_to(outside / "dev.json")
    for does in (lambda: read_outputs(root, "dev"), lambda: write_outputs(root, "dev", ALL)):
        with pytest.raises(ConfigurationError, match="leads to"):
            does()
    assert (outside / "dev.json").read_text(encoding="utf-8") == "{}"


def test_a_link_to_nowhere_is_said(tmp_path: Path) -> None:
    (tmp_path / "config/outputs").mkdir(parents=True)
    (tmp_path / "config/outputs/dev.json").symlink_to("gone.json")
    with pytest.raises(ConfigurationError, match="no file"):
        read_outputs(tmp_path, "dev")


def test_only_environments_on_aws_have_outputs(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no outputs"):
        write_outputs(tmp_path, "local", ALL)
