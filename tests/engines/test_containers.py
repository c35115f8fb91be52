"""Jobs in containers: Docker's command lines and the life of a container, with a `docker` of our own on PATH."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from engines.place import IMAGE, Meeting, Place

from dagwright.engines.execution import StepRun
from dagwright.engines.local.containers import Docker, mount_words
from dagwright.engines.local.engine import LocalEngine
from dagwright.engines.local.scope import Account
from dagwright.errors import ExecutionError

PROGRAM = [sys.executable, "/opt/ml/processing/code/main.py"]
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/file-report:1"

# what clients say last if they start nothing: of version 28, of older ones
HELP = ("\n\nRun 'docker run --help' for more information", ".\nSee 'docker run --help'.")


class Engine:
    """What our `docker` knows and was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.set("calls", "")
        self.set("pullable", "")
        self.set("listed", "")
        self.set("variables", "")
        self.set("help", HELP[0])
        self.images({IMAGE: PROGRAM})

    def set(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def images(self, held: dict[str, list[str]]) -> None:
        self.set("images.json", json.dumps(held))

    def calls(self, *first: str) -> list[list[str]]:
        """Those that begin with these words."""
        every = [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]
        return [words for words in every if tuple(words[: len(first)]) == first]

    def variables(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "variables").read_text().splitlines()]


@pytest.fixture
def docker(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Engine:
    folder = tmp_path_factory.mktemp("docker")
    program = folder / "docker"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).parent}/docker.py "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_DOCKER", str(folder))
    return Engine(folder)


@pytest.fixture
def contained(docker: Engine, place_with: Callable[..., Place]) -> Place:
    place = place_with(sandbox="paths")
    place.engine = LocalEngine(place.folder, Account(), place.settings, "docker")
    return place


def own(place: Place, script: str, **others: Any) -> dict[str, Any]:
    """A step that starts the image's own program."""
    step = place.writing("Own", script, **others)
    del step["Arguments"]["AppSpecification"]["ContainerEntrypoint"]
    return step


def run_step(place: Place, step: dict[str, Any]) -> StepRun:
    return place.run(step).steps[step["Name"]]


def after(words: list[str], option: str) -> list[str]:
    return [value for word, value in pairwise(words) if word == option]


def test_a_job_runs_in_its_image_and_its_outputs_are_published(contained: Place, docker: Engine) -> None:
    contained.put("raw/a.csv", "a")
    step = own(contained, 'write("seen", open(f"{ML}/processing/in/a.csv").read())', inputs={"in": "s3://bucket/raw"})
    step["Arguments"]["AppSpecification"]["ContainerArguments"] = ["--level", "two words"]
    done = run_step(contained, step)
    assert done.status == "Succeeded", done.failure_reason
    assert contained.text("Own/seen") == "a"
    (words,) = docker.calls("run")
    jobs = contained.folder / ".dagwright/jobs"
    execution = contained.engine.describe().id
    assert words == [
        *("run", "--rm", "--pull", "never", "--sig-proxy=false"),
        *("--name", f"{done.job}-algo-1", "--hostname", "algo-1"),
        *("--label", f"dagwright.home={contained.folder}/.dagwright", "--label", f"dagwright.execution={execution}"),
        *("--stop-timeout", "5", "--user", f"{os.getuid()}:{os.getgid()}"),
        *("--mount", f"type=bind,source={jobs}/{execution}/{done.job}/ml,target=/opt/ml"),
        *("--env-file", f"{jobs}/{execution}/{done.job}/variables"),
        *(IMAGE, "--level", "two words"),
    ]
    assert docker.calls("rm") == docker.calls("stop") == docker.calls("network", "create") == []
    assert list(jobs.iterdir()) == []
    (note,) = [note for note in contained.watcher.notes if "docker" in note]
    assert "container of its image" in note


def test_an_entrypoint_takes_the_place_of_the_images(contained: Place, docker: Engine) -> None:
    docker.images({IMAGE: ["false"]})
    step = contained.writing("P", 'write("seen", sys.argv)', entrypoint=None)
    step["Arguments"]["AppSpecification"]["ContainerArguments"] = ["x"]
    assert run_step(contained, step).status == "Succeeded"
    (words,) = docker.calls("run")
    assert after(words, "--entrypoint") == ["python3"]
    assert words[words.index(IMAGE) :] == [IMAGE, "/opt/ml/processing/code/main.py", "x"]


def test_values_of_variables_are_on_no_command_line(contained: Place, docker: Engine) -> None:
    variables = {"PLAIN": "a b=c '\"#", "LINES": "one\ntwo", "EMPTY": ""}
    script = 'write("seen", {name: os.environ[name] for name in ("PLAIN", "LINES", "EMPTY", "HOME")})'
    assert run_step(contained, own(contained, script, variables=variables)).status == "Succeeded"
    assert contained.json("Own/seen") == {**variables, "HOME": "/tmp"}
    (words,) = docker.calls("run")
    assert after(words, "--env") == ["LINES"]
    assert not any("a b=c" in word or "two" in word for word in words)
    (passed,) = docker.variables()
    assert passed["mode"] == 0o600


def test_a_variable_that_would_change_the_client_is_refused(contained: Place) -> None:
    done = run_step(contained, own(contained, "pass", variables={"DOCKER_HOST": "a\nb"}))
    assert "The variable DOCKER_HOST has several lines" in done.failure_reason


def test_hosts_share_a_network_that_goes_with_them(contained: Place, docker: Engine) -> None:
    done = run_step(contained, own(contained, 'write(os.environ.get("X", "x"), "")', count=2))
    assert done.status == "Succeeded", done.failure_reason
    runs = docker.calls("run")
    assert [after(words, "--network") for words in runs] == [[done.job]] * 2
    assert sorted(after(words, "--network-alias")[0] for words in runs) == ["algo-1", "algo-2"]
    assert sorted(after(words, "--hostname")[0] for words in runs) == ["algo-1", "algo-2"]
    assert [words[-1] for words in docker.calls("network", "create")] == [done.job]
    assert docker.calls("network", "rm") == [["network", "rm", done.job]]


@pytest.mark.parametrize(("isolated", "interface"), [(False, "eth0"), (True, "lo")])
def test_a_container_is_told_its_network_interface(contained: Place, isolated: bool, interface: str) -> None:
    script = 'write("seen", json.load(open(f"{ML}/config/resourceconfig.json"))["network_interface_name"])'
    assert run_step(contained, own(contained, script, isolated=isolated)).status == "Succeeded"
    assert contained.text("Own/seen") == interface


def test_a_client_that_was_killed_leaves_no_container(contained: Place, docker: Engine) -> None:
    done = run_step(contained, own(contained, "os.kill(os.getppid(), 9)\nimport signal; signal.pause()"))
    assert "killed by SIGKILL" in done.failure_reason
    assert docker.calls("rm") == [["rm", "--force", f"{done.job}-algo-1"]]


def test_an_isolated_job_has_no_network(contained: Place, docker: Engine) -> None:
    assert run_step(contained, own(contained, "pass", isolated=True)).status == "Succeeded"
    (words,) = docker.calls("run")
    assert after(words, "--network") == ["none"]


def test_a_failure_has_its_exit_code_and_its_message(contained: Place, docker: Engine) -> None:
    script = """
os.makedirs(ML + "/output", exist_ok=True)
open(ML + "/output/message", "w").write("the file is empty")
sys.exit(3)
"""
    step = own(contained, script, count=2)
    done = run_step(contained, step)
    assert done.failure_reason.startswith("AlgorithmError: the file is empty, exit code 3 on algo-")
    assert docker.calls("network", "rm") == [["network", "rm", done.job]]


NOT_STARTED = "InternalServerError: its process could not be started: docker: Error response from daemon: "


@pytest.mark.parametrize("said_last", HELP)
def test_an_image_that_is_gone_when_its_container_starts_is_the_machines_failure(
    contained: Place, docker: Engine, said_last: str
) -> None:
    docker.set("help", said_last)
    step = own(contained, f"open({str(docker.folder / 'images.json')!r}, 'w').write('{{}}')")
    done = contained.run(step, {**step, "Name": "Again", "DependsOn": ["Own"]}).steps["Again"]
    assert done.failure_reason.rstrip(".") == f"{NOT_STARTED}No such image: {IMAGE}"


@pytest.mark.parametrize("said_last", HELP)
@pytest.mark.parametrize(
    ("program", "why"),
    [("no-such-program", "executable file not found in $PATH"), ("/etc", "permission denied")],
)
def test_an_image_whose_program_cannot_be_started_is_the_machines_failure(
    contained: Place, docker: Engine, said_last: str, program: str, why: str
) -> None:
    docker.set("help", said_last)
    docker.images({IMAGE: [program]})
    reason = run_step(contained, own(contained, "pass")).failure_reason
    assert reason.startswith(NOT_STARTED)
    assert reason.rstrip(".").endswith(f'exec: "{program}": {why}')


@pytest.mark.parametrize("code", [125, 126, 127])
def test_a_program_that_ends_as_if_docker_had_not_started_it_has_failed_itself(contained: Place, code: int) -> None:
    done = run_step(contained, own(contained, f"sys.exit({code})"))
    assert done.failure_reason == f"AlgorithmError: exit code {code}"


def test_a_killed_container_is_said_as_a_signal(contained: Place) -> None:
    done = run_step(contained, own(contained, "os.kill(os.getpid(), 9)"))
    assert "killed by SIGKILL, which is how a system that runs out of memory ends a process" in done.failure_reason


def test_a_container_past_its_time_is_stopped_then_killed(contained: Place, docker: Engine) -> None:
    contained.settings = contained.settings.__class__(sandbox="paths", stop_grace_seconds=1)
    contained.engine = LocalEngine(contained.folder, Account(), contained.settings, "docker")
    script = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('deaf', flush=True)\ntime.sleep(600)"
    done = run_step(contained, own(contained, script, limit=1))
    assert "exceeded its MaxRuntimeInSeconds of 1" in done.failure_reason
    assert docker.calls("stop") == [["stop", "-t", "1", f"{done.job}-algo-1"]]
    assert ["rm", "--force", f"{done.job}-algo-1"] in docker.calls("rm")
    assert not (docker.folder / f"{done.job}-algo-1").exists()


def test_a_failed_host_ends_the_others(contained: Place, docker: Engine, meeting: Callable[[int], Meeting]) -> None:
    door = meeting(2)
    script = """
meet()
host = json.load(open(ML + "/config/resourceconfig.json"))["current_host"]
if host == "algo-1":
    sys.exit("out of luck")
import signal; signal.pause()
"""
    step = own(contained, script, count=2, variables={"MEETING": door.port})
    threading.Thread(target=lambda: door.complete.wait(30) and door.release()).start()
    done = run_step(contained, step)
    assert done.failure_reason == "AlgorithmError: out of luck, exit code 1 on algo-1"
    assert ["rm", "--force", f"{done.job}-algo-2"] in docker.calls("rm")
    assert docker.calls("network", "rm") == [["network", "rm", done.job]]


def test_an_image_is_pulled_once_and_before_its_job(contained: Place, docker: Engine) -> None:
    docker.images({})
    docker.set("pullable", IMAGE)
    steps = [{**own(contained, "pass"), "Name": name} for name in ("One", "Two")]
    assert contained.run(*steps).status == "Succeeded"
    assert docker.calls("pull") == [["pull", "--quiet", IMAGE]]
    assert f"pulling {IMAGE}" in contained.watcher.notes


def test_a_registry_that_denies_says_how_to_log_in(docker: Engine) -> None:
    with pytest.raises(ExecutionError) as caught:
        Docker("/home", 5).pull(ECR)
    assert f"The image {ECR} cannot be pulled: Error response from daemon: pull access denied" in caught.value.message
    assert caught.value.hint == (
        "Log in: aws ecr get-login-password --region eu-west-1 | "
        "docker login --username AWS --password-stdin 123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    )


def test_without_an_engine_nothing_starts(contained: Place, docker: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    docker.set("no-engine", "")
    with pytest.raises(ExecutionError, match=r"No Docker engine answers: Cannot connect to the Docker daemon"):
        contained.run(own(contained, "pass"))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ExecutionError, match="There is no program 'docker' on this machine"):
        contained.run(own(contained, "pass"))
    assert contained.engine.history() == []


def test_what_killed_runs_left_is_removed(docker: Engine) -> None:
    docker.set("listed", "c0ffee gone\nbeef running\n")
    Docker("/project/.dagwright", 5).remove_abandoned(lambda execution: execution == "running")
    assert docker.calls("rm") == [["rm", "--force", "c0ffee"]]
    assert docker.calls("network", "rm") == [["network", "rm", "c0ffee"]]
    assert all("label=dagwright.home=/project/.dagwright" in words for words in docker.calls("ps"))


def test_a_comma_in_a_folder_is_part_of_its_name() -> None:
    assert mount_words(Path("/p/a,b"), "/opt/ml") == 'type=bind,"source=/p/a,b",target=/opt/ml'
