"""The table of step types: every function that it names is there, also those whose modules are imported late."""

from __future__ import annotations

import pytest

from dagwright.engines.local.steps import KINDS, Later

LATE = [late for kind in KINDS.values() for late in (kind.run, kind.jobs) if isinstance(late, Later)]


@pytest.mark.parametrize("late", LATE, ids=lambda late: late.name)
def test_a_function_that_is_imported_late_is_there(late: Later) -> None:
    assert late.function().__name__ == late.name
