"""The names of the training jobs of a tuning job, in its result and of their logs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from dagwright.engines.local.log_file import LogFile, log_files

SUMMARIES = "TrainingJobSummaries"
_TRIAL = re.compile(r"-([0-9]{3,})-[0-9a-f]{8}")


def trial_name(job: str, number: int, tuned: Mapping[str, str]) -> str:
    """`<tuning job>-001-1a2b3c4d`, as the service names the training jobs of a tuning job."""
    text = json.dumps([job, number, dict(tuned)], sort_keys=True)
    return f"{job}-{number:03}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def trial_logs(logs: Path, job: str) -> list[LogFile]:
    """The log of each host of each training job of a tuning job, in order. Where a training job has one host only, its
    own name says whose log it is."""
    numbered = [(_TRIAL.fullmatch(folder.name, len(job)), folder) for folder in logs.glob(f"{job}-*")]
    found = []
    for _, folder in sorted((int(match[1]), folder) for match, folder in numbered if match):
        files = log_files(folder)
        found += [LogFile(log.path, folder.name if len(files) == 1 else f"{folder.name}/{log.host}") for log in files]
    return found
