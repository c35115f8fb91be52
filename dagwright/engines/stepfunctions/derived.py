"""Machines made of some of a pipeline's steps, beside the machine of all of them: `-rest`, which an execution that
failed has left, and `-part`, which were chosen.

What comes in: the name of a machine, or its text. What goes out: what such a machine is called, and what the end of its
comment says. That is where whoever looks at its executions reads what they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dagwright.engines.aws.finding import Names
from dagwright.engines.stepfunctions.limits import longest_name

REST_SUFFIX, PART_SUFFIX = "-rest", "-part"
_RESUMED = ", goes on from "
_PART = re.compile(r", part of (\S+?)(?: on the results of (\S+))?, runs only ([\w -]+)")


@dataclass(frozen=True)
class Part:
    """The steps of the machine `original` that were chosen, and the ARN of the execution whose results they go on
    from, if they need any."""

    original: str
    chosen: tuple[str, ...]
    source: str = ""

    @property
    def comment(self) -> str:
        """The end of its machine's comment."""
        source = f" on the results of {self.source}" if self.source else ""
        return f", part of {self.original}{source}, runs only {' '.join(self.chosen)}"

    def as_json(self) -> dict[str, Any]:
        """The same as SageMaker says it: SelectiveExecutionConfig."""
        source = {"SourcePipelineExecutionArn": self.source} if self.source else {}
        return {**source, "SelectedSteps": [{"StepName": name} for name in self.chosen]}


def part_in(machine: Mapping[str, Any]) -> Part | None:
    """What a machine is a part of; None for all others."""
    found = _PART.search(str(machine.get("Comment", "")))
    return Part(found[1], tuple(found[3].split()), found[2] or "") if found else None


def resuming(execution: str) -> str:
    """The end of the comment of a machine that completes the execution of this ARN."""
    return f"{_RESUMED}{execution}"


def resumed_from(machine: Mapping[str, Any]) -> str:
    """The ARN of the execution that a machine was made to complete; empty for all others."""
    return str(machine.get("Comment", "")).partition(_RESUMED)[2]


def derived_name(original: str, suffix: str, names: Names) -> str:
    """What a machine of some steps of another is called: `rc-churn-training-rest-dev`."""
    after = names.pipeline_name("pipeline").rpartition("pipeline")[2]
    ending = f"{suffix}{after}"
    return original.removesuffix(after)[: longest_name() - len(ending)] + ending


def all_names(original: str, names: Names) -> tuple[str, ...]:
    """The machine of all steps, and those of some, whether or not they are there."""
    return original, *(derived_name(original, suffix, names) for suffix in (REST_SUFFIX, PART_SUFFIX))
