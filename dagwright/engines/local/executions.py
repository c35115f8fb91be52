"""The executions of this machine, out of their record."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dagwright.definition.graph import Graph, read_definition
from dagwright.engines.execution import Attempt, Execution, StepRun
from dagwright.engines.local.attempts import attempts_of
from dagwright.engines.local.begun import Begun
from dagwright.engines.local.home import Home
from dagwright.errors import UsageError, did_you_mean

_NEWEST_FIRST = "started DESC, rowid DESC"
_SUMMARY = "id, pipeline, status, failure_reason, started, ended, parameters"


class Executions:
    """Reads the record of a home. What killed runs have left is settled by whoever asks."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def find(self, words: str = "") -> Execution:
        """An execution with its steps, by its id or the beginning of it; the newest if none is named.

        Raises UsageError if there is none, or if several are meant.
        """
        rows = self._rows()
        found = [row for row in rows if row["id"].startswith(words)]
        if not found:
            self._refuse_cleaned(words)
        if not rows:
            raise UsageError("Nothing has run here yet", hint="Start with: deploy.py run PIPELINE")
        if not found or (len(found) > 1 and words):
            what = "is the beginning of several executions" if found else "is no execution of this project"
            hint = did_you_mean(words, [row["id"] for row in found or rows[:5]])
            raise UsageError(f"'{words}' {what}", hint=hint)
        return self._with_steps(found[0])

    def _refuse_cleaned(self, words: str) -> None:
        """Raises UsageError if there was such an execution, until a clean took it away."""
        from dagwright.engines.local.cleaning import cleaned_words

        for row in self._home.database.rows("cleaned", "started DESC"):
            if words and row["execution"].startswith(words):
                what = cleaned_words(row)
                raise UsageError(what[0].upper() + what[1:], hint="Its results are gone; run the pipeline again.")

    def history(self, pipeline: str = "", limit: int | None = None) -> list[Execution]:
        """The newest executions, newest first, without their steps. Raises UsageError for an unknown pipeline."""
        executions = [_execution(row) for row in self._rows()]
        if pipeline and not any(execution.pipeline == pipeline for execution in executions):
            hint = did_you_mean(pipeline, [execution.pipeline for execution in executions])
            raise UsageError(f"Pipeline '{pipeline}' has not run here", hint=hint)
        return [execution for execution in executions if pipeline in ("", execution.pipeline)][:limit]

    def newest(self, pipeline: str) -> Iterator[Execution]:
        """Those of one pipeline with their steps, newest first."""
        return (self._with_steps(row) for row in self._rows(pipeline=pipeline))

    def graph(self, execution: Execution) -> Graph:
        """The definition that an execution ran."""
        (row,) = self._home.database.rows("executions", columns="definition", id=execution.id)
        return read_definition(row["definition"])

    def begun(self, execution: Execution) -> Begun:
        """How it was begun."""
        (row,) = self._home.database.rows("executions", columns="begun", id=execution.id)
        return Begun.read(json.loads(row["begun"]))

    def _rows(self, **where: str) -> list[dict[str, Any]]:
        return self._home.database.rows("executions", _NEWEST_FIRST, _SUMMARY, **where)

    def _with_steps(self, row: Mapping[str, Any]) -> Execution:
        execution = _execution(row)
        tries = attempts_of(self._home.database, execution.id)
        for step in self._home.database.rows("steps", execution=execution.id):
            execution.steps[step["name"]] = _step(step, tries.get(step["name"], ()))
        return execution


def _execution(row: Mapping[str, Any]) -> Execution:
    return Execution(
        id=row["id"],
        pipeline=row["pipeline"],
        parameters=json.loads(row["parameters"]),
        status=row["status"],
        failure_reason=row["failure_reason"] or "",
        started=row["started"],
        ended=row["ended"] or "",
    )


def _step(row: Mapping[str, Any], tries: tuple[Attempt, ...]) -> StepRun:
    return StepRun(
        name=row["name"],
        type=row["type"],
        status=row["status"],
        failure_reason=row["failure_reason"] or "",
        started=row["started"],
        ended=row["ended"] or "",
        attempts=row["attempts"],
        metadata=json.loads(row["metadata"]),
        output=json.loads(row["output"]) if row["output"] else None,
        job=row["job"] or "",
        more=json.loads(row["more"]),
        tries=tries,
    )
