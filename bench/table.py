"""The figures as tables in Markdown for people, or as one object for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.machine import QUIET
from bench.process import Usage, median
from bench.work import GROWTHS, MIB, Growth, Result, growth

_HEADINGS = ("work", "wall s", "CPU s", "peak MB", "floor: wall s", "CPU s", "peak MB", "ratio", "goal", "met")
_GROWTH_HEADINGS = ("ten times the size", "time grows by", "without the start", "goal", "met")
_JOBS = "\\* without the processor time of the jobs themselves, which the kernel does not pass on."


def shown(machine: Mapping[str, object], results: Sequence[Result]) -> str:
    """Both tables and what to know of them."""
    rounds = max((len(result.ours) for result in results), default=0)
    head = ", ".join(f"{name} {value}" for name, value in machine.items())
    parts = [f"{head}. Median of {rounds} runs each, in turns with the floor."]
    parts.append(aligned(_HEADINGS, [_row(result) for result in results]))
    by_name = {result.work.name: result for result in results}
    grown = [_growth_row(which, found) for which in GROWTHS if (found := growth(which, by_name))]
    if grown:
        parts.append(aligned(_GROWTH_HEADINGS, grown))
    if any(result.work.starts_jobs for result in results):
        parts.append(_JOBS)
    parts.append(_noise(results))
    return "\n\n".join(parts)


def _row(result: Result) -> list[str]:
    mark = "*" if result.work.starts_jobs else ""
    goals = ", ".join(str(goal) for goal in result.work.goals)
    own, bare = _figures(median(result.ours)), _figures(median(result.floor))
    own[1] += mark and f"\\{mark}"
    missed = ", ".join(str(goal) for goal in result.missed())
    met = (f"no: {missed}" if missed else "yes") if goals else ""
    return [result.work.name, *own, *bare, f"{result.ratio:.2f}", goals, met]


def _figures(usage: Usage) -> list[str]:
    return [f"{usage.wall:.3f}", f"{usage.cpu:.3f}", f"{usage.memory / MIB:.1f}"]


def _growth_row(which: Growth, found: Mapping[str, float]) -> list[str]:
    goal, met = "", ""
    if which.limit is not None:
        goal, met = f"≤ {which.limit:g} x", "yes" if found["whole"] <= which.limit else "no"
    return [which.name, *(f"{value:.1f} x" for value in found.values()), goal, met]


def _noise(results: Sequence[Result]) -> str:
    idle = [share for result in results for share in result.idle]
    busy = sum(share < QUIET for share in idle)
    return f"{busy} of {len(idle)} turns began while others kept the cores more than {1 - QUIET:.0%} busy."


def aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are straight on a terminal too; all but the first column to the right."""
    widths = [max(len(row[at]) for row in (headings, *rows)) for at in range(len(headings))]

    def line(cells: Sequence[str]) -> str:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)]
        return f"| {' | '.join([cells[0].ljust(widths[0]), *padded[1:]])} |"

    rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(headings), line(rule), *(line(row) for row in rows)])


def as_json(machine: Mapping[str, object], results: Sequence[Result]) -> dict[str, Any]:
    """Every run of every work in seconds and bytes, and what comes of them."""
    by_name = {result.work.name: result for result in results}
    grown = [{**asdict(which), "found": growth(which, by_name)} for which in GROWTHS]
    return {"machine": dict(machine), "works": [_result_json(result) for result in results], "growth": grown}


def _result_json(result: Result) -> dict[str, Any]:
    goals = [{**asdict(goal), "value": result.value(goal)} for goal in result.work.goals]
    return {
        "name": result.work.name,
        "ours": {"median": asdict(median(result.ours)), "runs": [asdict(run) for run in result.ours]},
        "floor": {"median": asdict(median(result.floor)), "runs": [asdict(run) for run in result.floor]},
        "ratio": result.ratio,
        "idle": result.idle,
        "goals": [{**goal, "met": goal["value"] <= goal["limit"]} for goal in goals],
    }
