"""Jobs that submit a Spark application, on a machine that is no Spark image.

What comes in: a `Job` that starts `smspark-submit`. What goes out: the same with Java and with the files that Spark
would fetch from S3 itself, and the folder with our `smspark-submit` for its PATH; or a sentence on what is missing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from dagwright.engines.local.job import ML, Input, Job
from dagwright.engines.local.programs import program, program_folder
from dagwright.engines.local.smspark_submit import LISTS, REMOTE, Submission, SubmitError
from dagwright.errors import ExecutionError

SUBMIT = "smspark-submit"
_HADOOPS_OWN = tuple(form for form in REMOTE if form != "s3://")  # nobody but Spark can read an address of these forms


def submits_spark(job: Job) -> bool:
    """Whether the job's program is that of the Spark images."""
    return job.command[0].rpartition("/")[2] == SUBMIT


def with_spark(job: Job) -> Job:
    """A job that submits to Spark, with what Spark needs here.

    Raises ExecutionError if there is no Java, or for data that the application would read from S3 by itself.
    """
    java = java_home()
    command, fetched = _fetched(job.command)
    remote = next((word for word in command if word.startswith(_HADOOPS_OWN)), None)
    if remote is not None:
        raise ExecutionError(
            f"The application is told of '{remote}', and Spark here has no S3",
            hint="read it through an input instead: ProcessingInput and ProcessingOutput work here and on AWS.",
        )
    return replace(
        job,
        command=(SUBMIT, *command[1:]),
        environment=_with_java(job.environment, java),
        inputs=(*job.inputs, *fetched),
        visible=(*job.visible, java),
    )


def java_home() -> Path:
    """The folder of the Java that this machine would start: `JAVA_HOME`, or that of the `java` on PATH."""
    said = os.environ.get("JAVA_HOME", "")
    program = shutil.which("java", path=os.path.join(said, "bin")) if said else None
    program = program or shutil.which("java")
    if program is None:
        raise ExecutionError(
            "The job runs Spark, which needs Java, and there is none on this machine",
            hint="Install a Java 17 (Debian, Ubuntu: openjdk-17-jre-headless), or set JAVA_HOME to one.",
        )
    return Path(os.path.realpath(program)).parent.parent


def check_pyspark(lacks: Callable[[str, str], bool], image: str) -> None:
    """Raises ExecutionError if the environment of `image` is known to have no PySpark."""
    if lacks(image, "pyspark"):
        raise ExecutionError(
            "The job runs Spark, and PySpark is not installed in the Python of its image",
            hint="`make spark`, once, some 300 MB; or map the image to an environment that has it.",
        )


def submit_folder(root: Path) -> Path:
    """The folder below `root` whose only program is our `smspark-submit`, made if need be. Raises StorageError."""
    text = program("smspark_submit.py")
    return program_folder(root / f"spark-{hashlib.sha256(text.encode()).hexdigest()[:16]}", {SUBMIT: text})


def _with_java(variables: Callable[[str], Mapping[str, str]], java: Path) -> Callable[[str], Mapping[str, str]]:
    return lambda host: {"JAVA_HOME": str(java), **variables(host)}


def _fetched(command: tuple[str, ...]) -> tuple[tuple[str, ...], list[Input]]:
    """The command with folders for the S3 addresses in its lists of files, and the inputs that fill them."""
    try:
        submission = Submission(list(command[1:]))
    except SubmitError:
        return command, []  # said by the program itself
    inputs = []
    for option in LISTS:
        places = submission.options.get(option, "").split(",")
        for number, place in enumerate(places):
            if place.startswith(REMOTE):
                name = f"{option.lstrip('-')}-from-s3-{number + 1}"
                places[number] = f"{ML}/processing/input/{name}"
                inputs.append(Input(name, f"s3://{place.partition('://')[2]}", places[number]))
                submission.options[option] = ",".join(places)
    return (command[0], *submission.words()) if inputs else command, inputs
