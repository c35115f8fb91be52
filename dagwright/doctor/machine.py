"""This machine, as the local engine finds it: what a run here has, and what it would miss."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from dagwright.definition.rules.jobs import jobs
from dagwright.doctor.findings import Sayings, ok, problem, warning
from dagwright.doctor.ward import Declared
from dagwright.doctor.workload import Workload
from dagwright.engines.local.containers import Docker
from dagwright.engines.local.environments import Environments
from dagwright.engines.local.launcher import Launcher
from dagwright.engines.local.launching import NAMESPACES, PATHS
from dagwright.engines.local.spark import SUBMIT, java_home
from dagwright.errors import DagwrightError

if TYPE_CHECKING:
    from dagwright.project import LocalSettings

_LITTLE, _LEAST = 5_000_000_000, 500_000_000
# What is installed with an extra, and what takes it.
_EXTRAS = {
    "stepfunctions": ("jsonpath_ng", "run --engine stepfunctions"),
    "aws-calls": ("flask", "scripts that call services other than S3"),
    "tuning": ("optuna", "tuning jobs whose strategy is Bayesian or Hyperband"),
    "xgboost": ("xgboost", "the built-in XGBoost"),
    "notebooks": ("papermill", "notebook jobs"),
}


@dataclass(frozen=True)
class Machine:
    """A project's folder on this machine, and its pipelines. `docker`: whether jobs are to run in containers."""

    root: Path
    settings: LocalSettings
    pipelines: Sequence[Declared]
    docker: bool = False

    @property
    def home(self) -> Path:
        return self.root / ".dagwright"

    @property
    def workload(self) -> Workload:
        return Workload({one.name: one.graph for one in self.pipelines if one.graph is not None})

    @property
    def spark_images(self) -> list[str]:
        """The images of jobs that submit to Spark."""
        found = (job for graph in self.workload.graphs.values() for job in jobs(graph, "Processing"))
        submitting = (job for job in found if _program(job.raw("AppSpecification.ContainerEntrypoint")) == SUBMIT)
        return [*dict.fromkeys(str(job.usual("AppSpecification.ImageUri") or "") for job in submitting)]

    def environments(self) -> Environments:
        """What runs the jobs of which image."""
        rules, libraries = self.settings.environments, self.settings.libraries
        return Environments(self.home / "environments", rules, self.root, libraries=libraries)


def _program(words: object) -> str:
    return str(words[0]).rpartition("/")[2] if isinstance(words, list) and words else ""


def python(machine: Machine) -> Sayings:
    """The Python that runs the tool, and jobs whose image is not mapped."""
    yield ok(f"Python {platform.python_version()} ({sys.executable})")


def sandbox(machine: Machine) -> Sayings:
    """Whether the kernel gives each job a machine of its own."""
    wanted = machine.settings.sandbox
    if wanted == PATHS:
        yield warning("the configuration wants no sandboxes", "Set local.sandbox to auto: scripts then see /opt/ml.")
        return
    with tempfile.TemporaryDirectory() as folder:
        launcher = Launcher(Path(folder))
        refusal = launcher.refusal()
        launcher.close()
    hint = "Allow unprivileged user namespaces, or use --runtime docker."
    if not refusal:
        yield ok("each job has its own /opt/ml, /tmp and processes")
    elif wanted == NAMESPACES:
        yield problem(f"the configuration asks for sandboxes, and the kernel refuses them: {refusal}", hint)
    else:
        yield warning(f"the kernel refuses sandboxes ({refusal}): /opt/ml is replaced in arguments only", hint)


def folder(machine: Machine) -> Sayings:
    """Whether `.dagwright` can be written."""
    home = machine.home
    there = next(one for one in (home, *home.absolute().parents) if os.path.lexists(one))
    if not there.is_dir():
        yield problem(f"{there} is no folder", "Move it away: local runs keep everything they write in it.")
    elif not os.access(there, os.W_OK):
        yield problem(f"{there} cannot be written by this user", "Change its owner or its mode.")
    else:
        yield ok(f"{home.name} can be written")


def disk(machine: Machine) -> Sayings:
    """Whether there is room for data and environments."""
    there = next(one for one in (machine.home, *machine.home.absolute().parents) if one.is_dir())
    free = shutil.disk_usage(there).free
    what = f"{free / 1e9:.1f} GB are free in {there.name or there}"
    hint = "Delete runs you need no more, below .dagwright, or make room."
    yield problem(what, hint) if free < _LEAST else warning(what, hint) if free < _LITTLE else ok(what)


def spark(machine: Machine) -> Sayings:
    """Java and PySpark, if a pipeline submits to Spark."""
    for image in machine.spark_images:
        yield from _seen_here("Spark", _spark(machine, image))


def _spark(machine: Machine, image: str) -> Sayings:
    yield ok(f"Java is in {java_home()}")
    if machine.environments().lacks(image, "pyspark"):
        yield problem("PySpark is not installed", "`make spark`, once, some 300 MB.")
    else:
        yield ok("PySpark is installed, or comes with the image's environment")


def images(machine: Machine) -> Sayings:
    """What runs the jobs of each image."""
    environments = machine.environments()
    for image, who in machine.workload.images.items():
        yield from _seen_here(who, (ok(environments.describe(one)) for one in [image]))


def docker(machine: Machine) -> Sayings:
    """The Docker engine, if jobs are to run in containers."""
    if machine.docker:
        yield from _seen_here("Docker", _engine(machine))


def _engine(machine: Machine) -> Sayings:
    Docker(str(machine.home), machine.settings.stop_grace_seconds).require()
    yield ok("a Docker engine answers")


def extras(machine: Machine) -> Sayings:
    """What can be installed besides, and is not."""
    missing = [f"{name} (for {use})" for name, (module, use) in _EXTRAS.items() if find_spec(module) is None]
    if missing:
        yield ok(f"not installed, and needed by few: {', '.join(missing)}")
    else:
        yield ok("all optional parts are installed")


def _seen_here(subject: str, sayings: Sayings) -> Sayings:
    """What is said; an error of the local engine's is a problem, in its own words."""
    try:
        yield from sayings
    except DagwrightError as error:
        yield problem(f"{subject}: {error.message}", error.hint)
