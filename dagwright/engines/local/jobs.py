"""The jobs of this machine's executions, out of their record."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from dagwright.engines.execution import EXECUTING, StepRun
from dagwright.engines.jobs import KINDS, OF_STEPS, STATES, JobSummary, only_one
from dagwright.engines.local.engine import LocalEngine
from dagwright.engines.local.log_file import LogFile
from dagwright.engines.local.scope import Account
from dagwright.errors import UsageError

_OF_STEPS = {**OF_STEPS, "Transform": "transform"}
_STATUSES = {state: status for status, state in STATES.items()}


class LocalJobs:
    """The jobs that an engine has run; `account` is whose names their ARNs carry."""

    def __init__(self, engine: LocalEngine, account: Account) -> None:
        self._engine = engine
        self._account = account

    def newest(self, kinds: Sequence[str], status: str, limit: int) -> list[JobSummary]:
        """The newest of these kinds, in this state if one is named; newest first."""
        found = (job for job in self._jobs() if job.kind in kinds and status in ("", job.status))
        return [job for job, _ in zip(found, range(limit), strict=False)]

    def find(self, words: str) -> JobSummary:
        """The job that `words` mean. Raises UsageError if there is none, or several."""
        name = words.rpartition("/")[2]
        found = [job for job in self._jobs() if job.name.startswith(name)]
        return only_one(words, [job for job in found if job.name == name] or found, "deploy.py job list")

    def describe(self, job: JobSummary) -> dict[str, Any]:
        """The members of its Describe response; of one that has none, or none yet, those of its summary."""
        output = self._step(job).output
        return dict(output) if output else job.as_json()

    def stop(self, job: JobSummary) -> JobSummary:
        """Stop it, and its execution with it. Raises UsageError if it is over, or not the only job of its execution."""
        if job.status != _STATUSES[EXECUTING]:
            raise UsageError(f"Job {job.name} is not running: it is {job.status}")
        execution = self._engine.describe(job.execution)
        if len(self._engine.graph(execution).steps) > 1:
            what = f"Job {job.name} is of execution {job.execution}, which has other steps: they stop together here"
            raise UsageError(what, hint=f"To stop them all: deploy.py stop {job.execution}")
        self._engine.stop(job.execution)
        return self.find(job.name)

    def logs(self, job: JobSummary) -> Sequence[LogFile]:
        """The log of each of its hosts."""
        return self._engine.logs(self._step(job))

    def close(self) -> None:
        """Let go of the record."""
        self._engine.close()

    def _step(self, job: JobSummary) -> StepRun:
        return self._engine.describe(job.execution).steps[job.step]

    def _jobs(self) -> Sequence[JobSummary]:
        """All of them, newest first."""
        self._engine.home.settle()
        rows = self._engine.home.database.rows("steps", "started DESC, rowid DESC")
        own = (row for row in rows if row["job"] and "SourcePipelineExecutionArn" not in row["more"])  # not taken over
        return [self._summary(row) for row in own if row["type"] in _OF_STEPS]

    def _summary(self, row: Mapping[str, Any]) -> JobSummary:
        kind = _OF_STEPS[row["type"]]
        output = json.loads(row["output"]) if row["output"] else {}
        return JobSummary(
            kind=kind,
            name=row["job"],
            arn=self._account.arn(f"{kind}-job/{row['job']}"),
            status=output.get(f"{KINDS[kind]}Status") or _STATUSES.get(row["status"], row["status"]),
            created=row["started"],
            ended=row["ended"] or "",
            reason=row["failure_reason"] or "",
            execution=row["execution"],
            step=row["name"],
            used=json.loads(row["metadata"]).get("Used", {}),
        )
