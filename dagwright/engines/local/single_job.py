"""One job by itself on this machine: an execution of a definition with one step, whose job has a name of our choice.

What comes in: the definition of that step. What goes out: an execution like any other, in the same record; it is called
`<pipeline>/<step>`, and what it is told of its pipeline is the pipeline's own name.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from dagwright.definition.graph import Step
from dagwright.engines.engine import Start
from dagwright.engines.jobs import name_beginning, new_names
from dagwright.engines.local.begun import SINGLE_JOB
from dagwright.engines.local.bench import Bench
from dagwright.engines.local.engine import LocalEngine
from dagwright.engines.local.recording import Recording
from dagwright.engines.local.run import Run
from dagwright.engines.local.scope import Account, RunScope
from dagwright.engines.local.settings import Settings
from dagwright.engines.local.store import storage_errors


class LocalJobEngine(LocalEngine):
    """A local engine that runs definitions of one step; `prefix` (`acme-churn`) begins the names of their jobs."""

    kind = SINGLE_JOB

    def __init__(self, project: Path, account: Account, settings: Settings, prefix: str) -> None:
        super().__init__(project, account, settings)
        self._prefix = prefix

    def _way(self, start: Start, recording: Recording, scope: RunScope, bench: Bench, events: SimpleQueue[Any]) -> Run:
        scope = replace(scope, pipeline=start.pipeline.partition("/")[0])
        return Run(recording, scope, bench, self._max_parallel, self._new_name, events)

    def _new_name(self, step: Step) -> str:
        """A name that no job here has had: the folder of its log is made with it."""
        for name in new_names(name_beginning(self._prefix, step.name), datetime.now(timezone.utc)):
            with storage_errors(f"The log folder of {name} cannot be made"):
                self.home.logs.mkdir(parents=True, exist_ok=True)
                try:
                    (self.home.logs / name).mkdir()
                except FileExistsError:
                    continue
            return name
        raise AssertionError
