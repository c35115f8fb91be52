"""What Step Functions takes and gives at most, read from AWS's own model."""

from __future__ import annotations

from dagwright.shapes import model


def longest_name() -> int:
    """How many characters the name of a state machine may have."""
    return int(model("stepfunctions")["Name"]["max"])


def largest_page() -> int:
    """How many of a list are in one answer."""
    return int(model("stepfunctions")["PageSize"]["max"])
