"""Jobs that run a notebook: a NotebookJobStep of the SDK, or a notebook that Studio has scheduled.

What comes in: a `Job` that starts `amazon_sagemaker_scheduler`, a program of Amazon's own images. What goes out: the
same job with our program for it, or a sentence on what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dagwright.engines.local.job import Job
from dagwright.engines.local.programs import program
from dagwright.engines.local.script_mode import CODE
from dagwright.errors import ExecutionError

SCHEDULER = "amazon_sagemaker_scheduler"
PROGRAM = f"{CODE}/run_notebook.py"
_MODULES = ("papermill", "ipykernel")


def runs_notebook(job: Job) -> bool:
    """Whether the job's program is the one that runs notebooks."""
    return bool(job.command) and job.command[0].rpartition("/")[2] == SCHEDULER


def with_notebook(job: Job, lacks: Callable[[str, str], bool]) -> Job:
    """The job with our program; `lacks` says whether the Python of an image is known to have no such module.

    Raises ExecutionError if it has not what runs notebooks.
    """
    missing = [module for module in _MODULES if lacks(job.image, module)]
    if missing:
        raise ExecutionError(
            f"The job runs a notebook, and {' and '.join(missing)} is not installed in the Python of its image",
            hint="pip install 'dagwright[notebooks]', or add papermill and ipykernel to the image's requirements.",
        )
    text = program("run_notebook.py")
    return replace(job, command=("python", PROGRAM), files=lambda host: {**job.files(host), PROGRAM: text})
