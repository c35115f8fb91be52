"""Built-in algorithms: training jobs that name no program, because their image is one.

What comes in: a `Job` without a command, whose image is one of AWS's. What goes out: for XGBoost, the same with a
program of ours that keeps its contract; for any other, a sentence. And the metrics that an image's log has by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dagwright.engines.local.job import ML, Job
from dagwright.engines.local.programs import package
from dagwright.engines.local.scope import UNKNOWN
from dagwright.engines.local.script_mode import INPUT
from dagwright.errors import ExecutionError

if TYPE_CHECKING:
    from dagwright.engines.local.xgboost_algorithm.settings import Settings

XGBOOST = "xgboost"
_PROGRAM = "dagwright.engines.local.xgboost_algorithm"
_FOLDER = f"{ML}/.dagwright"
_IMAGE = re.compile(r"[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.[a-z0-9.-]+/([a-z0-9-]+)(?::([\w.-]+))?(?:@.*)?")
# Repositories of the developer guide's registry paths whose image is the program; those that take a script are none.
_NO_SCRIPT = {
    "blazingtext", "factorization-machines", "forecasting-deepar", "image-classification", "ipinsights", "kmeans",
    "knn", "lda", "linear-learner", "ntm", "object-detection", "object2vec", "pca", "randomcutforest",
    "semantic-segmentation", "seq2seq",
}  # fmt: skip
_XGBOOST_REPOSITORIES = ("sagemaker-xgboost", "xgboost")
_FIRST_NATIVE = (1, 3)
# Threads that wait for each other by spinning take the cores from other jobs, hosts and trials of this machine.
_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}


def algorithm_of(image: str) -> str:
    """`xgboost`, or the name of another built-in algorithm; empty if the image is none of theirs."""
    match = _IMAGE.fullmatch(image)
    repository = match[1] if match else ""
    if repository in _XGBOOST_REPOSITORIES:
        return XGBOOST
    return repository if repository in _NO_SCRIPT else ""


def metric_definitions(image: str) -> list[tuple[str, str]]:
    """(name, regular expression) of the metrics that the service reads for this image without being told."""
    if algorithm_of(image) != XGBOOST:
        return []
    from dagwright.engines.local.xgboost_algorithm.metrics import metric_definitions as definitions

    return definitions()


def model_form(image: str) -> str:
    """How an image of XGBoost writes its model: pickled before version 1.3, by `Booster.save_model` since."""
    from dagwright.engines.local.xgboost_algorithm.model_file import NATIVE, PICKLED

    match = _IMAGE.fullmatch(image)
    if not match:
        return NATIVE
    version = re.match(r"([0-9]+)\.([0-9]+)", match[2] or "")
    if version:
        return NATIVE if (int(version[1]), int(version[2])) >= _FIRST_NATIVE else PICKLED
    return PICKLED if match[1] == XGBOOST else NATIVE  # the repository of version 0.72: its tags are `1` and `latest`


def with_algorithm(job: Job, lacks: Callable[[str, str], bool]) -> Job | None:
    """A training job with the program of its image's algorithm; None if the image is none of a built-in algorithm.

    `lacks` tells whether the Python for an image has no such module. Raises ExecutionError for an algorithm that does
    not run here, with every reason why this job of XGBoost could not.
    """
    algorithm = algorithm_of(job.image)
    config = job.files(job.hosts[0])
    if not algorithm or f"{INPUT}/config/hyperparameters.json" not in config:
        return None
    if algorithm != XGBOOST:
        raise ExecutionError(
            f"The job is one of Amazon's built-in algorithm {algorithm}, whose program is in its image alone",
            hint="Give its result: --stand-in STEP=outputs.json, or run the image itself: --runtime docker",
        )
    settings = _settings(config)
    if settings.problems:
        raise ExecutionError(
            f"The built-in XGBoost cannot train: {'; '.join(settings.problems)}",
            hint="docs/algorithms.md says what it takes here.",
        )
    for module in ("xgboost", *(["pyarrow"] if settings.kind == "parquet" else [])):
        if lacks(job.image, module):
            raise ExecutionError(
                f"The job is one of the built-in XGBoost, and {module} is not installed in the Python of its image",
                hint=f"`pip install 'dagwright[{_EXTRAS[module]}]'`; or map the image to an environment that has it.",
            )
    program = {f"{_FOLDER}/{path}": text for path, text in package("xgboost_algorithm").items()}
    checkpoints = [output.source for output in job.outputs if output.restored]
    return replace(
        job,
        command=("python", "-m", _PROGRAM, ML, model_form(job.image), job.image.rpartition("/")[2], *checkpoints),
        environment=lambda host: {**_THREADS, **job.environment(host)},
        directory=_FOLDER,
        files=lambda host: {**job.files(host), **program},
    )


def blames_customer(job: Job, said: str) -> bool:
    """Whether a program of ours says itself whose fault its failure is, as Amazon's algorithms do: `ClientError: …`."""
    return _PROGRAM in job.command and said.startswith("ClientError: ")


_EXTRAS = {"xgboost": "xgboost", "pyarrow": "parquet"}


def _settings(config: Mapping[str, str]) -> Settings:
    """What the job is told, as far as it is known: a value that a step will give is not looked at."""
    from dagwright.engines.local.xgboost_algorithm.settings import read_settings

    hyperparameters = json.loads(config[f"{INPUT}/config/hyperparameters.json"])
    channels = json.loads(config[f"{INPUT}/config/inputdataconfig.json"])
    unknown = [name for name, value in hyperparameters.items() if value == UNKNOWN]
    return read_settings(hyperparameters, channels, unknown)
