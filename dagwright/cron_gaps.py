"""How long nothing starts, at most, between two starts of a schedule.

In: an expression of EventBridge Scheduler without flaws (`cron.py` finds them) and its time zone. Out: a timedelta.
Times that the clocks leave out are skipped, those they show twice start once (EventBridge Scheduler user guide,
"Schedule types", daylight saving time).
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache, lru_cache
from itertools import pairwise
from typing import Any

from dagwright.cron import FIELDS, MONTH_DAY, WEEK_DAY

#: The years that are looked at. Weekdays and leap years repeat after 28, but for 2100, which is none.
YEARS = (2026, 2109)
_UNIT = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_DAY = timedelta(days=1)


@cache
def longest_gap(expression: str, zone: str = "UTC") -> timedelta | None:
    """The longest time from a start to the next, or from the last one to the end of YEARS.

    `expression` is `cron(…)`, `rate(…)` or `at(…)`. None for what starts once or never. Raises
    zoneinfo.ZoneInfoNotFoundError where this machine does not know the zone.
    """
    kind, _, text = expression.rstrip(")").partition("(")
    if kind == "rate":
        number, unit = text.split()
        return int(number) * _UNIT[unit.removesuffix("s")]
    return _longest_of_cron(text.split(), _rules(zone)) if kind == "cron" else None


def _rules(zone: str) -> tzinfo:
    if zone == "UTC":
        return timezone.utc
    from zoneinfo import ZoneInfo

    return ZoneInfo(zone)


def _longest_of_cron(parts: Sequence[str], zone: tzinfo) -> timedelta | None:
    minutes, hours = (sorted(field.values(part)) for field, part in zip(FIELDS[:2], parts[:2], strict=True))
    times = [timedelta(hours=hour, minutes=minute) for hour in hours for minute in minutes]
    longest, last = _longest_between(times), None
    for first, end, between in _starts(_days(parts), times, zone):
        if last is not None:
            longest = max(longest, first - last)
        longest, last = max(longest, between), end
    end = datetime(YEARS[1] + 1, 1, 1)
    return None if last is None else max(longest, end - _offset(end, zone) - last)


def _starts(
    days: Iterator[datetime], times: Sequence[timedelta], zone: tzinfo
) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Of each day the first and the last start in UTC. The longest time between two is told of days on which clocks
    are changed; of all others it is that between `times`."""
    for midnight in days:
        offset = _offset(midnight, zone)
        if offset == _offset(midnight + _DAY, zone):
            yield midnight + times[0] - offset, midnight + times[-1] - offset, timedelta(0)
            continue
        starts = sorted(_existing(midnight, times, zone))
        if starts:
            yield starts[0], starts[-1], _longest_between(starts)


def _longest_between(times: Sequence[Any]) -> timedelta:
    return max((after - before for before, after in pairwise(times)), default=timedelta(0))


def _existing(midnight: datetime, times: Sequence[timedelta], zone: tzinfo) -> Iterator[datetime]:
    for time in times:
        local = midnight + time
        moment = local - _offset(local, zone)
        if moment.replace(tzinfo=timezone.utc).astimezone(zone).replace(tzinfo=None) == local:
            yield moment


@lru_cache(maxsize=4)
def _offset(local: datetime, zone: tzinfo) -> timedelta:
    return local.replace(tzinfo=zone).utcoffset() or timedelta(0)


def _days(parts: Sequence[str]) -> Iterator[datetime]:
    """The midnights of the days on which something starts, in order."""
    months, years = FIELDS[3].values(parts[3]), FIELDS[5].values(parts[5])
    for year in range(YEARS[0], YEARS[1] + 1):
        for month in sorted(months) if year in years else ():
            yield from (datetime(year, month, day) for day in _days_of(*monthrange(year, month), parts[2], parts[4]))


@cache
def _days_of(first: int, length: int, month_days: str, week_days: str) -> list[int]:
    """The days in a month of so many days that begins with the weekday `first`, Monday 0. A `31W` in a month of 30 days
    is none: at worst, the gap is then taken for longer."""
    if week_days == "?":
        found = {day for word in month_days.split(",") for day in _special_month_day(word, first, length)}
        return sorted(found | {day for day in MONTH_DAY.values(month_days) if day <= length})
    wanted = WEEK_DAY.values(week_days)
    found = {day for word in week_days.split(",") for day in _special_week_day(word, first, length)}
    return sorted(found | {day for day in range(1, length + 1) if _weekday(day, first) in wanted})


def _weekday(day: int, first: int) -> int:
    """As AWS counts, from Sunday 1 to Saturday 7, in a month that begins with the weekday `first`."""
    return (first + day) % 7 + 1


def _special_month_day(word: str, first: int, length: int) -> Iterator[int]:
    """The day that L, LW or 15W names: the last one, the last working day, the working day nearest to the 15th."""
    if word == "L":
        yield length
    elif word.endswith("W"):
        day = length if word == "LW" else int(word[:-1])
        if day <= length:
            near = (day, day - 1, day + 1, day - 2, day + 2)
            yield next(one for one in near if 1 <= one <= length and _weekday(one, first) not in (1, 7))


def _special_week_day(word: str, first: int, length: int) -> Iterator[int]:
    """The days that L (every Saturday), FRIL (the last Friday) or 6#2 (the second Friday) name."""
    match = re.fullmatch("([A-Z]{3}|[1-7])?(L|#([1-5]))", word)
    if match is None:
        return
    wanted = WEEK_DAY.value(match[1]) if match[1] else WEEK_DAY.most
    days = [day for day in range(1, length + 1) if _weekday(day, first) == wanted]
    if not match[1]:
        yield from days
    else:
        yield from days[-1:] if match[2] == "L" else days[int(match[3]) - 1 : int(match[3])]
