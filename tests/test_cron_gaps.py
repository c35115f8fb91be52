"""The longest gap between two starts, against a clock that is looked at every quarter of an hour."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dagwright import cron_gaps
from dagwright.cron import cron_flaws
from dagwright.cron_gaps import longest_gap

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YEARS = (2026, 2027)
NAMES = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
NAMES |= {name: number for number, name in enumerate(("JAN", "FEB", "MAR", "APR", "MAY", "JUN"), 1)}


@pytest.mark.parametrize(
    ("expression", "zone", "gap"),
    [
        ("rate(5 minutes)", "UTC", timedelta(minutes=5)),
        ("rate(1 hour)", "UTC", HOUR),
        ("rate(3 days)", "Europe/Berlin", 3 * DAY),
        ("cron(0 2 * * ? *)", "UTC", DAY),
        ("cron(0 12 * * ? *)", "Europe/Berlin", DAY + HOUR),  # when the clocks are put back
        ("cron(30 2 * * ? *)", "Europe/Berlin", 2 * DAY - HOUR),  # there is no 2:30 when they are put forward
        ("cron(*/5 * * * ? *)", "Europe/Berlin", HOUR + timedelta(minutes=5)),  # 2:00 to 2:55 comes twice, starts once
        ("cron(0 8 ? * MON-FRI *)", "UTC", 3 * DAY),
        ("cron(0 2 * * ? *)", "Asia/Shanghai", DAY),
        ("cron(0 3 ? * SUN *)", "Asia/Shanghai", 7 * DAY),
        ("cron(0 3 ? * SUN *)", "America/New_York", 7 * DAY + HOUR),
        ("cron(0 0 ? * L *)", "UTC", 7 * DAY),
        ("cron(0 0 1,15 * ? *)", "UTC", 17 * DAY),
        ("cron(0 0 L * ? *)", "UTC", 31 * DAY),
        ("cron(0 0 ? * 6#2 *)", "UTC", 35 * DAY),
        ("cron(0 0 ? * FRIL *)", "UTC", 35 * DAY),
        ("cron(0 0 29 2 ? *)", "UTC", timedelta(days=2921)),  # 2100 is no leap year
    ],
)
def test_gaps_that_people_know(expression: str, zone: str, gap: timedelta) -> None:
    assert longest_gap(expression, zone) == gap


def test_what_starts_once_or_never_has_none() -> None:
    assert longest_gap("at(2027-01-31T02:00:00)") is None
    assert longest_gap("cron(0 0 30 2 ? *)") is None
    assert longest_gap("cron(0 0 * * ? 1999)") is None


def test_what_comes_to_an_end_has_all_the_time_after_it() -> None:
    assert (longest_gap("cron(0 0 * * ? 2030)") or DAY) > timedelta(days=365 * 70)


# --- against a slow clock ------------------------------------------------------------------------------------------


def _is_in(number: int, text: str, least: int) -> bool:
    """Whether a field that has no special word holds a number."""
    for word in text.split(","):
        span, _, step = word.partition("/")
        first, _, last = span.partition("-")
        begin = least if first == "*" else NAMES.get(first) or int(first)
        open_end = first == "*" or (step and not last)
        end = 9999 if open_end else (NAMES.get(last) or int(last or begin))
        if begin <= number <= end and (number - begin) % int(step or 1) == 0:
            return True
    return False


def _day_fits(day: date, month_days: str, week_days: str) -> bool:
    length, weekday = monthrange(day.year, day.month)[1], day.isoweekday() % 7 + 1
    if week_days == "?":
        for word in month_days.split(","):
            if word.endswith("W"):
                aim = length if word == "LW" else int(word[:-1])
                month = [day.replace(day=one) for one in range(1, length + 1)]
                working = [one for one in month if one.isoweekday() < 6]
                if aim <= length and day == min(working, key=lambda one: abs(one.day - aim)):
                    return True
            elif day.day == length if word == "L" else _is_in(day.day, word, 1):
                return True
        return False
    for word in week_days.split(","):
        name = word.rstrip("L").partition("#")[0] or "SAT"
        if word.endswith("L") and word != "L":
            fits = _is_in(weekday, name, 1) and day.day + 7 > length
        elif "#" in word:
            fits = _is_in(weekday, name, 1) and (day.day + 6) // 7 == int(word[-1])
        else:
            fits = _is_in(weekday, name, 1)
        if fits:
            return True
    return False


def _looked_at(expression: str, zone: str) -> Iterator[datetime]:
    """The starts that somebody sees who looks at the clock of the zone every quarter of an hour."""
    minutes, hours, month_days, months, week_days, _ = expression.split()
    rules, days = ZoneInfo(zone), dict[date, bool]()
    moment = datetime(YEARS[0] - 1, 12, 31, tzinfo=timezone.utc)
    while moment.year <= YEARS[1] + 1 and moment < datetime(YEARS[1] + 1, 1, 2, tzinfo=timezone.utc):
        local = moment.astimezone(rules)
        if local.date() not in days and YEARS[0] <= local.year <= YEARS[1]:
            days[local.date()] = _is_in(local.month, months, 1) and _day_fits(local.date(), month_days, week_days)
        if (
            days.get(local.date())
            and not local.fold
            and _is_in(local.minute, minutes, 0)
            and _is_in(local.hour, hours, 0)
        ):
            yield moment.replace(tzinfo=None)
        moment += timedelta(minutes=15)


def _listed(options: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(options, min_size=1, max_size=3).map(",".join)


def _numbers(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    pair = st.tuples(number, number).map(sorted)
    step = st.tuples(number, st.integers(2, 12)).map(lambda two: f"{two[0]}/{two[1]}")
    return st.one_of(number.map(str), pair.map(lambda two: f"{two[0]}-{two[1]}"), step, st.just("*"), st.just("*/5"))


QUARTERS = _listed(st.sampled_from(["0", "15", "30", "45", "0/15", "0/30", "15-45/15"]))
MONTH_DAYS = _listed(st.one_of(_numbers(1, 31), st.sampled_from(["L", "LW", "1W", "15W", "31W", "*/9"])))
NAMED = st.sampled_from(["MON-FRI", "SUN", "2-4", "7", "L", "SATL", "2L", "*"])
WEEK_DAYS = st.one_of(_listed(NAMED), st.sampled_from(["6#2", "MON#1", "3#5"]))
DAYS = st.one_of(MONTH_DAYS.map(lambda text: (text, "?")), WEEK_DAYS.map(lambda text: ("?", text)))
MONTHS = st.one_of(st.just("*"), _listed(st.sampled_from(["1", "JAN-MAR", "4/3", "6,12", "*/2"])))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
ZONES |= st.sampled_from(["America/Santiago", "Africa/Cairo", "Africa/Casablanca", "Pacific/Kiritimati"])


@given(QUARTERS, _listed(_numbers(0, 23)), DAYS, MONTHS, ZONES)
@settings(max_examples=20, deadline=None)
def test_the_gap_is_the_one_that_a_clock_shows(
    minutes: str, hours: str, days: tuple[str, str], months: str, zone: str
) -> None:
    expression = f"{minutes} {hours} {days[0]} {months} {days[1]} *"
    assert not list(cron_flaws(expression)), expression
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cron_gaps, "YEARS", YEARS)
        told = longest_gap.__wrapped__(f"cron({expression})", zone)
    starts = [*_looked_at(expression, zone)]
    if not starts:
        assert told is None
        return
    end = datetime(YEARS[1] + 1, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(timezone.utc).replace(tzinfo=None)
    seen = [after - before for before, after in pairwise([*starts, end])]
    assert told == max(seen), expression
