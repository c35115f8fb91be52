from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dagwright.engines.local.launcher import Bind, Ending, Launcher, Root
from dagwright.errors import ExecutionError


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    with Launcher() as started:
        yield started


def run(launcher: Launcher, log: Path, *command: str, **variables: str) -> Ending:
    process = launcher.start(list(command), variables, log)
    ending = process.wait()
    process.close()
    return ending


def test_a_process_ends_with_its_code_its_output_and_what_it_used(launcher: Launcher, tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = "import os, sys; print(os.environ['A']); print('error', file=sys.stderr); sys.exit(3)"
    ending = run(launcher, log, sys.executable, "-c", program, A="b")
    assert ending.exit_code == 3
    assert ending.cpu_seconds > 0
    assert 1 << 20 < ending.memory_bytes < 1 << 30
    assert sorted(log.read_text().split()) == ["b", "error"]


def test_output_is_added_to_the_log(launcher: Launcher, tmp_path: Path) -> None:
    for word in ("one", "two"):
        run(launcher, tmp_path / "log", "/bin/echo", word)
    assert (tmp_path / "log").read_text() == "one\ntwo\n"


def test_closing_gives_up_the_process(launcher: Launcher, tmp_path: Path) -> None:
    process = launcher.start(["/bin/sleep", "1000"], {}, tmp_path / "log")
    process.kill()
    assert process.wait().exit_code == -signal.SIGKILL
    process.close()
    process.kill()
    process.terminate()


def test_endings_in_words() -> None:
    assert str(Ending(3)) == "exit code 3"
    assert str(Ending(-15)) == "killed by SIGTERM"
    assert str(Ending(-9)).startswith("killed by SIGKILL, which is how a system that runs out of memory")
    assert str(Ending(-11)).startswith("killed by SIGSEGV: ")
    assert str(Ending(-63)) == "killed by signal 63"


def test_a_launcher_that_has_ended_is_a_sentence(tmp_path: Path) -> None:
    launcher = Launcher()
    launcher.close()
    with pytest.raises(ExecutionError, match="The process that starts jobs has ended"):
        launcher.start(["/bin/true"], {}, tmp_path / "log")


@pytest.mark.usefixtures("namespaces")
def test_a_sandbox_that_cannot_be_made_does_not_hold_up_the_next(tmp_path: Path) -> None:
    with Launcher(tmp_path) as launcher:
        assert launcher.refusal() == ""
        for source, refused in ((tmp_path / "absent", "No such file"), (tmp_path, "")):
            root = Root((Bind(source, "/opt/ml", writable=True),), "host")
            process = launcher.start(["/bin/true"], {}, tmp_path / "log", root=root)
            ending = process.wait()
            process.close()
            assert refused in process.refused
            assert (ending.exit_code == 0) is (refused == "")
