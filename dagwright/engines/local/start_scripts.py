"""Shell scripts by which the SDKs start a job, on machines that are unlike the container they were written for.

What comes in: a `Job` and, once its files are in place, its folder. What goes out: the job with a shell that is there,
and its start script with the folder that stands for `/opt/ml` where there is no sandbox. The scripts name `/opt/ml`
themselves: `runproc.sh` of a FrameworkProcessor, `sm_train.sh` of a ModelTrainer with its drivers, `job_driver.sh` of a
decorated function, the script that repacks a model.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from dagwright.engines.local.job import ML, Host, Job
from dagwright.errors import ExecutionError

SHELLS = ("/bin/bash", "/usr/bin/bash")
_SCRIPT = re.compile(rf"{ML}/[^\s'\";&|()]+\.sh\b")
_NAMES = (".sh", ".py")
# What neither a shell nor Python reads as anything but itself, in or out of quotes.
_PLAIN = re.compile(r"[A-Za-z0-9_./+@%=:,-]+")
_MOST_BYTES = 1 << 20


def start_files(command: tuple[str, ...]) -> tuple[str, ...]:
    """The folder of the shell script that a command starts, with what else the SDK put there: `…/data/sm_drivers`."""
    if not command or os.path.basename(command[0]) not in ("bash", "sh"):
        return ()
    found = next(filter(None, map(_SCRIPT.search, command[1:3])), None)
    return (os.path.dirname(found[0]),) if found else ()


def with_shell(job: Job) -> Job:
    """The job with this machine's bash, if it starts bash where the machine has none.

    Raises ExecutionError if there is none at all: what the script says cannot be known to any other shell.
    """
    if not job.command or job.command[0] not in SHELLS or os.path.exists(job.command[0]):
        return job
    bash = shutil.which("bash")
    if bash is None:
        raise ExecutionError(
            f"The job starts with a script for {job.command[0]}, and there is no bash on this machine",
            hint="Install bash: the script was written for it, and no other shell is sure to understand it.",
        )
    return replace(job, command=(bash, *job.command[1:]))


def rewrite(job: Job, host: Host, translate: Callable[[str], str]) -> None:
    """Let the job's start script and the programs beside it name the host's folder instead of `/opt/ml`.

    Raises ExecutionError if the folder has a name that the script would take apart.
    """
    for path in _programs(job, host):
        content = path.read_bytes()
        if ML.encode() not in content:
            continue
        if not _PLAIN.fullmatch(str(host.folder)):
            raise ExecutionError(
                f"Without a sandbox the script {path.name} has to name {host.folder}, which a shell would take apart",
                hint="Run from a folder with letters, digits, '-', '_' and '.' only in its path.",
            )
        text = translate(content.decode("utf-8", errors="surrogateescape"))
        path.write_bytes(text.encode("utf-8", errors="surrogateescape"))


def _programs(job: Job, host: Host) -> Iterator[Path]:
    """The files of the job that are to be rewritten: copies of its own, as nothing is linked without a sandbox."""
    for place in job.start_files:
        found = host.path(place)
        files = [found] if not found.is_dir() else [Path(at, name) for at, _, names in os.walk(found) for name in names]
        for path in sorted(files):
            if path.suffix in _NAMES and path.is_file() and path.stat().st_size <= _MOST_BYTES:
                yield path
