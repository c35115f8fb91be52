"""Durations: those of ExpireAfter, from years to minutes, and spans of time as people write them (`30d`, `12h`, `2w`).

A text comes in; its form, the moment it leads to or its length go out.

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
_COUNT = r"([0-9]{1,6})"
_SHORT = re.compile(rf"{_COUNT}([smhdw])")
_LONG = re.compile(
    rf"P(?=[0-9T])(?:{_COUNT}Y)?(?:{_COUNT}M)?(?:{_COUNT}W)?(?:{_COUNT}D)?"
    rf"(?:T(?=[0-9])(?:{_COUNT}H)?(?:{_COUNT}M)?(?:{_COUNT}S)?)?"
)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_IN_ORDER = (365 * 86400, 30 * 86400, 604800, 86400, 3600, 60, 1)
"""A year has 365 days here, a month 30."""


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


def read_duration(text: str) -> timedelta | None:
    """How long it is; None for what is no span of time.

    >>> read_duration("2w"), read_duration("P1DT12H"), read_duration("soon")
    (datetime.timedelta(days=14), datetime.timedelta(days=1, seconds=43200), None)
    """
    short = _SHORT.fullmatch(text)
    if short:
        return timedelta(seconds=int(short[1]) * _SECONDS[short[2]])
    long = _LONG.fullmatch(text)
    if long is None:
        return None
    return timedelta(seconds=sum(int(count or 0) * each for count, each in zip(long.groups(), _IN_ORDER, strict=True)))
