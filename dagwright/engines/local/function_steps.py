"""Jobs of decorated functions: what `@step` and `@remote` of the SDK make of a Python function.

What comes in: a `Job` that starts the SDK's `job_driver.sh`. What goes out: the same job with what it will fetch from
S3 by itself, or a sentence on the Python that it needs. The function is a pickle, which only the Python that wrote it
reads; the job fetches and unpickles it, and writes its result, through boto3 and the SDK in its own environment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from dagwright.engines.local.job import ML, Job
from dagwright.errors import ExecutionError

_WORDS = (
    "s3_base_uri", "pipeline_step_name", "func_step_s3_dir", "client_python_version", "client_sagemaker_pysdk_version",
    "job_conda_env", "dependency_settings",
)  # fmt: skip
_BOOTSTRAP = f"{ML}/input/data/sagemaker_remote_function_bootstrap/"


@dataclass(frozen=True)
class Function:
    """What the words of a job say about its function; empty where they do not."""

    base: str
    step: str
    folder: str
    python: str
    sdk: str
    conda: str
    dependencies: str

    @property
    def objects(self) -> tuple[str, ...]:
        """The addresses of the pickles of the function and of its arguments: with `@step` below the step's name."""
        root = "/".join(part for part in (self.base.rstrip("/"), self.step, self.folder) if part)
        return tuple(f"{root}/{name}/payload.pkl" for name in ("function", "arguments"))


def function_of(job: Job) -> Function | None:
    """The function that a job runs, if that is what it does."""
    if not any(word.startswith(_BOOTSTRAP) for word in job.command[:2]):
        return None
    said = dict(zip(job.command[2:], job.command[3:], strict=False))
    return Function(*(said.get(f"--{name}", "") for name in _WORDS))


def with_function(job: Job, function: Function, version: str, lacks: Callable[[str, str], bool]) -> Job:
    """The job with what it fetches; `version` is the Python of its image's environment, `lacks` says whether that is
    known to have no such module.

    Raises ExecutionError for another Python than that of whoever made the definition, without the SDK, and for conda.
    """
    if function.conda or re.search(r"\.ya?ml\b", function.dependencies):
        raise ExecutionError(
            "The job's function runs in a conda environment, and a local run has no conda",
            hint="Give @step dependencies='requirements.txt' and no job_conda_env, or use --runtime docker.",
        )
    image = job.image.rpartition("/")[2]
    needed = f"sagemaker=={function.sdk}" if function.sdk else "sagemaker<3"
    if function.python not in ("", version):
        raise ExecutionError(
            f"The job's function was packed by Python {function.python}, which alone can read it, and the jobs of "
            f"{image} run on Python {version} here",
            hint=_rule(image, function.python, needed),
        )
    if lacks(job.image, "sagemaker"):
        raise ExecutionError(
            f"The job runs a decorated function, which {needed} unpacks; the Python of {image} here has no sagemaker",
            hint=_rule(image, version, needed),
        )
    fetched = function.objects if function.base.startswith("s3://") else ()
    return replace(job, fetches=fetched, environment=_as_root(job.environment))


def _rule(image: str, python: str, needed: str) -> str:
    return (
        f"In local.environments: {{image: '*/{image}', python: '{python}', requirements: FILE}}, "
        f"where the file names {needed} and what the function imports."
    )


def _as_root(variables: Callable[[str], Mapping[str, str]]) -> Callable[[str], Mapping[str, str]]:
    """The SDK opens its folders by sudo for anyone but root; here the job may write them whoever it is."""
    return lambda host: {"USER": "root", "LOGNAME": "root", **variables(host)}
