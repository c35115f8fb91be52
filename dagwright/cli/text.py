"""Text for people: columns, durations, sizes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any


def shown(text: str) -> str:
    """Text that somebody else wrote, for a terminal: what would move the cursor or change colours is spelled out."""
    return "".join(
        char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode() for char in text
    )


def columns(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Rows as aligned columns, two spaces apart; the last column is not padded."""
    if not rows:
        return ""
    count = max(len(row) for row in rows)
    widths = [max(len(shown(row[index])) for row in rows if index < len(row)) for index in range(count)]
    lines = []
    for row in rows:
        padded = [shown(cell).ljust(widths[index]) for index, cell in enumerate(row)]
        lines.append((indent + "  ".join(padded)).rstrip())
    return "\n".join(lines)


def seconds_between(started: str, ended: str) -> float | None:
    """Seconds between two ISO-8601 times; None if one is missing."""
    if not started or not ended:
        return None
    return (_time(ended) - _time(started)).total_seconds()


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12.0 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def clock(text: str) -> str:
    """The time of day of an ISO-8601 time, on this machine's clock: `10:41:03`."""
    return _time(text).astimezone().strftime("%H:%M:%S") if text else ""


def day_and_clock(text: str) -> str:
    """`2026-11-21 10:41:03` on this machine's clock."""
    return _time(text).astimezone().strftime("%Y-%m-%d %H:%M:%S") if text else ""


def size(count: int) -> str:
    """`812 B`, `12.4 kB`, `3.1 GB`."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError


def program_name() -> str:
    """How this command line was called, for the commands it suggests: `python deploy.py`, `dagwright`."""
    name = Path(sys.argv[0]).name
    return f"python {name}" if name.endswith(".py") else name


def as_json(value: Any) -> str:
    """One JSON document, as every `--json` prints it."""
    return json.dumps(value, indent=2, default=str, ensure_ascii=False)
