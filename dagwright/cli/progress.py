"""The progress of a run as plain lines: one when a step starts, one when it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from dagwright.cli.remarks import remarks
from dagwright.cli.text import clock, duration, seconds_between, shown
from dagwright.engines.execution import Execution, StepRun


class Lines:
    """Writes to `stream`, for logs, CI and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._width = 0

    def started(self, execution: Execution, waiting: Mapping[str, tuple[str, ...]]) -> None:
        self._width = max((len(name) for name in waiting), default=0)
        count = f"{len(waiting)} step{'s' if len(waiting) != 1 else ''}"
        self._write(f"{execution.pipeline}: execution {execution.id} started, {count}")

    def changed(self, step: StepRun) -> None:
        if step.rest:
            last = step.tries[-1]
            words = [clock(last.ended), step.name.ljust(self._width), "rests", last.failure_reason]
            self._write("  " + "  ".join([*words, *remarks(step)]))
            return
        began = step.tries[-1].started if step.tries else step.started
        words = [clock(step.ended or began), step.name.ljust(self._width), step.status.lower()]
        if step.ended:
            words.append(duration(seconds_between(step.started, step.ended)))
        if step.failure_reason:
            words.append(step.failure_reason)
        if step.ended or step.job or step.metadata:
            self._write("  " + "  ".join([*words, *remarks(step)]))

    def skipped(self, names: tuple[str, ...], why: str) -> None:
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        self._write(f"            {shown} will not run: {why}")

    def noted(self, line: str) -> None:
        self._write(f"  {line}")

    def ended(self, execution: Execution) -> None:
        """The ending is printed apart."""

    def close(self) -> None:
        """Nothing to leave behind."""

    def _write(self, line: str) -> None:
        print(shown(line), file=self._stream, flush=True)
