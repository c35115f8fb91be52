"""The progress of a run as a live table: step, state, time, and why a step waits."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dagwright.cli.remarks import remarks
from dagwright.cli.text import duration, seconds_between, shown
from dagwright.engines.execution import EXECUTING, FAILED, STOPPED, SUCCEEDED, Execution, StepRun
from dagwright.engines.times import now

_COLOURS = {EXECUTING: "cyan", SUCCEEDED: "green", FAILED: "red", STOPPED: "yellow"}
_ROWS_SHOWN = 40


class LiveTable:
    """Redraws itself a few times a second while the run lasts; what is noted stands above it."""

    def __init__(self) -> None:
        self._waiting: Mapping[str, tuple[str, ...]] = {}
        self._runs: dict[str, StepRun] = {}
        self._skipped: dict[str, str] = {}
        self._title = ""
        self._console = Console()
        self._live = Live(console=self._console, refresh_per_second=8, get_renderable=self._draw)

    def started(self, execution: Execution, waiting: Mapping[str, tuple[str, ...]]) -> None:
        self._title = f"{execution.pipeline}, execution {execution.id}"
        self._waiting = dict(waiting)
        self._live.start()

    def changed(self, step: StepRun) -> None:
        self._runs[step.name] = step

    def skipped(self, names: tuple[str, ...], why: str) -> None:
        self._skipped |= dict.fromkeys(names, why)

    def noted(self, line: str) -> None:
        self._console.print(Text(shown(line), style="dim"))

    def ended(self, execution: Execution) -> None:
        self._live.refresh()

    def close(self) -> None:
        """Leave the terminal as it was, also after an error."""
        self._live.stop()

    def _draw(self) -> RenderableType:
        table = Table(title=self._title, title_justify="left", box=None, pad_edge=False)
        for heading in ("step", "state", "time", "why"):
            table.add_column(heading, header_style="bold", overflow="ellipsis", no_wrap=True)
        names = sorted(self._waiting, key=self._interest)[:_ROWS_SHOWN] if self._is_long else list(self._waiting)
        for name in names:
            table.add_row(*self._row(name))
        if not self._is_long:
            return table
        done = sum(1 for run in self._runs.values() if run.ended)
        return Group(table, Text(f"{done} of {len(self._waiting)} steps have ended", style="dim"))

    @property
    def _is_long(self) -> bool:
        return len(self._waiting) > _ROWS_SHOWN

    def _interest(self, name: str) -> int:
        """Of a pipeline too long for a screen: what runs or failed, then what waits, then the rest."""
        run = self._runs.get(name)
        if run is None:
            return 2 if name in self._skipped else 1
        return 0 if not run.ended or run.status == FAILED else 3

    def _row(self, name: str) -> tuple[Text, Text, str, Text]:
        run = self._runs.get(name)
        if run is None:
            state = "will not run" if name in self._skipped else "waits"
            return Text(name, style="dim"), Text(state, style="dim"), "", Text(self._reason(name), style="dim")
        taken = duration(seconds_between(run.started, run.ended or now()))
        why = run.failure_reason or ", ".join(remarks(run))
        word, colour = ("rests", "yellow") if run.rest else (run.status.lower(), _COLOURS.get(run.status, ""))
        return Text(name), Text(word, style=colour), taken, Text(shown(why))

    def _reason(self, name: str) -> str:
        if name in self._skipped:
            return self._skipped[name]
        missing = [other for other in self._waiting[name] if not (other in self._runs and self._runs[other].ended)]
        return f"for {', '.join(missing[:3])}" if missing else "for a free place"
