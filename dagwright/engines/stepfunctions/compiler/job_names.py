"""The names of the jobs that a machine starts: a graph comes in, what the name of each step's job begins with goes out.

A job's name has to be new with every attempt, so a machine makes it when it runs: the base, the execution's start and
hexadecimal digits, joined by hyphens (`acme-churn-train-20261121170959-8f3c0a1e`). A tuning job's name has no room for
the start: cut shorter, it would no longer begin as the permissions of the machine's role say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from dagwright.definition.graph import Graph, Step
from dagwright.engines.stepfunctions.compiler.settings import MachineSettings

#: By type of step: the member of the request that holds the name of what it makes.
NAME_MEMBERS: Mapping[str, str] = {
    "Processing": "ProcessingJobName",
    "QualityCheck": "ProcessingJobName",
    "ClarifyCheck": "ProcessingJobName",
    "Training": "TrainingJobName",
    "Transform": "TransformJobName",
    "Tuning": "HyperParameterTuningJobName",
    "Model": "ModelName",
    "EndpointConfig": "EndpointConfigName",
}

_STAMP = 14  # digits of the execution's start, to the second
_DIGITS = 8  # what is new with every attempt
_HASH = 4
_OTHER = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class JobName:
    """How the name of a step's job is made: `base`, the start's 14 digits and 8 hexadecimal ones, joined by hyphens;
    without the start where it has to be `short`. No other step of the machine has the same base."""

    base: str
    short: bool = False

    @property
    def longest(self) -> int:
        """How many characters the API allows: 32 for a tuning job, else 63."""
        return 32 if self.short else 63


def job_names(graph: Graph, settings: MachineSettings) -> dict[str, JobName]:
    """By step: how its job is named. Only steps whose job needs a name are in it."""
    found: dict[str, JobName] = {}
    taken: set[str] = set()
    for step in graph.steps.values():
        if step.type not in NAME_MEMBERS:
            continue
        short = step.type == "Tuning"
        whole = wished_base(step) or f"{settings.job_prefix or settings.name}-{step.name}"
        base = _shortened(_plain(whole), whole, JobName("", short))
        attempt = 0
        while base in taken:
            attempt += 1
            base = _marked(_plain(whole), f"{step.name}/{attempt}", JobName("", short))
        taken.add(base)
        found[step.name] = JobName(base, short)
    return found


def wished_base(step: Step) -> str:
    """What a definition itself wants its jobs' names to begin with (Amazon's SDK: `use_custom_job_prefix`), where that
    is written out; else nothing."""
    wished = step.arguments.get(NAME_MEMBERS.get(step.type, ""))
    return wished if isinstance(wished, str) else ""


def _plain(text: str) -> str:
    """Lower case, with a hyphen for whatever a name cannot hold."""
    return _OTHER.sub("-", text.lower()).strip("-") or "job"


def _room(name: JobName) -> int:
    return name.longest - len(f"-{'0' * _DIGITS}") - (0 if name.short else len(f"-{'0' * _STAMP}"))


def _shortened(plain: str, whole: str, name: JobName) -> str:
    return plain if len(plain) <= _room(name) else _marked(plain, whole, name)


def _marked(plain: str, whole: str, name: JobName) -> str:
    """As much as there is room for, and a few digits that stand for the rest."""
    kept = plain[: _room(name) - _HASH - 1].rstrip("-")
    return f"{kept}-{sha256(whole.encode()).hexdigest()[:_HASH]}"
