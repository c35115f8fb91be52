from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from engines.test_script_mode import wheel

from dagwright.engines.local import environments as module
from dagwright.engines.local import interpreters
from dagwright.engines.local.dockerfile import read_dockerfile
from dagwright.engines.local.environments import Environments, matches, out_of_sight
from dagwright.engines.local.image_libraries import libraries_of
from dagwright.engines.local.interpreters import CURRENT, Interpreters
from dagwright.errors import ConfigurationError, ExecutionError
from dagwright.project import EnvironmentRule

IMAGE = "123.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"


def environments(tmp_path: Path, *rules: EnvironmentRule, libraries: str = "here") -> tuple[Environments, list[str]]:
    said: list[str] = []
    return Environments(tmp_path / "environments", rules, tmp_path, said.append, libraries), said


def prefix(folders: tuple[str, ...], name: str) -> str:
    path = ":".join(folders)
    words = [name, "-c", "import sys; print(sys.prefix)"]
    return subprocess.check_output(words, env={"PATH": path + ":/usr/bin:/bin"}, text=True).strip()


def test_an_image_without_a_rule_gets_this_python_and_is_told_once(tmp_path: Path) -> None:
    known, said = environments(tmp_path)
    assert prefix(known.of(IMAGE).folders, "python") == os.path.realpath(sys.prefix)
    known.of(IMAGE)
    (line,) = said
    assert "sagemaker-scikit-learn:1.2-1-cpu-py3 is not mapped" in line
    assert "the image holds Python 3.9, scikit-learn 1.2.1" in line
    assert line.endswith(": --libraries image")


class NoPackages:
    """Stands for uv: makes what it is asked for, and installs nothing."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder.mkdir()
        self.log = folder / "log"
        program = folder / "uv"
        program.write_text(
            f'#!/bin/sh\necho "$@" >> {self.log}\n'
            f'if [ "$1" = venv ]; then shift 5; mkdir -p "$1/bin"; ln -s {sys.executable} "$1/bin/python"; fi\n'
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def made(self) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in lines if line.startswith("pip install")]


def only_this_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "_candidates", lambda version: iter(()))


def test_known_images_get_their_own_libraries_and_share_an_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only_this_python(monkeypatch)
    uv = NoPackages(tmp_path / "bin", monkeypatch)
    known, said = environments(tmp_path, libraries="image")
    described = known.describe(IMAGE)
    assert not uv.made()
    mirrored = "456.dkr.ecr.eu-west-1.amazonaws.com/mirror/sagemaker-scikit-learn:1.2-1-cpu-py3"
    assert known.of(IMAGE).folders == known.of(mirrored).folders
    (install,) = uv.made()
    text = Path(install.split()[-1]).read_text()
    assert "boto3>=1.28" in text
    assert f"scikit-learn=={held_here(IMAGE)['scikit-learn']}" in text
    assert said[1] == described
    assert "runs in its environment: scikit-learn" in described
    assert f"(Python {CURRENT}); the image holds Python 3.9" in described  # nobody runs these tests on 3.9


def held_here(image: str) -> Mapping[str, str]:
    held = libraries_of(image)
    assert held
    return held.on(CURRENT).versions


def test_a_rule_goes_before_the_images_own_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uv = NoPackages(tmp_path / "bin", monkeypatch)
    known, said = environments(tmp_path, EnvironmentRule("*", interpreter=sys.executable), libraries="image")
    found = known.of(IMAGE)
    assert not uv.made()
    assert said == [f"image {IMAGE.rpartition('/')[2]} runs in its environment: {sys.executable} (Python {CURRENT})"]
    assert found.advice == "its rule '*' of local.environments decides"
    assert found.held == libraries_of(IMAGE)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("1.dkr.ecr.us-east-1.amazonaws.com/mine:1", "its libraries are not known"),
        (
            f"1.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost@sha256:{'0' * 64}",
            "its digest does not tell its libraries",
        ),
    ],
)
def test_an_image_that_nobody_knows_gets_this_python(tmp_path: Path, image: str, said: str) -> None:
    known, lines = environments(tmp_path, libraries="image")
    assert prefix(known.of(image).folders, "python") == os.path.realpath(sys.prefix)
    assert lines == [known.describe(image)]
    assert lines[0].endswith(f"; {said}")


def test_libraries_that_cannot_be_had_are_a_sentence_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    broken = tmp_path / "bin" / "uv"
    broken.write_text("#!/bin/sh\necho no such version >&2; exit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(ExecutionError, match="no such version") as caught:
        environments(tmp_path, libraries="image")[0].of(IMAGE)
    assert "leave --libraries image out" in caught.value.hint


def test_describing_makes_nothing_and_asks_each_thing_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    answer = interpreters._answer
    monkeypatch.setattr(interpreters, "_answer", lambda words: asked.append(tuple(words)) or answer(words))
    (tmp_path / "Dockerfile").write_text("FROM python:3.11\n")
    rules = [EnvironmentRule("a:*", dockerfile="Dockerfile"), EnvironmentRule("b:*", interpreter="/usr/bin/python3")]
    read: list[Path] = []
    monkeypatch.setattr(
        module, "read_dockerfile", lambda path, system: read.append(path) or read_dockerfile(path, system)
    )
    known, said = environments(tmp_path, *rules)
    for image in ("a:1", "b:1"):
        for _ in range(3):
            known.check(image)
            known.describe(image)
            known.lacks(image, "pyspark")
    assert len(asked) == len(set(asked)) == 2
    assert read == [tmp_path / "Dockerfile"]
    assert said == []
    assert not (tmp_path / "environments").exists()


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
    assert Interpreters().find(None) == sys.executable
    paths = [Path("/usr"), Path("/tmp/x"), Path("/run/y"), Path("/tmpx"), Path("/covered/z")]
    assert out_of_sight(paths, ["/covered"]) == [Path("/covered/z"), Path("/run/y"), Path("/tmp/x")]


@pytest.mark.parametrize("name", ["python", "python3.99"])
def test_an_environment_that_a_link_leads_to_is_named_where_it_is(tmp_path: Path, name: str) -> None:
    """A sandbox covers the home and `/tmp`, and so a `.venv` in them that is a link; what it leads to is shown."""
    program = tmp_path / "disk" / "bin" / name
    program.parent.mkdir(parents=True)
    program.symlink_to(Path(sys.executable).resolve())
    (tmp_path / "disk" / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / ".venv").symlink_to(tmp_path / "disk")
    rule = EnvironmentRule("*", interpreter=f"project/.venv/bin/{name}")
    found = environments(tmp_path, rule)[0].of(IMAGE)
    (tmp_path / "project" / ".venv").unlink()
    assert prefix(found.folders, "python") == os.path.realpath(tmp_path / "disk")
    assert Path(os.path.realpath(tmp_path / "disk")) in found.visible


def test_a_python_that_a_link_in_the_home_leads_to_is_found_in_a_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment links to its Python: to where it is, since a sandbox covers the home."""
    link = tmp_path / "python"
    link.symlink_to(Path(sys.executable).resolve())
    monkeypatch.setattr(interpreters.Interpreters, "find", lambda self, version: str(link))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    (tmp_path / "wanted.txt").write_text("")
    known, _ = environments(tmp_path, EnvironmentRule("*", requirements="wanted.txt"))
    program = Path(known.of(IMAGE).folders[0]) / "python"
    links = []
    while program.is_symlink():
        program = program.parent / os.readlink(program)
        links.append(program)
    assert link not in links
