"""What a machine is compiled for: its name and place, and what is settled before it runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class MachineSettings:
    """Where a machine will run, and under what name.

    `job_prefix` begins the names of its jobs (the machine's own name if it is empty), `role` is for jobs that name
    none. `durations` are expected seconds by step; they only decide where a graph that does not nest is cut. `known`
    holds the results of steps that need not run again, `execution` the values of execution variables that are settled.
    `chosen` are the steps that may run, all of them if it is None; what these need of others has to be `known`.
    `source` is the S3 address at which the pipeline definition lies, so that whoever has the machine finds it again.
    """

    name: str
    partition: str = "aws"
    region: str = "us-east-1"
    account_id: str = "000000000000"
    job_prefix: str = ""
    role: str = ""
    commit: str = ""
    source: str = ""
    durations: Mapping[str, float] = field(default_factory=dict)
    known: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    chosen: Collection[str] | None = None
    execution: Mapping[str, str] = field(default_factory=dict)

    def runs(self, step: str) -> bool:
        """Whether a step is in the machine, if nothing in the pipeline keeps it from running."""
        return step not in self.known and (self.chosen is None or step in self.chosen)

    @property
    def arn(self) -> str:
        """The ARN that the machine will have."""
        return f"arn:{self.partition}:states:{self.region}:{self.account_id}:stateMachine:{self.name}"
