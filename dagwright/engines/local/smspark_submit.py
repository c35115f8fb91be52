#!/usr/bin/env python3
"""`smspark-submit`, the program of SageMaker's Spark images, for jobs on this machine.

What comes in: the words the image's program takes, `resourceconfig.json`, `configuration.json`. What goes out: one run
of `spark-submit` with all cores of the machine, in the place of this process, on the first of the job's hosts. The
others are its workers on AWS; here there is nothing for them to do.

It runs on the Python of the job's image, which may be 3.9, and imports the standard library only.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
LISTS = ("--jars", "--py-files", "--files")
OPTIONS = (*LISTS, "--class", "--spark-event-logs-s3-uri", "--local-spark-event-logs-dir")
REMOTE = ("s3://", "s3a://", "s3n://")
# What a properties file of the image's Spark would hold, by the classification of configuration.json.
PREFIXES = {"spark-defaults": "", "core-site": "spark.hadoop."}
# What a small machine wants, unless configuration.json says otherwise: no server, few tasks, few words.
DEFAULTS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "WARN",
    "spark.sql.shuffle.partitions": str(os.cpu_count() or 1),
}
LEAST_MEMORY_MIB, MOST_MEMORY_MIB = 1024, 8192


def say(line: str) -> None:
    """A line for the job's log, before Spark writes to it."""
    sys.stderr.write(f"smspark-submit: {line}\n")


class SubmitError(Exception):
    """The job cannot be submitted; the text is the sentence that the person sees."""


class Submission:
    """The words of one call: its options, the application and what the application is told."""

    def __init__(self, words: list[str]) -> None:
        self.options: dict[str, str] = {}
        self.verbose = False
        left = iter(words)
        self.app = ""
        for word in left:
            if word in ("-v", "--verbose"):
                self.verbose = True
            elif word.startswith("-") and word != "--":
                self._take(word, left)
            else:
                self.app = next(left, "") if word == "--" else word
                break
        if not self.app:
            raise SubmitError("there is no application: name a .py or a .jar after the options")
        self.arguments = list(left)

    def words(self) -> list[str]:
        """The words of a call that says the same."""
        options = [word for option in self.options.items() for word in option]
        return [*options, *(["--verbose"] if self.verbose else []), "--", self.app, *self.arguments]

    def _take(self, word: str, left: Iterable[str]) -> None:
        name, is_joined, value = word.partition("=")
        if name not in OPTIONS:
            raise SubmitError(f"there is no option {name}; it has {', '.join((*OPTIONS, '--verbose'))}")
        given = value if is_joined else next(iter(left), None)
        if given is None:
            raise SubmitError(f"the option {name} needs a value")
        self.options[name] = given


def main(words: list[str]) -> int:
    """Become Spark on the first host; 0 on any other, 1 with a sentence for what cannot be submitted."""
    try:
        submission = Submission(words)
        host = waiting_host()
        if host:
            say(f"{host} is a worker; here the driver uses the cores of this machine by itself")
            return 0
        configuration = read_configuration(BASE / "processing/input/conf/configuration.json")
        start(submission, configuration)
    except SubmitError as error:
        return refuse(str(error))
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        # words and variables that no program can be started with, folders that cannot be made
        return refuse(f"Spark cannot be started: {error}")


def refuse(sentence: str) -> int:
    """Say why nothing is submitted, to who reads the log and to the service; the exit code."""
    readable = sentence.encode(errors="backslashreplace").decode()
    say(readable)
    leave_message(readable)
    return 1


def waiting_host() -> str:
    """The name of this host if it is not the one that runs the application, which is the first in order."""
    try:
        config = json.loads((BASE / "config/resourceconfig.json").read_text(encoding="utf-8"))
        here, first = str(config["current_host"]), min(config["hosts"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # started by hand, outside of a job
    return "" if here == first else here


def read_configuration(path: Path) -> list[dict[str, Any]]:
    """The classifications of configuration.json; none if it is not there."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise SubmitError(f"{path} cannot be read: {error}") from error
    entries = found if isinstance(found, list) else [found]
    if not are_classifications(entries):
        raise SubmitError(f"{path} is no list of classifications with Classification and Properties")
    for entry in entries:
        for name in exports(entry) if entry.get("Classification") == "spark-env" else ():
            if not name or "=" in name or not is_a_word(name):
                raise SubmitError(f"{path} exports {name!a}, which is no name of a variable")
    return entries


def are_classifications(entries: object) -> bool:
    """Whether this is a list of objects, each with a name, perhaps properties, and perhaps such a list inside."""
    return isinstance(entries, list) and all(
        isinstance(entry, dict)
        and isinstance(entry.get("Classification"), str)
        and isinstance(entry.get("Properties"), (dict, type(None)))
        and are_classifications([] if entry.get("Configurations") is None else entry["Configurations"])
        for entry in entries
    )


def is_a_word(word: str) -> bool:
    """Whether a program can be told this."""
    try:
        return b"\0" not in os.fsencode(word)
    except UnicodeEncodeError:
        return False


def start(submission: Submission, configuration: list[dict[str, Any]]) -> NoReturn:
    """Replace this process by spark-submit."""
    program = find_program()
    properties = {**DEFAULTS, "spark.driver.memory": f"{driver_memory_mib()}m"}
    variables = {**os.environ, **own_variables()}
    for entry in configuration:
        name = entry.get("Classification")
        if name in PREFIXES:
            properties.update(
                {PREFIXES[name] + key: text(value) for key, value in (entry.get("Properties") or {}).items()}
            )
        elif name == "spark-env":
            variables.update(exports(entry))
        else:
            say(f"the configuration of {name} is for the cluster, and left out here")
    properties.update(event_log(submission.options))
    command = [program, "--master", "local[*]", "--deploy-mode", "client"]
    for key in sorted(properties):
        command += ["--conf", f"{key}={properties[key]}"]
    if "--class" in submission.options:
        command += ["--class", submission.options["--class"]]
    for option in LISTS:
        if submission.options.get(option):
            command += [option, ",".join(expand(option, submission.options[option]))]
    command += ["--verbose"] if submission.verbose else []
    os.execve(program, [*command, submission.app, *submission.arguments], variables)  # noqa: S606 - a list, no shell


def find_program() -> str:
    """spark-submit: the one on PATH, or that of the installed PySpark."""
    program = shutil.which("spark-submit")
    spec = None if program else find_spec("pyspark")
    if spec is not None and spec.origin:
        program = str(Path(spec.origin).with_name("bin") / "spark-submit")
    if program is None:
        raise SubmitError("Spark is not in this job's environment: pip install 'dagwright[spark]' there, or pyspark")
    if not shutil.which("java") and not os.environ.get("JAVA_HOME"):
        raise SubmitError("Spark needs Java, and there is none on this machine: install a JDK 17 (openjdk-17-jre)")
    return program


def own_variables() -> dict[str, str]:
    """Python workers are this Python; the driver is found at an address that needs no name service."""
    python = {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable}
    return {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_DIRS": os.environ.get("TMPDIR", "/tmp"), **python}  # noqa: S108


def exports(entry: Mapping[str, Any]) -> dict[str, str]:
    """The variables of the `export` inside a `-env` classification."""
    found: dict[str, str] = {}
    for inner in entry.get("Configurations") or ():
        if inner["Classification"] == "export":
            found.update({key: text(value) for key, value in (inner.get("Properties") or {}).items()})
    return found


def event_log(options: Mapping[str, str]) -> dict[str, str]:
    """The properties that keep the events of the run in the folder that the job takes them from."""
    if "--spark-event-logs-s3-uri" in options:
        say("event logs go to S3 on AWS; here use --local-spark-event-logs-dir and an output")
    folder = options.get("--local-spark-event-logs-dir")
    if not folder:
        return {}
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise SubmitError(f"--local-spark-event-logs-dir {folder} cannot be made: {error.strerror}") from error
    return {"spark.eventLog.enabled": "true", "spark.eventLog.dir": Path(folder).resolve().as_uri()}


def expand(option: str, value: str) -> list[str]:
    """The files of a list, every folder by the files directly in it, in order."""
    files: list[str] = []
    for word in value.split(","):
        path = Path(word[len("file://") :] if word.startswith("file://") else word)
        if word.startswith(REMOTE):
            raise SubmitError(f"{option} names {word}, and there is no S3 here: read it through an input instead")
        if not path.is_absolute():
            raise SubmitError(f"{option} names {word}, which is no absolute path")
        if not path.exists():
            raise SubmitError(f"{option} names {word}, which does not exist")
        found = sorted(str(one) for one in path.iterdir() if one.is_file()) if path.is_dir() else [str(path)]
        if not found:
            raise SubmitError(f"{option} names {word}, a folder without files")
        files += found
    return files


def driver_memory_mib() -> int:
    """Half of the machine's memory, as driver and executors are one process here."""
    half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 21
    return max(LEAST_MEMORY_MIB, min(MOST_MEMORY_MIB, half))


def text(value: object) -> str:
    """A value of configuration.json as Spark reads it."""
    return value if isinstance(value, str) else json.dumps(value)


def leave_message(sentence: str) -> None:
    """Where the service looks for the reason of a failure."""
    try:
        (BASE / "output").mkdir(parents=True, exist_ok=True)
        (BASE / "output/message").write_text(sentence, encoding="utf-8")
    except OSError:
        say("the message file cannot be written")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
