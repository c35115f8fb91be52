"""The input of an execution: the start values that were given come in, typed; JSON text goes out. Defaults are the
machine's own affair."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def input_text(given: Mapping[str, Any]) -> str:
    """Start values as the machine takes them.

    >>> input_text({"Trees": 50, "Fast": True})
    '{"Trees": 50, "Fast": true}'
    """
    return json.dumps(dict(given), ensure_ascii=False)
