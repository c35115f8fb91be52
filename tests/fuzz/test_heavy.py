"""What is large, deep or multiplies is read or refused within the time and the memory that `heavy.py` allows."""

from __future__ import annotations

import sys

import pytest
from fuzz.heavy import Case, cases, cost_of

# The others take seconds each, and are for `make fuzz`; none of them reads other code.
SLOW = ("5 MB", "million", "100,000 parameters", "20,000", "30,000", "1 GiB", "250,000", "64 MiB", "70 MiB", "500,000")
QUICK = [case for case in cases() if not any(word in case.name for word in SLOW)]


@pytest.mark.skipif(sys.platform != "linux", reason="limits and peaks are read as Linux has them")
@pytest.mark.parametrize("case", QUICK, ids=lambda case: f"{case.target}: {case.name}")
def test_nothing_runs_away(case: Case) -> None:
    cost = cost_of(case.target, case.content())
    assert cost.outcome == "read" or cost.outcome.isalpha(), cost
