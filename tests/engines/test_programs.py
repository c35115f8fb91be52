"""The programs of ours as a job gets them."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dagwright.engines.local import programs


@pytest.mark.parametrize("name", ["serving", "xgboost_algorithm"])
def test_a_package_is_there_with_its_own_modules_and_no_other_of_ours(name: str, tmp_path: Path) -> None:
    for path, text in programs.package(name).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    source = Path(programs.__file__).parent
    own = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.py") if path.read_text(encoding="utf-8")}
    assert own == {f"dagwright/engines/local/{name}/{path.name}" for path in (source / name).glob("*.py")}
    program = f"import sys; sys.path.insert(0, '.'); import dagwright.engines.local.{name} as it; print(it.__file__)"
    words = [sys.executable, "-I", "-S", "-c", program]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert os.path.realpath(tmp_path) in os.path.realpath(tmp_path / done.stdout.strip())


def test_a_folder_of_programs_is_made_once_and_keeps_what_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "programs"
    assert programs.program_folder(folder, {"hello": "#!/bin/sh\necho hello\n"}) == folder
    assert subprocess.check_output([folder / "hello"], text=True) == "hello\n"
    programs.program_folder(folder, {"hello": "#!/bin/sh\necho other\n", "more": "#!/bin/sh\n"})
    assert subprocess.check_output([folder / "hello"], text=True) == "hello\n"
    assert sorted(path.name for path in folder.iterdir()) == ["hello", "more"]


@pytest.mark.parametrize(
    "name",
    [
        "command_host.py", "lambda_host.py", "model_repack.py", "run_notebook.py", "smspark_submit.py",
        "endpoint/dagwright_aws.py", "endpoint/sitecustomize.py",
    ],
)  # fmt: skip
def test_a_program_has_no_words_of_newer_pythons_than_its_image(name: str) -> None:
    ast.parse(programs.program(name), feature_version=(3, 8))
