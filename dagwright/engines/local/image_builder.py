"""Builds images with the Docker engine of this machine, and pushes them.

What comes in: a Dockerfile and an address with a tag. What goes out: the image, in the registry. Every command is a
list of words; the password of a registry goes through a pipe into a configuration of Docker's client that is made for
this and removed afterwards. What Docker says is said on, line by line.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dagwright.errors import ExecutionError

_LAST_LINES = 12
_LARGEST_BYTES = 1 << 20
# Of the user's own configuration what says where the engine is, and no credentials.
_MEMBERS = ("currentContext", "cliPluginsExtraDirs", "proxies")
_FOLDERS = ("contexts", "cli-plugins", "buildx")


class ImageBuilder:
    """Docker's client, with a configuration of its own in `config`."""

    def __init__(self, config: Path, say: Callable[[str], None]) -> None:
        self._variables = {**os.environ, "DOCKER_CONFIG": str(config)}
        self._say = say

    def log_in(self, host: str, password: str) -> None:
        """Raises ExecutionError."""
        words = ["login", "--username", "AWS", "--password-stdin", host]
        self._call(words, f"Docker cannot log in to {host}", given=password)

    def build(self, dockerfile: Path, image: str) -> None:
        """Build for SageMaker's machines, in the form of manifest that it takes. Raises ExecutionError."""
        form = ["--platform", "linux/amd64", "--provenance=false", "--output", "type=docker"]
        words = ["buildx", "build", *form, "--file", str(dockerfile), "--tag", image, str(dockerfile.parent)]
        self._call(words, f"{dockerfile} cannot be built")

    def push(self, image: str) -> None:
        """Raises ExecutionError."""
        self._call(["push", image], f"{image} cannot be pushed")

    def _call(self, words: list[str], what: str, given: str = "") -> None:
        """One command, what it says said on. Raises ExecutionError, with its last lines."""
        last: deque[str] = deque(maxlen=_LAST_LINES)
        try:
            docker = subprocess.Popen(
                ["docker", *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                env=self._variables,
            )
        except OSError as error:
            raise ExecutionError(f"docker cannot be run: {error.strerror}") from error
        with docker:
            try:
                if docker.stdin:
                    with suppress(BrokenPipeError):  # it has ended already, and its exit code says why
                        docker.stdin.write(given)
                        docker.stdin.close()
                for line in docker.stdout or ():
                    last.append(line.rstrip())
                    self._say(line.rstrip())
            except BaseException:
                docker.kill()
                raise
        if docker.returncode:
            raise ExecutionError("\n".join([f"{what} (exit code {docker.returncode}):", *(f"  {one}" for one in last)]))


@contextmanager
def image_builder(hosts: list[str], say: Callable[[str], None]) -> Iterator[ImageBuilder]:
    """A builder for these registries; its credentials are gone afterwards. Raises ExecutionError without Docker."""
    if shutil.which("docker") is None:
        hint = "Install Docker (its engine, client and buildx) here, or push from where it is, such as CI."
        raise ExecutionError("There is no program 'docker' on this machine, and an image has to be built", hint=hint)
    with tempfile.TemporaryDirectory(prefix="dagwright-docker-") as folder:
        config = Path(folder)
        _configure(config, hosts)
        yield ImageBuilder(config, say)


def _configure(config: Path, hosts: list[str]) -> None:
    """The user's engine and plugins, without their credentials.

    That the registries are named already keeps Docker's client from putting their passwords into the system's keychain,
    where they would stay.
    """
    own = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    members = {**_settings(own / "config.json"), "auths": {host: {} for host in hosts}}
    (config / "config.json").write_text(json.dumps(members), encoding="utf-8")
    for name in _FOLDERS:
        if (own / name).is_dir():
            (config / name).symlink_to((own / name).resolve(), target_is_directory=True)


def _settings(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_BYTES:
            return {}
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}  # Docker's client says what is wrong with it when it is next used
    return {name: held[name] for name in _MEMBERS if name in held} if isinstance(held, dict) else {}
