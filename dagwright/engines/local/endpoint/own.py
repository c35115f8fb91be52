"""What a local run knows itself of other services than S3: who calls, and the jobs and models of this project.

What comes in: a `Call`. What goes out: an `Answer`, or nothing if it is about anything else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dagwright.engines.local.database import Database
from dagwright.engines.local.endpoint import documents
from dagwright.engines.local.endpoint.exchange import Answer
from dagwright.engines.local.endpoint.others import Call

_JOBS = {"DescribeTrainingJob": "TrainingJobName", "DescribeProcessingJob": "ProcessingJobName"}


class Own:
    """The answers of one run. `settings` are the server's."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings
        self._record = Path(settings["record"])
        self._answers: Mapping[tuple[str, str], Callable[[Call], Answer | None]] = {
            ("sts", "GetCallerIdentity"): self._identity,
            **{("sagemaker", operation): self._job for operation in _JOBS},
        }

    def answer(self, call: Call) -> Answer | None:
        known = self._answers.get((call.service, call.operation))
        return known(call) if known else None

    def _identity(self, call: Call) -> Answer:
        account = self._settings["account_id"]
        arn = f"arn:{self._settings['partition']}:sts::{account}:assumed-role/local/dagwright"
        result = documents.element("GetCallerIdentityResult", Arn=arn, UserId="LOCAL:dagwright", Account=account)
        return Answer(200, {"Content-Type": "text/xml"}, documents.plain_document("GetCallerIdentityResponse", result))

    def _job(self, call: Call) -> Answer | None:
        """A job of a step that has ended, as its Describe response was recorded."""
        try:
            name = json.loads(call.body)[_JOBS[call.operation]]
        except (ValueError, KeyError, TypeError):
            return None
        output = self._output_of(str(name), _JOBS[call.operation])
        if output is None:
            return None
        return Answer(200, {"Content-Type": "application/x-amz-json-1.1"}, output)

    def _output_of(self, name: str, member: str) -> bytes | None:
        database = Database(self._record, read_only=True)
        try:
            rows: list[Any] = list(database.rows("steps", job=name))
        finally:
            database.close()
        found = next((row["output"] for row in rows if row["output"]), None)
        return found.encode() if found and json.loads(found).get(member) == name else None
