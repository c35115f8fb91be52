"""Durations as ExpireAfter has them, from years to minutes: a text comes in, its form and where it leads go out.

https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-caching-enabling.html
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import datetime, timedelta

_DIGITS = r"[0-9]{1,9}"
_PARTS = (
    rf"(?:(?P<Y>{_DIGITS})Y)?(?:(?P<M>{_DIGITS})M)?(?:(?P<W>{_DIGITS})W)?(?:(?P<D>{_DIGITS})D)?"
    rf"(?:T(?=[0-9])(?:(?P<TH>{_DIGITS})H)?(?:(?P<TM>{_DIGITS})M)?)?"
)
_STRICT = re.compile(rf"P(?=[0-9T]){_PARTS}")
_LENIENT = re.compile(rf"P?(?=[0-9T]){_PARTS}", re.IGNORECASE)


def is_strict(text: str) -> bool:
    """Whether it is ISO 8601: `P30D`, `P4DT12H`."""
    return _STRICT.fullmatch(text) is not None


def is_lenient(text: str) -> bool:
    """Whether it is one to the service, which also takes `30d` and `T16m`."""
    return _LENIENT.fullmatch(text) is not None


def moment_after(start: datetime, duration: str) -> datetime:
    """When a duration that begins at `start` is over; the end of time if the calendar does not reach that far.

    Raises ValueError for what is no duration.

    >>> moment_after(datetime(2026, 1, 31), "p1m")
    datetime.datetime(2026, 2, 28, 0, 0)
    """
    found = _LENIENT.fullmatch(duration)
    if found is None:
        raise ValueError(f"'{duration:.80}' is not a duration of years to minutes, such as P30D or PT12H")
    years, months, weeks, days, hours, minutes = (int(found[name] or 0) for name in ("Y", "M", "W", "D", "TH", "TM"))
    try:
        year, month = divmod(start.year * 12 + start.month - 1 + years * 12 + months, 12)
        day = min(start.day, monthrange(year, month + 1)[1])
        moved = start.replace(year=year, month=month + 1, day=day)
        return moved + timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes)
    except (ValueError, OverflowError):
        return datetime.max.replace(tzinfo=start.tzinfo)
