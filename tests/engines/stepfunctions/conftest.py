from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def scripted(aws: Any) -> Iterator[Any]:
    """Answers of the test's own in front of moto."""
    from scripted import Scripted

    with Scripted(aws) as answers:
        yield answers
