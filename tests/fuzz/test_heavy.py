"""What is large, deep or multiplies is read or refused within the time and the memory that `heavy.py` allows."""

from __future__ import annotations

import sys

import pytest
from fuzz.heavy import Case, cases, cost_of

# What takes a second or more is for `make fuzz`.
SLOW = ("5 MB", "million", "00,000", "20,000", "30,000", "2,000", "1 GiB", "250,000", "64 MiB", "70 MiB", "16 MiB")
QUICK = [case for case in cases() if not any(word in case.name for word in SLOW)]


@pytest.mark.skipif(sys.platform != "linux", reason="limits and peaks are read as Linux has them")
@pytest.mark.parametrize("case", QUICK, ids=lambda case: f"{case.target}: {case.name}")
def test_nothing_runs_away(case: Case) -> None:
    cost = cost_of(case.target, case.content())
    assert cost.is_bounded, cost
