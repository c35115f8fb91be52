"""`--libraries`, and what it goes before."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from dagwright.cli.local import local_place
from dagwright.cli.run import refuse_libraries_on_aws
from dagwright.cli.words import parser
from dagwright.errors import UsageError

ROOT = Path(__file__).parents[2]


def place(root: Path, *words: str) -> str:
    arguments = parser().parse_args(["run", "p", *words])
    return local_place(Namespace(**vars(arguments), root=root))[2].libraries


def test_the_words_go_before_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "config" / "project.yaml"
    config.parent.mkdir()
    config.write_text((ROOT / "config" / "project.yaml").read_text())
    assert place(tmp_path) == "here"
    assert place(tmp_path, "--libraries", "image") == "image"
    config.write_text(config.read_text().replace("\nlocal:\n", "\nlocal:\n  libraries: image\n"))
    assert place(tmp_path) == "image"
    assert place(tmp_path, "--libraries", "here") == "here"


def test_without_a_project_too(tmp_path: Path) -> None:
    assert place(tmp_path, "--libraries", "image") == "image"


@pytest.mark.parametrize("words", [["run", "training"], ["job", "run", "Train"]])
def test_on_aws_the_images_themselves_run(words: list[str]) -> None:
    arguments = parser().parse_args([*words, "--libraries", "image", "--env", "dev"])
    with pytest.raises(UsageError, match="--libraries is for runs on this machine"):
        refuse_libraries_on_aws(arguments)
