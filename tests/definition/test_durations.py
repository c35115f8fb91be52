from __future__ import annotations

from datetime import timedelta

import pytest

from dagwright.definition.durations import read_duration


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        *(("30d", 720), ("12h", 12), ("2w", 336), ("90m", 1.5), ("0s", 0)),
        *(("P30D", 720), ("PT12H", 12), ("P1DT12H", 36), ("P2W", 336), ("P1Y", 8760), ("P1M", 720)),
        *(("PT90M", 1.5), ("PT3600S", 1)),
    ],
)
def test_spans_are_read(text: str, hours: float) -> None:
    assert read_duration(text) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "text", ["", "30", "d", "-1d", "30 d", "30D", "P", "PT", "P1H", "1.5d", "P30DT", "9" * 7 + "d", "٣d"]
)
def test_what_is_no_span_is_none(text: str) -> None:
    assert read_duration(text) is None
