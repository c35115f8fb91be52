"""Spans of time as people and AWS write them: `30d`, `12h`, `2w`, `P30D`, `PT12H`.

The long form is ISO 8601's, as CacheConfig.ExpireAfter has it:
https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-caching-enabling.html
"""

from __future__ import annotations

import re
from datetime import timedelta

_DIGITS = r"([0-9]{1,6})"
_SHORT = re.compile(rf"{_DIGITS}([smhdw])")
_LONG = re.compile(
    rf"P(?=[0-9T])(?:{_DIGITS}Y)?(?:{_DIGITS}M)?(?:{_DIGITS}W)?(?:{_DIGITS}D)?"
    rf"(?:T(?=[0-9])(?:{_DIGITS}H)?(?:{_DIGITS}M)?(?:{_DIGITS}S)?)?"
)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_IN_ORDER = (365 * 86400, 30 * 86400, 604800, 86400, 3600, 60, 1)
"""A year has 365 days here, a month 30."""


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
