"""Jobs as the service lists them, whichever engine started them: looked for, described and stopped by their names.

What comes in: a kind, a state, a name or its beginning. What goes out: `JobSummary`s, members of the service's List
calls, and the members of its Describe calls.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from dagwright.engines.engine import Log
from dagwright.engines.execution import EXECUTING, FAILED, STOPPED, STOPPING, SUCCEEDED
from dagwright.errors import UsageError

#: What a kind is called on a command line -> how the names of its members begin: ProcessingJobName and so on.
KINDS: Mapping[str, str] = {
    "processing": "ProcessingJob",
    "training": "TrainingJob",
    "transform": "TransformJob",
}
OF_STEPS: Mapping[str, str] = {"Processing": "processing", "Training": "training"}
"""The kind of job that a step of a type starts, of the types whose steps can be run by themselves on AWS too."""
#: The state of a job -> the state of the step that started it.
STATES: Mapping[str, str] = {
    "InProgress": EXECUTING,
    "Completed": SUCCEEDED,
    "Failed": FAILED,
    "Stopping": STOPPING,
    "Stopped": STOPPED,
}
LONGEST_NAME = 63
_STAMP = "%Y%m%d-%H%M%S"
_STAMP_LENGTH = 15


@dataclass(frozen=True)
class JobSummary:
    """A job; `execution` and `step` say what started it, as far as that is known. Times are ISO-8601 in UTC."""

    kind: str
    name: str
    arn: str
    status: str
    created: str = ""
    ended: str = ""
    reason: str = ""
    execution: str = ""
    step: str = ""
    used: Mapping[str, float] = field(default_factory=dict)
    """What it took of the machine, where that is known: MemoryMiB of its largest host at most, ProcessorSeconds."""

    def as_json(self) -> dict[str, Any]:
        """A member of ProcessingJobSummaries, TrainingJobSummaries or TransformJobSummaries."""
        thing = KINDS[self.kind]
        return {
            f"{thing}Name": self.name,
            f"{thing}Arn": self.arn,
            "CreationTime": self.created,
            **({f"{thing.removesuffix('Job')}EndTime": self.ended} if self.ended else {}),
            f"{thing}Status": self.status,
            **({"FailureReason": self.reason} if self.reason else {}),
        }


class Jobs(Protocol):
    """The jobs of one project in one place. JOB is a name, or the beginning of one."""

    def newest(self, kinds: Sequence[str], status: str, limit: int) -> list[JobSummary]:
        """The newest of these kinds, in this state if one is named; newest first."""

    def find(self, words: str) -> JobSummary:
        """The job that `words` mean. Raises UsageError if there is none, or several."""

    def describe(self, job: JobSummary) -> dict[str, Any]:
        """The members of its Describe response."""

    def stop(self, job: JobSummary) -> JobSummary:
        """Stop it and wait until it has. Raises UsageError for what does not run or is not the project's."""

    def logs(self, job: JobSummary) -> Sequence[Log]:
        """The log of each of its hosts."""

    def close(self) -> None:
        """Let go of what is open."""


def name_beginning(before: str, step: str) -> str:
    """What the names of a step's own jobs begin with: `{team}-{project}` and the step in lower case, cut so that a
    time fits behind.

    >>> name_beginning("rc-churn", "FeatureEngineering")
    'rc-churn-feature-engineering'
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "-", step).strip("-").lower()
    room = LONGEST_NAME - _STAMP_LENGTH - 1
    return f"{before}-{words}"[:room].rstrip("-")


def new_names(beginning: str, moment: datetime) -> Iterator[str]:
    """Names for a job that starts now: `{beginning}-20261121-120000`; each further one, for where that is taken, is of
    a second later."""
    while True:
        yield f"{beginning}-{moment.strftime(_STAMP)}"
        moment += timedelta(seconds=1)


def only_one(words: str, found: Sequence[JobSummary], listing: str) -> JobSummary:
    """The only job that is found. Raises UsageError; `listing` is the command that shows them."""
    if len(found) == 1:
        return found[0]
    if found:
        what = f"'{words}' is the beginning of several jobs"
        raise UsageError(what, hint=f"for example {', '.join(job.name for job in found[:5])}")
    raise UsageError(f"'{words:.80}' is no job of this project", hint=f"They are listed by: {listing}")
