"""Times as everything here writes them, and as the service's are shown: ISO-8601 in UTC, with milliseconds."""

from __future__ import annotations

from datetime import datetime, timezone


def written(moment: datetime) -> str:
    """A moment as text.

    >>> written(datetime(2026, 11, 21, 10, 41, 3, tzinfo=timezone.utc))
    '2026-11-21T10:41:03.000Z'
    """
    return moment.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """A moment out of its text. Raises ValueError."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def now() -> str:
    """This moment as text."""
    return written(datetime.now(timezone.utc))
