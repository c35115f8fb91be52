from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from engines.test_script_mode import wheel

from dagwright.engines.local.environments import Environments, matches, out_of_sight
from dagwright.engines.local.interpreters import find_python
from dagwright.errors import ConfigurationError, ExecutionError
from dagwright.project import EnvironmentRule

IMAGE = "123.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


def environments(tmp_path: Path, *rules: EnvironmentRule) -> tuple[Environments, list[str]]:
    said: list[str] = []
    return Environments(tmp_path / "environments", rules, tmp_path, said.append), said


def prefix(folders: tuple[str, ...], name: str) -> str:
    path = ":".join(folders)
    words = [name, "-c", "import sys; print(sys.prefix)"]
    return subprocess.check_output(words, env={"PATH": path + ":/usr/bin:/bin"}, text=True).strip()


def test_an_image_without_a_rule_gets_this_python_and_is_told_once(tmp_path: Path) -> None:
    known, said = environments(tmp_path)
    assert prefix(known.of(IMAGE).folders, "python") == sys.prefix
    known.of(IMAGE)
    (line,) = said
    assert "sagemaker-scikit-learn:1.2-1-cpu-py3 is not mapped" in line
    assert "the image holds Python 3.9, scikit-learn 1.2.1" in line


def test_an_interpreter_by_another_name_is_python_and_python3_and_keeps_its_environment(tmp_path: Path) -> None:
    venv = tmp_path / "my venv"
    subprocess.check_call([sys.executable, "-m", "venv", "--without-pip", "--symlinks", str(venv)])
    for name in ("python", "python3"):
        (venv / "bin" / name).rename(venv / "bin" / f"{name}-mine")
    (venv / "bin" / "python-mine").unlink()
    (venv / "bin" / "python-mine").symlink_to(Path(sys.executable).resolve())
    (venv / "bin" / "python").write_text("#!/bin/sh\nexit 7\n")  # another Python's name, not ours
    rule = EnvironmentRule("sagemaker-*", interpreter="my venv/bin/python-mine")
    known, said = environments(tmp_path, rule)
    found = known.of(IMAGE)
    assert [prefix(found.folders, name) for name in ("python", "python3")] == [str(venv)] * 2
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    name = "sagemaker-scikit-learn:1.2-1-cpu-py3"
    assert said == [f"image {name} runs in its environment: my venv/bin/python-mine (Python {version})"]
    assert Path(found.folders[0]) in found.visible


def test_requirements_become_an_environment_once(tmp_path: Path) -> None:
    (tmp_path / "tiny_stranger-1.0-py3-none-any.whl").write_bytes(wheel("tiny_stranger", "WORD = 'hello'"))
    (tmp_path / "wanted.txt").write_text(f"{tmp_path}/tiny_stranger-1.0-py3-none-any.whl\n")
    rule = EnvironmentRule("*", requirements="wanted.txt")
    known, said = environments(tmp_path, rule)
    program = f"{known.of(IMAGE).folders[0]}/python"
    assert subprocess.check_output([program, "-c", "import tiny_stranger as t; print(t.WORD)"], text=True) == "hello\n"
    again, said_again = environments(tmp_path, rule)
    assert again.of(IMAGE).folders == known.of(IMAGE).folders
    making, mapped = said
    assert making.startswith("making the environment of wanted.txt")
    assert "runs in its environment: wanted (Python 3." in mapped
    assert said_again == [mapped]


def test_environments_kept_elsewhere_are_found_where_they_are(tmp_path: Path) -> None:
    """A sandbox covers the project's own folder: the link in it cannot be followed there."""
    (tmp_path / "large disk").mkdir()
    (tmp_path / "environments").symlink_to(tmp_path / "large disk")
    (tmp_path / "wanted.txt").write_text("")
    known, _ = environments(tmp_path, EnvironmentRule("*", requirements="wanted.txt"))
    found = known.of(IMAGE)
    assert all(Path(folder).is_relative_to(tmp_path / "large disk") for folder in found.folders)
    assert prefix(found.folders, "python").startswith(str(tmp_path / "large disk"))


def test_an_environment_that_cannot_be_made_is_not_used_the_next_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wanted.txt").write_text("")
    rule = EnvironmentRule("*", requirements="wanted.txt")
    known, _ = environments(tmp_path, rule)
    (tmp_path / "bin").mkdir()
    broken = tmp_path / "bin" / "uv"
    broken.write_text("#!/bin/sh\necho no such version >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    for _ in range(2):
        with pytest.raises(ExecutionError, match="no such version"):
            known.of(IMAGE)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (EnvironmentRule("*", interpreter="absent/python"), "'absent/python' for image '\\*' is no program"),
        (EnvironmentRule("*", interpreter="."), "is no program"),
        (EnvironmentRule("*", interpreter="~nosuch/bin/python"), "'~nosuch/bin/python' for image '\\*' is no program"),
        (EnvironmentRule("*", interpreter="/bin/ls"), "'/bin/ls' for image '\\*' is no Python"),
        (EnvironmentRule("*", interpreter="/bin/echo"), "is no Python"),
        (EnvironmentRule("*", interpreter="text"), "is no Python"),
        (EnvironmentRule("*", interpreter="a\0b"), "is no program"),
        (EnvironmentRule("*", requirements="/dev/zero"), "/dev/zero for image '\\*' is no list of requirements"),
        (EnvironmentRule("*", requirements="pipe"), "is no list of requirements"),
        (EnvironmentRule("*", requirements="long.txt"), "is no list of requirements"),
        (EnvironmentRule("*", requirements="absent.txt"), "absent.txt for image '\\*' cannot be read"),
        (EnvironmentRule("*", requirements="r.txt", python="3.2"), "Python 3.2 is not on this machine"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_a_sentence(tmp_path: Path, rule: EnvironmentRule, said: str) -> None:
    (tmp_path / "r.txt").touch()
    (tmp_path / "text").write_bytes(b"\0\0")
    (tmp_path / "text").chmod(0o755)
    (tmp_path / "long.txt").write_bytes(b"#" * ((1 << 20) + 1))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match=said):
        environments(tmp_path, rule)[0].check(IMAGE)


def test_a_machine_without_a_home_has_no_other_pythons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "~nosuch")
    (tmp_path / "r.txt").touch()
    with pytest.raises(ConfigurationError, match=r"Python 3\.2 is not on this machine"):
        environments(tmp_path, EnvironmentRule("*", requirements="r.txt", python="3.2"))[0].check(IMAGE)


def test_patterns_and_places() -> None:
    assert matches(IMAGE, "sagemaker-scikit-learn:*")
    assert matches(IMAGE, "*/sagemaker-scikit-learn:1.2*")
    assert not matches(IMAGE, "sagemaker-xgboost*")
    assert find_python(None) == sys.executable
    paths = [Path("/usr"), Path("/tmp/x"), Path("/run/y"), Path("/tmpx"), Path("/covered/z")]
    assert out_of_sight(paths, ["/covered"]) == [Path("/covered/z"), Path("/run/y"), Path("/tmp/x")]
