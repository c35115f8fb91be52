"""Runs jobs in containers of their images, with a Docker engine: `deploy.py run --runtime docker`.

What comes in: a `Job` and its hosts, whose folders are in place. What goes out: a container for each host, as a
`JobProcess`: what runs here is Docker's own client, `docker run`, whose output is the job's log and whose exit code is
the container's. Every command is a list of words; values of variables are in a file that only its owner can read.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from dagwright.engines.local.environments import Environment, Images
from dagwright.engines.local.job import ML, Host, Job
from dagwright.engines.local.launcher import Ending, JobProcess, Launcher
from dagwright.engines.local.limits import Limit
from dagwright.engines.local.log_file import last_lines
from dagwright.errors import ExecutionError

_ANSWER_SECONDS = 30.0
_HOME, _EXECUTION = "dagwright.home", "dagwright.execution"
_NOT_STARTED = (125, 126, 127)  # `docker run` could not start a container, or its program is no program or not there
_CLIENTS_LINES = 4  # what it says then: one line, in most versions followed by where to find help
_REGISTRY = re.compile(r"([0-9]{12}\.dkr\.ecr\.([a-z0-9-]+)\.[a-z0-9.-]+)/")
_DENIED = re.compile(r"denied|authori[sz]|no basic auth|credential", re.IGNORECASE)
_OF_THE_CLIENT = ("PATH", "HOME", "DOCKER_")


class Docker:
    """The client of the machine's Docker engine. `home` marks what is made for runs of one project folder."""

    def __init__(self, home: str, stop_grace_seconds: float) -> None:
        self.home = home
        self.grace_seconds = int(stop_grace_seconds)

    def require(self) -> None:
        """Raises ExecutionError if there is no client, or no engine that answers it."""
        hint = "Start Docker, or leave --runtime docker out: jobs then run as processes."
        if shutil.which("docker") is None:
            raise ExecutionError("There is no program 'docker' on this machine", hint=hint)
        done = self.call("version", "--format", "{{.Server.Version}}")
        if done.returncode:
            raise ExecutionError(f"No Docker engine answers: {_last_line(done.stderr)}", hint=hint)

    def call(self, *words: str, timeout: float | None = _ANSWER_SECONDS) -> subprocess.CompletedProcess[str]:
        """One command and what it said. Raises ExecutionError if it cannot be run or does not end."""
        try:
            return subprocess.run(
                ["docker", *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ExecutionError(f"docker {words[0]} did not answer within {timeout:g} s") from error
        except OSError as error:
            raise ExecutionError(f"docker cannot be run: {error.strerror}") from error

    def pull(self, image: str) -> None:
        """Raises ExecutionError, with how to log in if that is what it takes."""
        done = self.call("pull", "--quiet", image, timeout=None)
        if done.returncode:
            what = _last_line(done.stderr)
            raise ExecutionError(f"The image {image} cannot be pulled: {what}", hint=_log_in(image, what))

    def labels(self, execution: str) -> list[str]:
        return ["--label", f"{_HOME}={self.home}", "--label", f"{_EXECUTION}={execution}"]

    def remove_abandoned(self, is_running: Callable[[str], bool]) -> None:
        """Remove what runs that were killed left behind; containers first, for they hold the networks."""
        shown = ("--filter", f"label={_HOME}={self.home}", "--format", f'{{{{.ID}}}} {{{{.Label "{_EXECUTION}"}}}}')
        for listing, removal in (
            (("ps", "--all", *shown), ("rm", "--force")),
            (("network", "ls", *shown), ("network", "rm")),
        ):
            for line in self.call(*listing).stdout.splitlines():
                name, _, execution = line.partition(" ")
                if execution and not is_running(execution):
                    self.call(*removal, name)


class ContainerImages:
    """What a run asks about images, if containers are made of them: they are pulled, and start what they hold."""

    def __init__(self, docker: Docker, others: Images, say: Callable[[str], None]) -> None:
        self._docker = docker
        self._others = others  # for what has no image: Lambda functions
        self._say = say
        self._there: dict[str, str] = {}
        self._lock = threading.Lock()

    def check(self, image: str) -> None:
        """Nothing can be known of an image before it is pulled."""

    def describe(self, image: str) -> str:
        return f"image {image} itself, in a container" if image else self._others.describe(image)

    def of(self, image: str) -> Environment:
        """Raises ExecutionError if the image is not here and cannot be pulled."""
        if not image:
            return self._others.of(image)
        with self._lock:
            if image not in self._there:
                found = self._id_of(image)
                if not found:
                    self._say(f"pulling {image}")
                    self._docker.pull(image)
                self._there[image] = found or self._id_of(image)
            return Environment((), (), image_id=self._there[image])

    def is_made(self, image: str) -> bool:
        """Whether it is here."""
        return bool(self._id_of(image)) if image else self._others.is_made(image)

    def _id_of(self, image: str) -> str:
        """Empty if it is not here."""
        done = self._docker.call("image", "inspect", "--format", "{{.Id}}", image)
        return "" if done.returncode else done.stdout.strip() or "here"

    def with_program(self, job: Job) -> Job:
        return job


class Containers:
    """Starts the containers of one execution. The network that the hosts of a job share goes with the last of them."""

    def __init__(self, docker: Docker, execution: str, launcher: Launcher) -> None:
        self._docker = docker
        self._execution = execution
        self._launcher = launcher
        self._on_network: Counter[str] = Counter()
        self._lock = threading.Lock()

    def images(self, others: Images, say: Callable[[str], None]) -> Images:
        """What the run asks about the images of its containers; `others` answers for what has none."""
        return ContainerImages(self._docker, others, say)

    def start(self, job: Job, host: Host, limit: Limit | None = None) -> ContainerProcess:
        """Raises ExecutionError for variables that Docker cannot be told, or a network that cannot be made."""
        name = f"{job.name}-{host.name}"
        variables, multiline = _parted({"HOME": "/tmp"} | dict(job.environment(host.name)))  # noqa: S108 - its own
        file = _variables_file(host.folder / "variables", variables)
        command = [
            *("docker", "run", "--rm", "--pull", "never", "--sig-proxy=false"),
            *("--name", name, "--hostname", host.name),
            *self._docker.labels(self._execution),
            *("--stop-timeout", str(self._docker.grace_seconds)),
            *("--user", f"{os.getuid()}:{os.getgid()}"),
            *("--mount", mount_words(host.folder / "ml", ML)),
            *("--env-file", str(file)),
            *(word for variable in sorted(multiline) for word in ("--env", variable)),
            *_limit_words(limit),
            *self._network(job, host),
            *(("--workdir", job.directory) if job.directory != "/" else ()),
            *(("--entrypoint", job.command[0]) if job.command else ()),
            job.image,
            *(job.command[1:] if job.command else job.arguments),
        ]
        try:
            client = self._launcher.start(command, dict(os.environ) | multiline, host.log)
        except BaseException:
            self._leave(job)
            raise
        return ContainerProcess(client, self._docker, name, host.log, lambda: self._leave(job))

    def _network(self, job: Job, host: Host) -> list[str]:
        if job.isolated:
            return ["--network", "none"]
        if len(job.hosts) == 1:
            return []
        with self._lock:
            if not self._on_network[job.name]:
                done = self._docker.call("network", "create", *self._docker.labels(self._execution), job.name)
                if done.returncode:
                    raise ExecutionError(f"docker cannot make a network: {_last_line(done.stderr)}")
            self._on_network[job.name] += 1
        return ["--network", job.name, "--network-alias", host.name]

    def _leave(self, job: Job) -> None:
        with self._lock:
            if self._on_network[job.name]:
                self._on_network[job.name] -= 1
                if not self._on_network[job.name]:
                    self._docker.call("network", "rm", job.name)


class ContainerProcess(JobProcess):
    """A container, known by Docker's client that runs it. A signal goes to the container, not to the client."""

    def __init__(self, client: JobProcess, docker: Docker, name: str, log: Path, leave: Callable[[], None]) -> None:
        super().__init__(client._control)
        self._docker = docker
        self._name = name
        self._log = log
        self._leave = leave
        self._stopping: subprocess.Popen[bytes] | None = None
        self._is_forced = False
        self._may_be_left = False

    def news(self) -> Ending | None:
        """The container's ending, of which the client tells in exit codes alone."""
        ending = super().news()
        if ending and (ending.exit_code < 0 or ending.exit_code == _NOT_STARTED[0]):  # it did not see the container end
            self._may_be_left = True
        if ending and ending.exit_code in _NOT_STARTED:  # if the client said nothing, it is the program's own
            said = [line for line in last_lines(self._log, _CLIENTS_LINES) if line.startswith("docker: ")]
            self.refused = said[-1] if said else ""
        if ending and ending.exit_code == 128 + signal.SIGKILL:
            return replace(ending, exit_code=-signal.SIGKILL)
        return ending

    def terminate(self) -> None:
        """TERM to the container's first process, KILL after the time of grace; it is not waited for."""
        if self._stopping is None and not self.ended:
            nothing = subprocess.DEVNULL
            words = ["docker", "stop", "-t", str(self._docker.grace_seconds), self._name]
            with suppress(OSError):  # it is killed then, when its time of grace is over
                self._stopping = subprocess.Popen(words, stdin=nothing, stdout=nothing, stderr=nothing)

    def kill(self) -> None:
        """End and remove the container, then the client that has lost it."""
        if not self._is_forced and not self.ended:
            self._is_forced = True
            self._remove()
            super().kill()

    def close(self) -> None:
        """Nothing of it is left: one that was to be stopped before it had started would start afterwards."""
        super().close()
        if self._stopping:
            with suppress(subprocess.TimeoutExpired):
                self._stopping.wait(self._docker.grace_seconds + _ANSWER_SECONDS)
        if self._stopping or self._is_forced or self._may_be_left:
            self._remove()
        with suppress(ExecutionError):
            self._leave()

    def _remove(self) -> None:
        """An engine that does not answer is not waited for: the next run looks for what is left."""
        with suppress(ExecutionError):
            self._docker.call("rm", "--force", self._name)


def _limit_words(limit: Limit | None) -> list[str]:
    """Docker holds a container to them; no swap beside its memory."""
    words = []
    if limit and limit.memory_bytes:
        words += ["--memory", str(limit.memory_bytes), "--memory-swap", str(limit.memory_bytes)]
    if limit and limit.processors:
        words += ["--cpus", f"{limit.processors:g}"]
    return words


def _parted(variables: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Those that fit a line of a file, and the others, which Docker's client takes from its own environment.

    Raises ExecutionError for one of the others that would change the client.
    """
    multiline = {name: value for name, value in variables.items() if "\n" in value or "\r" in value}
    for name in multiline:
        if name.startswith(_OF_THE_CLIENT):
            raise ExecutionError(f"The variable {name} has several lines, which Docker's client cannot pass on")
    return {name: value for name, value in variables.items() if name not in multiline}, multiline


def _variables_file(path: Path, variables: Mapping[str, str]) -> Path:
    """A file for `--env-file`, for its owner's eyes only."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in variables.items())
    return path


def mount_words(source: Path, target: str) -> str:
    """A value for `--mount`, which is a line of CSV: a comma in a path is not the end of it."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(["type=bind", f"source={source}", f"target={target}"])
    return line.getvalue()


def _log_in(image: str, said: str) -> str:
    registry = _REGISTRY.match(image)
    if not registry or not _DENIED.search(said):
        return "Pull it yourself, and run again."
    host, region = registry.groups()
    return f"Log in: aws ecr get-login-password --region {region} | docker login --username AWS --password-stdin {host}"


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip()[:300] if lines else "it says no reason"
