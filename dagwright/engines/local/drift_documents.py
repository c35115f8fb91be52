"""What a comparison with a baseline reads and gives: the documents of a check, its violations."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dagwright.errors import ExecutionError


@dataclass(frozen=True)
class Documents:
    """The files of a check as they were read: `constraints.json` and `statistics.json` of Model Monitor, empty if there
    is none; `analysis.json` of Clarify is its constraints."""

    constraints: Mapping[str, Any]
    statistics: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Comparison:
    """The violations of a baseline, in the words of `constraint_violations.json`; `notes` say what was not compared."""

    violations: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, check: str, description: str, **names: str) -> None:
        """One more violation: `names` say of what (`feature_name`, `metric_name` …)."""
        self.violations.append({**names, "constraint_check_type": check, "description": description})


def read_document(text: str, uri: str) -> dict[str, Any]:
    """The JSON object of a file. Raises ExecutionError if it is none."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ExecutionError(f"{uri} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise ExecutionError(f"{uri} holds no object")
    return document


def number(found: Any, name: str, default: float | None = None) -> float | None:
    """The number under a name, `default` if there is none: nothing, null, or what is not a number."""
    value = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return default
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return default
    return default if math.isnan(read) else read
