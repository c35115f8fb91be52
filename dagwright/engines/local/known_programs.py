"""The programs that a local run knows: what a job starts that names none, or that wants more than a Python.

What comes in: a job, and the Python that its image gets. What goes out: the job with its program, and with what that
program needs here; or a sentence that says what is missing.
"""

from __future__ import annotations

from typing import Protocol

from dagwright.engines.local.function_steps import function_of, with_function
from dagwright.engines.local.job import Job
from dagwright.engines.local.notebook_jobs import runs_notebook, with_notebook
from dagwright.engines.local.spark import check_pyspark, submits_spark, with_spark
from dagwright.engines.local.start_scripts import with_shell
from dagwright.errors import ExecutionError

_OWN_PROGRAM = (
    "A local run has no image. Let a function of yours be its program, --stand-in STEP=file.py:function; let a rule of "
    "local.environments name its Dockerfile (docs/containers.md); name the program in ContainerEntrypoint, or use "
    "script mode in a training job (entry_point=); or run the image itself: --runtime docker"
)


class Pythons(Protocol):
    """What there is to ask of the Python that the jobs of an image get."""

    def python_of(self, image: str) -> str:
        """Its version: `3.9`."""

    def lacks(self, image: str, module: str) -> bool:
        """Whether it has no such module; False if that is not known."""


def with_known_program(job: Job, pythons: Pythons) -> Job:
    """Raises ExecutionError if nothing says which program the job starts, or the program lacks something."""
    if not job.command:
        job = _started(job, pythons)
    job = with_shell(job)
    if function := function_of(job):
        return with_function(job, function, pythons.python_of(job.image), pythons.lacks)
    if runs_notebook(job):
        return with_notebook(job, pythons.lacks)
    if submits_spark(job):
        ready = with_spark(job)
        check_pyspark(pythons.lacks, job.image)
        return ready
    _require_modules(job, pythons)
    return job


def _require_modules(job: Job, pythons: Pythons) -> None:
    missing = [module for module in job.modules if pythons.lacks(job.image, module)]
    if missing:
        name = job.image.rpartition("/")[2]
        raise ExecutionError(
            f"The Python for the image '{name}' lacks what the image holds: {', '.join(missing)}",
            hint="Run with the image's own libraries (--libraries image), or install it here: docs/libraries.md",
        )


def _started(job: Job, pythons: Pythons) -> Job:
    from dagwright.engines.local.algorithms import with_algorithm

    started = with_algorithm(job, pythons.lacks)
    if started is None:
        raise ExecutionError(f"The job starts the program built into its image '{job.image}'", hint=_OWN_PROGRAM)
    return started
