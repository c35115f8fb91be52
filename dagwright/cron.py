"""The form of EventBridge's cron and rate expressions. In: an expression without its brackets. Out: what is wrong; of a
field that is right, its values.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cron-expressions.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_UNITS = ("minute", "hour", "day")
_EXAMPLE = "such as 0 2 * * ? * (every day at 2:00) or 30 8 ? * MON-FRI * (working days at 8:30)"


class Flaw(NamedTuple):
    """What is wrong, and what to write."""

    what: str
    hint: str = ""


@dataclass(frozen=True)
class Field:
    """One of the six: its values from `least` to `most`, which may have names, and what it takes beside them.

    `special` is a pattern of whole words such as `L`; `steps` says whether `/` is allowed.
    """

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()
    special: str = ""
    steps: bool = True

    def value(self, text: str) -> int | None:
        """The number a text stands for; None if it stands for none of this field's."""
        if text in self.names:
            return self.least + self.names.index(text)
        if not re.fullmatch("[0-9]{1,4}", text, re.ASCII):
            return None
        return int(text) if self.least <= int(text) <= self.most else None

    def values(self, text: str) -> frozenset[int]:
        """The numbers that a text without flaws names, those of its special words left out."""
        words = [word for word in text.split(",") if not (self.special and re.fullmatch(self.special, word))]
        return frozenset(number for word in words for number in self._numbers(word))

    def _numbers(self, word: str) -> range:
        span, slash, step = word.partition("/")
        first, dash, last = span.partition("-")
        begin = self.value(first) if span != "*" else self.least
        end = self.value(last if dash else first) if span != "*" and (dash or not slash) else self.most
        return range(0) if begin is None or end is None else range(begin, end + 1, int(step or 1))

    @property
    def allowed(self) -> str:
        words = f" or {self.names[0]}-{self.names[-1]} in capitals" if self.names else ""
        return f"{self.least}-{self.most}{words}"


_DAY = "|".join(("[1-7]", *_DAYS))
MONTH_DAY = Field("day of the month", 1, 31, special="L|LW|([1-9]|[12][0-9]|3[01])W")
WEEK_DAY = Field("day of the week", 1, 7, _DAYS, special=f"L|({_DAY})L|({_DAY})#[1-5]", steps=False)
FIELDS = (
    Field("minutes", 0, 59),
    Field("hours", 0, 23),
    MONTH_DAY,
    Field("month", 1, 12, _MONTHS),
    WEEK_DAY,
    Field("year", 1970, 2199),
)


def cron_flaws(text: str) -> Iterator[Flaw]:
    """Everything that is wrong with the six fields of a cron expression."""
    if text.strip().startswith("cron("):
        yield Flaw(f"'{text:.80}' has the word cron in it", f"write the six fields alone: {_EXAMPLE}")
        return
    parts = text.split()
    if len(parts) != len(FIELDS):
        names = ", ".join(field.name for field in FIELDS)
        more = f"; the fields are {names}: a cron of five fields lacks the year" if len(parts) == 5 else f": {names}"
        count = "1 field" if len(parts) == 1 else f"{len(parts)} fields"
        yield Flaw(f"'{text:.80}' has {count} and not six", _EXAMPLE + more)
        return
    unsaid = [part for part, field in zip(parts, FIELDS, strict=True) if field in (MONTH_DAY, WEEK_DAY)].count("?")
    if unsaid != 1:
        what = f"'{text}': {'both' if unsaid else 'neither'} of day of the month and day of the week is ?"
        yield Flaw(what, "write ? for the one that does not matter, and * in the other for every day")
    for part, field in zip(parts, FIELDS, strict=True):
        if part == "?" and field in (MONTH_DAY, WEEK_DAY):
            continue
        if "#" in part and "," in part:
            yield Flaw(f"{field.name}: '{part}' has more than one value", "beside # there may be no other")
        for word in part.split(","):
            flaw = _word_flaw(word, field)
            if flaw is not None:
                yield flaw


def _word_flaw(word: str, field: Field) -> Flaw | None:
    """What is wrong with one of the values that commas separate."""
    if field.special and re.fullmatch(field.special, word):
        return None
    values, slash, step = word.partition("/")
    if slash and not field.steps:
        return Flaw(f"{field.name}: '{word}' has a step, which this field does not take", "list the days")
    if slash and not (re.fullmatch("[0-9]{1,4}", step, re.ASCII) and 1 <= int(step) <= field.most):
        return Flaw(f"{field.name}: '{word}' has no step after the /", f"a whole number from 1 to {field.most}")
    return None if values == "*" else _range_flaw(values, field)


def _range_flaw(text: str, field: Field) -> Flaw | None:
    """What is wrong with a value or a range of them."""
    first, dash, last = text.partition("-")
    start, end = field.value(first), field.value(last if dash else first)
    if start is None or end is None:
        return Flaw(f"{field.name}: '{text}' is not a value", f"{field.allowed}, *, lists, ranges")
    if end < start:
        return Flaw(f"{field.name}: '{text}' ends before it begins", "write two ranges with a comma between them")
    return None


def rate_flaw(text: str) -> Flaw | None:
    """What is wrong with a rate such as `12 hours`."""
    match = re.fullmatch(r"\s*([0-9]{1,6})\s+([a-z]+)\s*", text, re.ASCII)
    unit = match[2].removesuffix("s") if match else ""
    if match is None or unit not in _UNITS or int(match[1]) == 0:
        return Flaw(f"'{text:.80}' is not a rate", "a number and minutes, hours or days, such as 12 hours")
    right = unit if int(match[1]) == 1 else f"{unit}s"
    return None if match[2] == right else Flaw(f"'{text}' is not a rate that AWS takes", f"write {match[1]} {right}")
