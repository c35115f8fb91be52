"""`clean`: shows what can be freed in `.dagwright/`, asks, and frees it."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dagwright.cli import CHANGES, DONE
from dagwright.cli.local import local_engine
from dagwright.cli.text import as_json, columns, day_and_clock, program_name, shown, size
from dagwright.definition.durations import read_duration
from dagwright.engines.local.cleaning import EXECUTIONS, PACKAGES, Cleaning, Plan, clean, plan_cleaning
from dagwright.engines.local.engine import LocalEngine
from dagwright.engines.times import written
from dagwright.errors import UsageError


def run(arguments: Namespace) -> int:
    """Print it; 2 if there is something to free that is not freed."""
    if arguments.env != "local":
        raise UsageError(
            f"clean frees space on this machine, not in {arguments.env}",
            hint="There the lifecycle rules of the bucket do it, which the stack makes (docs/infrastructure.md).",
        )
    before = _before(arguments.older_than)
    with closing(local_engine(arguments)) as engine:
        if not engine.home.path.is_dir():
            _say(arguments, Plan(), before, is_done=False)
            return DONE
        cleaning = Cleaning(before, arguments.keep_registered, f"deploy.py {_words(arguments)}", _in_use(engine))
        plan = plan_cleaning(engine.home, cleaning)
        wanted = not plan.is_empty and _is_wanted(arguments, plan, before)
        if wanted:
            plan = clean(engine.home, cleaning, plan)
    if wanted or arguments.json or plan.is_empty:
        _say(arguments, plan, before, is_done=wanted)
    return DONE if wanted or plan.is_empty else CHANGES


def _before(text: str) -> str:
    """The moment before which an execution has to have ended. Raises UsageError."""
    span = read_duration(text)
    if span is None:
        raise UsageError(f"--older-than {text}: no span of time", hint="Write 30d, 12h, 2w or P30D.")
    try:
        return written(datetime.now(timezone.utc) - span)
    except OverflowError:
        raise UsageError(f"--older-than {text}: nothing is that old", hint="Write 30d, 12h, 2w or P30D.") from None


def _in_use(engine: LocalEngine) -> Any:
    def folders(images: Iterable[str]) -> set[Path]:
        return engine.environments().in_use(images)

    return folders


def _words(arguments: Namespace) -> str:
    keep = " --keep-registered" if arguments.keep_registered else ""
    return f"clean --older-than {arguments.older_than}{keep}"


def _is_wanted(arguments: Namespace, plan: Plan, before: str) -> bool:
    """Whether to free it: what was said beforehand, or what a person answers who has seen it."""
    if arguments.yes or arguments.json:
        return bool(arguments.yes)
    print(_table(plan, before, "to free"))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print(f"Nothing was freed. To free it: {program_name()} {_words(arguments)} --yes")
        return False
    print("Free it? [y/N] ", end="", flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes"):
        return True
    print("Nothing was freed.")
    return False


def _say(arguments: Namespace, plan: Plan, before: str, *, is_done: bool) -> None:
    if arguments.json:
        print(as_json(_as_json(plan, before, is_done=is_done)))
    elif plan.is_empty:
        print(
            "\n".join([f"There is nothing to free: nothing is left from before {day_and_clock(before)}.", *_rest(plan)])
        )
    else:
        print(_table(plan, before, "freed"))


def _as_json(plan: Plan, before: str, *, is_done: bool) -> dict[str, Any]:
    return {
        "before": before,
        "freed": is_done,
        "kinds": [{"kind": kind, "count": count, "bytes": total} for kind, (count, total) in plan.kinds.items()],
        "executions": plan.executions,
        "kept": [{"reason": reason, "executions": count} for reason, count in plan.staying.items()],
        "running": plan.running,
    }


def _table(plan: Plan, before: str, heading: str) -> str:
    rows = [[heading, "count", "size"]]
    for kind, (count, total) in plan.kinds.items():
        if count:
            rows.append([kind, str(count), "" if kind in (EXECUTIONS, PACKAGES) else size(total)])
    rows.append(["together", "", size(sum(total for _, total in plan.kinds.values()))])
    return "\n".join([f"Executions that ended before {day_and_clock(before)}:", columns(rows, "  "), *_rest(plan)])


def _rest(plan: Plan) -> list[str]:
    """What stays although it is as old, and why."""
    lines = [f"  {count} of that age stay{'s' if count == 1 else ''}: {why}" for why, count in plan.staying.items()]
    if plan.running:
        running = ", ".join(plan.running[:5]) + ("…" if len(plan.running) > 5 else "")
        lines.append(f"  environments stay while something runs: {shown(running)}")
    return lines
