"""A `docker` for tests, to be put on PATH: writes down how it is called, and runs "containers" as processes.

Its folder (FAKE_DOCKER) holds: `calls`, a JSON list a line; `images.json`, image -> the program it starts; `pullable`,
the images that can be pulled; `listed`, what `ps` and `network ls` print; `variables`, what `--env-file` held; `help`,
what `run` says behind its reason for starting nothing, which versions of the client word differently.
A container is a process in a group of its own, in whose words and variables /opt/ml is the mounted folder.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

HOME = Path(os.environ.get("FAKE_DOCKER", "."))
FLAGS = ("--rm", "--sig-proxy=false")
NOT_CREATED = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process"
)


def refuse(text: str, code: int = 1) -> NoReturn:
    print(text, file=sys.stderr, flush=True)
    sys.exit(code)


def refuse_to_run(reason: str, code: int) -> NoReturn:
    refuse(f"docker: Error response from daemon: {reason}{(HOME / 'help').read_text()}", code)


def images() -> dict[str, list[str]]:
    held: dict[str, list[str]] = json.loads((HOME / "images.json").read_text())
    return held


def run(words: list[str]) -> None:
    options: dict[str, list[str]] = {}
    while words[0].startswith("--"):
        word = words.pop(0)
        if word not in FLAGS:
            options.setdefault(word, []).append(words.pop(0))
    image, *arguments = words
    if image not in images():
        refuse_to_run(f"No such image: {image}", 125)
    source = next(part for part in options["--mount"][0].split(",") if part.startswith("source=")).partition("=")[2]
    variables = dict(line.split("=", 1) for line in Path(options["--env-file"][0]).read_text().splitlines())
    variables |= {name: os.environ[name] for name in options.get("--env", [])}
    with open(HOME / "variables", "a") as file:
        mode = stat.S_IMODE(Path(options["--env-file"][0]).stat().st_mode)
        file.write(json.dumps({"mode": mode, **variables}) + "\n")
    program = options["--entrypoint"] if "--entrypoint" in options else images()[image]
    command = [word.replace("/opt/ml", source) for word in [*program, *arguments]]
    surroundings = {name: value.replace("/opt/ml", source) for name, value in variables.items()}
    try:
        child = subprocess.Popen(command, env={"PATH": os.environ["PATH"], **surroundings}, start_new_session=True)
    except FileNotFoundError:
        refuse_to_run(f'{NOT_CREATED}: exec: "{program[0]}": executable file not found in $PATH', 127)
    except PermissionError:
        refuse_to_run(f'{NOT_CREATED}: exec: "{program[0]}": permission denied', 126)
    (HOME / options["--name"][0]).write_text(str(child.pid))
    code = child.wait()
    (HOME / options["--name"][0]).unlink(missing_ok=True)
    sys.exit(code if code >= 0 else 128 - code)


def signal_container(name: str, number: int) -> None:
    try:
        os.killpg(int((HOME / name).read_text()), number)
    except (FileNotFoundError, ProcessLookupError):
        refuse(f"Error response from daemon: No such container: {name}")


def stop(words: list[str]) -> None:
    _, grace, name = words
    signal_container(name, signal.SIGTERM)
    deadline = time.monotonic() + float(grace)
    while (HOME / name).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    if (HOME / name).exists():
        signal_container(name, signal.SIGKILL)


def main(words: list[str]) -> None:
    with open(HOME / "calls", "a") as calls:
        calls.write(json.dumps(words) + "\n")
    match words:
        case ["version", *_] if (HOME / "no-engine").exists():
            refuse("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
        case ["version", *_]:
            print("28.0.0")
        case ["image", "inspect", _, _, image] if image not in images():
            refuse(f"Error response from daemon: No such image: {image}")
        case ["pull", _, image] if image not in (HOME / "pullable").read_text().splitlines():
            refuse(
                "Error response from daemon: pull access denied, repository does not exist or no basic auth credentials"
            )
        case ["pull", _, image]:
            (HOME / "images.json").write_text(json.dumps({**images(), image: ["true"]}))
        case ["ps", *_] | ["network", "ls", *_]:
            print((HOME / "listed").read_text(), end="")
        case ["run", *rest]:
            run(rest)
        case ["stop", *rest]:
            stop(rest)
        case ["rm", "--force", name]:
            signal_container(name, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
