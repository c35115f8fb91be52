"""Network isolation: a graph comes in, containers without a network that need one go out.

An isolated container reaches nothing, not even S3 or its own credentials; only what is declared as input is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dagwright.definition.graph import Graph
from dagwright.definition.rules.jobs import Job, containers, jobs
from dagwright.definition.rules.names import shortened
from dagwright.definition.rules.paths import address_of
from dagwright.errors import Problem

_SWITCHES = {
    "Processing": "NetworkConfig.EnableNetworkIsolation",
    "Training": "EnableNetworkIsolation",
    "Model": "EnableNetworkIsolation",
}
_COMMANDS = {"Processing": "AppSpecification", "Training": "AlgorithmSpecification"}
# What says on a command line that it wants the network, at the beginning of a word.
_NEEDY = re.compile(
    r"(?<![\w./-])(pip3? install|conda install|apt(-get)? install|yum install|requirements\.txt|aws s3|boto3|curl|wget"
    r"|aws [a-z][a-z0-9-]* [a-z]+-[a-z-]+|git clone|s3[an]:(?=//))(?![\w-])"
)
_SUBMIT_DIRECTORIES = ("sagemaker_submit_directory", "SAGEMAKER_SUBMIT_DIRECTORY")


def isolation_problems(graph: Graph) -> Iterator[Problem]:
    """Containers without a network that install packages, fetch their code or talk to each other."""
    isolated = {job.step for job in jobs(graph, *_SWITCHES) if job.usual(_SWITCHES[job.kind]) is True}
    for job in jobs(graph, "Processing", "Training"):
        if job.usual(_SWITCHES[job.kind]) is True:
            needs = [
                *_needs_of_command(job),
                *_needs_of_code(job, "HyperParameters", "StaticHyperParameters", "Environment"),
            ]
            yield from _problems(job, needs)
    for container in containers(graph):
        if container.step in isolated:
            yield from _problems(container, [*_needs_of_code(container, "Environment")])


def _problems(job: Job, needs: list[tuple[str, str]]) -> Iterator[Problem]:
    for path, why in needs:
        hint = "give it an image and inputs that hold all it needs, or let it have a network"
        yield Problem(
            "needs-network", f"the container has no network, and {why}", hint, "warning", job.step, job.field(path)
        )


def _needs_of_command(job: Job) -> Iterator[tuple[str, str]]:
    base = _COMMANDS[job.kind]
    for key in ("ContainerEntrypoint", "ContainerArguments"):
        words = job.raw(f"{base}.{key}")
        for index, word in enumerate(words if isinstance(words, list) else []):
            found = _NEEDY.search(word) if isinstance(word, str) else None
            if found is not None:
                yield f"{base}.{key}[{index}]", f"its command says '{found[0]}'"
            elif word == "smspark-submit" and job.instance_count > 1:
                yield f"{base}.{key}[{index}]", f"Spark on {job.instance_count} instances needs one between them"


def _needs_of_code(job: Job, *maps: str) -> Iterator[tuple[str, str]]:
    """Script mode downloads the code itself, from where `sagemaker_submit_directory` says."""
    for path in maps:
        entries = job.raw(path)
        for key in _SUBMIT_DIRECTORIES if isinstance(entries, Mapping) else ():
            if _is_remote(entries.get(key)):
                yield f"{path}.{key}", f"it has to download its code, which {shortened(key)} puts on S3"


def _is_remote(value: Any) -> bool:
    """Whether it is an S3 address; as a hyperparameter that is a JSON text, in quotes."""
    if isinstance(value, str):
        return value.strip().strip('"').startswith("s3://")
    return address_of(value)[:1] == ("s3:",)
