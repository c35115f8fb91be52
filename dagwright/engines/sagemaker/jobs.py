"""The jobs of a project on AWS: those whose names begin with the project's, and those that its pipelines started.

What comes in: a kind, a state, a name or its beginning. What goes out: jobs in the service's own words. A list asks
once for the project's executions (a call for its pipelines, one for each), and twice for each kind: by the project's
prefix, and by that of pipelines' jobs, `pipelines-<execution>-…`; of the latter, which are those of the whole account,
at most ten pages are looked through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from dagwright.engines.aws.clients import Clients, aws_errors, check_account, largest_page
from dagwright.engines.aws.following import Clock, last_seen
from dagwright.engines.aws.logs import LogStream, logs_of
from dagwright.engines.aws.made import DESCRIPTIONS, Made
from dagwright.engines.aws.ownership import tags_of
from dagwright.engines.aws.responses import plain
from dagwright.engines.aws.statuses import is_over
from dagwright.engines.execution import STOPPING, Execution, StepRun
from dagwright.engines.jobs import KINDS, STATES, JobSummary, only_one
from dagwright.errors import ExecutionError, UsageError
from dagwright.marks import ENVIRONMENT, PROJECT

_OF_PIPELINES = "pipelines-"
_PAGES_SEARCHED = 10
_STOP_SECONDS = 300.0
_NAME = re.compile(r"[a-zA-Z0-9-]{1,63}")


class Owned(Protocol):
    """What is taken from the project: whose jobs they are, and how they are told."""

    @property
    def account_id(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def tags(self) -> Mapping[str, str]: ...
    @property
    def model_package_group(self) -> str:
        """`{team}-{project}`."""


class AWSJobs:
    """The jobs of one project and environment. `executions` gives those of its pipelines. Raises AWSError."""

    def __init__(
        self,
        clients: Clients,
        project: Owned,
        executions: Callable[[], Sequence[Execution]],
        clock: Clock | None = None,
    ) -> None:
        self._clients = clients
        self._project = project
        self._executions = executions
        self._clock = clock or Clock()

    def newest(self, kinds: Sequence[str], status: str, limit: int) -> list[JobSummary]:
        """The newest of these kinds, in this state if one is named; newest first."""
        self._check_account()
        prefix, executions = f"{self._project.model_package_group}-", self._ids()
        found: list[JobSummary] = []
        for kind in kinds:
            ours = (job for job in self._named(kind, prefix, status) if job.name.startswith(prefix))
            found += islice(ours, limit)
            if executions:
                started = islice(self._named(kind, _OF_PIPELINES, status), _PAGES_SEARCHED * largest_page())
                found += islice((job for job in started if job.execution in executions), limit)
        return sorted(found, key=lambda job: job.created, reverse=True)[:limit]

    def find(self, words: str) -> JobSummary:
        """The job that `words`, a name, the beginning of one or an ARN, mean. Raises UsageError."""
        self._check_account()
        name = words.rpartition("/")[2]
        if not _NAME.fullmatch(name):
            raise UsageError(f"'{words:.80}' cannot be the name of a job")
        found = [job for kind in KINDS for job in self._beginning(kind, name)]
        exact = [job for job in found if job.name == name]
        own = exact or [job for job in found if self._may_be_own(job)]
        return only_one(words, own, f"deploy.py job list --env {self._project.environment}")

    def describe(self, job: JobSummary) -> dict[str, Any]:
        """The members of its Describe response."""
        return _made(job).describe(self._clients)

    def stop(self, job: JobSummary) -> JobSummary:
        """Stop it and wait until it has.

        Raises UsageError for what does not run or is not the project's, ExecutionError if it takes too long.
        """
        why = self._whose(job)
        if why:
            raise UsageError(f"Job {job.name} is not stopped: {why}", hint="Name another --env, or stop it there.")
        found = self._glance(job)
        if found.ended:
            raise UsageError(f"Job {job.name} is not running: it is {job.status}")
        if found.status != STOPPING:
            with aws_errors(f"Job {job.name} cannot be stopped"):
                getattr(self._clients("sagemaker"), f"stop_{job.kind}_job")(**{f"{KINDS[job.kind]}Name": job.name})
        found = last_seen(lambda: self._glance(job), self._clock, _STOP_SECONDS)
        if not found.ended:
            what = f"Job {job.name} is told to stop, and has not yet after {_STOP_SECONDS:g} s"
            raise ExecutionError(what, hint="It goes on stopping by itself.")
        return summary_of(job.kind, self.describe(job))

    def logs(self, job: JobSummary) -> Sequence[LogStream]:
        """The log of each of its hosts."""
        return logs_of(self._clients, _made(job))

    def close(self) -> None:
        """Nothing is open."""

    def _check_account(self) -> None:
        check_account(self._clients, self._project.account_id, self._project.environment)

    def _glance(self, job: JobSummary) -> Execution:
        return as_execution(job.kind, self.describe(job))

    def _ids(self) -> frozenset[str]:
        return frozenset(execution.id for execution in self._executions())

    def _named(self, kind: str, part: str, status: str = "") -> Iterator[JobSummary]:
        """The jobs of the account with this in their names, newest first, page after page as they are asked for."""
        asked = {"NameContains": part, "SortBy": "CreationTime", "SortOrder": "Descending"}
        wanted = {**asked, "MaxResults": largest_page(), **({"StatusEquals": status} if status else {})}
        what = f"The {kind} jobs cannot be listed"
        for page in self._clients.pages(what, "sagemaker", f"list_{kind}_jobs", **wanted):
            yield from (summary_of(kind, plain(item)) for item in page[f"{KINDS[kind]}Summaries"])

    def _beginning(self, kind: str, name: str) -> list[JobSummary]:
        """The jobs whose names begin so, of the newest that have it in their names."""
        newest = islice(self._named(kind, name), largest_page())
        return [job for job in newest if job.name.startswith(name)]

    def _may_be_own(self, job: JobSummary) -> bool:
        """Whether the name says so: in full by the project's prefix, of a pipeline's job not which pipeline's."""
        return job.name.startswith((f"{self._project.model_package_group}-", _OF_PIPELINES))

    def _whose(self, job: JobSummary) -> str:
        """Why a job is not the project's; empty if it is. Its tags say so, and where it has none its name."""
        project = self._project
        ours = {PROJECT: project.model_package_group, ENVIRONMENT: project.environment}
        ours |= {key: project.tags[key] for key in ("Team", "Project", "Environment") if key in project.tags}
        tags = tags_of(self._clients, job.arn)
        other = next((f"its tag {key} is {tags[key]}" for key in ours if tags.get(key, ours[key]) != ours[key]), "")
        known = any(key in tags for key in ours) or job.name.startswith(f"{project.model_package_group}-")
        if other or known or (job.execution and job.execution in self._ids()):
            return other
        return f"neither its name nor its tags say that it is of {project.model_package_group}"


def summary_of(kind: str, answer: Mapping[str, Any]) -> JobSummary:
    """A job out of a member of a List response, or out of its Describe response."""
    thing = KINDS[kind]
    name = answer[f"{thing}Name"]
    begun = name.split("-")
    return JobSummary(
        kind=kind,
        name=name,
        arn=answer[f"{thing}Arn"],
        status=answer[f"{thing}Status"],
        created=answer["CreationTime"],
        ended=answer.get(f"{thing.removesuffix('Job')}EndTime", ""),
        reason=answer.get("FailureReason", ""),
        execution=begun[1] if name.startswith(_OF_PIPELINES) and len(begun) > 2 else "",
    )


def as_execution(kind: str, answer: Mapping[str, Any], pipeline: str = "", step: str = "") -> Execution:
    """A job as the execution of one step, out of its Describe response; a state that is not known stays as it is."""
    job = summary_of(kind, answer)
    status = STATES.get(job.status, job.status)
    ended = (job.ended or answer.get("LastModifiedTime") or job.created) if is_over(status) else ""
    run = StepRun(
        name=step or job.name,
        type=kind.title(),
        status=status,
        failure_reason=job.reason,
        started=job.created,
        ended=ended,
        metadata={KINDS[kind]: {"Arn": job.arn}},
        output=answer,
        job=job.name,
    )
    return Execution(job.name, pipeline, {}, status, job.reason, job.created, ended, steps={run.name: run}, arn=job.arn)


def _made(job: JobSummary) -> Made:
    return Made(job.arn, DESCRIPTIONS[f"{job.kind}-job"], job.name)
